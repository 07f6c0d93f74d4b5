"""`sekisho up` and `down`: Kafka and two gates that are kept running, for a person to play with."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from pathlib import Path
from typing import Final

import click

from sekisho.cli.connection import open_log, quiet, topic_plan, up_folder
from sekisho.cli.examples import command, example
from sekisho.cli.here import (
    GateHome,
    broker_limits,
    gate_plan,
    jars,
    process_limits,
    world_of_today,
    write_rulebook,
)
from sekisho.cli.outcome import DONE
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.local.ports import free_ports
from sekisho.local.stack import Stack, bring_down, bringing_up
from sekisho.log.topics import create_topics
from sekisho.settings import Settings

GATES: Final = ("gate-1", "gate-2")


@click.command()
def up() -> int:
    """Starts a real Kafka, creates the topics, starts two gates, and leaves them running until `sekisho down`.

    With SEKISHO_KAFKA_BOOTSTRAP the gates use that Kafka and none is started. Without SEKISHO_RULEBOOK they decide with
    the sample rulebook, moved in time to today.

    \b
    Then:
      sekisho send deploy/examples/insurance-list.yaml
      sekisho tail decisions
      sekisho down
    """
    settings = Settings.from_environment()
    screen = stdout_screen()
    folder = up_folder(settings)
    found = None if settings.kafka.bootstrap else jars(settings, screen)
    with bringing_up(folder, process_limits(settings)) as stack:
        if found is None:
            bootstrap = str(settings.kafka.bootstrap)
        else:
            screen.line("Starting Kafka …")
            bootstrap = stack.start_kafka(found, broker_limits(settings))
        asyncio.run(_topics(settings, bootstrap))
        home = _home(settings, folder, bootstrap)
        addresses = _start_gates(stack, home, screen)
    _tell(screen, home, addresses, folder)
    return DONE


async def _topics(settings: Settings, bootstrap: str) -> None:
    quiet(settings)
    log = open_log(settings, bootstrap)
    try:
        await create_topics(log, topic_plan(settings))
    finally:
        await log.close()


def _home(settings: Settings, folder: Path, bootstrap: str) -> GateHome:
    rulebook = settings.rulebook
    if rulebook is None:
        sample = folder / "rulebook"
        shutil.rmtree(sample, ignore_errors=True)
        rulebook = write_rulebook(world_of_today().rulebook, sample)
    given = settings.payload_hmac_key
    key = given.get_secret_value() if given is not None else _kept_key(folder / "payload-hmac-key")
    return GateHome(bootstrap, rulebook, key, folder / "state")


def _kept_key(path: Path) -> str:
    """The key of the first `up`: rejected payloads stay comparable as long as the topics live."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _start_gates(stack: Stack, home: GateHome, screen: Screen) -> list[str]:
    plans = [
        gate_plan(name, home, port, {}) for name, port in zip(GATES, free_ports(len(GATES)), strict=True)
    ]
    screen.line("Starting two gates …")
    started = [stack.start_service(plan) for plan in plans]
    for service in started:
        service.wait_until_ready()
    return [plan.address for plan in plans]


def _tell(screen: Screen, home: GateHome, addresses: list[str], folder: Path) -> None:
    screen.line()
    screen.line("Running:", "bold")
    screen.line(f"  Kafka      {home.bootstrap}")
    for name, address in zip(GATES, addresses, strict=True):
        screen.line(f"  {name}     {address}/metrics  /healthz  /readyz")
    screen.line(f"  rulebook   {home.rulebook}")
    screen.line(f"  logs       {folder}")
    screen.line()
    screen.line("Try:", "bold")
    screen.line(f"  {command()} send {example('insurance-list.yaml')}")
    screen.line(f"  {command()} tail decisions    # the answers, until Ctrl-C")
    screen.line(f"  {command()} down")


@click.command()
@click.option("--forget", is_flag=True, help="Delete the broker's data and the gates' state too.")
def down(forget: bool) -> int:
    """Stops exactly what `sekisho up` started; the data stays for the next `up`, unless --forget is given.

    \b
    Examples:
      sekisho down
      sekisho down --forget
    """
    settings = Settings.from_environment()
    folder = up_folder(settings)
    ended = bring_down(folder, process_limits(settings), keep_data=not forget)
    for each in ended:
        click.echo(f"{each.name} (pid {each.pid}): {'had ended before' if each.how == 'gone' else each.how}")
    if forget:
        shutil.rmtree(folder / "state", ignore_errors=True)
        click.echo("Data and state deleted.")
    if not ended:
        click.echo("Nothing was up.")
    return DONE
