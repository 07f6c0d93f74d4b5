"""After a deletion: makes the freed bytes leave the database's own files (ADR 0019).

A deleted row stays in its page until VACUUM, and what VACUUM frees is only overwritten by later rows. A partition that was
emptied is cut to nothing by VACUUM; one that still holds rows is written anew (VACUUM FULL), which locks that month alone and
takes as long as its living rows take to copy: above a size it is left to the operator.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import date
from typing import Final, NamedTuple

import structlog
from psycopg import sql

from sekisho.ledger.store.connection import SCHEMA, Connection, rows, session
from sekisho.ledger.store.copying import OPEN_SHELF
from sekisho.ledger.store.errors import StoreError, translated

log = structlog.get_logger()

REWRITTEN_UP_TO: Final = 256 * 1024 * 1024
"""Bytes of a partition that are copied without being asked: about a second, for which ingestion into it waits."""
_PAUSE_S: Final = 0.2
_PATIENCE: Final = 50
"""Looks for older snapshots: ten seconds, longer than any transaction of the ledger's own."""

_PARTITIONS: Final = """
    SELECT c.relname::text, pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0),
        pg_stat_get_dead_tuples(c.oid)
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'sekisho_ledger.payload'::regclass ORDER BY c.relname
"""
_OLDER: Final = """
    SELECT EXISTS (SELECT FROM (
        SELECT backend_xmin AS xmin FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()
        UNION ALL SELECT xmin FROM pg_replication_slots) AS seen WHERE age(xmin) > age(%s::xid))
"""


class Erased(NamedTuple):
    """A partition after a deletion. `clean` false: deleted bytes may still be in its file. Sizes None: unknown."""

    partition: str
    bytes_before: int | None
    bytes_after: int | None
    clean: bool


class _Partition(NamedTuple):
    name: str
    size: int
    dead: int


async def erase(url: str, shelves: Collection[date], *, rewrite: bool = False) -> list[Erased]:
    """Cleans the partitions of these shelves and those that a killed run left with dead rows; `rewrite`: all, whatever their size.

    Runs as the owner: only a table's owner may VACUUM it (PostgreSQL before 17). Where the database's user may not become that,
    or a lock is not to be had, it says so in the log and in the result: what is deleted is deleted, its bytes go later.
    """
    try:
        async with session(url, "owner", application="sekisho-erasing", statement_seconds=3600) as conn:
            found = [
                each for each in await _partitions(conn) if each.size and (rewrite or _touched(each, shelves))
            ]
            settled = not found or await _unseen(conn)
            return [await _clean(conn, each, rewrite=rewrite, settled=settled) for each in found]
    except StoreError as error:
        log.warning("deleted bytes not erased", error=error)
        return [Erased(name_of(shelf), None, None, False) for shelf in sorted(shelves)]


def name_of(shelf: date) -> str:
    """The partition of a shelf."""
    return "payload_open" if shelf == OPEN_SHELF else f"payload_{shelf:%Y_%m}"


def _touched(partition: _Partition, shelves: Collection[date]) -> bool:
    return partition.dead > 0 or partition.name in {name_of(shelf) for shelf in shelves}


async def _clean(conn: Connection, partition: _Partition, *, rewrite: bool, settled: bool) -> Erased:
    await _vacuum(conn, partition.name, "TRUNCATE true, INDEX_CLEANUP on")
    after = await _size(conn, partition.name)
    clean = after == 0
    if not clean and settled and (rewrite or after <= REWRITTEN_UP_TO):
        await _vacuum(conn, partition.name, "FULL")
        after, clean = await _size(conn, partition.name), True
    return Erased(partition.name, partition.size, after, clean)


async def _vacuum(conn: Connection, partition: str, options: str) -> None:
    query = sql.SQL("VACUUM ({}) {}").format(sql.SQL(options), sql.Identifier(SCHEMA, partition))
    with translated("erasing the bytes of deleted rows"):
        await conn.execute(query)


async def _unseen(conn: Connection) -> bool:
    """Waits until nobody's snapshot is older than now: VACUUM keeps what such a one could still see. False: somebody's is."""
    (own,) = (
        await rows(
            conn, "SELECT pg_current_xact_id()::xid::text", doing="asking for the time in transactions"
        )
    )[0]
    for _ in range(_PATIENCE):
        (older,) = (await rows(conn, _OLDER, (own,), doing="looking for older snapshots"))[0]
        if not older:
            return True
        await asyncio.sleep(_PAUSE_S)
    return False


async def _partitions(conn: Connection) -> list[_Partition]:
    return [
        _Partition(*each) for each in await rows(conn, _PARTITIONS, doing="listing the payloads' partitions")
    ]


async def _size(conn: Connection, partition: str) -> int:
    for each in await _partitions(conn):
        if each.name == partition:
            return each.size
    return 0
