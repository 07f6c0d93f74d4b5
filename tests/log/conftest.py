"""The contract suite's two logs: the in-memory one (unit) and the one on a real Kafka (broker)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from faults.unsafe_memory import UnsafeFaults
from kafka_settings import kafka_config
from log import raw_kafka
from log.bench import Bench, Clock
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Partition

MEMORY_CONFIG = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)


@dataclass
class OutsideMemory:
    """What happens to the in-memory log from outside."""

    faults: UnsafeFaults
    clock: Clock

    def now_ms(self) -> int:
        return self.clock()

    async def append_undecodable(self, at: Partition) -> int:
        return self.faults.append_undecodable(at)

    async def add_partition(self, topic: str, partitions: int) -> None:
        del partitions
        self.faults.add_partition(topic)


@dataclass
class OutsideKafka:
    """What happens to a Kafka from outside."""

    bootstrap: str

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    async def append_undecodable(self, at: Partition) -> int:
        return await raw_kafka.append_undecodable(self.bootstrap, at)

    async def add_partition(self, topic: str, partitions: int) -> None:
        await raw_kafka.add_partition(self.bootstrap, topic, partitions)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory_log(clock: Clock) -> MemoryLog:
    return MemoryLog(MEMORY_CONFIG, clock)


@pytest.fixture
async def memory_bench(memory_log: MemoryLog, clock: Clock, topic_prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(memory_log, topic_prefix, OutsideMemory(UnsafeFaults(memory_log), clock))
    yield bench
    await bench.close()


@pytest.fixture
async def kafka_bench(broker: str, topic_prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(KafkaLog(kafka_config(broker)), topic_prefix, OutsideKafka(broker))
    yield bench
    await bench.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.broker)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """The log under test: every test of the contract runs on both."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found
