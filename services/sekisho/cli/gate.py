"""`sekisho gate`: one gate process, and what an operator may do when one stands still.

Settings and services are imported when a command runs: a gate listens for SIGTERM before that, which takes a second.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from sekisho.cli.outcome import DONE, InputError


@click.group(invoke_without_command=True)
@click.pass_context
def gate(ctx: click.Context) -> int | None:
    """Runs one gate until it is stopped (SIGTERM or Ctrl-C). Any number of gates share the work.

    It needs SEKISHO_KAFKA_BOOTSTRAP, SEKISHO_RULEBOOK and SEKISHO_PAYLOAD_HMAC_KEY; docs/settings.md lists the rest.
    Log lines go to stderr; /metrics, /healthz and /readyz are served on SEKISHO_HTTP_PORT.

    \b
    Examples:
      SEKISHO_KAFKA_BOOTSTRAP=localhost:9092 SEKISHO_RULEBOOK=deploy/rulebook \\
        SEKISHO_PAYLOAD_HMAC_KEY=$(openssl rand -hex 32) sekisho gate
      sekisho gate skip 3:41
      sekisho gate resume --accept-loss
    """
    if ctx.invoked_subcommand is not None:
        return None
    with terminable() as told:
        from sekisho.bootstrap import run_gate
        from sekisho.settings import Settings

        return run_gate(Settings.from_environment(), told)


@contextmanager
def terminable() -> Iterator[list[int]]:
    """SIGTERM ends a gate that has opened nothing yet at once, with exit code 0; gives the list of those that came.

    An exception raised by a signal handler is lost where it comes up in a finalizer: the list remembers it.
    """
    told: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        told.append(number)
        raise SystemExit(DONE)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)


@gate.command()
@click.argument("position", metavar="PARTITION:OFFSET")
def skip(position: str) -> int:
    """Passes the consent event at PARTITION:OFFSET that cannot be decoded and holds its partition, in writing.

    Only such a record can be skipped: what it says is lost, and a rejected event (cause `skipped`) says so for as long
    as decisions are kept. Gates that hold notice it by themselves.

    \b
    Example:
      sekisho gate skip 3:41
    """
    partition, _, offset = position.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise InputError(f'"{position}" is no position', "Give PARTITION:OFFSET, for example 3:41.")
    fresh = asyncio.run(_skip(int(partition), int(offset)))
    click.echo(
        "Skipped; a rejected event says so." if fresh else "It was skipped before; nothing was written."
    )
    return DONE


@gate.command()
@click.option("--accept-loss", is_flag=True, help="Required: requests that were lost are never decided.")
def resume(accept_loss: bool) -> int:
    """Lets lanes go on behind requests that were deleted from the log before they were decided.

    Each lost range gets a rejected event (cause `lost_range`) that names it.

    \b
    Example:
      sekisho gate resume --accept-loss
    """
    if not accept_loss:
        raise InputError(
            "Going on means that lost requests are never answered.",
            "Say --accept-loss if that is what you want.",
        )
    lost = asyncio.run(_accept_loss())
    for each in lost:
        click.echo(each)
    if not lost:
        click.echo("Nothing was lost; nothing was written.")
    return DONE


async def _skip(partition: int, offset: int) -> bool:
    from sekisho.bootstrap import gate_remedies
    from sekisho.cli.connection import connected
    from sekisho.settings import Settings

    settings = Settings.from_environment()
    async with connected(settings) as log:
        return await gate_remedies(settings, log).skip(partition, offset)


async def _accept_loss() -> list[str]:
    from sekisho.bootstrap import gate_remedies
    from sekisho.cli.connection import connected
    from sekisho.settings import Settings

    settings = Settings.from_environment()
    async with connected(settings) as log:
        found = await gate_remedies(settings, log).accept_loss()
    return [f"partition {each.partition}: requests {each.first} to {each.last} are lost" for each in found]
