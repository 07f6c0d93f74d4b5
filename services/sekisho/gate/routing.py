"""The router: a misrouted consent event must not be lost (runtime.md, Routing).

One lane, and one transactional id, per consent partition, in a group of its own: exactly once by the group's committed
offsets. An event of another partition's person is forwarded there with a header that names its first position, counted
and told. One that was forwarded and is misrouted again is rejected. All other messages are the deciding lanes'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from sekisho.contracts.envelope import TOO_LARGE
from sekisho.domain.book import Text
from sekisho.domain.vocabulary import RejectionCause
from sekisho.gate.follow import ConsentReading, Elsewhere
from sekisho.gate.inbox import Item, Undecodable
from sekisho.gate.lane import Lane, LaneStoppedError, Seat, TurnTooOldError
from sekisho.gate.opening import bounds
from sekisho.gate.poison import Trouble
from sekisho.gate.rejecting import MISROUTED_TWICE, Rejecter
from sekisho.gate.report import Report
from sekisho.gate.skips import Skips
from sekisho.log.port import Outgoing, Partition, PartitionReader, Record, SendError

_log = structlog.get_logger(__name__)
FIRST_POSITION: Final = "sekisho_first_position"
"""Header of a forwarded event: topic/partition/offset of where it stood first."""
_CONTENT_TYPE: Final = "content-type"


@dataclass(frozen=True, slots=True)
class RouterDesk:
    """What the router's lanes of a process share."""

    rejected_topic: str
    watermarks: PartitionReader
    report: Report
    reading: dict[int, ConsentReading]
    rejecters: dict[int, Rejecter]
    trouble: dict[int, Trouble]
    """The router's own, apart from the deciding lanes': offsets are of another topic."""


