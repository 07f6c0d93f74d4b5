"""The lane that decides: consents brought up to the mark, a batch decided, all of it in one transaction.

One turn is one group commit with no linger: the next batch gathers while this one commits (runtime.md, One turn).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, thread_time
from typing import Final, TypeVar

import structlog

from sekisho.gate.decided import Decided
from sekisho.gate.desk import Desk, Work
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.freshness import Batch, Freshness, Surroundings
from sekisho.gate.inbox import Undecodable
from sekisho.gate.lane import Bases, Lane, LaneStoppedError, Phase, Seat, TurnTooOldError
from sekisho.gate.lookup import DecisionLostError, Lookup, newest_record
from sekisho.gate.opening import (
    Bounds,
    bounds,
    check_consents,
    check_identity,
    check_last_applied,
    check_outputs,
    resume_at,
)
from sekisho.gate.poison import Trouble
from sekisho.gate.restore import MARGIN_MS, Progress, Restorer, Source
from sekisho.gate.ruling import Asked, Knowledge
from sekisho.gate.state import LaneState, StateError, open_state
from sekisho.log.port import LogError, SendError, TooLargeError
from sekisho.telemetry.turn import TurnLine

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_SWEPT: Final = 1000
"""Request ids forgotten in one turn, at most: 4 ms, and twice as many as a turn brings."""
_STRIDE: Final = 5
"""Requests between two looks at the time: one by one they would take 1.3 µs more each, of 22."""
_STRIDE_SECONDS: Final = 0.02
"""Work on requests done in one go of the event loop: polls, heartbeats and other lanes' transactions wait for it. By time,
not by count: what the reading of one request takes is the sender's choice, from 0.1 ms to several."""
_TOOLS: Final = ("_turn", "_restorer", "_lookup", "_follower", "_fresh")
"""What a lane has made for its state, and lets go with it."""
_LOOK_SECONDS: Final = 1.0
"""Between two looks at the ends of the inputs, for the clock and for readiness."""


