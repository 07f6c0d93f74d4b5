"""The contract suite's two logs: the in-memory one (unit) and the one on a real Kafka (broker)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from kafka_settings import kafka_config
from log.bench import Bench, Clock
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryConfig, MemoryLog


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def memory_bench(clock: Clock, topic_prefix: str) -> AsyncIterator[Bench]:
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    bench = Bench(MemoryLog(config, clock), topic_prefix, clock)
    yield bench
    await bench.close()


@pytest.fixture
async def kafka_bench(broker: str, topic_prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(KafkaLog(kafka_config(broker)), topic_prefix, lambda: int(time.time() * 1000))
    yield bench
    await bench.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.broker)])
def bench(request: pytest.FixtureRequest) -> Bench:
    """The log under test: every test of the contract runs on both."""
    found: Bench = request.getfixturevalue(f"{request.param}_bench")
    return found
