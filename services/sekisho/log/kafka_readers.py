"""Readers on a real Kafka: partitions assigned by hand, and the members of a consumer group."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from sekisho.log.client_internals import close_consumer, current_position, track_topic
from sekisho.log.kafka_config import KafkaConfig
from sekisho.log.kafka_errors import bounded, connecting
from sekisho.log.kafka_fetching import Fetching
from sekisho.log.kafka_offsets import Offsets
from sekisho.log.port import (
    AssignmentListener,
    LogError,
    MissingTopicError,
    NotAssignedError,
    Partition,
    PartitionsChangedError,
    Record,
    UnavailableError,
)

_log = structlog.get_logger(__name__)


class KafkaPartitionReader:
    """The port's PartitionReader on aiokafka."""

    def __init__(self, config: KafkaConfig, offsets: Offsets, *, committed: bool) -> None:
        self._config = config
        self._offsets = offsets
        self._committed = committed
        self._client: AIOKafkaConsumer | None = None
        self._fetching: Fetching | None = None
        self._positioned: dict[Partition, bool] = {}  # assigned ones: has each got its position?
        self._paused: set[Partition] = set()

    async def start(self) -> None:
        await self._open("reader", {})

    async def _open(self, purpose: str, more: Mapping[str, Any]) -> AIOKafkaConsumer:
        settings = self._config.connection(purpose) | self._config.consumer(committed=self._committed)
        client = AIOKafkaConsumer(**{**settings, **more})
        try:
            async with connecting(self._config, f"starting a {purpose}"):
                await client.start()
        except BaseException:
            await close_consumer(client, self._config.stop_timeout_s)
            raise
        self._client = client
        self._fetching = Fetching(client, self._offsets, self._config.call_timeout_s)
        return client

    async def stop(self) -> None:
        self._positioned.clear()
        self._paused.clear()
        if self._client is not None:
            client, self._client, self._fetching = self._client, None, None
            await close_consumer(client, self._config.stop_timeout_s)

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        consumer = self._consumer
        await self._offsets.starts(
            positions
        )  # raises for what is not there: a consumer would wait for it for ever
        consumer.assign([TopicPartition(*at) for at in positions])
        self._positioned = dict.fromkeys(positions, True)
        self._paused.clear()
        for at, offset in positions.items():
            self._reading.seek(at, offset)

    def seek(self, at: Partition, offset: int) -> None:
        self._need(at)
        self._reading.seek(at, offset)
        self._positioned[at] = True

    async def position(self, at: Partition) -> int:
        self._need_position(at)
        found = current_position(self._consumer, at)
        if found is None:
            raise NotAssignedError(f"{at.topic}-{at.partition} is being taken away by a rebalance")
        return found

    def pause(self, *partitions: Partition) -> None:
        for at in partitions:
            self._need(at)
            self._consumer.pause(TopicPartition(*at))
            self._paused.add(at)

    def resume(self, *partitions: Partition) -> None:
        for at in partitions:
            self._need_position(at)
            self._consumer.resume(TopicPartition(*at))
            self._paused.discard(at)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        def readable() -> Sequence[Partition]:
            wanted: Collection[Partition] = only or self._positioned.keys()
            return [at for at in wanted if at in self._positioned and at not in self._paused]

        fetching = self._reading
        try:
            return await fetching.fetch(readable, timeout_ms, max_records)
        except UnavailableError:
            if fetching is self._fetching:
                raise
            return {}  # stopped or rejoined meanwhile: what this consumer says no longer matters

    async def start_offset(self, at: Partition) -> int:
        return (await self._offsets.starts([at]))[at]

    async def high_watermark(self, at: Partition) -> int:
        return await self._offsets.high_watermark(at)

    async def last_stable_offset(self, at: Partition) -> int:
        return await self._offsets.last_stable_offset(at)

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise UnavailableError("this reader is not started, or stopped")
        return self._client

    @property
    def _reading(self) -> Fetching:
        if self._fetching is None:
            raise UnavailableError("this reader is not started, or stopped")
        return self._fetching

    def _need(self, at: Partition) -> None:
        if at not in self._positioned:
            raise NotAssignedError(f"{at.topic}-{at.partition} is not (or no longer) this reader's")

    def _need_position(self, at: Partition) -> None:
        self._need(at)
        if not self._positioned[at]:
            raise NotAssignedError(f"{at.topic}-{at.partition} has no position yet: seek first")


