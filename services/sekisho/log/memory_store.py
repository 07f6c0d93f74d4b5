"""The in-memory log's contents: topics, partitions, transactions, committed offsets. Nothing here is durable.

Kafka's bookkeeping in small: every committed or aborted transaction leaves a marker that takes an offset in each
partition it wrote; a read_committed reader skips what was aborted and stops before the first open transaction.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sekisho.log.lifecycle import in_batches
from sekisho.log.memory_partition import Outcome, PartitionLog, Transaction
from sekisho.log.port import (
    FencedError,
    MissingTopicError,
    Outgoing,
    Partition,
    TooLargeError,
    TopicDescription,
    TopicExistsError,
)

# Kafka's own default of the topic setting max.message.bytes.
DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
# A batch's header, and about what a record takes beside its contents (KIP-98 message format v2).
BATCH_OVERHEAD_BYTES = 61
RECORD_OVERHEAD_BYTES = 21


@dataclass(frozen=True)
class MemoryConfig:
    """What a broker and a client would be told. Bytes, milliseconds and seconds as the names say."""

    max_batch_bytes: int
    transaction_timeout_ms: int
    rebalance_timeout_s: float


@dataclass
class Topic:
    """A topic's identity, configuration and partitions."""

    id: str
    config: Mapping[str, str]
    partitions: list[PartitionLog]


@dataclass
class Producer:
    """What the transaction coordinator knows of a transactional id."""

    epoch: int = -1
    transaction: Transaction | None = None


class Store:
    """All that the in-memory log holds. `now_ms` is the clock of the append times. For one event loop."""

    def __init__(self, config: MemoryConfig, now_ms: Callable[[], int]) -> None:
        self.config = config
        self.now_ms = now_ms
        self.topics: dict[str, Topic] = {}
        self.committed: dict[tuple[str, Partition], int] = {}
        self._producers: dict[str, Producer] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    # Topics

    def create(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        """Raises TopicExistsError if the topic is there."""
        if name in self.topics:
            raise TopicExistsError(f"topic {name} is there already")
        logs = [PartitionLog(Partition(name, number)) for number in range(partitions)]
        self.topics[name] = Topic(str(uuid.uuid4()), dict(config), logs)
        self.notify()

    def topic(self, name: str) -> Topic:
        """Raises MissingTopicError if there is none of this name."""
        if name not in self.topics:
            raise MissingTopicError(f"there is no topic {name}: `sekisho topics create` makes it")
        return self.topics[name]

    def delete(self, name: str) -> None:
        """Deletes a topic and, as Kafka does, the offsets that groups committed for it."""
        self.topic(name)
        del self.topics[name]
        self.committed = {key: offset for key, offset in self.committed.items() if key[1].topic != name}
        self.notify()

    def describe(self, name: str) -> TopicDescription:
        topic = self.topic(name)
        return TopicDescription(name, topic.id, len(topic.partitions), topic.config)

    def partition(self, at: Partition) -> PartitionLog:
        """Raises MissingTopicError if the topic or its partition is not there. Ends transactions that are due."""
        self.end_overdue()
        logs = self.topic(at.topic).partitions
        if at.partition >= len(logs):
            raise MissingTopicError(
                f"topic {at.topic} has {len(logs)} partitions, there is no {at.partition}"
            )
        return logs[at.partition]

    # Writing

    def batches(self, records: Sequence[Outgoing]) -> list[Sequence[Outgoing]]:
        """Cuts records into batches as a producer does."""
        sizes = [_size(record) for record in records]
        return [records[cut] for cut in in_batches(sizes, self.config.max_batch_bytes - BATCH_OVERHEAD_BYTES)]

    def append(self, at: Partition, batch: Sequence[Outgoing], transaction: Transaction | None) -> int:
        """Appends one batch; gives its base offset. Raises TooLargeError as the topic's max.message.bytes says."""
        log = self.partition(at)
        limit = int(self.topic(at.topic).config.get("max.message.bytes", DEFAULT_MAX_MESSAGE_BYTES))
        size = BATCH_OVERHEAD_BYTES + sum(map(_size, batch))
        if size > limit:
            raise TooLargeError(
                f"a batch of {size} bytes for {at.topic}, which takes {limit} (max.message.bytes)"
            )
        base = log.append(batch, self.now_ms(), transaction)
        if transaction is not None:
            transaction.partitions.add(at)
        self.notify()
        return base

    # Transactions

    def init_producer(self, transactional_id: str) -> int:
        """Fences older owners of the id, aborts what they left open, gives the new epoch."""
        producer = self._producers.setdefault(transactional_id, Producer())
        self._abandon(producer)
        return producer.epoch

    def begin(self, transactional_id: str, epoch: int) -> Transaction:
        """Raises FencedError if a newer owner took the id over, as every call with an epoch does."""
        producer = self._owned(transactional_id, epoch)
        producer.transaction = Transaction(self.now_ms())
        return producer.transaction

    def need_owner(self, transactional_id: str, epoch: int) -> None:
        self._owned(transactional_id, epoch)

    def end(self, transactional_id: str, epoch: int, outcome: Outcome) -> None:
        producer = self._owned(transactional_id, epoch)
        if producer.transaction is not None:
            self._finish(producer.transaction, outcome)
            producer.transaction = None

    def end_overdue(self) -> None:
        """Aborts what has been open for longer than the transaction time-out, and fences its owner."""
        oldest = self.now_ms() - self.config.transaction_timeout_ms
        for producer in self._producers.values():
            if producer.transaction is not None and producer.transaction.opened_ms < oldest:
                self._abandon(producer)

    def _abandon(self, producer: Producer) -> None:
        producer.epoch += 1
        if producer.transaction is not None:
            self._finish(producer.transaction, Outcome.ABORTED)
            producer.transaction = None

    def _owned(self, transactional_id: str, epoch: int) -> Producer:
        self.end_overdue()
        producer = self._producers[transactional_id]
        if producer.epoch != epoch:
            raise FencedError(
                f"{transactional_id}: another owner took over (epoch {producer.epoch}, ours {epoch})"
            )
        return producer

    def _finish(self, transaction: Transaction, outcome: Outcome) -> None:
        transaction.outcome = outcome
        for at in transaction.partitions:
            topic = self.topics.get(at.topic)
            if topic is not None:
                topic.partitions[at.partition].mark(transaction)
        if outcome is Outcome.COMMITTED:
            self.committed.update(transaction.offsets)
        self.notify()

    # Waiting

    def notify(self) -> None:
        """Wakes all that wait for a change."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self, timeout_s: float) -> None:
        """Returns at the next change, or after the time-out."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait([waiter], timeout=timeout_s)
        finally:
            self._waiting.discard(waiter)


def _size(record: Outgoing) -> int:
    headers = sum(len(key.encode()) + len(value or b"") for key, value in record.headers)
    return RECORD_OVERHEAD_BYTES + len(record.key or b"") + len(record.value or b"") + headers
