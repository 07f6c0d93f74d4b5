"""Fault tests run on worlds of gates: on the in-memory log, and on a real Kafka."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gate.conftest import kafka_world, memory_log, world
from gate.world import World
from kafka_settings import kafka_config
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryLog

__all__ = ["kafka_world", "memory_log", "world"]


@pytest.fixture
async def bare_memory_world(memory_log: MemoryLog, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment on the in-memory log, without topics yet."""
    found = World(memory_log, topic_prefix, tmp_path)
    yield found
    await found.close()


@pytest.fixture
async def bare_kafka_world(broker: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment on a real Kafka, without topics yet."""
    found = World(KafkaLog(kafka_config(broker)), topic_prefix, tmp_path)
    yield found
    await found.close()
    await found.log.close()