class KafkaGroupReader(KafkaPartitionReader):
    """The port's GroupReader on aiokafka's classic group protocol."""

    def __init__(
        self,
        config: KafkaConfig,
        offsets: Offsets,
        group: str,
        topics: Sequence[str],
        listener: AssignmentListener,
    ) -> None:
        super().__init__(config, offsets, committed=True)
        self._group = group
        self._topics = tuple(topics)
        self._listener = listener
        self._counts: dict[str, int] = {}
        self._failure: LogError | None = None
        self._belongs = False  # wants to be in the group, whether or not the last attempt to join succeeded

    async def start(self) -> None:
        await self._join()
        self._belongs = True

    async def stop(self) -> None:
        self._belongs = False
        await super().stop()

    async def _join(self) -> None:
        consumer = await self._open("member", self._config.member(self._group))
        for topic in self._topics:
            async with bounded(f"metadata of {topic}", self._config.call_timeout_s):
                count = len(await track_topic(consumer, topic))
            if not count:
                await super().stop()
                raise MissingTopicError(f"there is no topic {topic}: `sekisho topics create` makes it")
            self._counts.setdefault(topic, count)
        # subscribed only now: a consumer that starts with topics does not return before its first assignment
        consumer.subscribe(list(self._topics), listener=_Rebalances(self))

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        raise RuntimeError(
            f"a group's member gets its partitions from the group, not by hand: {sorted(positions)}"
        )

    def assignment(self) -> frozenset[Partition]:
        return frozenset(self._positioned)

    async def committed(self, at: Partition) -> int | None:
        return await self._offsets.committed(self._group, at)

    async def rejoin(self) -> None:
        """By a new consumer: nothing of the old one's state, whatever it was in, is carried over."""
        await self.give_up()
        await super().stop()
        await self._join()

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        if self._belongs and self._client is None:
            await self._join()  # a rejoin that failed for want of a broker is made good here
        self._check_counts()
        return await super().fetch(timeout_ms, max_records, only)

    def _check_counts(self) -> None:
        """aiokafka takes new partitions unasked [M], and only the group's leader watches the topics."""
        if self._failure is None:
            for topic, expected in self._counts.items():
                found = len(self._consumer.partitions_for_topic(topic) or ())
                if found not in (expected, 0):  # 0: a broker that has just started may not know it yet
                    self._failure = PartitionsChangedError(
                        f"topic {topic} had {expected} partitions and has {found} now: keys route elsewhere. "
                        "Stop everything that uses it; see `sekisho topics check`"
                    )
        if self._failure is not None:
            raise self._failure

    async def give_up(self) -> None:
        """Lets the listener give back what is held, for at most the time that it has."""
        held = self.assignment()
        self._positioned.clear()
        self._paused.clear()
        if not held:
            return
        try:
            async with asyncio.timeout(self._config.revoke_timeout_s):
                await self._listener.revoked(held)
        except TimeoutError:
            _log.error("revocation_overdue", group=self._group, seconds=self._config.revoke_timeout_s)
        except Exception as error:  # noqa: BLE001  the group must go on; the owner's id fences what it left open
            _log.error("revocation_failed", group=self._group, exc_info=error)

    def receive(self, partitions: frozenset[Partition]) -> None:
        """Takes an assignment: paused, without positions. A failure here is raised by the next `fetch`."""
        known = {at for at in partitions if at.partition < self._counts[at.topic]}
        for at in partitions:
            self._consumer.pause(TopicPartition(*at))
        if known != partitions:
            self._failure = PartitionsChangedError(
                f"the group gave partitions that were not there: {partitions}"
            )
            return
        self._positioned = dict.fromkeys(partitions, False)
        self._paused = set(partitions)
        try:
            self._listener.assigned(partitions)
        except Exception as error:  # noqa: BLE001  aiokafka would log it and go on without a lane
            self._failure = LogError(f"the listener failed to take {sorted(partitions)}: {error!r}")
            self._failure.__cause__ = error


class _Rebalances(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types for it
    """aiokafka's listener. What comes from a consumer that is no longer the reader's is not passed on."""

    def __init__(self, reader: KafkaGroupReader) -> None:
        self._reader = reader
        self._consumer = reader._client

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        del revoked  # all that is held, always: the protocol is an eager one
        if self._reader._client is self._consumer:
            await self._reader.give_up()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        if self._reader._client is self._consumer:
            self._reader.receive(frozenset(Partition(*at) for at in assigned))