class DecidingLane(Lane):
    """One partition of access requests, with its consents, decided exactly once."""

    def __init__(self, seat: Seat, desk: Desk) -> None:
        super().__init__(seat)
        self.desk = desk
        self.parts = desk.topics.partitions_of(seat.at.partition)
        self.state: LaneState | None = None
        self._reader = seat.log.partition_reader()
        self._trouble = desk.trouble.setdefault(seat.at.partition, Trouble(self.limits.turn_attempts))
        self._appended_ms = 0
        """Append time of the newest request decided."""
        self._applied = 0
        self._idle = 0.0
        """Seconds without a request since the last turn."""
        self._swept_before = 0
        """Request ids appended before (ms) are being forgotten."""
        self._swept = self._looked = seat.clocks.steady()

    # taking and releasing

    async def live(self) -> None:
        """As any lane. Raises LaneStoppedError too where the state cannot be read back from the disk."""
        try:
            await super().live()
        except StateError as error:
            raise LaneStoppedError(
                f"the state cannot be read: {error}; stop this gate, delete its state folder, start it again"
            ) from error

    async def take(self) -> int:
        """Opens the state, checks it against the log, folds outputs and consents to their ends seen now."""
        self.state = state = self._open()
        check_identity(state, self.desk.topics.identity())
        marks, parts = state.marks, self.parts
        await self.call(self._reader.start())
        ends = {at: await self.call(bounds(self._reader, at)) for at in (parts.decisions, parts.rejected)}
        check_outputs(marks, ends[parts.decisions], ends[parts.rejected])
        positions = {
            parts.consents: marks.consents_next,
            # what retention has deleted since is not there to be folded
            parts.decisions: max(marks.decisions_next, ends[parts.decisions].start),
            parts.rejected: max(marks.rejected_next, ends[parts.rejected].start),
            parts.requests: (await self.call(bounds(self._reader, parts.requests))).start,
        }
        await self.call(self._reader.assign(positions))
        self._reader.pause(parts.decisions, parts.rejected, parts.requests)
        self._prepare(state)
        await self._restore(state)
        return await self._resume_at(state)

    def _open(self) -> LaneState:
        try:
            return open_state(self.desk.folder, self.seat.at.partition, self.desk.report.rebuilt)
        except StateError as error:
            raise LaneStoppedError(f"the state cannot be opened: {error}") from error

    def _prepare(self, state: LaneState) -> None:
        partition, limits = self.seat.at.partition, self.limits
        self._turn = self.desk.turn(partition, state)
        self._restorer = Restorer(self._reader, self.parts, state, limits, self._progress)
        reading = self.desk.consents(partition)
        self._lookup = Lookup(self._reader, self.parts.decisions, limits.poll_ms, limits.call_seconds)
        self._follower = ConsentFollower(self._reader, self.parts.consents, state, reading, limits.poll_ms)
        around = Surroundings(
            mark=lambda: self.call(self.desk.watermarks.high_watermark(self.parts.consents)),
            forget=self._turn.forget,
            applied=self.desk.report.consents_applied,
            look_for_skip=self._restorer.rejected,
            pause=self.pause_for,
            is_losing=lambda: self.losing,
        )
        self._fresh = Freshness(self._follower, around, limits, self.seat.clocks)

    async def _restore(self, state: LaneState) -> None:
        self.desk.report.phase(self.seat.at.partition, "restoring")
        parts, poll_ms = self.parts, self.limits.poll_ms
        check_consents(state.marks, await self.call(bounds(self._reader, parts.consents)), parts.consents)
        await self.call(check_last_applied(self._reader, state.marks, parts.consents, poll_ms))
        outputs = await self._restorer.outputs()
        # once more: the outputs may name consents that the log no longer has
        check_consents(state.marks, await self.call(bounds(self._reader, parts.consents)), parts.consents)
        consents = await self._restorer.consents(self._follower)
        self.desk.report.restored(outputs, consents)

    def _progress(self, source: Source) -> Progress:
        return Progress(
            self.seat.clocks, self.limits.restore_seconds, lambda left: self._tell_left(source, left)
        )

    def _tell_left(self, source: Source, left: int) -> None:
        if self.phase is Phase.TAKING:  # rejected events are read on in a running lane too
            self.desk.report.restoring(self.seat.at.partition, source, left)

    async def _resume_at(self, state: LaneState) -> int:
        committed = await self.call(self.seat.group.committed(self.seat.at))
        requests = await self.call(bounds(self.desk.watermarks, self.parts.requests))
        trimmed = [
            (await self.call(bounds(self.desk.watermarks, at))).start > 0
            for at in (self.parts.decisions, self.parts.rejected)
        ]
        position = resume_at(state.marks, committed, Bounds(*requests), answered=any(trimmed))
        if committed is not None and committed != position:
            _log.warning(
                "group_offset_disagrees",
                partition=self.seat.at.partition,
                committed=committed,
                resumed=position,
            )
        return position

    def release_now(self) -> None:
        """Gives the state's folder back."""
        self.desk.clock.forget(self.seat.at.partition)
        if self.state is not None:
            self.state.close()
            self.state = None

    async def release(self) -> None:
        """Closes the reader, and lets go of the caches: what follows the consents points back at the lane, and a cycle of
        40 MB would stay for some thousand turns, until the next full collection (`bootstrap.quiet_collector`)."""
        await self._bounded(self._reader.stop(), self.limits.lose_seconds, "reader_stop")
        for name in _TOOLS:
            vars(self).pop(name, None)

    # one turn

    async def step(self) -> None:
        """One turn: gather, bring the consents up to the mark, decide, commit. Without work it follows the consents."""
        assert self.state is not None
        await self._housekeeping(self.state)
        newest = self.inbox.newest()
        if newest is not None and not isinstance(newest, Undecodable):
            self.desk.clock.observe(newest.partition, newest.offset, newest.timestamp)
        if self.desk.clock.is_off():
            await self._look_at_newest()
            await self.pause_for(self.limits.poll_ms / 1000)
            return
        items = self.inbox.take(self._turn_size(), self.limits.turn_bytes)
        pending = self.state.pending(self._trouble.pending_most(len(items)))
        if not items and not pending:
            idle_since = self.seat.clocks.steady()
            await self._fresh.follow(0)
            await self.inbox.wait(self.limits.poll_ms / 1000)
            self._idle += self.seat.clocks.steady() - idle_since
            return
        asked: list[Asked | Undecodable] = []
        seconds = await _in_strides(items, lambda some: asked.extend(self._turn.read(some)))
        firsts = await self._firsts(asked)
        kept = self._turn.without_lost(asked, firsts)
        batch = await self._fresh.batch(items)
        if batch is not None and not self.losing:
            self.inbox.put_back(items[len(batch.items) :])
            await self._run(self.state, batch, Work(kept, firsts, pending, seconds))

    async def _firsts(self, asked: Sequence[Asked | Undecodable]) -> Mapping[int, bytes]:
        """The first decisions of what was sent again."""
        try:
            return await self._lookup.decisions(self._turn.lookups(asked))
        except DecisionLostError as error:
            raise LaneStoppedError(
                f"{error}, where the state has one: stop this gate, delete its state folder, start it again"
            ) from error

    def _turn_size(self) -> int:
        """Requests in the next turn: fewer after one grew too old, one after it failed repeatedly, none where the
        rejections that wait go alone."""
        assert self.state is not None
        if self._trouble.is_pending_first() and self.state.pending(1):
            return 0
        if self._trouble.is_singling(self.inbox.next_offset()):
            return 1
        return self._trouble.most(self.limits.turn_records)

    async def _housekeeping(self, state: LaneState) -> None:
        now = self.seat.clocks.steady()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            await self._look_around()
        if now - self._swept > self.limits.cleanup_seconds:
            self._swept = now
            # by the append time of what was decided, not by the clock: a backlog's duplicates lie in its own past, and what
            # comes next may bear an earlier time than what came last
            window_ms = int(self.limits.duplicate_window_seconds * 1000)
            self._swept_before = self._appended_ms - window_ms - MARGIN_MS
        state.sweep(self._swept_before, _SWEPT)

    async def _look_around(self) -> None:
        """For the clock: where the requests end now. For readiness: how far the consents are behind."""
        asked = self.seat.clocks.wall()
        end = await self.call(self.desk.watermarks.high_watermark(self.parts.requests))
        self.desk.clock.mark(self.seat.at.partition, end, asked)
        self.desk.report.clock(self.desk.clock)
        await self._fresh.look()
        self.desk.report.consents(
            self.seat.at.partition,
            lag_seconds=self._fresh.lag_seconds,
            limit_seconds=self.limits.freshness_seconds,
            blocked=self._follower.blocked is not None,
        )

    async def _look_at_newest(self) -> None:
        """For the clock, while it holds the gate: a full inbox takes no new record that could excuse it."""
        if self.desk.clock.accuses(self.seat.at.partition):
            newest = await self.call(newest_record(self._reader, self.parts.requests, self.limits.poll_ms))
            if newest is not None:
                self.desk.clock.observe(newest.partition, newest.offset, newest.timestamp)

    async def _run(self, state: LaneState, batch: Batch, work: Work) -> None:
        line = self._line(batch)
        async with self.desk.deciding:
            renewed = await self._fresh.renewed(batch)
            if renewed is None:
                self.inbox.put_back(batch.items)
                return
            decided = await self._decide(renewed, work)
        line.seconds.update(self._turn.spent())
        bases = await self._commit_turn(renewed, decided, line)
        if bases is None:
            return
        with line.phase("store"):
            self._store(state, decided, bases, batch)
        self._resize(len(batch.items), self.seat.clocks.steady() - renewed.since)
        self.desk.report.committed(line, decided)

    async def _decide(self, batch: Batch, work: Work) -> Decided:
        """A request whose own turn needs more of the processor than a turn may be old is told to be too slow: no turn
        would ever end in time with it. By processor time, for on a busy machine any request may take long."""
        last = batch.items[-1].offset if batch.items else -1
        known = Knowledge(self._follower.next, batch.stale)
        decided = self._turn.begin(work.pending)
        asked = [each for each in work.asked if _offset(each) <= last]
        seconds = work.seconds + await _in_strides(
            asked, lambda some: self._turn.decide(some, known, work.firsts, decided)
        )
        is_alone = len(batch.items) == len(work.asked) == 1
        if is_alone and seconds > self.limits.turn_seconds and not self._trouble.is_guilty(last):
            self._trouble.too_slow(last)
        return decided

    def _resize(self, count: int, seconds: float) -> None:
        """The next turn's size: a turn is to stay well below the age at which it would be aborted."""
        if seconds > self.limits.turn_seconds / 2:
            self._trouble.make_smaller(count)
        elif seconds < self.limits.turn_seconds / 8:
            self._trouble.make_larger(self.limits.turn_records)

    def _line(self, batch: Batch) -> TurnLine:
        line = TurnLine(self.seat.at.partition, len(batch.items), consent_position=self._follower.next)
        if batch.items and self._trouble.is_singling(batch.items[0].offset):
            self.desk.report.single()
        line.seconds["fetch"], self._idle = self._idle, 0.0
        line.seconds["freshness"] = self.seat.clocks.steady() - batch.since
        line.consents_applied, self._applied = self._follower.applied - self._applied, self._follower.applied
        if batch.items:
            line.first_offset, line.last_offset = batch.items[0].offset, batch.items[-1].offset
        return line

    async def _commit_turn(self, batch: Batch, decided: Decided, line: TurnLine) -> Bases | None:
        """Where the outputs stand; None: the turn grew too old, was aborted, and will be done anew, smaller."""
        begun = self.seat.clocks.steady()
        try:
            bases = await self.transact(decided.sends(self.parts), _next_offset(batch), batch.since)
        except TurnTooOldError:
            self._trouble.make_smaller(len(batch.items))
            self.desk.report.aborted(line)
            await self.seek_back()
            return None
        except LogError as error:
            self.desk.report.failed(line, error)
            if isinstance(error, SendError):
                self._blame(batch, len(decided.settled), error)
            raise
        line.seconds["send"] = self.sent_at - begun
        line.seconds["commit"] = self.seat.clocks.steady() - self.sent_at
        return bases

    def _store(self, state: LaneState, decided: Decided, bases: Bases, batch: Batch) -> None:
        """Entries and the next decisions offset in one write, after the commit: a fold of committed decisions only."""
        first = bases.get(self.parts.decisions)
        entries = {} if first is None else decided.committed_entries(first)
        marks = decided.marks(state.marks, self._follower.next, first)
        state.apply_outputs(entries, decided.settled, marks)
        if decided.settled:
            self._trouble.done_pending()
        if batch.items:
            self._trouble.done(batch.items[-1].offset)
        self._appended_ms = max(self._appended_ms, *decided.appended_ms, 0)

    def _blame(self, batch: Batch, pending: int, error: SendError) -> None:
        """A turn whose sends failed is remembered; requests are not blamed where it carried consent rejections too.
        Raises LaneStoppedError when even the refusal, or one rejection alone, cannot be written."""
        if pending:
            self._trouble.failed_with_pending(pending, alone=not batch.items)
            if pending == 1 and not batch.items and isinstance(error, TooLargeError):
                raise LaneStoppedError(
                    f"the rejected event of a consent event cannot be written: {error}; see the output topics' limits"
                ) from error
            return
        if not batch.items:
            return
        first, last = batch.items[0].offset, batch.items[-1].offset
        if first == last and self._trouble.is_guilty(first):
            raise LaneStoppedError(
                f"the refusal of the request at {first} cannot be written: {error}; see the output topics' limits"
            ) from error
        self._trouble.failed(first, last, error)


async def _in_strides(pieces: Sequence[T], work: Callable[[Sequence[T]], object]) -> float:
    """Has the pieces worked on, some at a time, and lets others run between; gives the processor time it took (s)."""
    spent, since, begun = 0.0, perf_counter(), thread_time()
    for index in range(0, len(pieces), _STRIDE):
        work(pieces[index : index + _STRIDE])
        if perf_counter() - since > _STRIDE_SECONDS:
            spent += thread_time() - begun
            await asyncio.sleep(0)
            since, begun = perf_counter(), thread_time()
    spent += thread_time() - begun
    await asyncio.sleep(0)
    return spent


def _offset(asked: Asked | Undecodable) -> int:
    return asked.offset if isinstance(asked, Undecodable) else asked.record.offset


def _next_offset(batch: Batch) -> int | None:
    return batch.items[-1].offset + 1 if batch.items else None
