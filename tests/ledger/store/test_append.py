"""Taking batches in: all or nothing, and only by the one writer whose view of the head is right."""

from __future__ import annotations

import asyncio
import os
import uuid
from datetime import date

import psycopg
import pytest

from ledger.store.sample import AT, LATER, Roles, genesis, leaves, open_log, payload, records, take_in
from sekisho.ledger.store import append as append_module
from sekisho.ledger.store.append import append, ensure_shelves, write
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import leaf, leaf_chunks
from sekisho.ledger.store.errors import BadRowError, FencedError, StoreError, UnavailableError
from sekisho.ledger.store.logs import current, head, log_of
from sekisho.ledger.store.payloads import payload as read_payload
from sekisho.ledger.store.payloads import payload_chunks
from sekisho.ledger.store.retention import extensions_of
from sekisho.ledger.store.rows import Batch, ExtensionRow, Payload, PayloadRow
from sekisho.ledger.store.schema import missing_guards

pytestmark = pytest.mark.database


async def _all_leaves(connection: Connection, log_id: int) -> int:
    return sum([len(each) async for each in leaf_chunks(connection, log_id)])


async def test_a_batch_is_read_back_as_it_was_written(writer: Connection, reader: Connection) -> None:
    """Leaves, payloads and the head after a batch are those of the batch, with nulls where there was nothing."""
    log_id = await open_log(writer)
    bare = PayloadRow(0, str(uuid.uuid4()), "unreadable", None, None, os.urandom(32), b"\x00\xff", AT)
    full = payload(0, scope=str(uuid.uuid4()), counterparty="銀行", retain_until=date(2031, 2, 28))
    await take_in(writer, log_id, [full, bare])
    got = [each async for chunk in payload_chunks(reader, log_id) for each in chunk]
    assert got == [Payload(log_id, *full._replace(idx=1)), Payload(log_id, *bare._replace(idx=2))]
    stored = await leaf(reader, log_id, 2)
    assert stored is not None
    assert (stored.leaf, stored.koff) == (leaves(2, 0)[1].leaf, 1)
    now = await head(reader, log_id)
    assert now is not None
    assert (now.size, now.next_offset, now.last_offset, now.last_at, now.closed) == (3, 2, 1, LATER, False)


async def test_small_chunks_give_every_leaf_once(writer: Connection, reader: Connection) -> None:
    """Reading in chunks of 2 gives the same leaves as in one, within start and stop."""
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0) for _ in range(6)])
    got = [each.idx async for chunk in leaf_chunks(reader, log_id, 1, 6, chunk=2) for each in chunk]
    assert got == [1, 2, 3, 4, 5]
    paid = [each.idx async for chunk in payload_chunks(reader, log_id, 2, chunk=2) for each in chunk]
    assert paid == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("change", [{"size": 0}, {"size": 2}, {"next_offset": 1}], ids=str)
async def test_a_writer_with_a_wrong_head_is_fenced(writer: Connection, change: dict[str, int]) -> None:
    """A batch whose size or next offset is not the head's raises FencedError and leaves nothing behind."""
    log_id = await open_log(writer)
    await ensure_shelves(writer, [payload(0).retain_until], set())
    good = records(log_id, 1, 0, [payload(0)])
    bad = Batch(**({name: getattr(good, name) for name in Batch.__slots__} | change))
    with pytest.raises(FencedError):
        await append(writer, bad)
    assert await _all_leaves(writer, log_id) == 1
    await append(writer, good)
    with pytest.raises(FencedError):
        await append(writer, good)
    assert await _all_leaves(writer, log_id) == 2


async def test_of_two_writers_at_once_one_is_fenced(roles: Roles) -> None:
    """Two connections that append the same batch at the same moment: one gets in, the other gets FencedError."""
    one, other = await roles("writer"), await roles("writer")
    log_id = await open_log(one)
    await ensure_shelves(one, [payload(0).retain_until], set())
    both = await asyncio.gather(
        *(append(each, records(log_id, 1, 0, [payload(0)])) for each in (one, other)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in both) == ["FencedError", "tuple"]


async def test_a_log_is_opened_once(writer: Connection) -> None:
    """A second log with the same origin, or of the same topic partition and year, raises FencedError."""
    await open_log(writer, "a/2026")
    with pytest.raises(FencedError):
        await append(writer, genesis("a/2026", partition=1))
    with pytest.raises(FencedError):
        await append(writer, genesis("b/2026"))


async def test_a_year_ends_in_one_transaction(writer: Connection) -> None:
    """Closing a log and opening the next is one append; the closed one takes nothing in any more."""
    log_id = await open_log(writer, "a/2026")
    closing = records(log_id, 1, 0, [], leaves=leaves(1), last_offset=None, closes=True)
    with pytest.raises(FencedError):
        await append(writer, closing, genesis("a/2026", year=2027))
    now = await head(writer, log_id)
    assert now is not None
    assert not now.closed
    await append(writer, closing, genesis("a/2027", year=2027))
    found = await current(writer, "records", "AbCdEfGhIjKlMnOpQrStUv", 0)
    assert found is not None
    assert found[0].origin == "a/2027"
    with pytest.raises(FencedError):
        await append(writer, records(log_id, 2, 0, [payload(0)]))


async def test_an_offset_is_taken_in_once(writer: Connection) -> None:
    """A leaf with an offset that its log has already raises BadRowError, even where the head would allow it."""
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0)])
    again = records(log_id, 2, 1, [payload(0)], leaves=leaves(1, 0))
    with pytest.raises(BadRowError):
        await append(writer, again)


