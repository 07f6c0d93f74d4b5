"""What a hold is on now: places, without the payloads (a million records' bodies need not pass here)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.filters import Filter


class Target(NamedTuple):
    """A payload that is there: its log, its index, its leaf's rid."""

    log_id: int
    idx: int
    rid: str


async def count(conn: Connection, selector: Filter) -> int:
    """How many payloads the selector names."""
    where, values = selector.where()
    found = await row(
        conn,
        f"SELECT count(*) FROM payload p WHERE {where}",  # noqa: S608  # constants; values apart
        values,
        doing="counting what a hold names",
    )
    return 0 if found is None else int(found[0])


async def pages(conn: Connection, selector: Filter, size: int) -> AsyncIterator[list[Target]]:
    """All of them by log and index, `size` at a time."""
    where, values = selector.where()
    query = (
        f"SELECT p.log_id, p.idx, p.rid::text FROM payload p WHERE {where} "  # noqa: S608  # constants; values apart
        "AND (p.log_id, p.idx) > (%(log)s::int4, %(idx)s::int8) ORDER BY 1, 2 LIMIT %(size)s"
    )
    after = (0, -1)
    while True:
        place = {"log": after[0], "idx": after[1], "size": size}
        found = [
            Target(*each)
            for each in await rows(conn, query, values | place, doing="reading what a hold names")
        ]
        if not found:
            return
        yield found
        after = (found[-1].log_id, found[-1].idx)
