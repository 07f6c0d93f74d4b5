"""Which partition a key belongs to: murmur2 modulo partitions, as Kafka's own client does it (contract.md, Topics)."""

from __future__ import annotations

from sekisho.contracts.routing import murmur2


def partition_for(key: bytes, partitions: int) -> int:
    """The partition (0-based) of `key` in a topic of `partitions`; the default of Kafka's, aiokafka's and kafkajs's
    producers (librdkafka: `partitioner=murmur2_random`)."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
