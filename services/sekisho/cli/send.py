"""`sekisho send`: events from a file, onto their topics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import BinaryIO

import click

from sekisho.cli.connection import connected
from sekisho.cli.documents import read_file
from sekisho.cli.messages import Message, messages, now
from sekisho.cli.outcome import DONE, CommandError
from sekisho.log.port import Partition, Writer
from sekisho.settings import Settings


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--force", is_flag=True, help="Send even what the contract refuses, to see what the gate does with it."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each message sent.")
def send(file: BinaryIO, force: bool, as_json: bool) -> int:
    """Publishes the documents of FILE (`-`: stdin) and says what was sent where.

    A document is an event `{type, data}` or an access request alone; YAML documents, JSON or JSON lines. Everything is
    validated before anything is sent. The key is the person's id, which decides the partition (murmur2). One after the
    other: each is acknowledged before the next.

    Exit codes: 0 sent, 1 a document does not follow the contract or Kafka did not take it, 2 not such a file.

    \b
    Examples:
      sekisho send deploy/examples/insurance-list.yaml
      echo '{"type": "sekisho.consent.withdrawn.v1", "data": {…}}' | sekisho send -
      sekisho tail decisions          # the answers
    """
    found = messages(read_file(file))
    wrong = [message.wrong for message in found if message.wrong]
    if wrong:
        for line in wrong:
            click.echo(line, err=True)
        if not force:
            raise CommandError(
                f"{len(wrong)} of {len(found)} documents do not follow the contract; nothing was sent.",
                "Correct them, or send them all the same with --force.",
            )
    asyncio.run(_send(found, as_json=as_json))
    return DONE


async def _send(found: Sequence[Message], *, as_json: bool) -> None:
    settings = Settings.from_environment()
    prefix = settings.topic.prefix
    async with connected(settings) as log:
        writer = log.writer()
        await writer.start()
        try:
            for message in found:
                at, offset = await _one(writer, message, prefix)
                click.echo(_line(message, at, offset, as_json=as_json))
        finally:
            await writer.stop()


async def _one(writer: Writer, message: Message, prefix: str) -> tuple[Partition, int]:
    # what has no readable person has no key: any partition is as good
    partition = 0 if message.subject_id is None else None
    return await writer.send(message.topic.full_name(prefix), message.outgoing(now()), partition)


def _line(message: Message, at: Partition, offset: int, *, as_json: bool) -> str:
    if as_json:
        told = {
            "topic": at.topic,
            "partition": at.partition,
            "offset": offset,
            "key": message.subject_id,
            "type": message.type,
            "id": message.id,
            "line": message.document.line,
        }
        return json.dumps(told, ensure_ascii=False)
    what = message.type.removeprefix("sekisho.").rpartition(".v")[0]
    return f"{message.topic.name} {at.partition}:{offset}  {what} {message.id} of {message.subject_id or 'no person'}"
