"""A record by its id."""

from __future__ import annotations

from sekisho.ledger.keeping.keeping import NotFoundError
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.payloads import search
from sekisho.ledger.store.rows import Payload

_MOST = 1_000
"""A record id is in one message; more of them are somebody's forgery, and each is judged by itself."""


async def records(conn: Connection, record_id: str) -> list[Payload]:
    """The payloads of that record. Raises NotFoundError."""
    found = await search(conn, Filter(record_ids=(record_id,)), limit=_MOST)
    if not found:
        raise NotFoundError(
            f"No record {record_id} is in the ledger: it never was, or it was deleted when due."
        )
    return found
