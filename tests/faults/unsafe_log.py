"""A log that fails or cheats on purpose, around a real one. For tests only: production code has no such switch.

`Faults` raises or waits at a step of a transaction (each step of a turn must be survived). `Controls` take one guarantee
away each: the verifier must catch what a gate then does wrong, else the verifier proves nothing.
"""

from __future__ import annotations

import asyncio
import enum
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field

from sekisho.log.kafka import KafkaLog
from sekisho.log.lifecycle import PendingSends
from sekisho.log.memory import MemoryLog
from sekisho.log.port import (
    AssignmentListener,
    GroupReader,
    Log,
    LogError,
    Outgoing,
    Partition,
    PartitionReader,
    Record,
    TopicDescription,
    TransactionalWriter,
    Writer,
)


class Step(enum.Enum):
    """Where in a writer's life something may happen. ANSWER: the acknowledgement of a send is awaited."""

    START = "start"
    BEGIN = "begin"
    SEND = "send"
    ANSWER = "answer"
    OFFSETS = "offsets"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    ABORT = "abort"


@dataclass
class _Planned:
    error: LogError | None
    seconds: float
    skip: int
    times: int


@dataclass
class Faults:
    """What shall happen at which step; `happened` lists what did (step, transactional id)."""

    happened: list[tuple[Step, str]] = field(default_factory=list)
    _planned: dict[Step, list[_Planned]] = field(default_factory=dict)

    def fail(self, step: Step, error: LogError, *, skip: int = 0, times: int = 1) -> None:
        """Raises `error` at the step, after letting it pass `skip` times, `times` times."""
        self._planned.setdefault(step, []).append(_Planned(error, 0, skip, times))

    def delay(self, step: Step, seconds: float, *, skip: int = 0, times: int = 1) -> None:
        """Waits at the step."""
        self._planned.setdefault(step, []).append(_Planned(None, seconds, skip, times))

    @property
    def is_spent(self) -> bool:
        """Whether all that was planned has happened."""
        return all(plan.times == 0 for plans in self._planned.values() for plan in plans)

    async def at(self, step: Step, name: str) -> None:
        for plan in self._planned.get(step, ()):
            if plan.times == 0:
                continue
            if plan.skip > 0:
                plan.skip -= 1
                continue
            plan.times -= 1
            self.happened.append((step, name))
            await asyncio.sleep(plan.seconds)
            if plan.error is not None:
                raise plan.error


@dataclass(frozen=True)
class Controls:
    """Guarantees taken away. Each alone must be caught by the verifier."""

    unsafe_no_await: bool = False  # sends are never awaited, and their failure is not noticed
    unsafe_no_seek_back: bool = False  # after an abort the group's position stays behind the failed requests
    unsafe_no_fencing: bool = False  # every writer has a transactional id of its own
    unsafe_no_high_watermark: bool = False  # the stable end is taken for the end


class ForgetfulSends(PendingSends):
    """Notices nothing: what runtime.md's [M] shows a client to do that does not await its sends."""

    def track(self, future: asyncio.Future[int]) -> asyncio.Future[int]:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answered.set_result(-1)
        return answered


