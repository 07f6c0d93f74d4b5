"""Append-only: no role changes or deletes a row, in the tables and in every partition, replica role or not."""

from __future__ import annotations

import uuid
from datetime import date

import psycopg
import pytest
from psycopg import sql

from ledger.store.sample import AT, Roles, genesis, leaves, open_log, payload, records, take_in
from sekisho.ledger.store.acts import lock_acts, write_acts
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import TileRow, leaf, put_checkpoint, put_tiles
from sekisho.ledger.store.errors import AppendOnlyError, BadRowError, RightsError, StoreError, translated
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import put_hold, put_release
from sekisho.ledger.store.logs import create_ledger
from sekisho.ledger.store.marks import put_withholding
from sekisho.ledger.store.payloads import payload as read_payload
from sekisho.ledger.store.purging import purge_rows, purged_at, purged_chunks, purged_of
from sekisho.ledger.store.rows import CheckpointRow, ExtensionRow, HoldCover, PurgeRow
from sekisho.ledger.store.scopes import scopes
from sekisho.ledger.store.served import ServedRow, put_served

pytestmark = pytest.mark.database

TABLES = [
    "ledger", "log", "log_head", "leaf", "hash_tile", "checkpoint", "payload", "payload_2029_11", "payload_open", "scope",
    "extension", "hold", "hold_cover", "hold_release", "purged", "withholding", "served", "follow",
]  # fmt: skip
PARTITIONS = ["payload_2029_11", "payload_open"]


async def fill(roles: Roles) -> int:
    """At least one row in every table and partition; the id of the log of records."""
    writer, purger = await roles("writer"), await roles("purger")
    await create_ledger(writer, "sample")
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0), payload(0, retain_until=None), payload(0)])
    await put_tiles(writer, log_id, [TileRow(0, 0, bytes(8192))])
    await put_checkpoint(writer, CheckpointRow(log_id, 1, bytes(32), "note", AT))
    await scopes(writer, [b"key"])
    await put_served(writer, "topic", 0, None, 1, [ServedRow(0, b"s", b"c", AT)])
    hold = str(uuid.uuid4())
    async with transaction(purger, "exclusive"):
        acts = await lock_acts(purger, "sample", AT)
        await put_hold(purger, hold, Filter(), AT)
        extension = ExtensionRow(acts.next_index + 1, None, AT, target_log=log_id, target_idx=1)
        cover = HoldCover(hold, log_id, 1)
        await write_acts(
            purger, acts, [b"release", b"extend", b"purge"], extensions=[extension], covers=[cover]
        )
        await put_release(purger, hold, acts.log_id, acts.next_index, AT)
        row = await read_payload(purger, log_id, 3)
        assert row is not None
        gone = PurgeRow(
            log_id, 3, row.created_at.date().replace(2029, 11, 1), acts.log_id, acts.next_index + 2, AT,
            row.subject_hmac, row.direction, row.created_at.date(), True,
        )  # fmt: skip
        await purge_rows(purger, [gone])
    await put_withholding(
        purger, str(uuid.uuid4()), kind="ground", ground="rights", part=[], reason="r", by="b"
    )
    return log_id


def _column(connection: psycopg.Connection, table: str) -> str:
    query = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1"
    found = connection.execute(query, (f"sekisho_ledger.{table}",)).fetchone()
    assert found is not None
    return str(found[0])


def _tried(connection: psycopg.Connection, table: str, what: str) -> str | None:
    """What refused it: the SQLSTATE; None where it was done (and rolled back)."""
    name = sql.Identifier("sekisho_ledger", table)
    # an UPDATE of a heads table to itself is allowed to a writer: there it must not go back
    column = {"log_head": "size", "follow": "next_offset"}.get(table) or _column(connection, table)
    value = "-1" if table in ("log_head", "follow") else column
    statement = {
        "UPDATE": sql.SQL("UPDATE {} SET {} = {}").format(name, sql.Identifier(column), sql.SQL(value)),
        "DELETE": sql.SQL("DELETE FROM {}").format(name),
        "TRUNCATE": sql.SQL("TRUNCATE {} CASCADE").format(name),
    }[what]
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.Error as error:
        return error.sqlstate
    return None


