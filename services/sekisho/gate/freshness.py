"""Every consent event acknowledged before a batch was in hand is applied before the batch is decided (runtime.md).

The mark is the *high watermark*: the end that read_committed shows hides what an open upstream transaction holds back.
The guarantee covers correctly routed events only; a misrouted one counts from when it was forwarded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sekisho.gate.clock import Clocks
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.inbox import Item, Undecodable
from sekisho.gate.limits import GateLimits

_MARK_SHARE: Final = 0.25
"""Share of a turn's longest age that reaching its freshness mark may have taken."""


class Batch(NamedTuple):
    """What a turn decides. `since` is the steady time of the freshness mark; `stale`: the consents were not there."""

    items: Sequence[Item]
    stale: bool
    since: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What following the consents needs of its lane."""

    mark: Callable[[], Awaitable[int]]
    """The consent partition's high watermark, asked now."""
    forget: Callable[[set[str]], None]
    """Events of these persons were applied."""
    applied: Callable[[int], None]
    """So many consent events were applied."""
    look_for_skip: Callable[[], Awaitable[object]]
    """Reads rejected events on: whether a record that cannot be decoded was skipped in writing."""
    pause: Callable[[float], Awaitable[None]]
    is_losing: Callable[[], bool]


class Freshness:
    """Brings one lane's consents up to the mark before each batch, and follows them in between."""

    def __init__(
        self, follower: ConsentFollower, around: Surroundings, limits: GateLimits, clocks: Clocks
    ) -> None:
        self._follower = follower
        self._around = around
        self._limits = limits
        self._clocks = clocks
        self._behind_since: float | None = None

    @property
    def lag_seconds(self) -> float:
        """How long acknowledged consent events have been waiting, as far as seen."""
        return 0.0 if self._behind_since is None else self._clocks.steady() - self._behind_since

    async def look(self) -> int:
        """Asks for the mark, and notes whether the consents are behind it."""
        mark = await self._around.mark()
        self._note(mark)
        return mark

    def _note(self, mark: int) -> None:
        if self._follower.next >= mark:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = self._clocks.steady()

    async def follow(self, wait_ms: int) -> bool:
        """Applies what one fetch of consents gives; whether it got any further."""
        before, applied = self._follower.next, self._follower.applied
        self._around.forget(await self._follower.advance(wait_ms))
        self._around.applied(self._follower.applied - applied)
        if self._follower.blocked is not None:
            await self._around.look_for_skip()
            await self._around.pause(self._limits.poll_ms / 1000)
        return self._follower.next > before

    async def batch(self, items: Sequence[Item]) -> Batch | None:
        """The items to decide now; a stale batch may be fewer of them. None: the lane is being lost.

        No transaction is open meanwhile. A mark that took long to reach is taken anew: a turn's age counts from it.
        Without items nothing rests on consents, and a mark that cannot be reached would hold the lane for nothing.
        """
        begun = self._clocks.steady()
        if not items:
            return Batch(items, stale=False, since=begun)
        while not self._around.is_losing():
            since = self._clocks.steady()
            refused = await self._reach(await self.look(), items, begun)
            if refused is not None:
                return Batch(items[:refused], stale=True, since=self._clocks.steady())
            if self._clocks.steady() - since < self._limits.turn_seconds * _MARK_SHARE:
                return Batch(items, stale=False, since=since)
        return None

    async def renewed(self, batch: Batch) -> Batch | None:
        """The batch with a mark taken anew if its own has aged; None: the consents are behind the new one."""
        since = self._clocks.steady()
        if not batch.items:
            return batch._replace(since=since)
        if batch.stale or since - batch.since < self._limits.turn_seconds * _MARK_SHARE:
            return batch
        return batch._replace(since=since) if self._follower.next >= await self.look() else None

    async def _reach(self, mark: int, items: Sequence[Item], begun: float) -> int | None:
        """Applies consents up to `mark`. Gives how many of the items are to be refused because it was not reached."""
        moved = begun
        while self._follower.next < mark and not self._around.is_losing():
            if await self.follow(self._limits.poll_ms):
                moved = self._clocks.steady()
                continue
            refused = self._expired(items)
            if refused and self._clocks.steady() - moved >= self._limits.catch_up_seconds:
                return refused
        self._note(mark)
        return None

    def _expired(self, items: Sequence[Item]) -> int:
        """How many items, from the first, have waited for their consents longer than the limit."""
        before = (self._clocks.wall() - self._limits.freshness_seconds) * 1000
        for index, item in enumerate(items):
            if not isinstance(item, Undecodable) and item.timestamp > before:
                return index
        return len(items)