async def test_extensions_go_in_with_their_batch(writer: Connection) -> None:
    """What extend leaves say is kept in the order of their times."""
    log_id = await open_log(writer)
    scope = str(uuid.uuid4())
    extensions = [ExtensionRow(2, None, LATER, scope), ExtensionRow(1, date(2030, 1, 1), AT, scope)]
    await append(writer, records(log_id, 1, 0, [], leaves=leaves(2), last_offset=None, extensions=extensions))
    assert await extensions_of(writer, scope) == (date(2030, 1, 1), None)


@pytest.mark.parametrize("at", ["moved", "leaves", "payloads", "all"])
async def test_a_killed_backend_leaves_nothing(
    roles: Roles, ledger_database: str, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's process killed after the head, the leaves, the payloads, or right before the commit: nothing is kept."""
    writer, other = await roles("writer"), await roles("reader")
    log_id = await open_log(writer)
    await ensure_shelves(writer, [payload(0).retain_until], set())
    step = {"moved": "_move", "leaves": "_copy", "payloads": "put_extensions", "all": "put_covers"}[at]
    genuine = getattr(append_module, step)

    async def killed(*args: object) -> object:
        done = await genuine(*args)
        with psycopg.connect(ledger_database, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 30000)", (writer.info.backend_pid,))
        return done

    monkeypatch.setattr(append_module, step, killed)
    with pytest.raises(UnavailableError):
        await append(writer, records(log_id, 1, 0, [payload(0)]))
    monkeypatch.undo()
    assert await _all_leaves(other, log_id) == 1
    assert await read_payload(other, log_id, 1) is None
    now = await head(other, log_id)
    assert now is not None
    assert now.size == 1
    again = await roles("writer")
    await append(again, records(log_id, 1, 0, [payload(0)]))
    assert await _all_leaves(other, log_id) == 2


async def test_an_error_in_the_middle_leaves_nothing(writer: Connection) -> None:
    """A batch whose payload has no shelf fails whole: its leaves and its head are not kept, and the connection goes on."""
    log_id = await open_log(writer)
    with pytest.raises(StoreError):
        await append(writer, records(log_id, 1, 0, [payload(0, retain_until=date(2150, 1, 1))]))
    assert await _all_leaves(writer, log_id) == 1
    await take_in(writer, log_id, [payload(0, retain_until=date(2150, 1, 1))])
    assert await _all_leaves(writer, log_id) == 2


async def test_shelves_are_made_while_others_write(roles: Roles) -> None:
    """Making a shelf does not wait for a transaction that has written to payload, and its guards are in place."""
    writer, other = await roles("writer"), await roles("writer", lock_seconds=5)
    log_id = await open_log(writer)
    known: set[date] = set()
    await ensure_shelves(writer, [payload(0).retain_until], known)
    async with transaction(writer, "shared"):
        await write(writer, records(log_id, 1, 0, [payload(0)]))
        await ensure_shelves(other, [date(2035, 5, 5), date(2035, 6, 6), None], known)
    assert known == {date(2029, 11, 1), date(2035, 5, 1), date(2035, 6, 1), date(9999, 12, 1)}
    assert await missing_guards(other) == []


async def test_two_may_make_the_same_shelf(roles: Roles) -> None:
    """Two lanes that need the same new month at once both get it."""
    both = await roles("writer"), await roles("writer")
    await asyncio.gather(*(ensure_shelves(each, [date(2040, 1, 31)], set()) for each in both))
    log_id = await open_log(both[0])
    await append(both[0], records(log_id, 1, 0, [payload(0, retain_until=date(2040, 1, 31))]))


async def test_a_last_day_beyond_2199_has_a_shelf(writer: Connection) -> None:
    """A policy for life that ends in 9999 is kept on the shelf of what has no end."""
    log_id = await open_log(writer)
    await take_in(
        writer,
        log_id,
        [payload(0, retain_until=date(9999, 12, 31)), payload(0, retain_until=date(2200, 1, 1))],
    )
    assert await read_payload(writer, log_id, 2) is not None


async def test_lanes_do_not_wait_for_each_other(roles: Roles) -> None:
    """Two lanes append to their own logs at once, each while the other's transaction is open."""
    one, other = await roles("writer"), await roles("writer", lock_seconds=5)
    first = await open_log(one, "a/0/2026", partition=0)
    second = await open_log(one, "a/1/2026", partition=1)
    await ensure_shelves(one, [payload(0).retain_until], set())
    async with transaction(one, "shared"):
        await write(one, records(first, 1, 0, [payload(0)]))
        await append(other, records(second, 1, 0, [payload(0)]))
    assert await log_of(other, "a/1/2026") is not None