@pytest.mark.parametrize(
    "role", ["sekisho_writer", "sekisho_purger", "sekisho_reader", "sekisho_owner", "postgres"]
)
@pytest.mark.parametrize("replica", [False, True], ids=["origin", "replica"])
async def test_nobody_changes_a_row(roles: Roles, ledger_database: str, role: str, replica: bool) -> None:
    """UPDATE, DELETE and TRUNCATE of every table and partition is refused to every role, the owner and a superuser included,
    with triggers as usual and under session_replication_role = replica."""
    await fill(roles)
    with psycopg.connect(ledger_database, autocommit=True) as connection:
        if replica:
            connection.execute("SET session_replication_role = replica")
        if role != "postgres":
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        got = {
            (table, what): _tried(connection, table, what)
            for table in TABLES
            for what in ("UPDATE", "DELETE", "TRUNCATE")
        }
    strong = role in ("sekisho_owner", "postgres")
    # a row's triggers refuse a strong role; the others lack the right in the first place, but for what their work needs
    needed = {"sekisho_writer": {"log_head", "follow"}, "sekisho_purger": {"log_head"}}.get(role, set())
    for (table, what), state in got.items():
        by_trigger = (
            strong
            or (what == "UPDATE" and table in needed)
            or (role, table, what) == ("sekisho_purger", "payload", "DELETE")
        )
        assert state == ("SK001" if by_trigger else "42501"), (table, what)


async def test_the_refusals_come_from_the_triggers(roles: Roles, ledger_database: str) -> None:
    """Control: with one table's triggers disabled by a superuser, the same statements go through there."""
    await fill(roles)
    with psycopg.connect(ledger_database, autocommit=True) as connection:
        for table in ("served", "payload_2029_11"):
            connection.execute(
                sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(sql.Identifier("sekisho_ledger", table))
            )
            assert [_tried(connection, table, what) for what in ("UPDATE", "DELETE", "TRUNCATE")] == [
                None
            ] * 3


async def test_a_writer_deletes_nothing(roles: Roles, writer: Connection) -> None:
    """A writer may not delete a payload, purged row or not."""
    await fill(roles)
    with pytest.raises(RightsError), translated("trying"):
        await writer.execute("DELETE FROM payload")


async def test_a_purger_deletes_only_what_a_leaf_purged(roles: Roles, purger: Connection) -> None:
    """A payload without a row in purged cannot be deleted, by the purger neither; with one (see `fill`) it was."""
    log_id = await fill(roles)
    assert await read_payload(purger, log_id, 3) is None
    with pytest.raises(AppendOnlyError), translated("trying"):
        await purger.execute("DELETE FROM payload WHERE log_id = %s AND idx = 1", (log_id,))
    assert await read_payload(purger, log_id, 1) is not None


async def test_a_purge_is_read_back(roles: Roles, reader: Connection) -> None:
    """What was purged is found by leaf, by log and by person, with the purge leaf that says so."""
    log_id = await fill(roles)
    found = await purged_at(reader, log_id, 3)
    assert found is not None
    assert (found.purged_at, found.created_on, found.direction, found.disclosable) == (
        AT,
        AT.date(),
        "provision",
        True,
    )
    stored = await leaf(reader, found.act_log, found.act_idx)
    assert stored is not None
    assert stored.leaf == b"purge"
    assert [each async for each in purged_chunks(reader, log_id)] == [[found]]
    assert found.subject_hmac is not None
    assert await purged_of(reader, [found.subject_hmac, b"other"]) == [found]


async def test_a_purge_needs_its_leaves(roles: Roles, purger: Connection) -> None:
    """A row in purged needs the purged leaf, and a purge leaf in a log of acts."""
    log_id = await fill(roles)
    day = AT.date()
    no_leaf = PurgeRow(log_id, 99, day, log_id, 1, AT, None, None, day, False)
    no_act = PurgeRow(log_id, 1, day, log_id, 2, AT, None, None, day, False)
    no_such_act = PurgeRow(log_id, 1, day, log_id, 99, AT, None, None, day, False)
    for row, error in ((no_leaf, AppendOnlyError), (no_act, AppendOnlyError), (no_such_act, StoreError)):
        with pytest.raises(error):
            async with transaction(purger, "exclusive"):
                await purge_rows(purger, [row])


async def _purge_from(purger: Connection, log_id: int, shelf: date, idx: int = 1) -> None:
    async with transaction(purger, "exclusive"):
        acts = await lock_acts(purger, "sample", AT)
        await write_acts(purger, acts, [b"purge"])
        row = PurgeRow(log_id, idx, shelf, acts.log_id, acts.next_index, AT, None, None, AT.date(), True)
        await purge_rows(purger, [row])


async def test_a_purge_of_something_that_is_not_there_is_undone(roles: Roles, purger: Connection) -> None:
    """A payload that is not on the shelf it should be on raises BadRowError, and nothing of the transaction is kept."""
    log_id = await fill(roles)
    with pytest.raises(BadRowError, match="of 1 payloads to purge 0 are there"):
        await _purge_from(purger, log_id, AT.date().replace(day=1))
    assert await read_payload(purger, log_id, 1) is not None


