"""Taking batches in: one transaction moves the head (the fence), copies leaves and payloads, and nothing of it is kept unless all is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from psycopg import errors as pg

from sekisho.ledger.store.connection import Connection, rows, transaction
from sekisho.ledger.store.copying import (
    LEAF_COLUMNS,
    OPEN_SHELF,
    PAYLOAD_COLUMNS,
    leaf_rows,
    payload_rows,
    shelf,
)
from sekisho.ledger.store.errors import FencedError, HoldsChangedError, translated
from sekisho.ledger.store.holds import holds_seen as holds_now
from sekisho.ledger.store.holds import put_covers
from sekisho.ledger.store.rows import Batch, ExtensionRow, NewLog

_MOVE = """
    UPDATE log_head SET size = %(new_size)s, next_offset = %(new_next)s, last_offset = %(last_offset)s, last_at = %(at)s,
        frontier = %(frontier)b, closed = %(closes)s
    WHERE log_id = %(log_id)s AND size = %(size)s AND next_offset = %(next)s AND NOT closed
"""
_OPEN = """
    INSERT INTO log (origin, kind, topic, topic_id, partition, year) VALUES (%s, %s, %s, %s, %s, %s) RETURNING log_id
"""
_HEAD = """
    INSERT INTO log_head (log_id, size, next_offset, last_offset, last_at, frontier, closed)
    VALUES (%(log_id)s, %(new_size)s, %(new_next)s, %(last_offset)s, %(at)s, %(frontier)b, %(closes)s)
"""
_EXTEND = """
    INSERT INTO extension (log_id, idx, retain_until, at, scope, target_log, target_idx) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""


async def ensure_shelves(connection: Connection, days: Iterable[date | None], known: set[date]) -> None:
    """Make the partitions that payloads with these last days need; `known` remembers those that are there.

    Outside a transaction and before `append`: making one takes locks that a batch should not wait for.
    """
    for month in sorted({shelf(day) for day in days} - known):
        if month != OPEN_SHELF:
            await rows(
                connection, "SELECT ensure_shelf(%s)", (month,), doing=f"making the shelf of {month:%Y-%m}"
            )
        known.add(month)


async def append(connection: Connection, *batches: Batch, holds_seen: int | None = None) -> tuple[int, ...]:
    """Take the batches in, in their order, in one transaction under the shared KEEPING lock. Returns their log ids.

    A year's end is two batches: one that closes the old log, one that opens the new. `holds_seen` is what `active_holds` told when
    the batch was built. Raises FencedError (another writer was here), HoldsChangedError, DiskFullError, UnavailableError and so on:
    nothing was kept then, unless the connection was lost during the commit (read the head).
    """
    async with transaction(connection, "shared"):
        if holds_seen is not None:
            await _check_holds(connection, holds_seen)
        return tuple([await write(connection, batch) for batch in batches])


async def _check_holds(connection: Connection, seen: int) -> None:
    if await holds_now(connection) != seen:
        raise HoldsChangedError(
            "a legal hold was placed or released while the batch was built: build it anew."
        )


async def write(connection: Connection, batch: Batch) -> int:
    """`append` of one batch inside the caller's `transaction`. Returns the log's id."""
    with translated("appending to a log"):
        log_id = await _move(connection, batch)
        await _copy(connection, f"COPY leaf ({LEAF_COLUMNS})", leaf_rows(log_id, batch.size, batch.leaves))
        if batch.payloads:
            await _copy(connection, f"COPY payload ({PAYLOAD_COLUMNS})", payload_rows(log_id, batch.payloads))
        await put_extensions(connection, log_id, batch.extensions)
        await put_covers(connection, batch.covers, log_id)
    return log_id


async def _move(connection: Connection, batch: Batch) -> int:
    """Move the head from where the writer believes it to be, or open the log."""
    values: dict[str, Any] = {
        "size": batch.size,
        "next": batch.next_offset,
        "new_size": batch.size + len(batch.leaves),
        "new_next": batch.new_next_offset,
        "last_offset": batch.last_offset,
        "at": batch.at,
        "frontier": batch.frontier,
        "closes": batch.closes,
    }
    if isinstance(batch.log, NewLog):
        return await _open(connection, batch.log, values)
    moved = await connection.execute(_MOVE, values | {"log_id": batch.log})
    if moved.rowcount != 1:
        raise FencedError(
            f"log {batch.log} is no longer at size {batch.size} and offset {batch.next_offset}: another writer is at work."
        )
    return batch.log


async def _open(connection: Connection, new: NewLog, values: dict[str, Any]) -> int:
    try:
        opened = await connection.execute(
            _OPEN, (new.origin, new.kind, new.topic, new.topic_id, new.partition, new.year)
        )
        found = await opened.fetchone()
    except pg.UniqueViolation as error:
        raise FencedError(f"the log {new.origin} is there already: another writer opened it.") from error
    assert found is not None
    log_id = int(found[0])
    await connection.execute(_HEAD, values | {"log_id": log_id})
    return log_id


async def _copy(connection: Connection, into: str, data: bytes) -> None:
    async with connection.cursor() as cursor, cursor.copy(f"{into} FROM STDIN (FORMAT BINARY)") as copy:
        await copy.write(data)


async def put_extensions(connection: Connection, log_id: int, extensions: Sequence[ExtensionRow]) -> None:
    """What the extend leaves of a batch say."""
    if extensions:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                _EXTEND,
                [
                    (log_id, e.idx, e.retain_until, e.at, e.scope, e.target_log, e.target_idx)
                    for e in extensions
                ],
            )
