"""Looking things up: filters in SQL and in Python alike, scopes, decisions that served, tiles, checkpoints, marks, sizes."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.store.sample import AT, Roles, genesis, open_log, payload, records, roles_of, take_in
from sekisho.ledger.store.append import append
from sekisho.ledger.store.connection import Connection, database_now, release_service_lock, try_service_lock
from sekisho.ledger.store.entries import (
    TileRow,
    checkpoints,
    hashes,
    leaf,
    newest_checkpoint,
    newest_checkpoint_time,
    put_checkpoint,
    put_tiles,
    tile,
    tile_rows,
)  # fmt: skip
from sekisho.ledger.store.errors import BadRowError, FencedError
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.logs import create_ledger, current, head, heads, ledger, log_of, logs
from sekisho.ledger.store.marks import put_withholding, withholdings
from sekisho.ledger.store.payloads import Count, counts, payload_chunks, search
from sekisho.ledger.store.payloads import payload as read_payload
from sekisho.ledger.store.purging import purged_at, purged_chunks, purged_of
from sekisho.ledger.store.rows import CheckpointRow, Payload
from sekisho.ledger.store.scopes import members, scope_of, scopes
from sekisho.ledger.store.served import ServedAt, ServedRow, follow_from, put_served, served
from sekisho.ledger.store.sizes import sizes

pytestmark = pytest.mark.database

RECORD_IDS = [str(uuid.UUID(int=number)) for number in range(3)]
# around a Tokyo midnight, which is 15:00 UTC
times = st.sampled_from(
    [datetime(2026, 11, 22, 14, 59, 59, 999999, UTC), datetime(2026, 11, 22, 15, 0, tzinfo=UTC), AT]
)
some_days = st.none() | st.dates(date(2026, 11, 21), date(2026, 11, 24))


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """A part of a filter: none, one or several of the values."""
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


filters = st.builds(
    Filter,
    subject_hmacs=some(b"a", b"b"),
    record_ids=some(*RECORD_IDS),
    kinds=some("record", "decision"),
    methods=some("individual", "batch"),
    bases=some("provision.consent", "receipt.consent"),
    directions=some("provision", "receipt"),
    controllers=some("bank", "銀行"),
    counterparties=some("life", "%"),
    created_from=some_days,
    created_until=some_days,
    provided_from=some_days,
    provided_until=some_days,
)
rows = st.fixed_dictionaries(
    {
        "subject_hmac": st.sampled_from([None, b"a", b"b"]),
        "record_id": st.sampled_from([None, *RECORD_IDS]),
        "kind": st.sampled_from(["record", "decision", "unreadable"]),
        "method": st.sampled_from([None, "individual", "batch"]),
        "basis": st.sampled_from([None, "provision.consent", "receipt.consent"]),
        "direction": st.sampled_from([None, "provision", "receipt"]),
        "controller": st.sampled_from([None, "bank", "銀行"]),
        "counterparty": st.sampled_from([None, "life", "%"]),
        "created_at": times,
        "provided_on": some_days,
    }
)


@given(wanted=filters, kept=st.lists(rows, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_means_the_same_in_sql(
    ledger_database: str, wanted: Filter, kept: list[dict[str, Any]]
) -> None:
    """For any filter and payloads, the search gives, page by page, those that `matches` accepts, the counts add up to them,
    and the filter survives being written as JSON."""

    async def check() -> None:
        async with roles_of(ledger_database) as roles:
            writer = await roles("writer")
            made = [payload(0, **fields) for fields in kept]
            async with writer.transaction(force_rollback=True):
                log_id = await open_log(writer, uuid.uuid4().hex)
                await take_in(writer, log_id, made)
                expected = [idx for idx, row in enumerate(made, 1) if wanted.matches(row)]
                found: list[Payload] = []
                while page := await search(writer, wanted, limit=3, after=found[-1][:2] if found else None):
                    found += page
                assert [row.idx for row in found] == expected
                assert sum(each.records for each in await counts(writer, wanted)) == len(expected)
        assert Filter.from_json(wanted.to_json()) == wanted

    asyncio.run(check())


@pytest.mark.parametrize(
    "document",
    [{}, {"kinds": [], "subjects": []}, {"kinds": "record"}, {"kinds": [1]}, {"kinds": [], "created_from": "today"},
     {"kinds": [], "subject_hmacs": ["xy"]}],
    ids=str,
)  # fmt: skip
def test_a_filter_that_is_none_is_refused(document: dict[str, Any]) -> None:
    """A hold's selector with an unknown or malformed part is an error: it would name more than was meant."""
    with pytest.raises(BadRowError):
        Filter.from_json(document)


