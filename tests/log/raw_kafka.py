"""What no client that keeps to the protocol can do to a Kafka, for tests: raw batches, and partitions added."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from sekisho.log.port import Partition

_CRC_AT, _CHECKED_FROM = 17, 21  # of a record batch, format v2 (KIP-98)
_LENGTH_AT, _BEHIND_LENGTH, _CODEC_BITS = 8, 12, 0b111
UNKNOWN_CODEC: Final = 5
"""The first codec number that Kafka has not given a meaning (0 none … 4 zstd)."""
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


async def append_compressed(bootstrap: str, at: Partition, key: bytes, value: bytes, codec: str) -> int:
    """Appends a record in a batch compressed by its sender; gives its offset."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec)
    await producer.start()
    try:
        sent = await producer.send_and_wait(at.topic, value, key=key, partition=at.partition)
        return int(sent.offset)
    finally:
        await producer.stop()


def damage_checksum(data: Path, at: Partition, offset: int) -> None:
    """Flips a bit of a stored batch, as a bad disk does. No client can: a broker refuses such a batch [M]."""

    def flip(batch: bytearray) -> None:
        batch[-1] ^= 1

    _damage(data, at, offset, flip)


def damage_codec(data: Path, at: Partition, offset: int) -> None:
    """Gives a stored batch a codec that no client knows, its checksum made right, as a broker of the future would."""

    def change(batch: bytearray) -> None:
        (attributes,) = struct.unpack_from(">h", batch, _CHECKED_FROM)
        struct.pack_into(">h", batch, _CHECKED_FROM, (attributes & ~_CODEC_BITS) | UNKNOWN_CODEC)
        struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(bytes(batch[_CHECKED_FROM:])))

    _damage(data, at, offset, change)


def _damage(data: Path, at: Partition, offset: int, change: Callable[[bytearray], None]) -> None:
    """Changes the batch that begins at `offset` in a running broker's first segment of a partition."""
    segment = data / "kafka-data" / f"{at.topic}-{at.partition}" / f"{0:020}.log"
    stored, place = segment.read_bytes(), 0
    while place < len(stored):
        (base,) = struct.unpack_from(">q", stored, place)
        (length,) = struct.unpack_from(">i", stored, place + _LENGTH_AT)
        end = place + _BEHIND_LENGTH + length
        if base == offset:
            batch = bytearray(stored[place:end])
            change(batch)
            with segment.open("r+b") as file:
                file.seek(place)
                file.write(batch)
            return
        place = end
    raise LookupError(f"no batch begins at {offset} in {segment.name} of {at.topic}-{at.partition}")
