"""Each way in which PostgreSQL fails becomes an error that says what to do; none of them keeps half a batch."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import psycopg
import pytest
from psycopg import errors as pg

from ledger.store.sample import Roles, open_log, payload, records, roles_of
from local_postgres import MakePostgres, small_disk
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection, session, transaction, try_service_lock
from sekisho.ledger.store.entries import leaf_chunks
from sekisho.ledger.store.errors import (
    AppendOnlyError,
    BadRowError,
    BusyError,
    DiskFullError,
    RightsError,
    SchemaError,
    StoreError,
    UnavailableError,
    told,
    translated,
)
from sekisho.ledger.store.logs import head
from sekisho.ledger.store.schema import migrate

pytestmark = pytest.mark.database


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pg.DiskFull, DiskFullError),
        (pg.LockNotAvailable, BusyError),
        (pg.QueryCanceled, BusyError),
        (pg.DeadlockDetected, BusyError),
        (pg.SerializationFailure, BusyError),
        (pg.UndefinedTable, SchemaError),
        (pg.UndefinedFunction, SchemaError),
        (pg.InsufficientPrivilege, RightsError),
        (pg.ReadOnlySqlTransaction, UnavailableError),
        (pg.AdminShutdown, UnavailableError),
        (pg.CannotConnectNow, UnavailableError),
        (pg.TooManyConnections, UnavailableError),
        (pg.OutOfMemory, UnavailableError),
        (pg.UniqueViolation, BadRowError),
        (pg.CheckViolation, BadRowError),
        (pg.InvalidTextRepresentation, BadRowError),
        (psycopg.OperationalError, UnavailableError),
        (psycopg.InterfaceError, UnavailableError),
        (pg.SyntaxError, StoreError),
    ],
)
def test_every_kind_has_its_error(error: type[psycopg.Error], kind: type[StoreError]) -> None:
    """The driver's errors are told as the store's, exactly of that kind, with what was going on."""
    got = told("doing this", error("the server said so"))
    assert type(got) is kind
    assert str(got).startswith("doing this: the server said so. ") or kind is StoreError


async def test_no_value_of_a_row_is_told(writer: Connection) -> None:
    """The text of an error has the server's message, not its detail: that would hold keys and values."""
    with pytest.raises(BadRowError) as caught, translated("trying"):
        await writer.execute(
            "INSERT INTO scope (scope, key) SELECT '00000000-0000-0000-0000-000000000001', 'secret' FROM generate_series(1, 2)"
        )
    assert "secret" not in str(caught.value)
    assert "00000001" not in str(caught.value)


async def test_a_trigger_is_told_as_such(writer: Connection) -> None:
    """What an append-only trigger refused is an AppendOnlyError."""
    log_id = await open_log(writer)
    with pytest.raises(AppendOnlyError, match="may only grow"), translated("trying"):
        await writer.execute("UPDATE log_head SET size = 0 WHERE log_id = %s", (log_id,))


async def test_a_lock_that_is_not_given_is_told(roles: Roles) -> None:
    """Who waits longer for a lock than allowed gets BusyError and can go on."""
    one, other = await roles("writer"), await roles("writer", lock_seconds=0.1)
    log_id = await open_log(one)
    async with transaction(one):
        await head(one, log_id, lock=True)
        with pytest.raises(BusyError):
            await append(other, records(log_id, 1, 0, []))
    await append(other, records(log_id, 1, 0, []))


async def test_a_statement_that_takes_too_long_is_told(roles: Roles) -> None:
    """A statement beyond its time-out is ended by the server: BusyError."""
    reader = await roles("reader", statement_seconds=0.1)
    with pytest.raises(BusyError), translated("sleeping"):
        await reader.execute("SELECT pg_sleep(60)")


async def test_a_client_that_hangs_in_a_transaction_is_ended(roles: Roles) -> None:
    """A connection that holds the KEEPING lock and does nothing loses it after its time-outs."""
    stuck, other = await roles("purger", statement_seconds=0.1, lock_seconds=0.1), await roles("purger")
    with pytest.raises(UnavailableError):
        await _hang(stuck, other)


async def _hang(stuck: Connection, other: Connection) -> None:
    async with transaction(stuck, "exclusive"):
        async with transaction(other, "exclusive"):
            await try_service_lock(other)
        await stuck.execute("SELECT 1")


async def test_a_database_that_takes_no_writes_is_told(ledger_database: str) -> None:
    """A read-only database (a standby, say) is UnavailableError: another one may take writes."""
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        admin.execute(f'ALTER DATABASE "{admin.info.dbname}" SET default_transaction_read_only = on'.encode())
    async with roles_of(ledger_database) as roles:
        with pytest.raises(UnavailableError):
            await open_log(await roles("writer"))


async def _fill_up(writer: Connection, log_id: int) -> int:
    """Append until the disk is full; the log's size as acknowledged. Ends after 800 MB at the latest."""
    rows = [payload(0) for _ in range(40)]
    size = 1
    while size < 40_000:
        batch = records(
            log_id, size, size - 1, [row._replace(body=_noise(size + at)) for at, row in enumerate(rows)]
        )
        try:
            await append(writer, batch)
        except (DiskFullError, UnavailableError):
            return size
        size += len(rows)
    pytest.fail("the disk did not get full")


async def _found(url: str, log_id: int) -> tuple[int, int]:
    """The head's size and the number of leaves."""
    async with session(url, "reader") as reader:
        got = await head(reader, log_id)
        assert got is not None
        return got.size, sum([len(each) async for each in leaf_chunks(reader, log_id)])


def _noise(seed: int) -> bytes:
    """20 KB that do not compress."""
    return random.Random(seed).randbytes(20_000)


async def test_a_full_disk_keeps_nothing_of_the_batch(make_postgres: MakePostgres, tmp_path: Path) -> None:
    """When the disk is full in the middle of a batch, an error says so. When there is room again, head and leaves are those of the
    batches before, whether the server went on or (the write-ahead log was full) stopped; and the next batch goes in."""
    with small_disk(tmp_path / "disk", "128m") as folder:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(24_000_000))
        properties = {"max_wal_size": "32MB", "min_wal_size": "32MB"}
        postgres = make_postgres(data_dir=folder / "pg", properties=properties).start()
        await asyncio.to_thread(migrate, postgres.url)
        async with session(postgres.url, "writer") as writer:
            log_id = await open_log(writer)
            await ensure_shelves(writer, [payload(0).retain_until], set())
            size = await _fill_up(writer, log_id)
        assert size > 1
        ballast.unlink()
        await asyncio.to_thread(postgres.restart)
        assert await _found(postgres.url, log_id) == (size, size)
        async with session(postgres.url, "writer") as writer:
            await append(writer, records(log_id, size, size - 1, [payload(0)]))
        postgres.stop()
