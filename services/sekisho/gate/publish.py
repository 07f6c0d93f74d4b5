"""The rulebook is published and acknowledged before its first use, so that a replay years later has it."""

from __future__ import annotations

from datetime import datetime

import structlog

from sekisho.contracts import rulebooks
from sekisho.log.port import Log, Outgoing
from sekisho.rulebook import LoadedRulebook

_log = structlog.get_logger(__name__)


async def publish_rulebook(log: Log, topic: str, loaded: LoadedRulebook, engine: str, at: datetime) -> None:
    """Writes the rulebook's sources under its digest (the topic is compacted) and waits for the acknowledgement.

    Raises LogError: a rulebook that is not published must not decide.
    """
    book = loaded.book
    encoded = rulebooks.encode(book.version, book.digest, loaded.texts, engine=engine, at=at)
    writer = log.writer()
    await writer.start()
    try:
        await writer.send(topic, Outgoing(book.digest.encode(), encoded.value, encoded.headers))
    finally:
        await writer.stop()
    _log.info("rulebook_published", version=book.version, digest=book.digest)