class UnsafeLog:
    """The port's Log around another, with faults and controls."""

    def __init__(self, log: Log, faults: Faults | None = None, controls: Controls | None = None) -> None:
        self._log = log
        self._faults = faults or Faults()
        self._controls = controls or Controls()

    def partition_reader(self, *, committed: bool = True) -> PartitionReader:
        return UnsafeReader(self._log.partition_reader(committed=committed), self._controls)

    def group_reader(self, group: str, topics: Sequence[str], listener: AssignmentListener) -> GroupReader:
        return UnsafeGroupReader(self._log.group_reader(group, topics, listener), self._controls)

    def transactional_writer(self, transactional_id: str) -> TransactionalWriter:
        own = f"{transactional_id}-{uuid.uuid4()}" if self._controls.unsafe_no_fencing else transactional_id
        return UnsafeWriter(self._writer(own), transactional_id, self._faults)

    def _writer(self, transactional_id: str) -> TransactionalWriter:
        if not self._controls.unsafe_no_await:
            return self._log.transactional_writer(transactional_id)
        assert isinstance(self._log, MemoryLog | KafkaLog), "both of ours take another keeper of their sends"
        return self._log.transactional_writer(transactional_id, ForgetfulSends())

    def writer(self) -> Writer:
        return self._log.writer()

    async def describe(self, topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        return await self._log.describe(topics)

    async def create(self, topic: str, partitions: int, replication: int, config: Mapping[str, str]) -> None:
        await self._log.create(topic, partitions, replication, config)

    async def delete(self, topic: str) -> None:
        await self._log.delete(topic)

    async def delete_records(self, at: Partition, before: int) -> None:
        await self._log.delete_records(at, before)

    async def delete_group_offsets(self, group: str) -> None:
        await self._log.delete_group_offsets(group)

    async def close(self) -> None:
        await self._log.close()


class UnsafeWriter:
    """A transactional writer to which things happen."""

    def __init__(self, writer: TransactionalWriter, name: str, faults: Faults) -> None:
        self._writer = writer
        self._name = name
        self._faults = faults

    async def _at(self, step: Step) -> None:
        await self._faults.at(step, self._name)

    async def start(self) -> None:
        await self._at(Step.START)
        await self._writer.start()

    async def begin(self) -> None:
        await self._at(Step.BEGIN)
        await self._writer.begin()

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        await self._at(Step.SEND)
        return [self._answer(answer) for answer in await self._writer.send(at, records)]

    def _answer(self, answer: Awaitable[int]) -> Awaitable[int]:
        async def answered() -> int:
            await self._at(Step.ANSWER)
            return await answer

        # a task, so that it is no error if nobody awaits it
        task = asyncio.ensure_future(answered())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        await self._at(Step.OFFSETS)
        await self._writer.send_offsets(offsets, group)

    async def commit(self) -> None:
        await self._at(Step.BEFORE_COMMIT)
        await self._writer.commit()
        await self._at(Step.AFTER_COMMIT)

    async def abort(self) -> None:
        await self._at(Step.ABORT)
        await self._writer.abort()

    async def stop(self) -> None:
        await self._writer.stop()


class UnsafeReader:
    """A reader that may take the stable end for the end."""

    def __init__(self, reader: PartitionReader, controls: Controls) -> None:
        self._reader = reader
        self._controls = controls

    async def start(self) -> None:
        await self._reader.start()

    async def stop(self) -> None:
        await self._reader.stop()

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        await self._reader.assign(positions)

    def seek(self, at: Partition, offset: int) -> None:
        self._reader.seek(at, offset)

    async def position(self, at: Partition) -> int:
        return await self._reader.position(at)

    def pause(self, *partitions: Partition) -> None:
        self._reader.pause(*partitions)

    def resume(self, *partitions: Partition) -> None:
        self._reader.resume(*partitions)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        return await self._reader.fetch(timeout_ms, max_records, only)

    async def start_offset(self, at: Partition) -> int:
        return await self._reader.start_offset(at)

    async def high_watermark(self, at: Partition) -> int:
        if self._controls.unsafe_no_high_watermark:
            return await self._reader.last_stable_offset(at)
        return await self._reader.high_watermark(at)

    async def last_stable_offset(self, at: Partition) -> int:
        return await self._reader.last_stable_offset(at)


class UnsafeGroupReader(UnsafeReader):
    """A group's member that may refuse to go back while it holds a partition."""

    def __init__(self, reader: GroupReader, controls: Controls) -> None:
        super().__init__(reader, controls)
        self._member = reader
        self._furthest: dict[Partition, int] = {}

    def seek(self, at: Partition, offset: int) -> None:
        self._forget_lost()
        if self._controls.unsafe_no_seek_back and offset < self._furthest.get(at, -1):
            return
        self._furthest[at] = offset
        self._reader.seek(at, offset)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        found = await self._reader.fetch(timeout_ms, max_records, only)
        self._forget_lost()
        for at, records in found.items():
            self._furthest[at] = records[-1].offset + 1
        return found

    def _forget_lost(self) -> None:
        held = self._member.assignment()
        self._furthest = {at: offset for at, offset in self._furthest.items() if at in held}

    def assignment(self) -> frozenset[Partition]:
        return self._member.assignment()

    async def committed(self, at: Partition) -> int | None:
        return await self._member.committed(at)

    async def rejoin(self) -> None:
        self._furthest.clear()
        await self._member.rejoin()
