"""The log that a command talks to: the Kafka that the settings name, else the one that `sekisho up` keeps running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from sekisho.cli.outcome import InputError
from sekisho.log.port import Log
from sekisho.log.topics import TopicPlan
from sekisho.settings import Settings


def up_folder(settings: Settings) -> Path:
    """Where `sekisho up` keeps its state, logs and data."""
    return settings.state.directory / "up"


def bootstrap_servers(settings: Settings) -> str:
    """The broker's address. Raises InputError where none is named and none is up."""
    from sekisho.local.stack import KAFKA
    from sekisho.local.state import read_state

    if settings.kafka.bootstrap is not None:
        return settings.kafka.bootstrap
    state = read_state(up_folder(settings))
    running = [process.address for process in state.alive if process.name == KAFKA] if state else []
    if not running:
        raise InputError(
            "No Kafka to talk to.",
            "`sekisho up` starts one on this machine; SEKISHO_KAFKA_BOOTSTRAP=host:port names another.",
        )
    return running[0]


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Log]:
    """The log, closed at the end."""
    quiet(settings)
    log = open_log(settings, bootstrap_servers(settings))
    try:
        yield log
    finally:
        await log.close()


def open_log(settings: Settings, bootstrap: str) -> Log:
    """The Kafka at that address, as the settings reach it."""
    from sekisho.bootstrap import kafka_log

    return kafka_log(settings, bootstrap)


def topic_plan(settings: Settings) -> TopicPlan:
    """How the settings want the topics."""
    wanted = settings.topic
    return TopicPlan(
        prefix=wanted.prefix,
        partitions=wanted.partitions,
        replication=wanted.replication,
        min_insync_replicas=wanted.min_insync_replicas,
        max_message_bytes=wanted.max_message_bytes,
        audit_years=settings.audit.retention_years,
    )


def quiet(settings: Settings, stream: TextIO | None = None) -> None:
    """Only what is wrong is logged, on stderr or to `stream`: a command's own output is what it prints."""
    from sekisho.telemetry.logging import LogOptions, configure

    log = settings.log
    options = LogOptions("ERROR", "ERROR", log.format, None, log.library_repeat_seconds)
    configure(options, "cli", settings.instance, stream)