async def test_counts_by_method_basis_and_direction(writer: Connection) -> None:
    """Records are counted by method, basis and direction."""
    log_id = await open_log(writer)
    await take_in(
        writer, log_id, [payload(0), payload(0), payload(0, method="batch"), payload(0, kind="decision")]
    )
    assert await counts(writer, Filter()) == [
        Count("batch", "provision.consent", "provision", 1),
        Count("individual", "provision.consent", "provision", 2),
    ]


async def test_search_goes_over_logs_and_shelves(writer: Connection) -> None:
    """A search gives the records of all logs and months by log and index, though they lie on different shelves."""
    first, second = await open_log(writer, "a"), await open_log(writer, "b", partition=1)
    when = [date(2035, 1, 1), date(2029, 1, 1), None, date(2031, 1, 1)]
    for log_id in (first, second):
        await take_in(writer, log_id, [payload(0, retain_until=day) for day in when])
    found = await search(writer, Filter(), limit=99)
    assert [(each.log_id, each.idx) for each in found] == [
        (log, idx) for log in (first, second) for idx in range(1, 5)
    ]
    assert [each.retain_until for each in found[:4]] == when


async def test_the_ledger_has_one_origin(writer: Connection) -> None:
    """The ledger is made once; its origin cannot become another."""
    assert await ledger(writer) is None
    made = await create_ledger(writer, "sample")
    assert await create_ledger(writer, "sample") == made == await ledger(writer)
    with pytest.raises(BadRowError, match="sample"):
        await create_ledger(writer, "other")


async def test_logs_by_kind_origin_and_year(writer: Connection) -> None:
    """Logs are found by kind and origin, and the current one of a partition is that of the newest year."""
    await open_log(writer, "r/0/2026")
    await open_log(writer, "r/0/2027", year=2027)
    await open_log(writer, "o/0/2026", kind="outcomes")
    assert [each.origin for each in await logs(writer)] == ["o/0/2026", "r/0/2026", "r/0/2027"]
    assert [log.origin for log, _ in await heads(writer, "records")] == ["r/0/2026", "r/0/2027"]
    found = await log_of(writer, "r/0/2027")
    assert found is not None
    now = await current(writer, "records", found.topic_id, 0)
    assert now == (found, await head(writer, found.log_id))
    assert await current(writer, "records", found.topic_id, 1) is None
    assert await current(writer, "acts") is None
    assert (await log_of(writer, "none"), await head(writer, 99)) == (None, None)


async def test_tiles_are_kept_once(writer: Connection) -> None:
    """A full tile is read back; a second one in its place is refused."""
    log_id = await open_log(writer)
    tiles = [TileRow(0, n, bytes([n]) * 8192) for n in (1, 0)]
    await put_tiles(writer, log_id, tiles)
    await put_tiles(writer, log_id, [])
    assert await tile(writer, log_id, 0, 1) == b"\1" * 8192
    assert await tile(writer, log_id, 1, 0) is None
    assert await tile_rows(writer, log_id, 0) == tiles[::-1]
    with pytest.raises(BadRowError):
        await put_tiles(writer, log_id, tiles[:1])


async def test_checkpoints_are_all_kept(writer: Connection) -> None:
    """Every checkpoint is kept, the largest is the newest of its log, and one of a size that is there is refused."""
    first, second = await open_log(writer, "a"), await open_log(writer, "b", partition=1)
    assert await newest_checkpoint_time(writer) is None
    rows = [
        CheckpointRow(first, 1, bytes(32), "note 1", AT),
        CheckpointRow(first, 10, b"\1" * 32, "note 10", AT + timedelta(seconds=2)),
        CheckpointRow(second, 1, bytes(32), "other", AT + timedelta(seconds=1)),
    ]
    for each in rows:
        await put_checkpoint(writer, each)
    assert await checkpoints(writer) == rows
    assert await checkpoints(writer, second) == rows[2:]
    assert await newest_checkpoint(writer, first) == rows[1]
    assert await newest_checkpoint(writer, 99) is None
    assert await newest_checkpoint_time(writer) == rows[1].signed_at
    with pytest.raises(BadRowError):
        await put_checkpoint(writer, rows[0])


async def test_scopes_are_the_same_for_all(roles: Roles) -> None:
    """Two lanes that ask for overlapping new keys at once, in different orders, get the same scopes; a key has one for ever."""
    one, other = await roles("writer"), await roles("writer")
    keys = [bytes([number]) * 32 for number in range(40)]
    first, second = await asyncio.gather(scopes(one, keys[:30]), scopes(other, keys[:9:-1]))
    assert set(first) == set(keys[:30])
    both = await scopes(one, keys)
    assert both == first | second
    assert len(set(both.values())) == 40
    assert await scope_of(other, keys[0]) == both[keys[0]]
    assert await scope_of(other, b"none") is None
    assert await scopes(one, []) == {}


