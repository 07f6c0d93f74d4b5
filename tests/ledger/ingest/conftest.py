"""Ledgers on the in-memory log, and on a real Kafka; the database is real in both."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from kafka_settings import kafka_config
from ledger.ingest.lodging import Lodging
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.telemetry.logging import LogOptions, configure


@pytest.fixture(autouse=True)
def log_lines() -> None:
    """Log lines as in production."""
    configure(LogOptions("INFO", "WARNING", "json", None), "ledger", "test")


@pytest.fixture
def memory_log() -> MemoryLog:
    """A log in memory with the real time as append time."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    return MemoryLog(config, lambda: int(time.time() * 1000))


@pytest.fixture
async def lodging(memory_log: MemoryLog, topic_prefix: str, ledger_database: str) -> AsyncIterator[Lodging]:
    """A deployment on the in-memory log, with its topics."""
    found = Lodging(memory_log, ledger_database, topic_prefix)
    await found.create()
    yield found
    await found.close()


@pytest.fixture
async def kafka_lodging(broker: str, topic_prefix: str, ledger_database: str) -> AsyncIterator[Lodging]:
    """A deployment on a real Kafka, with its topics."""
    found = Lodging(KafkaLog(kafka_config(broker)), ledger_database, topic_prefix)
    await found.create()
    yield found
    await found.close()
    await found.log.close()
