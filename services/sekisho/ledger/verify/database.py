"""A ledger's database as a source, at one moment, and the published files beside it.

Read with the reader's rights in one read-only snapshot that every process of a verification shares: what is written meanwhile is
not seen. What was published is looked at first, so the database must hold all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from sekisho.ledger.merkle.tiles import Tile
from sekisho.ledger.verify.published import Published
from sekisho.ledger.verify.remarks import remarks
from sekisho.ledger.verify.signed import written
from sekisho.ledger.verify.sources import (
    Columns,
    Derived,
    Head,
    HoldRow,
    LeafRow,
    LogRow,
    PayloadRow,
    Place,
    PurgedRow,
    Source,
    SourceError,
    Stored,
    StoredCheckpoint,
)

CONNECT_S: Final = 10
"""How long the server may take to answer (s)."""
CHUNK: Final = 4096
"""Leaves fetched at once: 2 MB."""
MISSING: Final = 65_536
"""Leaves at most that are looked for, and told one by one, where a head says that there are more than are there."""
PAYLOADS: Final = 1024
"""Payloads fetched at once: 2 MB of records as they usually are."""

_LOGS: Final = """
    SELECT l.log_id, l.origin, l.kind, l.topic_id, l.partition, l.year, h.size, h.next_offset, h.last_offset, h.last_at,
        h.frontier, h.closed, (SELECT max(idx) + 1 FROM sekisho_ledger.leaf f WHERE f.log_id = l.log_id)
    FROM sekisho_ledger.log l LEFT JOIN sekisho_ledger.log_head h USING (log_id) ORDER BY l.origin"""
_LEAVES: Final = """
    SELECT idx, leaf, hash, koff FROM sekisho_ledger.leaf WHERE log_id = %s AND idx >= %s AND idx < %s ORDER BY idx"""
_PAYLOADS: Final = """
    SELECT idx, salt, body, rid, kind, shelf, retain_until, scope, subject_hmac, record_id, decision_id, direction, basis, method,
        controller, counterparty, provided_on, created_at
    FROM sekisho_ledger.payload WHERE log_id = %s AND idx >= %s AND idx < %s ORDER BY idx, shelf"""
_CHECKPOINTS: Final = """
    SELECT size, root, note, signed_at FROM sekisho_ledger.checkpoint WHERE log_id = %s ORDER BY size, signed_at"""
_TILES: Final = """
    SELECT n, tile FROM sekisho_ledger.hash_tile WHERE log_id = %s AND level = %s AND n >= %s AND n <= %s"""
_EXTENSIONS: Final = """
    SELECT idx, scope, target_log, target_idx, retain_until, at FROM sekisho_ledger.extension WHERE log_id = %s"""
_COVERS: Final = "SELECT hold, idx FROM sekisho_ledger.hold_cover WHERE log_id = %s"
_RELEASES: Final = "SELECT idx, hold FROM sekisho_ledger.hold_release WHERE log_id = %s"
_PURGED: Final = """
    SELECT idx, act_log, act_idx, purged_at, created_on, disclosable FROM sekisho_ledger.purged WHERE log_id = %s"""
_PLACED: Final = "SELECT hold, at, selector FROM sekisho_ledger.hold"
_SCOPES: Final = "SELECT scope, key FROM sekisho_ledger.scope WHERE scope = ANY(%s::uuid[])"
_LOOSE_ROWS: Final = " UNION ALL ".join(
    f"SELECT '{table}', log_id, count(*) FROM sekisho_ledger.{table} WHERE log_id NOT IN (SELECT log_id FROM sekisho_ledger.log) "  # noqa: S608
    "GROUP BY log_id"
    for table in ("extension", "hold_cover", "hold_release", "purged", "checkpoint", "hash_tile")
)
_LOOSE_TILES: Final = """
    SELECT t.log_id, count(*) FROM sekisho_ledger.hash_tile t JOIN sekisho_ledger.log_head h USING (log_id)
    WHERE t.n >= h.size >> (8 * (t.level + 1)) GROUP BY t.log_id"""
_OF_OTHERS: Final = """
    SELECT l.origin FROM sekisho_ledger.log l CROSS JOIN sekisho_ledger.ledger g WHERE NOT starts_with(l.origin, g.origin || '/')"""
_LOOSE_LEAVES: Final = """
    SELECT t.log_id, count(*), min(t.idx), max(t.idx) FROM sekisho_ledger.leaf t LEFT JOIN sekisho_ledger.log_head h USING (log_id)
    WHERE h.log_id IS NULL OR t.idx < 0 OR t.idx >= h.size GROUP BY t.log_id"""
_LOOSE_PAYLOADS: Final = """
    SELECT t.log_id, count(*), min(t.idx), max(t.idx) FROM sekisho_ledger.payload t LEFT JOIN sekisho_ledger.log_head h USING (log_id)
    WHERE h.log_id IS NULL OR t.idx < 0 OR t.idx >= h.size GROUP BY t.log_id"""

_UNPUBLISHED: Final = (
    "公開ファイルが見つからないため、公開済みのタイルとチェックポイントは検証していません（--published）。",
    "There is no folder of published files: tiles and checkpoints as published were not verified (--published).",
)


@dataclass(frozen=True)
class DatabaseOpening:
    """Opens the database; `snapshot`: as another connection of the same verification sees it."""

    url: str
    published: Path | None
    signed: tuple[tuple[str, bytes], ...] = ()
    """What was published when the verification began: a log's origin and its checkpoint's note."""
    snapshot: str | None = None

    @contextmanager
    def __call__(self) -> Iterator[Source]:
        """Raises SourceError."""
        with (
            _translated(),
            _connected(self.url) as conn,
        ):
            _begin(conn, self.snapshot)
            yield Database(conn, self.published, dict(self.signed))


@contextmanager
def database(url: str, published: Path | None) -> Iterator[DatabaseOpening]:
    """How to open the database as it is now, for as long as this lasts. Raises SourceError."""
    signed = () if published is None else tuple(Published(published).checkpoints().items())
    with _translated(), _connected(url) as conn:
        _begin(conn, None)
        row = conn.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield DatabaseOpening(url, published, signed, row[0])


def _connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, application_name="sekisho-verify", connect_timeout=CONNECT_S)


def _begin(conn: psycopg.Connection[Any], snapshot: str | None) -> None:
    row = conn.execute("SELECT to_regclass('sekisho_ledger.leaf') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        raise SourceError(
            "this database holds no ledger (it has no schema sekisho_ledger): check SEKISHO_DATABASE_URL"
        )
    conn.execute("SET ROLE sekisho_reader")
    conn.execute("SET TimeZone TO 'UTC'")
    conn.execute("SET search_path TO pg_catalog")  # whatever the database's own setting puts before it
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if snapshot is not None:
        conn.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise SourceError(f"the ledger's database cannot be read: {str(error).strip()}") from error


class Database:
    """The source that a connection within the snapshot gives."""

    name = "database"

    def __init__(
        self, conn: psycopg.Connection[Any], published: Path | None, signed: dict[str, bytes]
    ) -> None:
        self._conn = conn
        self._published = None if published is None else Published(published)
        self._signed = signed
        self._cursor = conn.cursor(binary=True, row_factory=tuple_row)

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._cursor.execute(query, values).fetchall()

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {row[1]: row[0] for row in self._rows(_LOGS)}

    @cached_property
    def _origins(self) -> dict[int, str]:
        return {number: origin for origin, number in self._ids.items()}

    def logs(self) -> list[LogRow]:
        """Every row of `log`. One without a head counts as long as its leaves reach, with a head that says nothing."""
        found = []
        for _, origin, kind, topic_id, partition, year, size, *rest, leaves in self._rows(_LOGS):
            head = Head(*rest) if size is not None else Head(0, None, None, b"", False)
            # a head may claim any number
            told = leaves or 0 if size is None else min(size, (leaves or 0) + MISSING)
            found.append(LogRow(origin, kind, topic_id, partition, year, told, head))
        return found

    def keys(self) -> list[str]:
        """Those that were published."""
        return [] if self._published is None else self._published.keys()

    def leaves(self, log: LogRow, low: int, high: int) -> Iterator[LeafRow]:
        """By chunks."""
        number = self._ids[log.origin]
        for first in range(low, high, CHUNK):
            yield from map(LeafRow._make, self._rows(_LEAVES, number, first, min(first + CHUNK, high)))

    def places(self, log: LogRow) -> list[Place]:
        """The table of full tiles, and the published files."""
        query = "SELECT coalesce(max(size), 0) FROM sekisho_ledger.checkpoint WHERE log_id = %s"
        ((signed,),) = self._rows(query, self._ids[log.origin])
        places = [Place("hash_tile", min(signed, log.size), bundles=False, partial=False)]
        if self._published is not None and log.origin in self._signed:
            size = self._published.signed_size(self._signed[log.origin])
            places.append(Place("published", min(size, log.size), bundles=True, partial=True))
        return places

    def tiles(self, log: LogRow, place: Place, wanted: Iterable[Tile]) -> Iterator[Stored]:
        """From the table or the files."""
        if place.name == "published":
            assert self._published is not None
            yield from self._published.tiles(log.origin, wanted)
            return
        levels: dict[int, list[Tile]] = {}
        for tile in wanted:
            levels.setdefault(tile.level, []).append(tile)
        for level, tiles in levels.items():
            low, high = tiles[0].n, tiles[-1].n
            stored = dict(self._rows(_TILES, self._ids[log.origin], level, low, high))
            for tile in tiles:
                yield Stored(tile, stored.get(tile.n))

    def checkpoints(self, log: LogRow) -> Iterator[StoredCheckpoint]:
        """Those of the table, then the published one."""
        for size, root, note, signed_at in self._rows(_CHECKPOINTS, self._ids[log.origin]):
            yield StoredCheckpoint(note.encode(), "the checkpoint in the database", size, root, signed_at)
        if log.origin in self._signed:
            yield StoredCheckpoint(self._signed[log.origin], "the published checkpoint")

    def orphans(self) -> Iterator[tuple[str, bytes]]:
        """What is published of logs that the database does not have."""
        return ((origin, note) for origin, note in sorted(self._signed.items()) if origin not in self._ids)

    def payloads(self, log: LogRow, low: int, high: int) -> Iterator[PayloadRow]:
        """By chunks."""
        number = self._ids[log.origin]
        for first in range(low, high, PAYLOADS):
            for index, salt, body, *columns in self._rows(
                _PAYLOADS, number, first, min(first + PAYLOADS, high)
            ):
                yield PayloadRow(index, salt, body, Columns._make(columns))

    def redacted(self, log: LogRow) -> frozenset[int]:  # noqa: ARG002 (the port's signature)
        """Nothing is left out of a database."""
        return frozenset()

    def derived(self, log: LogRow) -> Derived | None:
        """The tables that are joined when records are found, held, kept and deleted."""
        number = self._ids[log.origin]
        extensions: dict[int, tuple[str, str | None, str]] = {}
        for index, scope, target_log, target, until, at in self._rows(_EXTENSIONS, number):
            of = str(scope) if scope is not None else f"{self._origins.get(target_log, target_log)} #{target}"
            extensions[index] = of, None if until is None else until.isoformat(), written(at)
        covers, releases = self._rows(_COVERS, number), self._rows(_RELEASES, number)
        purged = {row[0]: self._purged_row(*row[1:]) for row in self._rows(_PURGED, number)}
        return Derived(
            extensions,
            frozenset((str(hold), index) for hold, index in covers),
            {index: str(hold) for index, hold in releases},
            purged,
        )

    @cached_property
    def _placed(self) -> dict[str, HoldRow]:
        return {str(hold): HoldRow(written(at), selector) for hold, at, selector in self._rows(_PLACED)}

    def holds(self) -> dict[str, HoldRow] | None:
        """The table by which new records are seen to be held; read once."""
        return self._placed

    def scopes(self, wanted: Sequence[str]) -> dict[str, bytes] | None:
        """From the table by which a new record finds its scope."""
        return {str(scope): key for scope, key in self._rows(_SCOPES, wanted)}

    def purged(self, log: LogRow, low: int, high: int) -> dict[int, PurgedRow] | None:
        """From the table that a purge leaves its rows in."""
        found = self._rows(f"{_PURGED} AND idx >= %s AND idx < %s", self._ids[log.origin], low, high)
        return {row[0]: self._purged_row(*row[1:]) for row in found}

    def _purged_row(
        self, log_id: int, act: int, at: datetime, created_on: date, disclosable: bool
    ) -> PurgedRow:
        origin = self._origins.get(log_id, str(log_id))
        return PurgedRow(origin, act, written(at), created_on, disclosable)

    def remarks(self) -> Iterator[tuple[str, str]]:
        """Of the database's guards, and whether the published files were looked at."""
        yield from remarks(self._rows)
        if self._published is None:
            yield _UNPUBLISHED

    def unaccounted(self) -> Iterator[tuple[str, str, str]]:
        """Rows of no log, and payloads outside their log."""
        for query, kind, what in (
            (_LOOSE_LEAVES, "leaf.unsigned", "leaves"),
            (_LOOSE_PAYLOADS, "payload.unaccounted", "payloads"),
        ):
            for log_id, count, low, high in self._rows(query):
                where = self._origins.get(log_id, f"log {log_id}")
                yield kind, where, f"{count} {what} from index {low} to {high} stand outside their log"
        for table, log_id, count in self._rows(_LOOSE_ROWS):
            yield "stored.differs", f"log {log_id}", f"{count} rows of {table} are of a log that is not there"
        for log_id, count in self._rows(_LOOSE_TILES):
            told = f"{count} rows of hash_tile stand beyond what the log has"
            yield "stored.differs", self._origins.get(log_id, f"log {log_id}"), told
        for (origin,) in self._rows(_OF_OTHERS):
            yield "stored.differs", origin, "the database says that it holds the ledger of another origin"
        for origin, _ in self.orphans():
            yield "log.missing", origin, "its checkpoint is published, but the database has no such log"
        yield from self._unpublished()

    def _unpublished(self) -> Iterator[tuple[str, str, str]]:
        """Logs that were signed, but whose checkpoint is not among the published files, not even by now."""
        if self._published is None:
            return
        now = self._published.checkpoints().keys() | self._signed.keys()
        for origin, number in self._ids.items():
            query = "SELECT count(*) FROM sekisho_ledger.checkpoint WHERE log_id = %s"
            if origin not in now and self._rows(query, number)[0][0]:
                yield "checkpoint.missing", origin, "it was signed, but its checkpoint is not published"
