"""Reading payloads: one, a person's, those of a filter, all of a log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.entries import CHUNK, END
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.rows import Payload

Key = tuple[int, int]
"""A place in the order of search: log id and index."""

_COLUMNS: Final = (
    "p.log_id, p.idx, p.rid::text, p.kind, p.retain_until, p.scope::text, p.salt, p.body, p.created_at, p.subject_hmac, "
    "p.record_id::text, p.decision_id::text, p.direction, p.basis, p.method, p.controller, p.counterparty, p.provided_on"
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM payload p"  # noqa: S608  # constants


class Count(NamedTuple):
    """How many records of a method, basis and direction there are."""

    method: str | None
    basis: str | None
    direction: str | None
    records: int


async def payload(connection: Connection, log_id: int, idx: int) -> Payload | None:
    """The payload of a leaf; None where it has none, or it was purged."""
    found = await row(
        connection, f"{_SELECT} WHERE p.log_id = %s AND p.idx = %s", (log_id, idx), doing="reading a payload"
    )
    return None if found is None else Payload(*found)


async def payload_chunks(
    connection: Connection, log_id: int, start: int = 0, stop: int | None = None, *, chunk: int = CHUNK
) -> AsyncIterator[list[Payload]]:
    """The payloads of `start` ≤ index < `stop` of a log by index, `chunk` at a time; purged ones are not there."""
    until = END if stop is None else stop
    query = f"{_SELECT} WHERE p.log_id = %s AND p.idx >= %s AND p.idx < %s ORDER BY p.idx LIMIT %s"
    while start < until:
        found = await rows(connection, query, (log_id, start, until, chunk), doing="reading payloads")
        if not found:
            return
        yield [Payload(*each) for each in found]
        start = found[-1][1] + 1


async def search(
    connection: Connection, wanted: Filter, *, limit: int, after: Key | None = None
) -> list[Payload]:
    """At most `limit` payloads of a filter, by log and index, those after `after`. Within a log that is the order of arrival."""
    where, values = wanted.where()
    if after is not None:
        where += " AND (p.log_id, p.idx) > (%(after_log)s::int4, %(after_idx)s::int8)"
        values |= {"after_log": after[0], "after_idx": after[1]}
    query = f"{_SELECT} WHERE {where} ORDER BY p.log_id, p.idx LIMIT %(limit)s"
    return [
        Payload(*each)
        for each in await rows(connection, query, values | {"limit": limit}, doing="searching payloads")
    ]


async def counts(connection: Connection, wanted: Filter) -> list[Count]:
    """How many there are of a filter, by method, basis and direction."""
    where, values = wanted.where()
    query = f"SELECT p.method, p.basis, p.direction, count(*) FROM payload p WHERE {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"  # noqa: S608
    return [Count(*each) for each in await rows(connection, query, values, doing="counting payloads")]
