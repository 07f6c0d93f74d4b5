"""The demo on a real Kafka: one of its own in a temporary folder, or the one that the settings name."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from sekisho.cli.connection import open_log, quiet, topic_plan
from sekisho.cli.demo.ending import run
from sekisho.cli.demo.evening import Evening, Ground
from sekisho.cli.demo.local_gates import LocalGates, running
from sekisho.cli.demo.performance import Performance, Played, epilogue, perform_on
from sekisho.cli.here import (
    GateHome,
    broker_limits,
    jars,
    process_limits,
    world_of_today,
    write_rulebook,
)
from sekisho.cli.screen import Screen
from sekisho.contracts.topics import GATE_TOPICS, RULEBOOKS, SOLICITATION_OUTCOMES
from sekisho.local.broker import LocalKafka
from sekisho.log.port import Log
from sekisho.log.topics import create_topics
from sekisho.settings import Settings, child_environment

DEMO_TOPICS: Final = (*GATE_TOPICS, SOLICITATION_OUTCOMES, RULEBOOKS)
QUICK: Final = {
    # the least that a broker allows: a killed gate's lanes are taken over after this time
    "SEKISHO_KAFKA_SESSION_SECONDS": "6",
    "SEKISHO_KAFKA_HEARTBEAT_SECONDS": "2",
    "SEKISHO_LOG_FORMAT": "json",
}
"""What the demo sets beside the person's own settings."""


def perform(screen: Screen, folder: Path, pause: float, requests: int, ending: ExitStack) -> int:
    """Starts Kafka and the gates (`ending` stops them), plays, counts; the exit code."""
    given = Settings.from_environment()
    variables = dict(QUICK)
    if given.kafka.bootstrap is not None:
        variables["SEKISHO_TOPIC_PREFIX"] = f"sekisho-demo-{secrets.token_hex(4)}-"
        bootstrap = given.kafka.bootstrap
        screen.text(f"Playing on the Kafka at {bootstrap}, topics {variables['SEKISHO_TOPIC_PREFIX']}*")
    else:
        bootstrap = _own_kafka(screen, given, folder, ending)
    world = world_of_today()
    rulebook = write_rulebook(world.rulebook, folder / "rulebook")
    home = GateHome(bootstrap, rulebook, secrets.token_hex(32), folder / "state")
    settings = Settings.from_environment(child_environment({**home.variables(), **variables}))
    quiet(settings)
    run(_create(settings, bootstrap))
    if given.kafka.bootstrap is not None:
        ending.callback(lambda: run(_delete(settings, bootstrap)))
    gates = ending.enter_context(running(home, process_limits(settings), folder, variables))
    performance = Performance(screen, settings, world, pause, requests)
    played = run(_play(performance, bootstrap, gates))
    proven = Evening(screen, folder, Ground(home, variables, world, played.records), ending).play()
    epilogue(screen)
    return max(played.code, proven)


def _own_kafka(screen: Screen, settings: Settings, folder: Path, ending: ExitStack) -> str:
    found = jars(settings, screen)
    screen.text(f"Starting Kafka, data in {folder} …")
    kafka = ending.enter_context(LocalKafka(found, broker_limits(settings), data_dir=folder / "kafka"))
    screen.text(f"Kafka runs at {kafka.bootstrap} (pid {kafka.pid})")
    return kafka.bootstrap


async def _create(settings: Settings, bootstrap: str) -> None:
    log = open_log(settings, bootstrap)
    try:
        await create_topics(log, topic_plan(settings), DEMO_TOPICS)
    finally:
        await log.close()


async def _delete(settings: Settings, bootstrap: str) -> None:
    log = open_log(settings, bootstrap)
    try:
        for name in await log.describe([each.full_name(settings.topic.prefix) for each in DEMO_TOPICS]):
            await log.delete(name)
        for group in ("gate", "router"):
            await log.delete_group_offsets(f"{settings.topic.prefix}{group}")
    finally:
        await log.close()


async def _play(performance: Performance, bootstrap: str, gates: LocalGates) -> Played:
    screen = performance.screen
    screen.text("Starting two gates …")
    await gates.ready()
    pids = ", ".join(f"{name} (pid {gates.pid(name)})" for name in gates.names)
    screen.text(f"Ready: {pids}")
    log: Log = open_log(performance.settings, bootstrap)
    try:
        return await perform_on(performance, log, gates)
    finally:
        await log.close()
