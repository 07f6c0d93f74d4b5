"""Rows put into PostgreSQL's binary form by hand arrive as they were."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.store.sample import AT, Roles, open_log, payload, records, roles_of
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.copying import shelf
from sekisho.ledger.store.entries import leaf_chunks
from sekisho.ledger.store.errors import BadRowError
from sekisho.ledger.store.payloads import payload_chunks
from sekisho.ledger.store.rows import LeafRow, Payload, PayloadRow, StoredLeaf

pytestmark = pytest.mark.database

texts = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
uuids = st.uuids().map(str)
payloads = st.builds(
    PayloadRow,
    idx=st.just(0),
    rid=uuids,
    kind=st.sampled_from(["record", "decision", "unreadable"]),
    retain_until=st.none() | st.dates(date(2000, 1, 1), date(2000, 3, 1)) | st.dates(date(2199, 12, 1)),
    scope=st.none() | uuids,
    salt=st.binary(max_size=40),
    body=st.binary(max_size=3000),
    created_at=st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001  # bounds are naive
    subject_hmac=st.none() | st.binary(max_size=40),
    record_id=st.none() | uuids,
    decision_id=st.none() | uuids,
    direction=texts,
    basis=texts,
    method=texts,
    controller=texts,
    counterparty=texts,
    provided_on=st.none() | st.dates(),
)
leaf_rows = st.lists(
    st.tuples(st.binary(min_size=1, max_size=700), st.binary(min_size=32, max_size=32), st.booleans()),
    max_size=5,
)


@given(rows=st.lists(payloads, max_size=5), leaves=leaf_rows)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_copied_is_read_back(
    ledger_database: str, rows: list[PayloadRow], leaves: list[tuple[bytes, bytes, bool]]
) -> None:
    """Any payload and any leaf, with nulls anywhere, with and without an offset, is read back unchanged."""

    async def check() -> None:
        async with roles_of(ledger_database) as roles:
            writer = await roles("writer")
            await ensure_shelves(writer, [row.retain_until for row in rows], set())
            async with writer.transaction(force_rollback=True):
                log_id = await open_log(writer, uuid.uuid4().hex)
                made = [
                    LeafRow(leaf, hashed, 2**62 + n if there else None)
                    for n, (leaf, hashed, there) in enumerate(leaves)
                ]
                await append(writer, records(log_id, 1, 0, rows, leaves=made, new_next_offset=2**62 + 99))
                got = [each async for chunk in payload_chunks(writer, log_id) for each in chunk]
                assert got == [Payload(log_id, *row._replace(idx=idx)) for idx, row in enumerate(rows, 1)]
                stored = [each async for chunk in leaf_chunks(writer, log_id, 1) for each in chunk]
                assert stored == [StoredLeaf(idx, *row) for idx, row in enumerate(made, 1)]

    asyncio.run(check())


@pytest.mark.parametrize(
    ("day", "on"),
    [
        (None, date(9999, 12, 1)),
        (date(2029, 11, 30), date(2029, 11, 1)),
        (date(2199, 12, 31), date(2199, 12, 1)),
        (date(2200, 1, 1), date(9999, 12, 1)),
        (date(9999, 12, 31), date(9999, 12, 1)),
    ],
)
def test_the_shelf_is_the_month_of_the_last_day(day: date | None, on: date) -> None:
    """A payload lies on the shelf of its last day's month; without one, or beyond 2199, on the open shelf."""
    assert shelf(day) == on


async def test_a_text_that_postgresql_cannot_hold_is_told(writer: Connection) -> None:
    """A NUL in a text raises BadRowError, and the connection goes on."""
    log_id = await open_log(writer)
    await ensure_shelves(writer, [payload(0).retain_until], set())
    with pytest.raises(BadRowError):
        await append(writer, records(log_id, 1, 0, [payload(0, counterparty="a\0b")]))
    await append(writer, records(log_id, 1, 0, [payload(0)]))


async def test_a_large_body_is_kept_whole(roles: Roles) -> None:
    """A body of 3 MB, more than a message of COPY holds at once, is read back."""
    writer = await roles("writer")
    log_id = await open_log(writer)
    body = bytes(range(256)) * 12_000
    row = payload(0, body=body, retain_until=None, created_at=AT + timedelta(microseconds=1))
    await append(writer, records(log_id, 1, 0, [row]))
    (got,) = [each async for chunk in payload_chunks(writer, log_id) for each in chunk]
    assert (got.body, got.created_at) == (body, row.created_at)