async def test_a_purger_writes_in_acts_alone(roles: Roles, purger: Connection) -> None:
    """A purger opens no log of records and appends to none: neither leaves, payloads and extensions nor the head."""
    log_id = await fill(roles)
    with pytest.raises(AppendOnlyError):
        await append(purger, genesis("b/1/2026", partition=1))
    with pytest.raises(AppendOnlyError):
        await append(purger, records(log_id, 4, 3, [payload(0)]))
    for statement in (
        "INSERT INTO leaf (log_id, idx, leaf, hash) VALUES (%(log)s, 9, 'x', decode(repeat('00', 32), 'hex'))",
        "INSERT INTO extension (log_id, idx, at, scope) VALUES (%(log)s, 9, now(), gen_random_uuid())",
        "INSERT INTO payload (log_id, idx, shelf, rid, salt, body, created_at, kind) "
        "VALUES (%(log)s, 9, '9999-12-01', gen_random_uuid(), '', '', now(), 'record')",
        "UPDATE log_head SET size = size + 1 WHERE log_id = %(log)s",
    ):
        with pytest.raises(AppendOnlyError), translated("trying"):
            await purger.execute(statement, {"log": log_id})


async def test_a_purger_makes_no_shelf(purger: Connection) -> None:
    """Only the writer needs new partitions, and only the writer may make them."""
    with pytest.raises(RightsError):
        await ensure_shelves(purger, [AT.date()], set())


@pytest.mark.parametrize("month", ["2026-01-02", "1999-12-01", "2200-01-01", None])
async def test_a_shelf_is_a_month_of_two_centuries(writer: Connection, month: str | None) -> None:
    """The function that makes partitions takes the first of a month of 2000 to 2199 and nothing else."""
    with pytest.raises(StoreError), translated("trying"):
        await writer.execute("SELECT ensure_shelf(%s::date)", (month,))


async def test_a_reader_writes_nothing(roles: Roles, ledger_database: str) -> None:
    """A reader reads every table and may insert into none, call no function that makes a partition, lock no head."""
    await fill(roles)
    with psycopg.connect(ledger_database, autocommit=True) as connection:
        connection.execute("SET ROLE sekisho_reader")
        for table in TABLES:
            name = sql.Identifier("sekisho_ledger", table)
            if table not in PARTITIONS:
                assert connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name))
        for statement in (
            "SELECT sekisho_ledger.ensure_shelf('2030-01-01')",
            "SELECT FROM sekisho_ledger.log_head FOR UPDATE",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


async def test_a_head_only_grows(roles: Roles, writer: Connection) -> None:
    """A writer cannot set a head back, nor write in a log that was closed."""
    log_id = await fill(roles)
    for change in (
        "size = size - 1",
        "next_offset = next_offset - 1",
        "last_offset = NULL",
        "last_offset = last_offset - 1",
    ):
        with pytest.raises(AppendOnlyError), translated("trying"):
            await writer.execute(f"UPDATE log_head SET {change} WHERE log_id = {log_id}")
    closing = records(log_id, 4, 3, [], leaves=leaves(1), last_offset=2, closes=True)
    await append(writer, closing)
    with pytest.raises(AppendOnlyError), translated("trying"):
        await writer.execute(f"UPDATE log_head SET size = size + 1 WHERE log_id = {log_id}")


async def test_a_payload_stands_on_its_own_shelf(writer: Connection) -> None:
    """A row on the shelf of another month than that of its last day is refused: it would never be found due."""
    with pytest.raises(BadRowError), translated("trying"):
        await writer.execute(
            "INSERT INTO payload (log_id, idx, shelf, retain_until, rid, salt, body, created_at, kind) "
            "VALUES (1, 1, '9999-12-01', '2029-11-22', gen_random_uuid(), '', '', now(), 'record')"
        )


def _bytes_on_disk(admin: psycopg.Connection, table: str) -> bytes:
    """The table's file as it is on disk."""
    admin.execute("CHECKPOINT")
    found = admin.execute(
        "SELECT pg_read_binary_file(pg_relation_filepath(%s))", (f"sekisho_ledger.{table}",)
    ).fetchone()
    assert found is not None
    return bytes(found[0])


async def test_what_was_purged_leaves_the_disk(roles: Roles, ledger_database: str) -> None:
    """One deleted row is enough for vacuum to come; after it the shelf of a month that is all purged has no byte on disk."""
    writer, purger = await roles("writer"), await roles("purger")
    log_id = await open_log(writer)
    await take_in(writer, log_id, [payload(0, body=b"personal data")])
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        options = admin.execute(
            "SELECT reloptions FROM pg_class WHERE relname = 'payload_2029_11'"
        ).fetchone()
        assert options == (["autovacuum_vacuum_scale_factor=0", "autovacuum_vacuum_threshold=0"],)
        assert b"personal data" in _bytes_on_disk(admin, "payload_2029_11")
        await _purge_from(purger, log_id, date(2029, 11, 1))
        admin.execute("VACUUM sekisho_ledger.payload_2029_11")
        assert _bytes_on_disk(admin, "payload_2029_11") == b""
