"""Deleting what is due: the row in `purged` first, which the trigger asks for, then the payload, body and salt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Final

from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.entries import CHUNK, END
from sekisho.ledger.store.errors import BadRowError, translated
from sekisho.ledger.store.rows import Purged, PurgeRow

_NOTE: Final = """
    INSERT INTO purged (log_id, idx, act_log, act_idx, purged_at, subject_hmac, direction, created_on, disclosable, controller)
    SELECT * FROM unnest(%s::int4[], %s::int8[], %s::int4[], %s::int8[], %s::timestamptz[], %b::bytea[], %s::text[], %s::date[],
        %s::bool[], %s::text[])
"""
_DELETE: Final = """
    DELETE FROM payload p USING unnest(%s::int4[], %s::int8[]) k (log_id, idx)
    WHERE p.shelf = %s AND p.log_id = k.log_id AND p.idx = k.idx
"""
_PURGED: Final = """
    SELECT log_id, idx, act_log, act_idx, purged_at, subject_hmac, direction, created_on, disclosable, controller FROM purged
"""


async def purge_rows(connection: Connection, chosen: Sequence[PurgeRow]) -> int:
    """Delete these payloads, whose purge leaves were written before in the same transaction (exclusive KEEPING). Returns how many.

    Raises BadRowError where one of them is not there: the transaction must not be committed then.
    """
    with translated("purging payloads"):
        await connection.execute(_NOTE, _columns(chosen))
        shelves: dict[date, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for each in chosen:
            shelves[each.shelf][0].append(each.log_id)
            shelves[each.shelf][1].append(each.idx)
        deleted = 0
        for shelf, (logs, indices) in sorted(shelves.items()):
            deleted += (await connection.execute(_DELETE, (logs, indices, shelf))).rowcount
    if deleted != len(chosen):
        raise BadRowError(
            f"of {len(chosen)} payloads to purge {deleted} are there: something else deleted the others."
        )
    return deleted


def _columns(chosen: Sequence[PurgeRow]) -> tuple[list[object], ...]:
    return (
        [each.log_id for each in chosen],
        [each.idx for each in chosen],
        [each.act_log for each in chosen],
        [each.act_idx for each in chosen],
        [each.purged_at for each in chosen],
        [each.subject_hmac for each in chosen],
        [each.direction for each in chosen],
        [each.created_on for each in chosen],
        [each.disclosable for each in chosen],
        [each.controller for each in chosen],
    )


async def purged_chunks(
    connection: Connection, log_id: int, start: int = 0, stop: int | None = None, *, chunk: int = CHUNK
) -> AsyncIterator[list[Purged]]:
    """What was purged of a log, `start` ≤ index < `stop`, by index, `chunk` at a time."""
    until = END if stop is None else stop
    query = f"{_PURGED} WHERE log_id = %s AND idx >= %s AND idx < %s ORDER BY idx LIMIT %s"
    while start < until:
        found = await rows(connection, query, (log_id, start, until, chunk), doing="reading what was purged")
        if not found:
            return
        yield [Purged(*each) for each in found]
        start = found[-1][1] + 1


async def purged_of(connection: Connection, subject_hmacs: Sequence[bytes]) -> list[Purged]:
    """What was purged of a person (one hash for each key that was ever in use)."""
    query = f"{_PURGED} WHERE subject_hmac = ANY(%b::bytea[]) ORDER BY created_on, log_id, idx"
    found = await rows(connection, query, (list(subject_hmacs),), doing="reading what was purged of a person")
    return [Purged(*each) for each in found]


async def purged_at(connection: Connection, log_id: int, idx: int) -> Purged | None:
    """How a leaf's payload was purged; None where it was not."""
    query = f"{_PURGED} WHERE log_id = %s AND idx = %s"
    found = await row(connection, query, (log_id, idx), doing="looking for a purge")
    return None if found is None else Purged(*found)
