"""Writers of the in-memory log."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence

from sekisho.contracts.routing import partition_for
from sekisho.log.lifecycle import PendingSends, WriterLifecycle
from sekisho.log.memory_partition import Outcome, Transaction
from sekisho.log.memory_store import Store
from sekisho.log.port import LogError, Outgoing, Partition, SendError


class MemoryTransactionalWriter:
    """The port's TransactionalWriter on the in-memory log."""

    def __init__(self, store: Store, transactional_id: str, sends: PendingSends) -> None:
        self._store = store
        self._id = transactional_id
        self._sends = sends
        self._life = WriterLifecycle(transactional_id, sends)
        self._epoch = -1
        self._transaction: Transaction | None = None
        self._gaps: set[Partition] = set()

    async def start(self) -> None:
        self._life.started()
        self._epoch = self._store.init_producer(self._id)

    async def begin(self) -> None:
        self._life.begun()
        with _Breaking(self._life):
            self._transaction = self._store.begin(self._id, self._epoch)

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[asyncio.Future[int]]:
        self._life.need_transaction()
        await asyncio.sleep(0)
        with _Breaking(self._life):
            self._store.need_owner(self._id, self._epoch)
            self._store.partition(at)
        return [self._sends.track(self._append(at, batch)) for batch in self._store.batches(records)]

    def _append(self, at: Partition, batch: Sequence[Outgoing]) -> asyncio.Future[int]:
        """What follows a failed batch into the same partition fails too: the sequence has a gap (runtime.md [M])."""
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        try:
            if at in self._gaps:
                raise SendError(f"out of order: an earlier batch for {at.topic}-{at.partition} failed")
            answer.set_result(self._store.append(at, batch, self._transaction))
        except SendError as error:
            self._gaps.add(at)
            answer.set_exception(error)
        return answer

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        self._life.need_transaction()
        with _Breaking(self._life):
            self._store.need_owner(self._id, self._epoch)
        assert self._transaction is not None
        self._transaction.offsets.update({(group, at): offset for at, offset in offsets.items()})

    async def commit(self) -> None:
        self._life.need_transaction()
        try:
            await self._sends.settle(timeout_s=0)
        except LogError as error:
            self._life.broke(error)
            raise
        await asyncio.sleep(0)
        self._end(Outcome.COMMITTED)

    async def abort(self) -> None:
        self._life.need_open()
        await asyncio.sleep(0)
        self._end(Outcome.ABORTED)

    def _end(self, outcome: Outcome) -> None:
        self._life.ended()
        with _Breaking(self._life):
            self._store.end(self._id, self._epoch, outcome)
        self._transaction = None

    async def stop(self) -> None:
        self._life.stopped()


class _Breaking:
    """Notes in the lifecycle what ends the writer's work, when what is inside raises it."""

    def __init__(self, life: WriterLifecycle) -> None:
        self._life = life

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LogError):
            self._life.broke(error)


class MemoryWriter:
    """The port's Writer on the in-memory log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = itertools.count()

    async def start(self) -> None:
        return None

    async def send(self, topic: str, record: Outgoing, partition: int | None = None) -> tuple[Partition, int]:
        await asyncio.sleep(0)
        at = Partition(topic, self._choose(topic, record) if partition is None else partition)
        return at, self._store.append(at, [record], None)

    def _choose(self, topic: str, record: Outgoing) -> int:
        count = len(self._store.topic(topic).partitions)
        return next(self._turn) % count if record.key is None else partition_for(record.key, count)

    async def stop(self) -> None:
        return None
