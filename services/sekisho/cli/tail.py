"""`sekisho tail`: what is on a topic, and what arrives on it."""

from __future__ import annotations

import asyncio
from typing import Final

import click

from sekisho.cli.connection import connected
from sekisho.cli.outcome import DONE, InputError
from sekisho.cli.printing import print_record
from sekisho.cli.reading import Start, Tailing, tailed
from sekisho.cli.screen import stdout_screen
from sekisho.contracts.topics import TOPICS, TopicSpec
from sekisho.settings import Settings

SHORT: Final = {
    "requests": "access-requests",
    "consents": "consent-events",
    "decisions": "access-decisions",
    "records": "provision-records",
    "rejected": "rejected-events",
}


@click.command()
@click.argument("topic")
@click.option("--json", "as_json", is_flag=True, help="Print each message as one JSON object.")
@click.option(
    "--last", type=click.IntRange(min=0), default=10, show_default=True, help="Begin with so many messages."
)
@click.option("--from-beginning", is_flag=True, help="Begin with the first message that there is.")
@click.option("--from", "position", metavar="P:O", help="Only partition P, beginning at offset O.")
@click.option(
    "--follow/--no-follow", default=True, help="Wait for what arrives, or stop at the end. [default: follow]"
)
@click.option("--max", "most", type=click.IntRange(min=1), help="Stop after so many messages.")
def tail(
    topic: str,
    as_json: bool,
    last: int,
    from_beginning: bool,
    position: str | None,
    follow: bool,
    most: int | None,
) -> int:
    """Shows the messages of TOPIC, committed ones only, in words or as JSON; waits for more until Ctrl-C.

    TOPIC is requests, consents, decisions, records, rejected, rulebooks, or a topic's name (without the prefix).

    \b
    Examples:
      sekisho tail decisions
      sekisho tail records --from-beginning --no-follow --json
      sekisho tail decisions --from 3:977 --max 1
    """
    spec = topic_named(topic)
    start = Start.beginning() if from_beginning else Start.last(last)
    if position is not None:
        start = Start.at(*_position(position))
    asyncio.run(_tail(spec, Tailing(start, follow, most), as_json=as_json))
    return DONE


def topic_named(name: str) -> TopicSpec:
    """The topic of that name or short name. Raises InputError that lists them."""
    settings_name = SHORT.get(name, name)
    for spec in TOPICS:
        if spec.name == settings_name:
            return spec
    known = ", ".join((*SHORT, *(spec.name for spec in TOPICS if spec.name not in SHORT.values())))
    raise InputError(f'no topic "{name}"', f"Known: {known}.")


def _position(text: str) -> tuple[int, int]:
    partition, _, offset = text.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise InputError(f'"{text}" is no position', "Give PARTITION:OFFSET, for example 3:977.")
    return int(partition), int(offset)


async def _tail(spec: TopicSpec, tailing: Tailing, *, as_json: bool) -> None:
    settings = Settings.from_environment()
    screen = stdout_screen()
    async with connected(settings) as log:
        async for record in tailed(log, spec.full_name(settings.topic.prefix), tailing):
            print_record(screen, spec, record, as_json=as_json)
