"""Folds a lane's outputs and consents to their ends seen now (runtime.md, Taking a lane).

A restore goes on as long as it gets further; it may take longer than `max_poll_interval_ms`, since the poll goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Literal

from sekisho.gate.clock import Clocks
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.limits import GateLimits
from sekisho.gate.lookup import newest_record
from sekisho.gate.outputs import appended_ms, fold_decisions, fold_rejected
from sekisho.gate.state import LaneState
from sekisho.gate.topics import LanePartitions
from sekisho.log.port import Partition, PartitionReader, Record, UnavailableError

Source = Literal["consents", "decisions", "rejected"]
_TELL_SECONDS: Final = 5.0
"""Between two words on how much is left: whoever waits for a gate wants to know."""
_WORTH_SEARCHING: Final = 10_000
"""Decisions to fold above which the first of them that still counts is looked for (some 15 fetches)."""
_NEAR_ENOUGH: Final = 1_000
_FOLDED: Final = 500
"""Output records folded in one go of the event loop: some 8 ms."""
MARGIN_MS: Final = 3_600_000
"""Append times of one partition may go back by so much, when a broker's clock was put right or its leader changed."""


class Progress:
    """One fold on its way: tells one that gets no further from one that takes long, and how much is left."""

    def __init__(self, clocks: Clocks, seconds: float, tell: Callable[[int], None] | None = None) -> None:
        """`seconds`: longest time without getting any further. `tell` gets the number of offsets that are left."""
        self._clocks = clocks
        self._seconds = seconds
        self._tell = tell
        self._at = -1
        self._since = self._told = clocks.steady()

    def moved(self, position: int, end: int) -> None:
        """Notes where the fold is. Raises UnavailableError when it has been there too long."""
        now = self._clocks.steady()
        if position != self._at:
            self._at, self._since = position, now
        elif now - self._since > self._seconds:
            raise UnavailableError(f"the restore has got no further than {position} for {self._seconds} s")
        if self._tell is not None and now - self._told > _TELL_SECONDS:
            self._told = now
            self._tell(end - position)


class Restorer:
    """Reads one lane's topics with its partition reader, which must have them assigned."""

    def __init__(
        self, reader: PartitionReader, parts: LanePartitions, state: LaneState, limits: GateLimits,
        progress: Callable[[Source], Progress],
    ) -> None:  # fmt: skip
        self._reader = reader
        self._parts = parts
        self._state = state
        self._poll_ms = limits.poll_ms
        self._window_ms = int(limits.duplicate_window_seconds * 1000)
        self._progress = progress

    async def outputs(self) -> int:
        """Folds rejected events, then decisions, to the ends seen now; gives the number of records read."""
        return await self.rejected() + await self._decisions()

    async def rejected(self) -> int:
        """Folds rejected events. The end is the high watermark: an open transaction of the router must not hide ours."""

        def fold(records: Sequence[Record], position: int) -> None:
            told = fold_rejected(records, self._state.marks, self._parts.requests, self._parts.consents)
            self._state.apply_outputs({}, told.settled, replace(told.marks, rejected_next=position))

        return await self._fold(self._parts.rejected, "rejected", fold)

    async def _decisions(self) -> int:
        def fold(records: Sequence[Record], position: int) -> None:
            told = fold_decisions(records, self._state.marks, self._parts.requests)
            self._state.apply_outputs(told.entries, (), replace(told.marks, decisions_next=position))

        await self._pass_expired()
        return await self._fold(self._parts.decisions, "decisions", fold)

    async def _fold(
        self, at: Partition, source: Source, fold: Callable[[Sequence[Record], int], None]
    ) -> int:
        progress, count = self._progress(source), 0
        end = await self._reader.high_watermark(at)
        self._reader.resume(at)
        while (position := await self._reader.position(at)) < end:
            progress.moved(position, end)
            records = (await self._reader.fetch(self._poll_ms, _FOLDED, only=[at])).get(at, ())
            fold(records, await self._reader.position(at))
            count += len(records)
            await asyncio.sleep(0)  # what is fetched already is given without a wait
        self._reader.pause(at)
        return count

    # decisions whose ids no longer count

    async def _pass_expired(self) -> None:
        """Seeks over decisions so old that no request can be a duplicate of theirs: a request that is still to be
        decided was appended after the newest one that was. What else decisions tell, the later ones tell again.
        """
        at = self._parts.decisions
        begin, end = await self._reader.position(at), await self._reader.high_watermark(at)
        if end - begin < _WORTH_SEARCHING:
            return
        newest = appended_ms(await newest_record(self._reader, at, self._poll_ms), self._parts.requests)
        if newest is not None:
            begin = await self._first_since(newest - self._window_ms - MARGIN_MS, begin, end)
        self._reader.seek(at, begin)

    async def _first_since(self, time_ms: int, low: int, high: int) -> int:
        """An offset with only older decisions before it: by halves, since decisions stand in the order of requests."""
        progress = self._progress("decisions")
        while high - low > _NEAR_ENOUGH:
            middle = (low + high) // 2
            found = await self._next_record(middle, progress)
            told = appended_ms(found, self._parts.requests)
            if found is not None and told is not None and told < time_ms:
                low = found.offset + 1
            else:
                high = middle
        return low

    async def _next_record(self, offset: int, progress: Progress) -> Record | None:
        """The record at `offset`, or the next where a marker stands there; None: only markers came."""
        at = self._parts.decisions
        self._reader.seek(at, offset)
        self._reader.resume(at)
        found: Sequence[Record] = ()
        while not found and await self._reader.position(at) == offset:
            progress.moved(offset, offset)
            found = (await self._reader.fetch(self._poll_ms, 1, only=[at])).get(at, ())
        self._reader.pause(at)
        return found[0] if found else None

    async def consents(self, follower: ConsentFollower) -> int:
        """Folds consents to the end seen now, or to a record that cannot be decoded; gives how far it went.

        The end is that of committed events: what an open upstream transaction hides is awaited before each batch.
        """
        begin, progress = follower.next, self._progress("consents")
        end = await self._reader.last_stable_offset(self._parts.consents)
        while follower.next < end and follower.blocked is None:
            progress.moved(follower.next, end)
            await follower.advance()
            await asyncio.sleep(0)
        return follower.next - begin
