"""All lanes of one process for one topic: assignments, the poll that never stops, and what follows a lane's failure.

Lanes are taken and lost in the background: `assigned` and `revoked` return at once, for no heartbeat is sent while
they run. The one poll goes on while lanes restore or hold, else the group puts this member out (runtime.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from sekisho.gate.clock import Clocks
from sekisho.gate.inbox import Undecodable
from sekisho.gate.lane import Lane, LaneEvents, LaneStoppedError, Phase, Seat
from sekisho.gate.limits import GateLimits
from sekisho.log.port import (
    FencedError,
    Log,
    LogError,
    NotAssignedError,
    OffsetOutOfRangeError,
    Partition,
    PartitionsChangedError,
    Record,
    UndecodableRecordError,
)

MakeLane = Callable[[Seat], Lane]
_log = structlog.get_logger(__name__)
_DOUBLINGS: Final = 16
"""Of the pause between failures, at most: 2**16 times any pause is above every longest one."""


class Lanes:
    """Shares a topic's partitions with the other members of `group`; one lane for each that is assigned here."""

    def __init__(
        self,
        log: Log,
        group: str,
        topic: str,
        transactional_id: Callable[[int], str],
        make_lane: MakeLane,
        limits: GateLimits,
        clocks: Clocks,
        events: LaneEvents,
    ) -> None:
        self._log = log
        self._group = group
        self._transactional_id = transactional_id
        self._make = make_lane
        self._limits = limits
        self._clocks = clocks
        self._events = events
        self._reader = log.group_reader(group, [topic], self)
        self._tasks: dict[Partition, asyncio.Task[None]] = {}
        self.lanes: dict[Partition, Lane] = {}
        """Those that are assigned here, in whatever phase."""
        self.stopped: dict[Partition, str] = {}
        """Why a lane stands still until an operator acts."""
        self.halted: str | None = None
        """Why all lanes stand still, for good: the process must be started anew."""
        self.reachable = True
        """Whether the last poll was answered."""
        self._stopping = asyncio.Event()
        self._rejoin_at: float | None = None
        self._failures: dict[Partition, int] = {}

    # life

    async def run(self) -> None:
        """Joins the group and polls until `stop`, or until the topics are no longer what they were."""
        working = asyncio.create_task(self._work())
        told = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
            # a poll ends by itself; a call that waits for a log that is away does not
            await asyncio.wait({working}, timeout=self._limits.lose_seconds)
            if working.done():
                working.result()
        finally:
            working.cancel()
            told.cancel()
            await asyncio.wait({working})
            await self._lose(frozenset(self.lanes))
            await self._reader.stop()

    async def _work(self) -> None:
        await self._reader.start()
        while not self._stopping.is_set() and self.halted is None:
            if self._rejoin_at is not None and self._clocks.steady() >= self._rejoin_at:
                await self._rejoin()
            await self._poll()

    def stop(self) -> None:
        """Has `run` end: every lane finishes or aborts in time, and the group is left."""
        self._stopping.set()
        for lane in self.lanes.values():
            lane.inbox.wake()

    def halt(self, why: str) -> None:
        """Stops every lane for good."""
        if self.halted is None:
            self.halted = why
            self._events.halted(why)
            _log.error("lanes_halted", group=self._group, reason=why)

    def is_ready(self) -> bool:
        """Whether every partition assigned here runs. Being assigned none is ready too: others have them."""
        return self.halted is None and all(lane.phase is Phase.RUNNING for lane in self.lanes.values())

    # the group's calls

    def assigned(self, partitions: frozenset[Partition]) -> None:
        """Starts taking each partition in the background."""
        self._events.assigned()
        for at in self._failures.keys() - partitions:
            self._forgive(at)  # another gate has it now
        for at in partitions:
            lane = self._new_lane(at)
            self._tasks[at] = asyncio.get_running_loop().create_task(self._keep(at, lane))

    def revoked(self, partitions: frozenset[Partition]) -> Awaitable[None]:
        """Loses each partition, within the time for it."""
        return self._lose(partitions)

    async def _lose(self, partitions: frozenset[Partition]) -> None:
        going = [at for at in partitions if at in self._tasks]
        await asyncio.gather(*(self._lose_one(at) for at in going))

    async def _lose_one(self, at: Partition) -> None:
        lane, task = self.lanes.pop(at, None), self._tasks.pop(at)
        self.stopped.pop(at, None)
        if lane is not None:
            await lane.lose()
            self._events.lost(at.partition, lane.ended_by)
        task.cancel()  # a task that waits to try again has no lane that would end it
        await asyncio.wait({task}, timeout=self._limits.lose_seconds)

    # one partition's task

    def _new_lane(self, at: Partition) -> Lane:
        name = self._transactional_id(at.partition)
        lane = self._make(
            Seat(self._log, self._reader, self._group, at, name, self._limits, self._clocks, self._events)
        )
        self.lanes[at] = lane
        return lane

    async def _keep(self, at: Partition, lane: Lane) -> None:
        """Has the lane live; one that is stopped is tried again, since an operator's remedy shows in the topics."""
        while True:
            try:
                await lane.live()
                return
            except LaneStoppedError as error:
                self._note_stopped(at, lane, error)
                _let_go(error)
            except LogError as error:
                if isinstance(error, NotAssignedError) and at not in self._reader.assignment():
                    return  # a rebalance took it meanwhile
                self._note_failure(lane, error)
                _let_go(error)
                return
            except Exception as error:  # noqa: BLE001  a defect ends its lane, loudly; the others go on
                _log.exception("lane_defect", topic=at.topic, partition=at.partition)
                self._note_failure(lane, error)
                _let_go(error)
                return
            await asyncio.sleep(self._limits.backoff_max_seconds)
            if self._tasks.get(at) is not asyncio.current_task():
                return
            lane = self._new_lane(at)

    def _note_stopped(self, at: Partition, lane: Lane, error: LaneStoppedError) -> None:
        lane.phase = Phase.STOPPED
        lane.ended_by = "stopped"
        self._set_paused(lane, paused=True)  # the poll would fetch on, past what the lane has not decided
        self._events.stopped(at.partition, str(error))
        if self.stopped.get(at) != str(error):
            _log.error("lane_stopped", topic=at.topic, partition=at.partition, reason=str(error))
        self.stopped[at] = str(error)

    def _note_failure(self, lane: Lane, error: Exception) -> None:
        """The lane is let go; the others go on until the group is left and joined again, later at each failure."""
        at = lane.seat.at
        lane.ended_by = "fenced" if isinstance(error, FencedError) else "failed"
        _log.warning(
            "lane_let_go", topic=at.topic, partition=at.partition, cause=lane.ended_by, exc_info=error
        )
        self._events.let_go(at.partition, f"let go after {type(error).__name__}; it is taken again")
        self._set_paused(lane, paused=True)
        failures = self._failures[at] = self._failures.get(at, 0) + 1
        pause = self._limits.backoff_seconds * 2 ** min(failures - 1, _DOUBLINGS)
        at_time = self._clocks.steady() + min(pause, self._limits.backoff_max_seconds)
        self._rejoin_at = at_time if self._rejoin_at is None else min(at_time, self._rejoin_at)

    def _forgive_proven(self) -> None:
        """Failures count no more once the lane has committed, or has run for as long as the longest pause between them:
        a lane without work commits nothing."""
        now = self._clocks.steady()
        for at in list(self._failures):
            lane = self.lanes.get(at)
            if lane is None or lane.phase is not Phase.RUNNING or lane.running_since is None:
                continue
            if lane.has_committed or now - lane.running_since > self._limits.backoff_max_seconds:
                self._forgive(at)

    def _forgive(self, at: Partition) -> None:
        del self._failures[at]
        self._events.recovered(at.partition)

    async def _rejoin(self) -> None:
        """Leaves the group and joins it again: the new assignment is the proof of ownership."""
        self._rejoin_at = None
        await self._lose(frozenset(self.lanes))
        try:
            await self._reader.rejoin()
        except LogError as error:  # the next fetch joins again
            _log.warning("rejoin_failed", group=self._group, exc_info=error)
            self._note_reachable("the group cannot be joined")

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    # the poll

    async def _poll(self) -> None:
        epochs = {at: (lane, lane.inbox.epoch) for at, lane in self.lanes.items()}
        try:
            found = await self._reader.fetch(self._limits.poll_ms, self._limits.turn_records)
        except UndecodableRecordError as error:
            self._divert(error, epochs)
        except OffsetOutOfRangeError as error:
            self._out_of_range(error)
        except PartitionsChangedError as error:
            self.halt(f"{error}; keys route elsewhere now: make the topics anew with their first count")
        except LogError as error:
            _log.warning("poll_failed", group=self._group, error=error)
            self._note_reachable(str(error))
            await self._sleep(self._limits.backoff_seconds)
        else:
            self._note_reachable(None)
            self._hand_out(found, epochs)
        self._forgive_proven()
        self._hold_back()

    def _note_reachable(self, why: str | None) -> None:
        self.reachable = why is None
        self._events.log_reachable(why)

    def _hand_out(
        self, found: Mapping[Partition, Sequence[Record]], epochs: Mapping[Partition, tuple[Lane, int]]
    ) -> None:
        for at, records in found.items():
            lane = self._still(at, epochs)
            if lane is not None:
                lane.inbox.offer(records)

    def _still(self, at: Partition, epochs: Mapping[Partition, tuple[Lane, int]]) -> Lane | None:
        """The running lane for which a fetch was made, unless it was replaced or sought back while the fetch went on.

        A lane that does not run yet, or any more, takes nothing: the lane that runs next seeks to where it begins. Nor is
        anything fetched for it: a record that cannot be decoded would come again at once, and again, with no moment
        between in which the lane could close.
        """
        lane = self.lanes.get(at)
        if lane is None:
            return None
        if lane.phase is not Phase.RUNNING:
            self._set_paused(lane, paused=True)
            return None
        if epochs.get(at) == (lane, lane.inbox.epoch):
            return lane
        self._seek(at, lane.reading_from)
        return None

    def _seek(self, at: Partition, offset: int) -> None:
        with suppress(NotAssignedError):  # a rebalance took it meanwhile; its lane is about to be lost
            self._reader.seek(at, offset)

    def _divert(self, error: UndecodableRecordError, epochs: Mapping[Partition, tuple[Lane, int]]) -> None:
        lane = self._still(error.at, epochs)
        if lane is not None:
            _log.error(
                "record_undecodable", topic=error.at.topic, partition=error.at.partition, offset=error.offset
            )
            self._seek(error.at, error.offset + 1)
            lane.inbox.offer([Undecodable(error.offset, str(error))])

    def _out_of_range(self, error: OffsetOutOfRangeError) -> None:
        lane = self.lanes.get(error.at)
        if lane is not None:
            self._set_paused(lane, paused=True)
            lane.interrupt(LaneStoppedError(f"{error}; see `sekisho gate resume --accept-loss`"))

    def _hold_back(self) -> None:
        """A lane with a full turn waiting fetches no more until it has taken it."""
        for lane in self.lanes.values():
            if lane.phase is not Phase.RUNNING:
                continue
            inbox, limits = lane.inbox, self._limits
            full = len(inbox) >= limits.turn_records or inbox.bytes >= limits.turn_bytes
            if full is lane.held_back:
                continue
            self._set_paused(lane, paused=full)

    def _set_paused(self, lane: Lane, *, paused: bool) -> None:
        lane.held_back = paused
        with suppress(NotAssignedError):  # as above
            (self._reader.pause if paused else self._reader.resume)(lane.seat.at)


def _let_go(error: BaseException) -> None:
    """Has an error, told by now, forget where it came from: its frames hold the lane's state, and one of them often the
    error, a cycle that would stay until the next full collection.

    Each error once: causes may lead back to one that was there before (one raised "from" itself has itself as its cause),
    and a walk without end here would be the end of the whole gate.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        found.__traceback__ = None
        found = found.__cause__ or found.__context__
