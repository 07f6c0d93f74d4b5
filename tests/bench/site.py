"""The one broker of a bench run as its measuring side sees it: topics, backlogs that appear at once, ends, contents.

All by confluent-kafka, whose work costs the two cores little while others are measured.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, IsolationLevel, KafkaError, Producer, TopicPartition
from confluent_kafka import admin as kafka_admin
from confluent_kafka.admin import AdminClient

from bench.workload import PARTITIONS, Message
from sekisho.bootstrap import kafka_log
from sekisho.contracts.topics import TopicNames
from sekisho.log.topics import TopicPlan, create_topics
from sekisho.settings import Settings

ANSWER_S: Final = 30.0
_LATEST: Final[Any] = vars(kafka_admin)["OffsetSpec"].latest()  # its stub does not name it
_TRANSACTION_S: Final = 120
BROKER: Final = {
    # what was measured is deleted at once, so that the disk is not written for it
    "log.segment.delete.delay.ms": "1000",
    # a large backlog is written in one transaction
    "transaction.max.timeout.ms": str(_TRANSACTION_S * 1000),
}
Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Ends:
    """The read_committed ends of a topic's partitions at a (monotonic) time."""

    at: float
    offsets: tuple[int, ...]


class Site:
    """A broker at an address."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    @contextmanager
    def deployment(self) -> Iterator[Deployment]:
        """Topics under a prefix of their own, made anew; deleted in the end."""
        made = Deployment(self, f"b{uuid.uuid4().hex[:8]}-")
        asyncio.run(made.create())
        try:
            yield made
        finally:
            wait(self._admin.delete_topics(list(made.created)).values(), timeout=ANSWER_S)

    def ends(self, topic: str, *, committed: bool = True) -> Ends:
        """Where what is committed in a topic ends now."""
        asked = {TopicPartition(topic, number): _LATEST for number in range(PARTITIONS)}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        found = self._admin.list_offsets(asked, isolation_level=level, request_timeout=ANSWER_S)
        offsets = {at.partition: int(each.result().offset) for at, each in found.items()}
        return Ends(time.monotonic(), tuple(offsets[number] for number in range(PARTITIONS)))

    def read(self, topic: str, since: Sequence[int] = (0,) * PARTITIONS) -> list[list[Any]]:
        """A topic's committed messages from these offsets to its end now, by partition."""
        ends = self.ends(topic).offsets
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, number, since[number]) for number in range(PARTITIONS)])
        found: list[list[Any]] = [[] for _ in range(PARTITIONS)]
        left = {number for number in range(PARTITIONS) if since[number] < ends[number]}
        give_up = time.monotonic() + ANSWER_S
        try:
            while left:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{topic} cannot be read to its end")
                # it waits for so many messages as long as it may
                for message in consumer.consume(1000, timeout=0.05):
                    at, error = message.partition() or 0, message.error()
                    if error is None:
                        found[at].append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard(at)
                    else:
                        raise RuntimeError(f"{topic} cannot be read: {error}")
        finally:
            consumer.close()
        return found

    def consumer(self) -> Consumer:
        """A consumer of committed messages, to be assigned by hand."""
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "bench-observer",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
            }
        )


class Deployment:
    """A set of the contract's topics under one prefix."""

    def __init__(self, site: Site, prefix: str) -> None:
        self.site = site
        self.prefix = prefix
        self.created: list[str] = []
        self.variables = {
            "SEKISHO_KAFKA_BOOTSTRAP": site.bootstrap,
            "SEKISHO_TOPIC_PREFIX": prefix,
            "SEKISHO_TOPIC_PARTITIONS": str(PARTITIONS),
        }
        self.settings = Settings.from_environment(self.variables)

    @property
    def names(self) -> TopicNames:
        """The topics' names."""
        return TopicNames.prefixed(self.prefix)

    async def create(self) -> None:
        """Makes the topics as `sekisho topics create` does."""
        topic = self.settings.topic
        plan = TopicPlan(
            prefix=self.prefix,
            partitions=PARTITIONS,
            replication=topic.replication,
            min_insync_replicas=topic.min_insync_replicas,
            max_message_bytes=topic.max_message_bytes,
            audit_years=self.settings.audit.retention_years,
        )
        log = kafka_log(self.settings, self.site.bootstrap)
        try:
            self.created = await create_topics(log, plan)
        finally:
            await log.close()

    def backlog(self, topic: str, messages: Iterable[tuple[Message, Headers]]) -> None:
        """Writes messages in one transaction: they appear to a reader of committed messages all at once."""
        producer = Producer(
            {
                "bootstrap.servers": self.site.bootstrap,
                "transactional.id": f"{self.prefix}backlog",
                "transaction.timeout.ms": _TRANSACTION_S * 1000,
                "linger.ms": 20,
                "batch.size": 500_000,
                "queue.buffering.max.messages": 200_000,
            }
        )
        producer.init_transactions(ANSWER_S)
        producer.begin_transaction()
        for message, headers in messages:
            while True:
                try:
                    producer.produce(
                        topic, message.value, message.key, message.partition, headers=list(headers)
                    )
                except BufferError:
                    producer.poll(0.05)
                    continue
                break
            producer.poll(0)
        producer.commit_transaction(_TRANSACTION_S)

    def ask(self, messages: Iterable[Message]) -> None:
        """A backlog of access requests."""
        self.backlog(self.names.requests, ((message, ()) for message in messages))
