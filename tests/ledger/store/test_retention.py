"""What is due: the SQL agrees with domain.retention, whatever extends and holds there are."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.store.sample import AT, Roles, genesis, leaves, open_log, payload, records, roles_of, take_in
from sekisho.domain.retention import effective
from sekisho.ledger.store.acts import lock_acts, write_acts
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import holds_of, put_hold, put_release
from sekisho.ledger.store.retention import (
    DueCounts,
    DueRow,
    due,
    due_by_hold,
    due_counts,
    due_groups,
    extensions_of,
    retention_of,
)
from sekisho.ledger.store.rows import ExtensionRow, HoldCover, PayloadRow

pytestmark = pytest.mark.database

FIRST = date(2029, 11, 28)
SCOPES = tuple(str(uuid.UUID(int=number)) for number in range(1, 4))
days = st.none() | st.integers(0, 8).map(lambda count: FIRST + timedelta(days=count))
stated = st.tuples(days, st.sampled_from([None, *SCOPES]))
# (log 0 or 1, second, target: a scope or a record of the first log, day)
extends = st.tuples(st.integers(0, 1), st.integers(0, 3), st.sampled_from(SCOPES) | st.integers(1, 5), days)


async def _due(connection: Connection, day: date) -> list[DueRow]:
    """All pages, of two each."""
    found: list[DueRow] = []
    while page := await due(connection, day, limit=2, after=found[-1].key if found else None):
        found += page
    return found


def _expected(
    row: PayloadRow, idx: int, extended: list[tuple[int, int, str | int, date | None]]
) -> date | None:
    own = [
        (second, log, number, day)
        for number, (log, second, target, day) in enumerate(extended)
        if target == (row.scope if isinstance(target, str) else idx)
    ]
    return effective(row.retain_until, [day for *_, day in sorted(own, key=lambda each: each[:3])])


async def _world(
    writer: Connection,
    kept: list[tuple[date | None, str | None]],
    extended: list[tuple[int, int, str | int, date | None]],
) -> tuple[int, list[PayloadRow]]:
    """Two logs of new origins, the records in the first, extends in both. The origins sort as the ids do."""
    name, topic = uuid.uuid4().hex, {"topic": "t", "topic_id": uuid.uuid4().hex}
    made = [payload(0, retain_until=until, scope=scope) for until, scope in kept]
    await ensure_shelves(writer, [until for until, _ in kept], set())
    logs: list[int] = []
    for number in (0, 1):
        batch = genesis(f"{name}/{number}", partition=number)
        object.__setattr__(batch.log, "topic_id", topic["topic_id"])
        logs += await append(writer, batch)
    await append(writer, records(logs[0], 1, 0, made))
    size = len(made) + 1
    for number in (0, 1):
        rows = [
            ExtensionRow(
                100 + place, day, AT + timedelta(seconds=second),
                target if isinstance(target, str) else None,
                None if isinstance(target, str) else logs[0],
                None if isinstance(target, str) else target,
            )
            for place, (log, second, target, day) in enumerate(extended) if log == number
        ]  # fmt: skip
        offset = len(made) if number == 0 else 0
        batch = records(
            logs[number],
            size if number == 0 else 1,
            offset,
            [],
            leaves=leaves(1),
            last_offset=None if number else offset - 1,
            extensions=rows,
        )
        await append(writer, batch)
    return logs[0], made


@given(
    kept=st.lists(stated, min_size=1, max_size=5),
    extended=st.lists(extends, max_size=8),
    day=st.integers(-1, 10).map(lambda count: FIRST + timedelta(days=count)),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_due_agrees_with_the_domain(
    ledger_database: str,
    kept: list[tuple[date | None, str | None]],
    extended: list[tuple[int, int, str | int, date | None]],
    day: date,
) -> None:
    """For any records, scopes and extends in two logs, the rows due before any day are those whose effective day, as the domain
    computes it, is before it; page by page, by key, counted, and one by one."""

    async def check() -> None:
        async with roles_of(ledger_database) as roles:
            writer = await roles("writer")
            async with writer.transaction(force_rollback=True):
                # a world of its own for each case: the scopes are the same, so nothing may stay
                log_id, made = await _world(writer, kept, extended)
                expected = {idx: _expected(row, idx, extended) for idx, row in enumerate(made, 1)}
                past = [idx for idx, until in expected.items() if until is not None and until < day]
                found = [row for row in await _due(writer, day) if row.log_id == log_id]
                assert sorted((row.idx, row.effective) for row in found) == [
                    (idx, expected[idx]) for idx in past
                ]
                assert found == sorted(found, key=lambda row: row.key)
                assert await due(writer, day, limit=9, only=[row.key for row in found]) == found
                assert await due_counts(writer, day) == DueCounts(len(past), 0)
                months = Counter(row.effective.replace(day=1) for row in found)
                assert Counter({group.month: group.due for group in await due_groups(writer, day)}) == months
                for idx, until in expected.items():
                    standing = await retention_of(writer, log_id, idx)
                    assert standing is not None
                    assert standing.effective == until

    asyncio.run(check())


async def test_what_is_held_is_listed_with_its_hold(roles: Roles) -> None:
    """A held record is among what is due, with its hold, is counted apart, and is free again after the release."""
    writer, purger = await roles("writer"), await roles("purger")
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0), payload(0)])
    hold, day = str(uuid.uuid4()), date(2029, 11, 23)
    async with transaction(purger, "exclusive"):
        acts = await lock_acts(purger, "sample", AT)
        await put_hold(purger, hold, Filter(), AT)
        await write_acts(purger, acts, [b"hold"], covers=[HoldCover(hold, log_id, 2)])
    assert [(row.idx, row.holds) for row in await _due(purger, day)] == [(1, []), (2, [hold])]
    assert await due_counts(purger, day) == DueCounts(1, 1)
    assert [(group.due, group.held) for group in await due_groups(purger, day)] == [(1, 1)]
    assert await due_by_hold(purger, day) == {hold: 1}
    assert await holds_of(purger, [(log_id, 1), (log_id, 2)]) == {(log_id, 2): [hold]}
    standing = await retention_of(purger, log_id, 2)
    assert standing is not None
    assert standing.holds == (hold,)
    async with transaction(purger, "exclusive"):
        acts = await lock_acts(purger, "sample", AT)
        await write_acts(purger, acts, [b"release"])
        await put_release(purger, hold, acts.log_id, acts.next_index, AT)
    assert await due_counts(purger, day) == DueCounts(2, 0)


async def test_the_last_day_itself_is_not_due(roles: Roles) -> None:
    """A record is kept to the end of its last day: due from the following day."""
    writer = await roles("writer")
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0, retain_until=date(2029, 11, 30))])
    assert await due(writer, date(2029, 11, 30), limit=9) == []
    (row,) = await due(writer, date(2029, 12, 1), limit=9)
    assert (row.idx, row.extended, row.stated, row.effective) == (
        1,
        False,
        date(2029, 11, 30),
        date(2029, 11, 30),
    )


async def test_what_is_unknown_is_nowhere(roles: Roles) -> None:
    """No extension of an unknown scope, no standing of a payload that is not there."""
    reader = await roles("reader")
    assert await extensions_of(reader, str(uuid.uuid4())) == ()
    assert await retention_of(reader, 1, 1) is None
