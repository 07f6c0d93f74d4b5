"""Where partitions start and end, asked on connections of their own: a request behind a waiting fetch would wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer, TopicPartition

from sekisho.log.client_internals import ask_coordinator, close_consumer, track_topic
from sekisho.log.kafka_config import KafkaConfig
from sekisho.log.kafka_errors import bounded, connecting
from sekisho.log.port import MissingTopicError, Partition, UnavailableError
from sekisho.log.stable_offsets import StableOffsetFetch, UnstableOffsetError, offset_in

UNSTABLE_POLL_S = 0.005  # markers take milliseconds
_BEFORE_THE_CALLER = 0.9  # a lane bounds its calls by the same time, and could not say what was waited for


class OffsetsClient:
    """Asks ListOffsets with one isolation level; connects when first asked.

    aiokafka's `end_offsets` uses its consumer's own level [S]: a read_committed one gives the last stable offset, a
    read_uncommitted one the high watermark. Nothing is ever fetched here.
    """

    def __init__(self, config: KafkaConfig, *, committed: bool) -> None:
        self._config = config
        self._committed = committed
        self._client: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()
        self._learning = asyncio.Lock()

    async def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        """The first offset that is still there. Raises MissingTopicError, UnavailableError."""
        client = await self._ready(partitions)
        async with bounded("start offsets", self._config.call_timeout_s):
            found = await client.beginning_offsets([TopicPartition(*at) for at in partitions])
        return {at: found[TopicPartition(*at)] for at in partitions}

    async def end(self, at: Partition) -> int:
        """The offset after the last one, by this client's isolation level. Raises as `starts` does."""
        client = await self._ready([at])
        topic_partition = TopicPartition(*at)
        async with bounded(f"end offset of {at.topic}-{at.partition}", self._config.call_timeout_s):
            return int((await client.end_offsets([topic_partition]))[topic_partition])

    async def committed(self, group: str, at: Partition) -> int | None:
        """A group's committed offset; waits for transactions that hold one and are not ended. Raises UnavailableError
        when one stays open, or nobody answers."""
        what = f"committed offset of {group} in {at.topic}-{at.partition}"
        client = self._client or await self._connect()
        waits = False
        try:
            async with bounded(what, _BEFORE_THE_CALLER * self._config.call_timeout_s):
                while True:
                    try:
                        return offset_in(await ask_coordinator(client, group, StableOffsetFetch(group, at)))
                    except UnstableOffsetError:
                        waits = True
                        await asyncio.sleep(UNSTABLE_POLL_S)
                    except kafka.KafkaError as error:
                        if not error.retriable:
                            raise
                        await asyncio.sleep(self._config.retry_backoff_ms / 1000)
        except UnavailableError as error:
            if waits:
                raise UnavailableError(
                    f"{what}: a transaction that holds it is still not ended; if this lasts longer than a transaction may "
                    "live, its markers are lost: see `kafka-transactions.sh find-hanging`, and ADR 0013"
                ) from error
            raise

    async def close(self) -> None:
        async with self._starting:
            if self._client is not None:
                client, self._client = self._client, None
                await close_consumer(client, self._config.stop_timeout_s)

    async def _ready(self, partitions: Iterable[Partition]) -> AIOKafkaConsumer:
        client = self._client or await self._connect()
        for at in partitions:
            # one at a time: an update that is under way when a topic is added may end without it
            async with self._learning, bounded(f"metadata of {at.topic}", self._config.call_timeout_s):
                known = await track_topic(client, at.topic)
            if at.partition not in known:
                raise MissingTopicError(
                    f"there is no {at.topic}-{at.partition}; `sekisho topics create` makes it"
                )
        return client

    async def _connect(self) -> AIOKafkaConsumer:
        async with self._starting:
            if self._client is None:
                client = AIOKafkaConsumer(
                    **self._config.connection("offsets"), **self._config.consumer(committed=self._committed)
                )
                try:
                    async with connecting(self._config, "asking for offsets"):
                        await client.start()
                except BaseException:
                    await close_consumer(client, self._config.stop_timeout_s)
                    raise
                self._client = client
            return self._client


class Offsets:
    """Both ends and the start of partitions."""

    def __init__(self, config: KafkaConfig) -> None:
        self._appended = OffsetsClient(config, committed=False)
        self._stable = OffsetsClient(config, committed=True)

    async def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        return await self._appended.starts(list(partitions))

    async def high_watermark(self, at: Partition) -> int:
        return await self._appended.end(at)

    async def committed(self, group: str, at: Partition) -> int | None:
        return await self._appended.committed(group, at)

    async def last_stable_offset(self, at: Partition) -> int:
        return await self._stable.end(at)

    async def close(self) -> None:
        await self._appended.close()
        await self._stable.close()