async def test_members_of_a_scope(writer: Connection) -> None:
    """What belongs to a scope is found in every shelf, in order."""
    log_id, scope = await open_log(writer), str(uuid.uuid4())
    await take_in(
        writer, log_id, [payload(0, scope=scope), payload(0), payload(0, scope=scope, retain_until=None)]
    )
    assert await members(writer, scope, limit=9) == [(log_id, 1, payload(0).retain_until), (log_id, 3, None)]
    assert await members(writer, scope, limit=1) == [(log_id, 1, payload(0).retain_until)]


async def test_decisions_that_served_are_found(roles: Roles) -> None:
    """Indexed decisions are found by person and consent up to a time; indexing is fenced and never goes back."""
    writer, other = await roles("writer"), await roles("writer")
    assert await follow_from(writer, "topic", 3) is None
    indexed = [ServedRow(koff, b"s", b"c", AT + timedelta(seconds=koff)) for koff in range(3)]
    await put_served(writer, "topic", 3, None, 5, [*indexed, ServedRow(4, b"s", b"other", AT)])
    assert await follow_from(other, "topic", 3) == 5
    for expected in (None, 4):
        with pytest.raises(FencedError):
            await put_served(other, "topic", 3, expected, 6, [ServedRow(5, b"s", b"c", AT)])
    await put_served(other, "topic", 3, 5, 6, [])
    assert await served(writer, b"s", b"c", AT + timedelta(seconds=1)) == [
        ServedAt("topic", 3, koff, AT + timedelta(seconds=koff)) for koff in (0, 1)
    ]
    assert await served(writer, b"s", b"none", AT) == []


async def test_marks_for_disclosure_add_up(writer: Connection, purger: Connection) -> None:
    """Marks on a record are kept in their order, whoever of the two roles made them; a kind that there is not is refused."""
    record = str(uuid.uuid4())
    first = await put_withholding(
        writer, record, kind="exclusion", ground="crime", part=[], reason="r", by="b"
    )
    second = await put_withholding(
        purger, record, kind="ground", ground="rights", part=["items"], reason="r", by="b"
    )
    assert [
        (each.id, each.kind, each.part) for each in await withholdings(writer, [record, str(uuid.uuid4())])
    ] == [
        (first, "exclusion", []),
        (second, "ground", ["items"]),
    ]
    with pytest.raises(BadRowError):
        await put_withholding(writer, record, kind="other", ground="g", part=[], reason="r", by="b")  # type: ignore[arg-type]


async def test_one_service_at_a_time(roles: Roles) -> None:
    """The service lock is one connection's until it lets go or ends."""
    one, other = await roles("writer"), await roles("writer")
    assert await try_service_lock(one)
    assert not await try_service_lock(other)
    await release_service_lock(one)
    assert await try_service_lock(other)
    await other.close()
    for _ in range(200):
        if await try_service_lock(one):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the lock of a closed connection was not given back")


async def test_the_servers_clock(writer: Connection) -> None:
    """The server's time is aware, and goes on within a transaction."""
    async with writer.transaction():
        first, second = await database_now(writer), await database_now(writer)
    assert first.tzinfo is not None
    assert first < second


async def test_sizes_cover_every_table(writer: Connection) -> None:
    """Each table is measured once with its indexes; all partitions are one line."""
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0), payload(0, retain_until=None)])
    found = {each.table: each for each in await sizes(writer)}
    assert {"leaf", "payload", "log_head", "served"} <= set(found)
    assert not [name for name in found if name.startswith("payload_")]
    assert set(found["payload"].indexes) >= {"payload_pkey", "payload_subject"}
    assert found["payload"].total_bytes > found["payload"].heap_bytes >= 2 * 8192


async def test_what_is_not_there(reader: Connection) -> None:
    """Reads of what there is not give nothing, not errors."""
    assert await leaf(reader, 1, 1) is None
    assert await read_payload(reader, 1, 1) is None
    assert await hashes(reader, 1, 0, 9) == []
    assert [each async for each in payload_chunks(reader, 1)] == []
    assert [each async for each in purged_chunks(reader, 1)] == []
    assert await purged_of(reader, [b"x"]) == []
    assert await purged_at(reader, 1, 1) is None


async def test_an_appended_log_is_found_under_its_genesis(writer: Connection) -> None:
    """Several batches of one append give their logs' ids in order."""
    first, second = await append(writer, genesis("a"), genesis("b", partition=1))
    assert [each.log_id for each in await logs(writer)] == [first, second]
    await append(writer, records(first, 1, 0, []))
