"""Where a key goes: Kafka's default partitioner, the murmur2 of its Java client (runtime.md, Routing)."""

from __future__ import annotations

from typing import Final

KEY_BYTES: Final = 1024
"""Of an input's key, at most, that an output about it carries: an id has 256 characters at most, and a larger key could
make the output too large for the log. Outputs go to explicit partitions, so none is lost or misplaced without its key."""

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def partition_of(key: str, partitions: int) -> int:
    """The partition (0-based) of a key's UTF-8 bytes among `partitions`. Raises ValueError if there are none."""
    return partition_for(key.encode(), partitions)


def partition_for(key: bytes, partitions: int) -> int:
    """The same for a key as it is sent (librdkafka: `partitioner=murmur2_random`)."""
    if partitions < 1:
        raise ValueError("a topic has at least one partition")
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def key_of_output(key: bytes | None) -> bytes | None:
    """An input's key as an output about it carries it: None where it is larger than any id's."""
    return None if key is None or len(key) > KEY_BYTES else key


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 with Kafka's seed, as a Java `int` (org.apache.kafka.common.utils.Utils.murmur2)."""
    length = len(data)
    whole = length & ~3
    h = _SEED ^ length
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h
