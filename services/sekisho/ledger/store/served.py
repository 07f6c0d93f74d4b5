"""Where the decisions are that used a consent: found again when a policy was concluded on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from psycopg import errors as pg

from sekisho.ledger.store.connection import Connection, row, rows, transaction
from sekisho.ledger.store.errors import FencedError

_INSERT: Final = """
    INSERT INTO served (topic_id, partition, koff, subject_hmac, consent_hmac, decided_at)
    SELECT %s, %s, koff, subject, consent, at FROM unnest(%s::int8[], %b::bytea[], %b::bytea[], %s::timestamptz[])
        t (koff, subject, consent, at)
"""
_START: Final = "INSERT INTO follow (topic_id, partition, next_offset) VALUES (%s, %s, %s)"
_ADVANCE: Final = (
    "UPDATE follow SET next_offset = %s WHERE topic_id = %s AND partition = %s AND next_offset = %s"
)


class ServedRow(NamedTuple):
    """An allowed decision at an offset of the decisions' partition, its subject and consent as keyed hashes."""

    koff: int
    subject_hmac: bytes
    consent_hmac: bytes
    decided_at: datetime


class ServedAt(NamedTuple):
    """Where such a decision is."""

    topic_id: str
    partition: int
    koff: int
    decided_at: datetime


async def follow_from(connection: Connection, topic_id: str, partition: int) -> int | None:
    """The offset from which decisions are not indexed yet; None: none is."""
    query = "SELECT next_offset FROM follow WHERE topic_id = %s AND partition = %s"
    found = await row(connection, query, (topic_id, partition), doing="reading how far decisions are indexed")
    return None if found is None else int(found[0])


async def put_served(
    connection: Connection,
    topic_id: str,
    partition: int,
    expected: int | None,
    new: int,
    indexed: Sequence[ServedRow],
) -> None:
    """Index decisions and move on from `expected` to `new`, in one transaction. Raises FencedError where another was here."""
    async with transaction(connection):
        await _advance(connection, topic_id, partition, expected, new)
        if indexed:
            columns = (
                [each.koff for each in indexed],
                [each.subject_hmac for each in indexed],
                [each.consent_hmac for each in indexed],
                [each.decided_at for each in indexed],
            )
            await connection.execute(_INSERT, (topic_id, partition, *columns))


async def _advance(
    connection: Connection, topic_id: str, partition: int, expected: int | None, new: int
) -> None:
    try:
        if expected is None:
            moved = await connection.execute(_START, (topic_id, partition, new))
        else:
            moved = await connection.execute(_ADVANCE, (new, topic_id, partition, expected))
    except pg.UniqueViolation as error:
        raise FencedError(f"decisions of partition {partition} are indexed by another already.") from error
    if moved.rowcount != 1:
        raise FencedError(
            f"decisions of partition {partition} are no longer indexed up to {expected}: another is at work."
        )


async def served(
    connection: Connection, subject_hmac: bytes, consent_hmac: bytes, until: datetime
) -> list[ServedAt]:
    """The decisions on a person that used a consent, not later than `until`, by time."""
    query = """
        SELECT topic_id, partition, koff, decided_at FROM served
        WHERE subject_hmac = %b AND consent_hmac = %b AND decided_at <= %s ORDER BY decided_at, topic_id, partition, koff
    """
    found = await rows(connection, query, (subject_hmac, consent_hmac, until), doing="looking for decisions")
    return [ServedAt(*each) for each in found]
