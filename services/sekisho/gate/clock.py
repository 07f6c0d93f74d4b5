"""Which time a decision is made at, and whether this machine's clock may be believed (runtime.md, Time and identity)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

PUBLISHED: Final = -1
"""Stands for a partition in the guard's notes: the gate's own rulebook, published and read back."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Clocks(NamedTuple):
    """The two clocks of this process: `wall` in seconds since the epoch, `steady` in seconds that only grow."""

    wall: Callable[[], float]
    steady: Callable[[], float]


def instant(micros: int) -> datetime:
    """A time from whole µs since the epoch (exact, unlike a float's)."""
    return _EPOCH + timedelta(microseconds=micros)


@lru_cache(maxsize=16)
def instant_ms(millis: int) -> datetime:
    """A time from whole ms since the epoch. The records of a batch have the same append time: mostly one look-up."""
    return _EPOCH + timedelta(milliseconds=millis)


def micros(at: datetime) -> int:
    """Whole µs since the epoch."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def decided_us(wall: float, previous_us: int | None, appended_ms: int) -> int:
    """When a decision is made (µs since the epoch): the latest of the clock, the partition's previous decision and
    the request's append time. So time never goes back within a partition, nor before the question."""
    return max(int(wall * 1_000_000), previous_us or 0, appended_ms * 1000)


class _Seen(NamedTuple):
    """What a partition's append times told: by how much the clock is ahead (behind: negative, right: 0), wall less steady
    clock at that moment, the record's offset and append time (s), and since when (steady) it has told it."""

    off: float
    base: float
    offset: int
    appended: float
    since: float


class ClockGuard:
    """Compares this machine's clock with the append times that the brokers gave.

    Behind: a record was appended later than it is here. Ahead: a record that was not there yet when the end of its
    partition was asked for (`mark`) has an append time well before that moment. At the start the gate's own rulebook is
    such a record (`published`): a backlog alone would not accuse a clock that is ahead. Both are remembered together with the
    wall clock's distance from the steady one, so a clock that is set right is believed again with no new record.

    It may have been the broker's clock that was wrong, so no record accuses for ever: one from later than now only until
    that time has come, any only until a newer record of its partition, or of any partition once it is older than the
    limit, agrees with the clock.
    """

    def __init__(self, clocks: Clocks, limit_seconds: float) -> None:
        self._clocks = clocks
        self._limit = limit_seconds
        self._marks: dict[int, tuple[int, float]] = {}
        self._off: dict[int, _Seen] = {}
        """By partition, since brokers' clocks differ."""

    def mark(self, partition: int, end: int, asked: float) -> None:
        """`end` was the partition's end when it was asked for at `asked` (wall) or later: what stands at or behind it
        was appended after that moment."""
        self._marks[partition] = (end, asked)
        self._reconsider(partition)

    def published(self, offset: int, appended_ms: int, asked: float) -> None:
        """Takes in the append time of a record that this gate wrote after the moment `asked` (wall), and has read back."""
        self.mark(PUBLISHED, offset, asked)
        self.observe(PUBLISHED, offset, appended_ms)

    def observe(self, partition: int, offset: int, appended_ms: int) -> None:
        """Takes in the append time of the newest record read."""
        known = self._off.get(partition)
        if known is not None and not known.off and offset < known.offset:
            return  # a newer one agreed with the clock: this one's broker was wrong
        appended, now = appended_ms / 1000, self._clocks.wall()
        end, marked = self._marks.get(partition, (offset + 1, now))
        if appended - now > self._limit:
            self._remember(partition, now - appended, offset, appended)
        elif offset >= end:
            off = marked - appended if marked - appended > self._limit else 0.0
            self._remember(partition, off, offset, appended)
        else:
            self._reconsider(partition)

    def forget(self, partition: int) -> None:
        """The partition is another gate's now."""
        self._marks.pop(partition, None)
        self._off.pop(partition, None)

    def accuses(self, partition: int) -> bool:
        """Whether a record of this partition, or the published one, holds the gate: a look at the newest may end that."""
        found = (self._off.get(at) for at in (partition, PUBLISHED))
        return any(seen is not None and seen.off != 0 for seen in found)

    def _remember(self, partition: int, off: float, offset: int, appended: float) -> None:
        steady, known = self._clocks.steady(), self._off.get(partition)
        since = steady if known is None or known.offset != offset else known.since
        self._off[partition] = _Seen(off, self._clocks.wall() - steady, offset, appended, since)
        if not off:
            old = [at for at, seen in self._off.items() if seen.off and steady - seen.since > self._limit]
            for at in old:
                del self._off[at]

    def _reconsider(self, partition: int) -> None:
        """A record from later than now accuses no longer once its time has come."""
        seen = self._off.get(partition)
        if seen is not None and seen.off < 0 and seen.appended - self._clocks.wall() <= self._limit:
            del self._off[partition]

    def off_seconds(self) -> float:
        """By how much this clock is ahead (behind: negative) as last seen, corrected by what it was set since."""
        base = self._clocks.wall() - self._clocks.steady()
        found = [seen.off + base - seen.base for seen in self._off.values() if seen.off]
        return max(found, key=abs, default=0.0)

    def is_off(self) -> bool:
        """Whether the clock is further off than the limit: then nothing may be decided by it."""
        return bool(self._off) and abs(self.off_seconds()) > self._limit
