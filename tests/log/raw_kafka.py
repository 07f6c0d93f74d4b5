"""What no client that keeps to the protocol can do to a Kafka, for tests: raw batches, and partitions added."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from sekisho.log.port import Partition

_CRC_AT, _CHECKED_FROM = 17, 21  # of a record batch, format v2 (KIP-98)
_PLACEHOLDER, _NOT_UTF8 = b"header-key", b"\xff\xfeader-key"


class RawBatch(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """A batch whose header keys are broken after it was built, its checksum made right again."""

    def _build(self) -> bytes:
        built = bytearray(super()._build().replace(_PLACEHOLDER, _NOT_UTF8))
        struct.pack_into(">I", built, _CRC_AT, calc_crc32c(bytes(built[_CHECKED_FROM:])))
        return bytes(built)


async def append_undecodable(bootstrap: str, at: Partition, good_before: Sequence[bytes] = ()) -> int:
    """Appends a batch of `good_before` and one record whose header key is not UTF-8; gives that record's offset."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        batch = RawBatch(100_000, 0)
        for value in good_before:
            batch.append(timestamp=None, key=b"k", value=value)
        batch.append(timestamp=None, key=b"k", value=b"bad", headers=[(_PLACEHOLDER.decode(), b"1")])
        batch.close()
        sent = await (await producer.send_batch(batch, at.topic, partition=at.partition))
        return int(sent.offset) + len(good_before)
    finally:
        await producer.stop()


async def add_partition(bootstrap: str, topic: str, partitions: int) -> None:
    """Gives a topic more partitions, `partitions` in all."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    asked = admin.create_partitions([NewPartitions(topic, partitions)])
    await asyncio.to_thread(asked[topic].result, 30)
