"""What the publisher reads of the database: each log with its head and its newest checkpoint, and what keeps two publishers apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from sekisho.ledger.merkle.tree import Frontier, TreeError
from sekisho.ledger.publish.edge import AlteredLogError
from sekisho.ledger.store import entries
from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.rows import CheckpointRow, Head

PUBLISH_LOCK: Final = 4_849_236_503
"""Advisory lock key, beside those of store.connection."""

_STATES: Final = """
    SELECT l.log_id, l.origin, l.kind, f.signed_at,
        h.size, h.next_offset, h.last_offset, h.last_at, h.frontier, h.closed,
        c.size, c.root, c.note, c.signed_at
    FROM log l JOIN log_head h USING (log_id)
    LEFT JOIN LATERAL (
        SELECT size, root, note, signed_at FROM checkpoint c WHERE c.log_id = l.log_id
        ORDER BY size DESC, signed_at DESC LIMIT 1
    ) c ON true
    LEFT JOIN LATERAL (
        SELECT signed_at FROM checkpoint f WHERE f.log_id = l.log_id ORDER BY size, signed_at LIMIT 1
    ) f ON true
    ORDER BY l.log_id
"""


class LogState(NamedTuple):
    """A log, its head, and its newest checkpoint (None: never signed)."""

    log_id: int
    origin: str
    kind: str
    first_signed_at: datetime | None
    head: Head
    newest: CheckpointRow | None

    @property
    def signed_size(self) -> int:
        """How much of it is signed."""
        return 0 if self.newest is None else self.newest.size

    def frontier(self) -> Frontier:
        """The frontier as the log's writer keeps it. Raises AlteredLogError."""
        try:
            return Frontier.from_bytes(self.head.size, self.head.frontier)
        except TreeError as error:
            raise AlteredLogError(self.origin, f"the note of its writer was altered: {error}") from error


async def log_states(conn: Connection) -> list[LogState]:
    """Every log, in one statement. Leaves never change, so no longer snapshot is needed: what a head tells of is there."""
    found = await rows(conn, _STATES, doing="reading the logs' ends")
    return [_state(*each) for each in found]


def _state(log_id: int, origin: str, kind: str, first: datetime | None, *rest: object) -> LogState:
    head = Head(log_id, *rest[:6])  # type: ignore[arg-type]  # the query's columns
    newest = None if rest[6] is None else CheckpointRow(log_id, *rest[6:])  # type: ignore[arg-type]
    return LogState(log_id, origin, kind, first, head, newest)


async def newest_index(conn: Connection, log_id: int) -> int | None:
    """The index of the log's last leaf row."""
    found = await row(
        conn, "SELECT max(idx) FROM leaf WHERE log_id = %s", (log_id,), doing="reading a log's end"
    )
    return None if found is None else found[0]


class DatabaseRows:
    """One log's tree in the database, for `load_edge`."""

    def __init__(self, conn: Connection, log_id: int) -> None:
        self._conn = conn
        self._log_id = log_id

    async def full_tile(self, level: int, index: int) -> bytes | None:
        """A full tile, if it is kept."""
        return await entries.tile(self._conn, self._log_id, level, index)

    async def hashes(self, first: int, stop: int) -> Sequence[bytes]:
        """The hashes kept beside the leaves."""
        return await entries.hashes(self._conn, self._log_id, first, stop)


@asynccontextmanager
async def publishing(conn: Connection) -> AsyncIterator[None]:
    """One publication at a time, over all processes: the service's, a command's, a rotation's.

    Raises BusyError when another takes longer than the connection waits for a lock.
    """
    await rows(conn, "SELECT pg_advisory_lock(%s)", (PUBLISH_LOCK,), doing="waiting for another publication")
    try:
        yield
    finally:
        if not conn.closed:
            await rows(conn, "SELECT pg_advisory_unlock(%s)", (PUBLISH_LOCK,), doing="letting others publish")
