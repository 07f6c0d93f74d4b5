"""Writers on a real Kafka: the transactional one in batches, one per partition and up to the batch limit, and a plain one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import aiokafka.errors as kafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from sekisho.log.client_internals import close_producer, fatal_error
from sekisho.log.kafka_config import KafkaConfig
from sekisho.log.kafka_errors import bounded, connecting, translated, translated_send
from sekisho.log.lifecycle import PendingSends, WriterLifecycle
from sekisho.log.port import (
    CommitUnknownError,
    FencedError,
    LogError,
    MissingTopicError,
    Outgoing,
    Partition,
    SendError,
)


class KafkaTransactionalWriter:
    """The port's TransactionalWriter on aiokafka. `sends` is where a test may put an unsafe one."""

    def __init__(self, config: KafkaConfig, transactional_id: str, sends: PendingSends) -> None:
        self._config = config
        self._id = transactional_id
        self._sends = sends
        self._life = WriterLifecycle(transactional_id, sends)
        self._client: AIOKafkaProducer | None = None

    async def start(self) -> None:
        self._life.started()
        self._client = AIOKafkaProducer(
            **self._config.connection("lane"),
            **self._config.producer(),
            transactional_id=self._id,
            transaction_timeout_ms=self._config.transaction_timeout_ms,
        )
        try:
            async with connecting(self._config, f"taking transactional id {self._id}"):
                await self._client.start()
        except BaseException:
            await self.stop()
            raise

    @property
    def _producer(self) -> AIOKafkaProducer:
        assert self._client is not None, "the lifecycle lets nothing through before start"
        return self._client

    async def begin(self) -> None:
        self._life.begun()
        async with self._step("begin"):
            await self._producer.begin_transaction()

    async def send(self, at: Partition, records: Sequence[Outgoing]) -> Sequence[asyncio.Future[int]]:
        self._life.need_transaction()
        async with self._step(f"send to {at.topic}-{at.partition}"):
            if at.partition not in await self._producer.partitions_for(at.topic):
                raise MissingTopicError(f"topic {at.topic} has no partition {at.partition}")
            return [await self._dispatch(at, batch) for batch in self._fill(records)]

    def _fill(self, records: Sequence[Outgoing]) -> list[BatchBuilder]:
        batches: list[BatchBuilder] = []
        for record in records:
            if not batches or not _append(batches[-1], record):
                batches.append(self._producer.create_batch())
                _append(batches[-1], record)  # the first one always goes in: the broker judges its size
        return batches

    async def _dispatch(self, at: Partition, batch: BatchBuilder) -> asyncio.Future[int]:
        batch.close()
        sent = await self._producer.send_batch(batch, at.topic, partition=at.partition)
        return self._sends.track(asyncio.ensure_future(self._answer(at, sent)))

    async def _answer(self, at: Partition, sent: asyncio.Future[kafka.KafkaError]) -> int:
        """Waits for one batch's acknowledgement: aiokafka itself retries an idempotent batch for ever."""
        what = f"send to {at.topic}-{at.partition}"
        try:
            async with asyncio.timeout(self._config.call_timeout_s):
                return int((await sent).offset)
        except TimeoutError as error:
            raise SendError(f"{what}: no acknowledgement within {self._config.call_timeout_s} s") from error
        except kafka.KafkaError as error:
            raise translated_send(error, what) from error

    async def send_offsets(self, offsets: Mapping[Partition, int], group: str) -> None:
        self._life.need_transaction()
        async with self._step(f"offsets of group {group}"):
            positions = {TopicPartition(*at): offset for at, offset in offsets.items()}
            await self._producer.send_offsets_to_transaction(positions, group)

    async def commit(self) -> None:
        self._life.need_transaction()
        try:
            await self._sends.settle(self._config.call_timeout_s)
        except LogError as error:
            self._life.broke(error)
            raise
        self._life.ended()
        try:
            async with asyncio.timeout(self._config.commit_timeout_s):
                await self._producer.commit_transaction()
        except asyncio.CancelledError as error:
            self._commit_failed(error)
            raise
        except Exception as error:
            raise self._commit_failed(error) from error

    def _commit_failed(self, error: BaseException) -> LogError:
        """Fenced if aiokafka says so, otherwise unknown: the request may have arrived whatever came back."""
        failure = translated(fatal_error(self._producer) or error, f"commit of {self._id}")
        if not isinstance(failure, FencedError):
            failure = CommitUnknownError(f"commit of {self._id}: it may have happened ({error!r})")
        return self._life.broke(failure)

    async def abort(self) -> None:
        self._life.need_open()
        self._life.ended()
        async with self._step("abort"):
            await self._producer.abort_transaction()

    @contextlib.asynccontextmanager
    async def _step(self, what: str) -> AsyncIterator[None]:
        """One step of a transaction: bounded, and any failure in it ends the writer's work."""
        try:
            async with bounded(f"{what} ({self._id})", self._config.call_timeout_s):
                yield
        except (AssertionError, kafka.IllegalOperation) as error:
            # aiokafka's state machine refuses: its sender has failed meanwhile, and that is the reason to tell
            reason = fatal_error(self._producer) or error
            raise self._life.broke(translated(reason, f"{what} ({self._id})")) from error
        except LogError as error:
            self._life.broke(error)
            raise
        except asyncio.CancelledError:
            self._life.broke(SendError(f"{what} ({self._id}) was cancelled half-way"))
            raise

    async def stop(self) -> None:
        self._life.stopped()
        if self._client is not None:
            client, self._client = self._client, None
            await close_producer(client, self._config.stop_timeout_s)


def _append(batch: BatchBuilder, record: Outgoing) -> bool:
    found = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return found is not None


class KafkaWriter:
    """The port's Writer on aiokafka: idempotent, acknowledged by all replicas."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._client: AIOKafkaProducer | None = None

    async def start(self) -> None:
        self._client = AIOKafkaProducer(**self._config.connection("writer"), **self._config.producer())
        try:
            async with connecting(self._config, "starting a writer"):
                await self._client.start()
        except BaseException:
            await self.stop()
            raise

    async def send(self, topic: str, record: Outgoing, partition: int | None = None) -> tuple[Partition, int]:
        if self._client is None:
            raise RuntimeError("this writer is not started, or stopped")
        async with bounded(f"write to {topic}", self._config.call_timeout_s):
            sent = await self._client.send_and_wait(
                topic, record.value, record.key, partition, headers=list(record.headers)
            )
        return Partition(sent.topic, sent.partition), int(sent.offset)

    async def stop(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await close_producer(client, self._config.stop_timeout_s)
