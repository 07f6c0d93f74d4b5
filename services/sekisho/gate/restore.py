"""Folds a lane's outputs and consents to their ends seen now (runtime.md, Taking a lane).

A restore goes on as long as it gets further; it may take longer than `max_poll_interval_ms`, since the poll goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from sekisho.gate.clock import Clocks
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.outputs import fold_decisions, fold_rejected
from sekisho.gate.state import LaneState
from sekisho.gate.topics import LanePartitions
from sekisho.log.port import Partition, PartitionReader, Record, UnavailableError


class Stall:
    """Tells a restore that gets no further from one that takes long."""

    def __init__(self, clocks: Clocks, seconds: float) -> None:
        self._clocks = clocks
        self._seconds = seconds
        self._at = -1
        self._since = clocks.steady()

    def moved(self, position: int) -> None:
        """Notes where the restore is. Raises UnavailableError when it has been there too long."""
        now = self._clocks.steady()
        if position != self._at:
            self._at, self._since = position, now
        elif now - self._since > self._seconds:
            raise UnavailableError(f"the restore has got no further than {position} for {self._seconds} s")


class Restorer:
    """Reads one lane's topics with its partition reader, which must have them assigned."""

    def __init__(
        self, reader: PartitionReader, parts: LanePartitions, state: LaneState, poll_ms: int,
        stall: Callable[[], Stall],
    ) -> None:  # fmt: skip
        self._reader = reader
        self._parts = parts
        self._state = state
        self._poll_ms = poll_ms
        self._stall = stall

    async def outputs(self) -> int:
        """Folds rejected events, then decisions, to the ends seen now; gives the number of records read."""
        return await self.rejected() + await self._decisions()

    async def rejected(self) -> int:
        """Folds rejected events. The end is the high watermark: an open transaction of the router must not hide ours."""

        def fold(records: Sequence[Record], position: int) -> None:
            told = fold_rejected(records, self._state.marks, self._parts.requests, self._parts.consents)
            self._state.apply_outputs({}, told.settled, replace(told.marks, rejected_next=position))

        return await self._fold(self._parts.rejected, fold)

    async def _decisions(self) -> int:
        def fold(records: Sequence[Record], position: int) -> None:
            told = fold_decisions(records, self._state.marks, self._parts.requests)
            self._state.apply_outputs(told.entries, (), replace(told.marks, decisions_next=position))

        return await self._fold(self._parts.decisions, fold)

    async def _fold(self, at: Partition, fold: Callable[[Sequence[Record], int], None]) -> int:
        stall, count = self._stall(), 0
        end = await self._reader.high_watermark(at)
        self._reader.resume(at)
        while (position := await self._reader.position(at)) < end:
            stall.moved(position)
            records = (await self._reader.fetch(self._poll_ms, only=[at])).get(at, ())
            fold(records, await self._reader.position(at))
            count += len(records)
        self._reader.pause(at)
        return count

    async def consents(self, follower: ConsentFollower) -> int:
        """Folds consents to the end seen now, or to a record that cannot be decoded; gives how far it went.

        The end is that of committed events: what an open upstream transaction hides is awaited before each batch.
        """
        begin, stall = follower.next, self._stall()
        end = await self._reader.last_stable_offset(self._parts.consents)
        while follower.next < end and follower.blocked is None:
            stall.moved(follower.next)
            await follower.advance()
        return follower.next - begin
