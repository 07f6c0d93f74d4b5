"""Deletes from the records' topic what the ledger has for good (ledger.md, What stays in Kafka).

A purge that leaves the record's body in a topic is none, so the topic is emptied behind the ledger: up to what is committed, stands
under a checkpoint whose signature is checked here, has been signed for longer than the safety time by the most careful of
three clocks, and, where the operator keeps backups, stands in the newest verified one. A message that could not be decoded
stays: its bytes are nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.reading import UNDECODABLE
from sekisho.ledger.ingest.shard import Source, TopicChangedError
from sekisho.ledger.ingest.topics import compare
from sekisho.ledger.merkle.checkpoint import CheckpointError, open_checkpoint
from sekisho.ledger.merkle.note import NoteError, VerifierKey
from sekisho.ledger.store.connection import Connection, database_now, row, session
from sekisho.ledger.store.copying import OPEN_SHELF
from sekisho.ledger.store.entries import newest_checkpoint_time
from sekisho.ledger.store.errors import StoreError
from sekisho.ledger.store.logs import heads
from sekisho.ledger.store.rows import Head
from sekisho.ledger.store.rows import Log as LedgerLog
from sekisho.log.port import Log, LogError, TopicDescription

_log = structlog.get_logger(__name__)
_OLD_CHECKPOINT: Final = """
    SELECT size, note FROM checkpoint WHERE log_id = %s AND signed_at <= %s ORDER BY size DESC LIMIT 1
"""
_LAST_BELOW: Final = """
    SELECT koff FROM leaf WHERE log_id = %s AND idx < %s AND koff IS NOT NULL ORDER BY idx DESC LIMIT 1
"""
_FIRST_UNDECODED: Final = """
    SELECT min(l.koff) FROM payload p JOIN leaf l USING (log_id, idx)
    WHERE p.shelf = %s AND p.log_id = %s AND p.kind = 'unreadable' AND substring(p.body FOR %s) = %b
"""
Keys = Callable[[], Sequence[VerifierKey]]


class UnsignedCheckpointError(Exception):
    """A stored checkpoint is not signed by the ledger's keys: nothing is deleted on its word."""


class Backups:
    """The checkpoints of the newest verified backup, as files of a folder."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self._folder = folder
        self._keys = keys

    def size_of(self, origin: str) -> int:
        """How far the backup has that log: 0 where no checkpoint of it is there that a key of the ledger signed."""
        keys, size = self._keys(), 0
        for path in sorted(each for each in self._folder.rglob("*") if each.is_file()):
            try:
                size = max(size, open_checkpoint(path.read_bytes(), keys, origin).size)
            except (NoteError, CheckpointError):
                _log.debug("ledger_backup_checkpoint_passed", file=path.name)
        return size


@dataclass(frozen=True, slots=True)
class TrimSetup:
    """What trimming goes by. `backups` None: no folder of backup checkpoints is configured."""

    log: Log
    url: str
    limits: IngestLimits
    clocks: Clocks
    keys: Keys
    backups: Backups | None
    trimmed: Callable[[int], None]
    """Told how many offsets were deleted."""


class Trimmer:
    """Trims one partition of the records' topic, every `trim_seconds`."""

    def __init__(self, setup: TrimSetup, source: Source, topic: TopicDescription) -> None:
        self._setup = setup
        self._source = source
        self._topic = topic

    async def run(self) -> None:
        """Until it is cancelled. What fails is told and tried again at the next time: trimming can wait."""
        while True:
            try:
                await self.trim()
            except (
                StoreError, LogError, TopicChangedError, UnsignedCheckpointError, NoteError, OSError
            ) as error:  # fmt: skip
                _log.warning("ledger_not_trimmed", partition=self._source.at.partition, error=error)
            await asyncio.sleep(self._setup.limits.trim_seconds)

    async def trim(self) -> int:
        """Deletes what may be deleted now; gives how many offsets that were."""
        setup, at = self._setup, self._source.at
        async with session(setup.url, "reader", statement_seconds=setup.limits.statement_seconds) as conn:
            before = await self.bound(conn)
        reader = setup.log.partition_reader(committed=True)
        try:
            await reader.start()
            start = await reader.start_offset(at)
        finally:
            with suppress(LogError):  # what failed before is on its way up
                await reader.stop()
        if before <= start:
            return 0
        found = (await setup.log.describe([at.topic])).get(at.topic)
        if found is None:
            return 0
        compare(self._topic, found)
        await setup.log.delete_records(at, before)
        setup.trimmed(before - start)
        _log.info(
            "ledger_topic_trimmed", topic=at.topic, partition=at.partition, offset=before, records=before - start
        )  # fmt: skip
        return before - start

    async def bound(self, conn: Connection) -> int:
        """The offset before which everything may be deleted."""
        limit = await self._old_enough(conn)
        if limit is None:
            return 0
        bound = 0
        for log, head in await self._logs(conn):
            size = await self._safe_size(conn, log, limit)
            found = await row(conn, _LAST_BELOW, (log.log_id, size), doing="looking for what may be trimmed")
            if found is not None:
                bound = int(found[0]) + 1
            stays = await self._first_undecoded(conn, log)
            if stays is not None:
                return min(bound, stays)
            if size < head.size:
                break
        return bound

    async def _old_enough(self, conn: Connection) -> datetime | None:
        """What was signed until then is old enough, by the clock that is furthest behind; None: nothing was signed yet."""
        signed = await newest_checkpoint_time(conn)
        if signed is None:
            return None
        now = min(signed, self._setup.clocks.wall(), await database_now(conn))
        return now - timedelta(days=self._setup.limits.trim_safety_days)

    async def _logs(self, conn: Connection) -> list[tuple[LedgerLog, Head]]:
        """This partition's, of this topic, the oldest first."""
        found = [
            (log, head)
            for log, head in await heads(conn, "records")
            if (log.topic_id, log.partition) == (self._source.topic_id, self._source.at.partition)
        ]
        return sorted(found, key=lambda each: each[0].log_id)

    async def _safe_size(self, conn: Connection, log: LedgerLog, limit: datetime) -> int:
        found = await row(conn, _OLD_CHECKPOINT, (log.log_id, limit), doing="looking for an old checkpoint")
        if found is None:
            return 0
        size, note = found
        try:
            signed = open_checkpoint(note.encode(), self._setup.keys(), log.origin)
        except (NoteError, CheckpointError) as error:
            raise UnsignedCheckpointError(
                f"the checkpoint of {log.origin} at {size} does not hold: {error}; run `sekisho audit verify`"
            ) from error
        safe = min(int(size), signed.size)
        return safe if self._setup.backups is None else min(safe, self._setup.backups.size_of(log.origin))

    async def _first_undecoded(self, conn: Connection, log: LedgerLog) -> int | None:
        values = (OPEN_SHELF, log.log_id, len(UNDECODABLE), UNDECODABLE)
        found = await row(conn, _FIRST_UNDECODED, values, doing="looking for what could not be decoded")
        return None if found is None or found[0] is None else int(found[0])
