"""Which logs there are and where they end."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from psycopg.rows import TupleRow

from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.errors import BadRowError
from sekisho.ledger.store.rows import Head, Log, LogKind

FORMAT: Final = 1
"""Of the leaves and logs; the schema has a version of its own."""
_LOG: Final = "l.log_id, l.origin, l.kind, l.topic, l.topic_id, l.partition, l.year, l.opened_at"
_HEAD: Final = "h.log_id, h.size, h.next_offset, h.last_offset, h.last_at, h.frontier, h.closed"
_BOTH: Final = f"SELECT {_LOG}, {_HEAD} FROM log l JOIN log_head h USING (log_id)"  # noqa: S608  # constants
_LOGS: Final = f"SELECT {_LOG} FROM log l"  # noqa: S608  # constants
_LOG_WIDTH: Final = 8


class Ledger(NamedTuple):
    """Which ledger the database holds: its origin starts those of all its logs."""

    id: str
    origin: str
    created_at: datetime
    format: int


async def ledger(connection: Connection) -> Ledger | None:
    """The ledger of this database; None before `create_ledger`."""
    found = await row(
        connection,
        "SELECT id::text, origin, created_at, format FROM ledger",
        doing="reading which ledger this is",
    )
    return None if found is None else Ledger(*found)


async def create_ledger(connection: Connection, origin: str) -> Ledger:
    """The database's ledger, made where there is none. Raises BadRowError where it has another origin."""
    query = "INSERT INTO ledger (origin, format) VALUES (%s, %s) ON CONFLICT DO NOTHING RETURNING 0"
    await rows(connection, query, (origin, FORMAT), doing="naming the ledger")
    found = await ledger(connection)
    assert found is not None
    if found.origin != origin:
        raise BadRowError(
            f"this database holds the ledger {found.origin}, not {origin}: name its own origin, or another database."
        )
    return found


async def logs(connection: Connection, kind: LogKind | None = None) -> list[Log]:
    """All logs, or those of a kind, by origin."""
    query = f'SELECT {_LOG} FROM log l WHERE %(kind)s::text IS NULL OR kind = %(kind)s ORDER BY origin COLLATE "C"'  # noqa: S608
    return [Log(*each) for each in await rows(connection, query, {"kind": kind}, doing="listing the logs")]


async def log_of(connection: Connection, origin: str) -> Log | None:
    """The log of this origin."""
    found = await row(connection, f"{_LOGS} WHERE origin = %s", (origin,), doing="looking for a log")
    return None if found is None else Log(*found)


async def head(connection: Connection, log_id: int, *, lock: bool = False) -> Head | None:
    """Where a log ends. `lock`: nobody moves it until the transaction ends."""
    query = f"SELECT {_HEAD} FROM log_head h WHERE log_id = %s {'FOR UPDATE' if lock else ''}"  # noqa: S608
    found = await row(connection, query, (log_id,), doing="reading a log's head")
    return None if found is None else Head(*found)


async def heads(connection: Connection, kind: LogKind | None = None) -> list[tuple[Log, Head]]:
    """All logs with their heads, of one moment, by origin."""
    query = f'{_BOTH} WHERE %(kind)s::text IS NULL OR l.kind = %(kind)s ORDER BY l.origin COLLATE "C"'
    return [
        _both(each) for each in await rows(connection, query, {"kind": kind}, doing="reading the logs' heads")
    ]


async def current(
    connection: Connection, kind: LogKind, topic_id: str | None = None, partition: int | None = None
) -> tuple[Log, Head] | None:
    """The log of the newest year of a topic partition (both None: of acts or meta), with its head."""
    query = (
        f"{_BOTH} WHERE l.kind = %s AND l.topic_id IS NOT DISTINCT FROM %s::text AND l.partition IS NOT DISTINCT FROM %s::int4 "
        "ORDER BY l.year DESC NULLS LAST LIMIT 1"
    )
    found = await row(connection, query, (kind, topic_id, partition), doing="looking for the current log")
    return None if found is None else _both(found)


def _both(found: TupleRow) -> tuple[Log, Head]:
    return Log(*found[:_LOG_WIDTH]), Head(*found[_LOG_WIDTH:])
