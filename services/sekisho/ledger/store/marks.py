"""Marks for disclosure: what is not shown to the person, on which ground. Only added to: a later mark stands beside the earlier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

from sekisho.ledger.store.connection import Connection, rows

_MARK: Final = """
    INSERT INTO withholding (record_id, kind, ground, part, reason, by) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id
"""
_MARKS: Final = """
    SELECT id, record_id::text, kind, ground, part, reason, by, at FROM withholding WHERE record_id = ANY(%s::uuid[]) ORDER BY id
"""


class Withholding(NamedTuple):
    """A mark on a record: it is none for disclosure (exclusion), or it is withheld (ground), whole or in the parts named."""

    id: int
    record_id: str
    kind: Literal["exclusion", "ground"]
    ground: str
    part: list[str]
    reason: str
    by: str
    at: datetime


async def put_withholding(
    connection: Connection,
    record_id: str,
    *,
    kind: Literal["exclusion", "ground"],
    ground: str,
    part: Sequence[str],
    reason: str,
    by: str,
) -> int:
    """Mark a record; returns the mark's number."""
    values = (record_id, kind, ground, list(part), reason, by)
    return int((await rows(connection, _MARK, values, doing="marking a record"))[0][0])


async def withholdings(connection: Connection, record_ids: Sequence[str]) -> list[Withholding]:
    """The marks on these records, in the order in which they were made."""
    return [
        Withholding(*each)
        for each in await rows(connection, _MARKS, (list(record_ids),), doing="reading marks")
    ]
