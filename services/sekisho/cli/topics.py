"""`sekisho topics`: makes the topics of the contract, and tells how those that are there differ from it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict

import click

from sekisho.cli.connection import connected, topic_plan
from sekisho.cli.outcome import DONE, FOUND
from sekisho.log.topics import TopicFinding, check_made, check_topics, create_topics
from sekisho.settings import Settings


@click.group()
def topics() -> None:
    """Creates and checks the topics, with the partitions, copies and retention of the settings.

    \b
    Examples:
      sekisho topics create
      SEKISHO_TOPIC_PARTITIONS=12 sekisho topics check
    """


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(as_json: bool) -> int:
    """Creates the topics that are missing, then checks all; what is there already is left as it is.

    Exit codes: 0 all is as it must be, 1 something that was there is not (it is told).
    """
    return asyncio.run(_create(as_json=as_json))


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(as_json: bool) -> int:
    """Compares the topics with the contract and the settings; changes nothing.

    Exit codes: 0 all is as it must be, 1 something is not.
    """
    return asyncio.run(_check(as_json=as_json))


async def _create(*, as_json: bool) -> int:
    settings = Settings.from_environment()
    async with connected(settings) as log:
        made = await create_topics(log, topic_plan(settings))
        findings = await check_made(log, topic_plan(settings), made)
    return _told(made, findings, as_json=as_json)


async def _check(*, as_json: bool) -> int:
    settings = Settings.from_environment()
    async with connected(settings) as log:
        findings = await check_topics(log, topic_plan(settings))
    return _told([], findings, as_json=as_json)


def _told(made: list[str], findings: list[TopicFinding], *, as_json: bool) -> int:
    if as_json:
        told = {"created": made, "findings": [asdict(each) for each in findings]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for name in made:
            click.echo(f"created {name}")
        for each in findings:
            click.echo(f"{each.code}  {each}", err=True)
        if not findings:
            click.echo("All topics are as they must be.")
    return FOUND if findings else DONE
