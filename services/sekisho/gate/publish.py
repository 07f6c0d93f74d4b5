"""The rulebook is published and acknowledged before its first use, so that a replay years later has it.

It is read back as well: when the brokers appended it tells their clock, to a gate that has only a backlog to read.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import structlog

from sekisho.contracts import rulebooks
from sekisho.log.port import Log, Outgoing, Partition, Record, UnavailableError
from sekisho.rulebook import LoadedRulebook

_log = structlog.get_logger(__name__)
_POLL_MS: Final = 50


async def publish_rulebook(
    log: Log, topic: str, loaded: LoadedRulebook, engine: str, at: datetime
) -> tuple[Partition, int]:
    """Writes the rulebook's sources under its digest (the topic is compacted), waits for the acknowledgement, and gives
    where it stands.

    Raises LogError: a rulebook that is not published must not decide.
    """
    book = loaded.book
    encoded = rulebooks.encode(book.version, book.digest, loaded.texts, engine=engine, at=at)
    writer = log.writer()
    await writer.start()
    try:
        place = await writer.send(topic, Outgoing(book.digest.encode(), encoded.value, encoded.headers))
    finally:
        await writer.stop()
    _log.info("rulebook_published", version=book.version, digest=book.digest)
    return place


async def read_back(log: Log, at: Partition, offset: int, within_seconds: float) -> Record:
    """The record at that place, as the brokers have it. Raises UnavailableError, where it does not come in time."""
    reader = log.partition_reader()
    await reader.start()
    try:
        async with asyncio.timeout(within_seconds):
            await reader.assign({at: offset})
            while True:
                for record in (await reader.fetch(_POLL_MS, 1)).get(at, ()):
                    return record
    except TimeoutError as error:
        raise UnavailableError(f"{at.topic}-{at.partition}@{offset} cannot be read back") from error
    finally:
        await reader.stop()
