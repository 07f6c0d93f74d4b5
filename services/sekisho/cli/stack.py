"""`sekisho up` and `down`: Kafka, PostgreSQL, two gates and the ledger that are kept running, for a person to play with."""

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
    LEDGER,
    GateHome,
    broker_limits,
    gate_plan,
    jars,
    ledger_plan,
    postgres_limits,
    process_limits,
    world_of_today,
    write_rulebook,
)
from sekisho.cli.outcome import DONE
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.local.ports import free_ports
from sekisho.local.service import ServicePlan
from sekisho.local.stack import POSTGRES, Stack, bring_down, bringing_up
from sekisho.log.topics import create_topics
from sekisho.settings import Settings

GATES: Final = ("gate-1", "gate-2")


@click.command()
def up() -> int:
    """Starts Kafka, PostgreSQL, two gates and the ledger, and leaves them running until `sekisho down`.

    With SEKISHO_KAFKA_BOOTSTRAP they use that Kafka, with SEKISHO_DATABASE_URL that PostgreSQL, and none is started.
    Without SEKISHO_RULEBOOK the gates decide with the sample rulebook, moved in time to today.

    \b
    Then:
      sekisho send deploy/examples/insurance-list.yaml
      sekisho tail decisions
      sekisho send deploy/examples/provision.yaml
      sekisho audit records
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
        url = _database(settings, stack, screen)
        plans = _plans(home, url, _ledger_folder(settings, folder))
        screen.line("Starting two gates and the ledger …")
        started = [stack.start_service(plan) for plan in plans]
        for service in started:
            service.wait_until_ready()
    given = settings.database_url is not None
    _tell(screen, home, plans, folder, "as SEKISHO_DATABASE_URL says" if given else str(folder / POSTGRES))
    return DONE


def _database(settings: Settings, stack: Stack, screen: Screen) -> str:
    given = settings.database_url
    if given is not None:
        return given.get_secret_value()
    screen.line("Starting PostgreSQL …")
    return stack.start_postgres(postgres_limits(settings))


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


def _ledger_folder(settings: Settings, folder: Path) -> Path:
    """A ledger in a database of the person's own has its keys where every command looks for them, and `down` leaves them."""
    return folder / LEDGER if settings.database_url is None else settings.ledger_folder


def _plans(home: GateHome, database_url: str, ledger: Path) -> list[ServicePlan]:
    *gate_ports, ledger_port = free_ports(len(GATES) + 1)
    gates = [gate_plan(name, home, port, {}) for name, port in zip(GATES, gate_ports, strict=True)]
    return [*gates, ledger_plan(home, database_url, ledger, ledger_port, {})]


def _tell(screen: Screen, home: GateHome, plans: list[ServicePlan], folder: Path, database: str) -> None:
    screen.line()
    screen.line("Running:", "bold")
    screen.line(f"  Kafka      {home.bootstrap}")
    screen.line(f"  PostgreSQL {database}")
    for plan in plans:
        screen.line(f"  {plan.name:<10} {plan.address}/metrics  /healthz  /readyz")
    screen.line(f"  rulebook   {home.rulebook}")
    screen.line(f"  logs       {folder}")
    screen.line()
    screen.line("Try:", "bold")
    screen.line(f"  {command()} send {example('insurance-list.yaml')}")
    screen.line(f"  {command()} tail decisions    # the answers, until Ctrl-C")
    screen.line(f"  {command()} send {example('provision.yaml')}")
    screen.line(f"  {command()} audit records     # what the ledger keeps of it")
    screen.line(f"  {command()} down")


@click.command()
@click.option(
    "--forget",
    is_flag=True,
    help="Delete the data of Kafka and PostgreSQL, the gates' state and the ledger's keys too.",
)
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
        # the keys of a ledger in a database of the person's own are not ours to delete
        gone = ("state",) if settings.database_url is not None else ("state", LEDGER)
        for name in gone:
            shutil.rmtree(folder / name, ignore_errors=True)
        click.echo("Data and state deleted.")
    if not ended:
        click.echo("Nothing was up.")
    return DONE
