"""One lane's life: take its partition, run turn after turn, lose it (runtime.md, A lane is a partition).

What holds for every lane, the gate's and the router's, stands here: the order of taking, one transaction per turn,
what an abort must undo, and that whatever fails in the transaction machinery ends the lane. What is decided or
forwarded in a turn stands in the subclasses.
"""

from __future__ import annotations

import asyncio
import enum
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import structlog

from sekisho.gate.clock import Clocks
from sekisho.gate.inbox import Inbox
from sekisho.gate.limits import GateLimits
from sekisho.log.port import (
    CommitUnknownError,
    GroupReader,
    Log,
    LogError,
    Outgoing,
    Partition,
    UnavailableError,
)

T = TypeVar("T")
_log = structlog.get_logger(__name__)

_FINISHING: Final = 0.6
"""Share of the time for losing a lane in which a running turn may finish by itself."""
_CLOSING: Final = 0.15
"""Share of the same time for each of the two calls that close a writer."""


class LaneStoppedError(Exception):
    """The world is not as it must be: the lane stands still until an operator has acted; the text says what to do."""


class TurnTooOldError(Exception):
    """The turn's consents may have aged while it was sent: it was aborted and is to be done anew."""


class Phase(enum.Enum):
    """Where a lane is in its life."""

    TAKING = "taking"
    RUNNING = "running"
    STOPPED = "stopped"
    LOST = "lost"


