"""Finds a record's leaf by the record's id, for the read endpoint: through one connection of a reader's, one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sekisho.ledger.publish.http import FoundRecord
from sekisho.ledger.store.connection import Connection, row
from sekisho.ledger.store.errors import StoreError

_FIND = """
    SELECT l.origin, p.idx, e.leaf
    FROM payload p JOIN log l USING (log_id) JOIN leaf e USING (log_id, idx)
    WHERE p.record_id = %s::uuid AND p.kind = 'record' ORDER BY p.log_id, p.idx LIMIT 1
"""


class RecordFinder:
    """Looks records up; connects when it is first asked, and again after a failure."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]]) -> None:
        """`connect`: as a reader."""
        self._connect = connect
        self._conn: Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def find(self, record: str) -> FoundRecord | None:
        """Where the record's leaf stands; None where no payload has this id. Raises StoreError."""
        async with self._one_at_a_time:
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = await self._connect()
                found = await row(self._conn, _FIND, (record,), doing="looking for a record")
            except (StoreError, asyncio.CancelledError):
                await self._drop()  # a cancelled query leaves its connection in an unknown state
                raise
        return None if found is None else FoundRecord(found[0], found[1], bytes(found[2]))

    async def close(self) -> None:
        """Close the connection."""
        async with self._one_at_a_time:
            await self._drop()

    async def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            await conn.close()
