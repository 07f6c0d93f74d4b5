"""The demo on the in-memory log: the same day, the same gates, nothing durable."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from sekisho.cli.connection import quiet, topic_plan
from sekisho.cli.demo.ending import run
from sekisho.cli.demo.memory_gates import running
from sekisho.cli.demo.performance import Performance, epilogue, perform_on
from sekisho.cli.here import GateHome, world_of_today, write_rulebook
from sekisho.cli.screen import Screen
from sekisho.contracts.topics import GATE_TOPICS, RULEBOOKS
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.topics import create_topics
from sekisho.settings import Settings, child_environment


def perform(screen: Screen, folder: Path, pause: float, requests: int) -> int:
    """Plays and counts in this process; the exit code."""
    screen.text(
        "IN MEMORY: everything happens in this process and is gone when it ends. Nothing here is durable; a kill is "
        "the abrupt cancelling of a gate's work. `sekisho demo` does the same on a real Kafka.",
        first="⚠ ", style="bold yellow",
    )  # fmt: skip
    world = world_of_today()
    home = GateHome(
        "memory:0",
        write_rulebook(world.rulebook, folder / "rulebook"),
        secrets.token_hex(32),
        folder / "state",
    )
    variables = {
        **home.variables(),
        "SEKISHO_STATE_DIRECTORY": str(home.state),
        "SEKISHO_HTTP_PORT": "0",
    }
    settings = Settings.from_environment(child_environment(variables))
    with (folder / "gates.log").open("w", encoding="utf-8") as log_file:
        quiet(settings, log_file)
        return run(_play(Performance(screen, settings, world, pause, requests), variables))


async def _play(performance: Performance, variables: dict[str, str]) -> int:
    settings = performance.settings
    config = MemoryConfig(
        max_batch_bytes=settings.kafka.max_batch_bytes,
        transaction_timeout_ms=int(settings.kafka.transaction_seconds * 1000),
        rebalance_timeout_s=settings.kafka.rebalance_seconds,
    )
    log = MemoryLog(config, lambda: int(time.time() * 1000))
    await create_topics(log, topic_plan(settings), (*GATE_TOPICS, RULEBOOKS))
    async with running(log, variables) as gates:
        await gates.ready()
        played = await perform_on(performance, log, gates)
    performance.screen.line()
    performance.screen.text(
        "The ledger (PostgreSQL, signed) comes on only with Kafka: `sekisho demo`.", style="dim"
    )
    epilogue(performance.screen)
    return played.code