class LaneEvents(Protocol):
    """Told of what happens to lanes: for metrics, readiness and logs (`gate.report`)."""

    def assigned(self) -> None: ...
    def phase(self, partition: int, state: str) -> None: ...
    def taken(self, seconds: float) -> None: ...
    def stopped(self, partition: int, why: str) -> None: ...
    def let_go(self, partition: int, why: str) -> None: ...
    def recovered(self, partition: int) -> None: ...
    def lost(self, partition: int, cause: str) -> None: ...
    def log_reachable(self, why: str | None) -> None: ...
    def halted(self, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Seat:
    """What a lane needs of the group that gave it its partition."""

    log: Log
    group: GroupReader
    group_name: str
    at: Partition
    transactional_id: str
    limits: GateLimits
    clocks: Clocks
    events: LaneEvents


Sends = Mapping[Partition, Sequence[Outgoing]]
Bases = Mapping[Partition, int]
"""Where the first record sent to each partition stands; those that follow are adjacent (one writer per partition)."""


class Lane(ABC):
    """Owns one partition's transactional writer. `live` runs in a task of its own; `lose` ends it."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.limits = seat.limits
        self.inbox = Inbox()
        self.phase = Phase.TAKING
        self.writer = seat.log.transactional_writer(seat.transactional_id)
        self.running_since: float | None = None
        """Steady time from which it runs."""
        self.start_at = 0
        """Where this lane began to read: where an abort leads back to while nothing is committed."""
        self.committed_next = 0
        """The next offset of this lane's own last commit: known before the group's coordinator tells it."""
        self.sent_at = 0.0
        """Steady time at which the last turn's sends were all answered."""
        self.reading_from = 0
        """Where the lane last sought to."""
        self.held_back = False
        """Whether the poll has paused the partition because the inbox is full."""
        self.ended_by = "revoked"
        """One of telemetry's LANE_ENDS."""
        self._losing = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._interruption: Exception | None = None
        self._in_transaction = False

    # life

    async def live(self) -> None:
        """Takes the partition and works until the lane is lost.

        Raises LaneStoppedError when an operator must act, LogError when the transaction machinery failed (then only a
        new assignment proves ownership). All that was opened is closed in each case.
        """
        self._task = asyncio.current_task()
        begun = self.seat.clocks.steady()
        self.seat.events.phase(self.seat.at.partition, "taking")
        try:
            await self.call(self.writer.start())
            self.start_at = await self.take()
            self.inbox.clear()  # what came before the seek may lie behind requests that are still to be decided
            self._seek(self.start_at)
            self.seat.group.resume(self.seat.at)
            self.phase = Phase.RUNNING
            self.running_since = self.seat.clocks.steady()
            self.seat.events.phase(self.seat.at.partition, "running")
            self.seat.events.taken(self.seat.clocks.steady() - begun)
            _log.info(
                "lane_taken", topic=self.seat.at.topic, partition=self.seat.at.partition, offset=self.start_at
            )
            while not self.losing:
                await self.step()
                if self._interruption is not None:
                    raise self._interruption
        finally:
            self.phase = Phase.LOST
            await self._close()
            self._ended.set()

    def _seek(self, offset: int) -> None:
        self.reading_from = offset
        self.seat.group.seek(self.seat.at, offset)

    def interrupt(self, error: Exception) -> None:
        """Has the lane end with `error` after the turn that it is in."""
        self._interruption = error
        self.inbox.wake()

    @property
    def has_committed(self) -> bool:
        """Whether a turn of this lane was committed."""
        return self.committed_next > 0

    @property
    def losing(self) -> bool:
        """Whether the lane is to end as soon as it can."""
        return self._losing.is_set()

    async def lose(self) -> None:
        """Ends the lane within the time for losing it: a running turn finishes, or is aborted."""
        self._losing.set()
        self.inbox.wake()
        if self._task is None:
            return
        within = self.limits.lose_seconds
        if not await self._ends_within(within * _FINISHING):
            self._task.cancel()
            await self._ends_within(within * (1 - _FINISHING))

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    async def _close(self) -> None:
        self.release_now()
        share = self.limits.lose_seconds * _CLOSING
        if self._in_transaction:
            await self._bounded(self.writer.abort(), share, "abort")
        await self._bounded(self.writer.stop(), share, "writer_stop")
        await self.release()
        self.inbox.clear()  # the lane itself may be remembered for longer, by what failed with it

    async def _bounded(self, work: Awaitable[None], seconds: float, what: str) -> None:
        """Closing must end: what does not answer is left behind, and the next owner's start fences it."""
        try:
            async with asyncio.timeout(seconds):
                await work
        except (TimeoutError, LogError, RuntimeError) as error:
            _log.warning("lane_closing_incomplete", partition=self.seat.at.partition, step=what, error=error)

    async def call(self, work: Awaitable[T]) -> T:
        """Any call to the log, under its time-out. Raises UnavailableError when there is no answer."""
        try:
            async with asyncio.timeout(self.limits.call_seconds):
                return await work
        except TimeoutError as error:
            raise UnavailableError(f"no answer from the log within {self.limits.call_seconds} s") from error

    # what subclasses do

    @abstractmethod
    async def take(self) -> int:
        """Makes the lane ready; gives the offset to read from. The writer is started: a former owner is fenced."""

    @abstractmethod
    async def step(self) -> None:
        """Does one turn, or waits a moment where there is nothing to do."""

    @abstractmethod
    def release_now(self) -> None:
        """Closes at once what nobody must find open: first of all, and whatever becomes of the rest."""

    @abstractmethod
    async def release(self) -> None:
        """Closes what `take` opened."""

    # one transaction

    async def transact(self, sends: Sends, next_offset: int | None, since: float) -> Bases:
        """Writes `sends` and the input's next offset in one transaction.

        `since` is the steady time from which the turn's age counts. Raises TurnTooOldError after a deliberate abort
        (the writer goes on), and LogError after a failure: the writer is dead, the lane must be let go.
        """
        await self.call(self.writer.begin())
        self._in_transaction = True
        try:
            bases = await self.await_sends(sends, next_offset)
            if self.seat.clocks.steady() - since > self.limits.turn_seconds:
                await self.call(self.writer.abort())
                self._in_transaction = False
                raise TurnTooOldError
            self.sent_at = self.seat.clocks.steady()
            await self._commit()
            self.committed_next = max(self.committed_next, next_offset or 0)
        except LogError:
            await self._abort_failed()
            raise
        return bases

    async def await_sends(self, sends: Sends, next_offset: int | None) -> Bases:
        """Sends everything, overlapped with the offsets, and awaits every single answer: a failed send does not
        poison a Kafka transaction by itself, a commit after it loses the records silently (runtime.md)."""
        first: dict[Partition, int] = {}
        answers: list[Awaitable[int]] = []
        for at, records in sends.items():
            first[at] = len(answers)
            answers.extend(await self.call(self.writer.send(at, records)))
        found = await self.call(asyncio.gather(*answers, self._offsets(next_offset), return_exceptions=True))
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return {at: int(found[index]) for at, index in first.items()}  # type: ignore[arg-type]  # raised above

    async def _offsets(self, next_offset: int | None) -> None:
        if next_offset is not None:
            await self.writer.send_offsets({self.seat.at: next_offset}, self.seat.group_name)

    async def _commit(self) -> None:
        try:
            await self.call(self.writer.commit())
        except UnavailableError as error:
            raise CommitUnknownError("the commit got no answer: it may have happened") from error
        self._in_transaction = False

    async def _abort_failed(self) -> None:
        """Ends at once what readers would wait for; whether it works or not, the lane is let go."""
        if self._in_transaction:
            self._in_transaction = False
            await self._bounded(self.writer.abort(), self.limits.call_seconds, "abort")

    async def seek_back(self) -> None:
        """Reads on from the committed offset: what was fetched since belongs to a transaction that was aborted.

        Without it the next commit would pass over the requests of the aborted turn.
        """
        committed = await self.call(self.seat.group.committed(self.seat.at))
        self.inbox.clear()
        self._seek(max(committed or 0, self.committed_next, self.start_at))

    async def pause_for(self, seconds: float) -> None:
        """Waits, but not when the lane is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._losing.wait()