class RouterLane(Lane):
    """One partition of consent events, looked through for those of other partitions."""

    def __init__(self, seat: Seat, desk: RouterDesk) -> None:
        super().__init__(seat)
        self.desk = desk
        self._skips = Skips(seat.log, Partition(desk.rejected_topic, seat.at.partition), seat.at, self.limits)
        self._trouble = desk.trouble.setdefault(seat.at.partition, Trouble(self.limits.turn_attempts))
        self._unsaved = 0
        self._saved_at = seat.clocks.steady()
        self._next: int | None = None
        self._written: frozenset[int] = frozenset()
        """Records that have their rejected event though the group's offset, lost since, no longer says so."""

    async def take(self) -> int:
        """Where the group stands; else the log's start: what is forwarded again changes nothing, by its event id, and
        what was rejected is not rejected again."""
        await self._skips.open()
        committed = await self.call(self.seat.group.committed(self.seat.at))
        if committed is not None:
            return committed
        self._written = await self._skips.written()
        return (await self.call(bounds(self.desk.watermarks, self.seat.at))).start

    def release_now(self) -> None:
        """A router's lane keeps no state of its own."""

    async def release(self) -> None:
        """Closes the reader of rejected events."""
        await self._bounded(self._skips.close(), self.limits.lose_seconds, "reader_stop")

    async def step(self) -> None:
        """Looks through what came; forwards, or from time to time only notes how far it is."""
        most = 1 if self._trouble.is_singling(self.inbox.next_offset()) else self.limits.turn_records
        items = await self._readable(self.inbox.take(most, self.limits.turn_bytes))
        if items:
            forwards, rejected = self._sort(items)
            first, last = items[0].offset, items[-1].offset
            self._next = last + 1
            if forwards or rejected:
                try:
                    await self._forward(forwards, rejected)
                except SendError as error:
                    self._blame(first, last, error)
                    raise
                return
            self._trouble.done(last)
        await self._save_from_time_to_time()
        await self.inbox.wait(self.limits.poll_ms / 1000)

    async def _readable(self, items: Sequence[Item]) -> Sequence[Item]:
        """The items up to one that cannot be decoded: it may be another partition's suspension, so it holds the router
        until an operator has skipped it in writing."""
        for index, item in enumerate(items):
            if isinstance(item, Undecodable) and not await self._skips.has(item.offset):
                self.inbox.put_back(items[index:])
                if index == 0:
                    await self.pause_for(self.limits.poll_ms / 1000)
                return items[:index]
        return items

    def _blame(self, first: int, last: int, error: SendError) -> None:
        """Remembers a turn whose sends failed. Raises LaneStoppedError when even the rejected event cannot be
        written."""
        if first == last and self._trouble.is_guilty(first):
            raise LaneStoppedError(
                f"the rejected event of the consent event at {first} cannot be written: {error}; "
                "see the output topics' limits"
            ) from error
        self._trouble.failed(first, last, error)

    def _sort(
        self, items: Sequence[Item]
    ) -> tuple[dict[Partition, list[Outgoing]], dict[RejectionCause, list[Outgoing]]]:
        forwards: dict[Partition, list[Outgoing]] = {}
        rejected: dict[RejectionCause, list[Outgoing]] = {}
        reading = self.desk.reading[self.seat.at.partition]
        for item in items:
            if isinstance(item, Undecodable) or reading.keyed_here(item):
                continue  # by its key alone: a new group looks through all that was ever told (2 µs each, not 60)
            read = reading.read(item)
            if not isinstance(read, Elsewhere):
                continue
            if item.offset in self._written:
                continue
            if self._trouble.is_guilty(item.offset):
                rejected.setdefault("too_large", []).append(self._reject(item, "too_large", TOO_LARGE))
            elif any(name == FIRST_POSITION for name, _ in item.headers):
                again = self._reject(item, "misrouted_twice", MISROUTED_TWICE)
                rejected.setdefault("misrouted_twice", []).append(again)
            else:
                right = Partition(self.seat.at.topic, read.partition)
                forwards.setdefault(right, []).append(_forwarded(item, read.subject_id))
        return forwards, rejected

    def _reject(self, record: Record, cause: RejectionCause, message: Text) -> Outgoing:
        rejecter = self.desk.rejecters[self.seat.at.partition]
        return rejecter.reject(record.offset, cause, message, record=record)

    async def _forward(
        self, forwards: dict[Partition, list[Outgoing]], rejected: dict[RejectionCause, list[Outgoing]]
    ) -> None:
        sends: dict[Partition, Sequence[Outgoing]] = dict(forwards)
        if rejected:
            sends[Partition(self.desk.rejected_topic, self.seat.at.partition)] = [
                each for several in rejected.values() for each in several
            ]
        await self._commit_turn(sends)
        report = self.desk.report
        report.transaction("committed")
        report.rejected([cause for cause, several in rejected.items() for _ in several])
        if forwards:
            report.forwarded(sum(len(each) for each in forwards.values()))

    async def _save_from_time_to_time(self) -> None:
        now = self.seat.clocks.steady()
        if self._next is not None and now - self._saved_at > self.limits.check_seconds:
            await self._commit_turn({})

    async def _commit_turn(self, sends: dict[Partition, Sequence[Outgoing]]) -> None:
        since = self.seat.clocks.steady()
        try:
            await self.transact(sends, self._next, since)
        except TurnTooOldError:
            self.desk.report.transaction("aborted")
            self._next = None
            await self.seek_back()
            return
        if self._next is not None:
            self._trouble.done(self._next - 1)
        self._next = None
        self._saved_at = since


def _forwarded(record: Record, subject_id: str) -> Outgoing:
    """The event under its person's key, with the position at which it stood first. Of its headers those that make it
    a CloudEvent: others mean nothing here, and with them it could be larger than the log takes."""
    first = f"{record.topic}/{record.partition}/{record.offset}".encode()
    told = [
        each
        for each in record.headers
        if each[0].lower().startswith("ce_") or each[0].lower() == _CONTENT_TYPE
    ]
    return Outgoing(subject_id.encode(), record.value, [*told, (FIRST_POSITION, first)])
