"""The gate's world: on the in-memory log, and on a real Kafka."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gate.world import World
from kafka_settings import kafka_config
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.telemetry.logging import LogOptions, configure


@pytest.fixture(autouse=True)
def log_lines() -> None:
    """Log lines as in production: a traceback for eyes prints whole rulebooks."""
    configure(LogOptions("INFO", "WARNING", "json", None), "gate", "test")


@pytest.fixture
def memory_log() -> MemoryLog:
    """A log in memory with the real time as append time."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    return MemoryLog(config, lambda: int(time.time() * 1000))


@pytest.fixture
async def world(memory_log: MemoryLog, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment on the in-memory log, with its topics."""
    found = World(memory_log, topic_prefix, tmp_path)
    await found.create()
    yield found
    await found.close()


@pytest.fixture
async def kafka_world(broker: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment on a real Kafka, with its topics."""
    found = World(KafkaLog(kafka_config(broker)), topic_prefix, tmp_path)
    await found.create()
    yield found
    await found.close()
    await found.log.close()
