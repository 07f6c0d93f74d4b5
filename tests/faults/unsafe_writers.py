"""Writers that fail, forget, or write something else than they are given. For tests only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from faults.unsafe_controls import Tamper
from faults.unsafe_faults import Faults, Step
from sekisho.log.lifecycle import PendingSends
from sekisho.log.port import Outgoing, Partition, TransactionalWriter, Writer


class ForgetfulSends(PendingSends):
    """Notices nothing: what runtime.md's [M] shows a client to do that does not await its sends."""

    def track(self, future: asyncio.Future[int]) -> asyncio.Future[int]:
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answered.set_result(-1)
        return answered


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


class _Around:
    """A transactional writer around another; it changes what a subclass overrides."""

    def __init__(self, writer: TransactionalWriter) -> None:
        self._inner = writer

    async def start(self) -> None:
        await self._inner.start()

    async def begin(self) -> None:
        await self._inner.begin()

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        return await self._inner.send(at, records)

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        await self._inner.send_offsets(offsets, group)

    async def commit(self) -> None:
        await self._inner.commit()

    async def abort(self) -> None:
        await self._inner.abort()

    async def stop(self) -> None:
        await self._inner.stop()


class TamperingWriter(_Around):
    """Writes something else than it is given."""

    def __init__(self, writer: TransactionalWriter, tamper: Tamper) -> None:
        super().__init__(writer)
        self._tamper = tamper

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[Awaitable[int]]:
        answers = list(await self._inner.send(at, written)) if (written := self._tamper(at, records)) else []
        # one answer for each record that was given, whatever was written in its place
        lacking = max(0, len(records) - len(answers))
        return [*answers[: len(records)], *(_nowhere() for _ in range(lacking))]


async def _nowhere() -> int:
    return 0


class TamperingPlainWriter:
    """The same for a writer without transactions."""

    def __init__(self, writer: Writer, tamper: Tamper) -> None:
        self._inner = writer
        self._tamper = tamper

    async def start(self) -> None:
        await self._inner.start()

    async def send(self, topic: str, record: Outgoing, partition: int | None = None) -> tuple[Partition, int]:
        found = (Partition(topic, partition or 0), 0)
        for each in self._tamper(Partition(topic, partition or 0), [record]):
            found = await self._inner.send(topic, each, partition)
        return found

    async def stop(self) -> None:
        await self._inner.stop()


class OutsideWriter(_Around):
    """Commits offsets by another writer than the outputs, before those are committed; or not at all."""

    def __init__(self, writer: TransactionalWriter, offsets: TransactionalWriter | None) -> None:
        super().__init__(writer)
        self._offsets = offsets

    async def start(self) -> None:
        await super().start()
        if self._offsets is not None:
            await self._offsets.start()

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        if self._offsets is not None:
            await self._offsets.begin()
            await self._offsets.send_offsets(offsets, group)
            await self._offsets.commit()

    async def stop(self) -> None:
        if self._offsets is not None:
            await self._offsets.stop()
        await super().stop()
