"""A small ledger database and rows to put in it."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection, Role, connect
from sekisho.ledger.store.rows import Batch, LeafRow, LogKind, NewLog, PayloadRow

AT = datetime(2026, 11, 22, 1, 2, 3, 456789, UTC)
LATER = AT + timedelta(seconds=1)
UNTIL = date(2029, 11, 22)
TOPIC = "AbCdEfGhIjKlMnOpQrStUv"


class Roles(Protocol):
    """Opens connections in a role to the test's own database; all are closed at its end."""

    async def __call__(self, role: Role, **options: Any) -> Connection: ...


@asynccontextmanager
async def roles_of(url: str) -> AsyncIterator[Roles]:
    """`Roles` for a database."""
    opened: list[Connection] = []

    async def open_one(role: Role, **options: Any) -> Connection:
        connection = await connect(url, role, **options)
        opened.append(connection)
        return connection

    try:
        yield open_one
    finally:
        for each in opened:
            await each.close()


def leaves(count: int, koff: int | None = None, *, text: str = "leaf") -> list[LeafRow]:
    """Leaf rows of made-up bytes; from offset `koff` on, where one is given."""
    made = [f'{{"{text}":{number}}}'.encode() for number in range(count)]
    return [
        LeafRow(each, leaf_hash(each), None if koff is None else koff + number)
        for number, each in enumerate(made)
    ]


def payload(idx: int, **fields: Any) -> PayloadRow:
    """A record's payload."""
    row = PayloadRow(
        idx=idx,
        rid=str(uuid.uuid4()),
        kind="record",
        retain_until=UNTIL,
        scope=None,
        salt=os.urandom(32),
        body=b'{"a":1}',
        created_at=AT,
        subject_hmac=b"s" * 32,
        record_id=str(uuid.uuid4()),
        decision_id=str(uuid.uuid4()),
        direction="provision",
        basis="provision.consent",
        method="individual",
        controller="sample-bank",
        counterparty="sample-life",
        provided_on=date(2026, 11, 22),
    )
    return row._replace(**fields)


def genesis(
    origin: str, kind: LogKind = "records", partition: int = 0, year: int = 2026, **fields: Any
) -> Batch:
    """Opens a log with one leaf."""
    topic = (
        {"topic": "t", "topic_id": TOPIC, "partition": partition} if kind in ("records", "outcomes") else {}
    )
    new = NewLog(origin, kind, **topic, year=year)  # type: ignore[arg-type]
    batch: dict[str, Any] = {
        "log": new,
        "size": 0,
        "next_offset": 0,
        "new_next_offset": 0,
        "last_offset": None,
        "at": AT,
        "frontier": b"",
        "leaves": leaves(1, text=f"genesis of {origin}"),
    }
    return Batch(**(batch | fields))


def records(log: int, size: int, offset: int, payloads: Sequence[PayloadRow], **fields: Any) -> Batch:
    """A batch of records at offsets `offset` on; the payloads' indices are set."""
    made = leaves(len(payloads), offset)
    batch: dict[str, Any] = {
        "log": log,
        "size": size,
        "next_offset": offset,
        "new_next_offset": offset + len(payloads),
        "last_offset": offset + len(payloads) - 1,
        "at": LATER,
        "frontier": Frontier().extended([each.hash for each in made]).to_bytes(),
        "leaves": made,
        "payloads": [each._replace(idx=size + number) for number, each in enumerate(payloads)],
    }
    return Batch(**(batch | fields))


async def open_log(writer: Connection, origin: str = "sample/0/2026", **fields: Any) -> int:
    """A log with its genesis."""
    (log_id,) = await append(writer, genesis(origin, **fields))
    return log_id


async def take_in(
    writer: Connection, log_id: int, payloads: Sequence[PayloadRow], size: int = 1, offset: int = 0
) -> None:
    """Append records to a log."""
    await ensure_shelves(writer, [each.retain_until for each in payloads], set())
    await append(writer, records(log_id, size, offset, payloads))
