"""Connections in a role, transactions under the KEEPING lock, the lock of the one running service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg import errors as pg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from sekisho.ledger.store.errors import RightsError, SchemaError, translated

Connection = AsyncConnection[TupleRow]
Role = Literal["owner", "writer", "purger", "reader"]
Keeping = Literal["shared", "exclusive"]

SCHEMA: Final = "sekisho_ledger"
MIN_SERVER: Final = 15_00_00
"""PostgreSQL 15: the first whose unique constraints can treat nulls as equal."""
LEDGER_LOCK: Final = 4_849_236_499
KEEPING_LOCK: Final = 4_849_236_500
"""Advisory lock keys of this database; 4849236501 is `ensure_shelf`'s, 4849236502 that of migrations."""
MIGRATION_LOCK: Final = 4_849_236_502

_KEEPALIVES: Final[Mapping[str, int]] = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A server that vanished is noticed within half a minute, instead of two hours."""

# One round trip. A stronger synchronous_commit (remote_apply) is kept; a weaker one would lose what was acknowledged. A client that
# hangs inside a transaction holds the locks of all: the server ends it.
_SESSION: Final = """
    SELECT set_config('search_path', 'sekisho_ledger, pg_temp', false), set_config('TimeZone', 'UTC', false),
        set_config('statement_timeout', %(statement)s, false), set_config('lock_timeout', %(lock)s, false),
        set_config('idle_in_transaction_session_timeout', %(idle)s, false),
        set_config('synchronous_commit',
            CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
        set_config('role', %(role)s, false)
"""


def role_name(role: Role) -> str:
    """The database role: `sekisho_writer` and so on."""
    return f"sekisho_{role}"


async def connect(
    url: str,
    role: Role,
    *,
    application: str = "sekisho",
    connect_seconds: float = 10,
    statement_seconds: float = 60,
    lock_seconds: float = 30,
) -> Connection:
    """A connection that has taken on `role`, in autocommit: changes run in `transaction`.

    Raises UnavailableError, RightsError where the URL's user is no member of the role, SchemaError below PostgreSQL 15.
    """
    with translated("connecting to the ledger's database"):
        connection = await AsyncConnection.connect(
            make_conninfo(url, **_KEEPALIVES),
            autocommit=True,
            application_name=application,
            connect_timeout=max(2, round(connect_seconds)),
            client_encoding="utf8",
        )
    try:
        await _prepare(connection, role, statement_seconds, lock_seconds)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _prepare(connection: Connection, role: Role, statement_seconds: float, lock_seconds: float) -> None:
    check_server(connection.info.server_version)
    # the fence (UPDATE … WHERE size = …) is meant for read committed: it waits for the other and then sees what it did
    await connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
    values = {
        "statement": f"{round(statement_seconds * 1000)}ms",
        "lock": f"{round(lock_seconds * 1000)}ms",
        "idle": f"{round((statement_seconds + lock_seconds) * 1000)}ms",
        "role": role_name(role),
    }
    with translated("taking on a role"):
        try:
            await connection.execute(_SESSION, values)
        except (pg.InsufficientPrivilege, pg.InvalidParameterValue) as error:
            raise RightsError(missing_role(role, connection.info.user, error)) from error


def check_server(version: int) -> None:
    """Raises SchemaError below PostgreSQL 15; `version` as the server counts, 180004."""
    if version < MIN_SERVER:
        raise SchemaError(f"the server is PostgreSQL {version // 10_000}: the ledger needs 15 or later.")


def missing_role(role: Role, user: str, error: psycopg.Error | None = None) -> str:
    """What to do about a role that the user cannot take on."""
    cause = f" ({error.diag.message_primary})" if error is not None else ""
    return (
        f"the database user {user!r} cannot act as {role_name(role)}{cause}. Run `sekisho ledger migrate` as a user that may create "
        f'roles, or have an administrator run deploy/postgres/roles.sql, or: GRANT {role_name(role)} TO "{user}";'
    )


@asynccontextmanager
async def session(
    url: str,
    role: Role,
    *,
    application: str = "sekisho",
    connect_seconds: float = 10,
    statement_seconds: float = 60,
    lock_seconds: float = 30,
) -> AsyncIterator[Connection]:
    """`connect`, closed at the end."""
    connection = await connect(
        url,
        role,
        application=application,
        connect_seconds=connect_seconds,
        statement_seconds=statement_seconds,
        lock_seconds=lock_seconds,
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def transaction(connection: Connection, keeping: Keeping | None = None) -> AsyncIterator[None]:
    """BEGIN … COMMIT, with the KEEPING lock from the start where one is asked for.

    Ingestion takes it shared; purges, holds, releases and an operator's extends take it exclusively: no record in flight escapes a
    hold, no purge overtakes an extend. A statement sees what was committed before *it* began, so whatever is read under the lock
    must be read by a statement after this one.
    """
    with translated("a transaction of the ledger"):
        async with connection.transaction():
            if keeping == "shared":
                await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (KEEPING_LOCK,))
            elif keeping == "exclusive":
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (KEEPING_LOCK,))
            yield


async def rows(connection: Connection, query: str, values: Any = None, *, doing: str) -> list[TupleRow]:
    """All rows of a query, bytes and times in the binary form (a bytea as text is twice as long)."""
    with translated(doing):
        async with connection.cursor(binary=True) as cursor:
            await cursor.execute(query, values)
            return await cursor.fetchall()


async def row(connection: Connection, query: str, values: Any = None, *, doing: str) -> TupleRow | None:
    """The first row of a query, None where there is none."""
    found = await rows(connection, query, values, doing=doing)
    return found[0] if found else None


async def database_now(connection: Connection) -> datetime:
    """The server's clock, now (not the transaction's start)."""
    found = await rows(connection, "SELECT clock_timestamp()", doing="asking the server for the time")
    at: datetime = found[0][0]
    return at


async def try_service_lock(connection: Connection) -> bool:
    """Become the one running ledger service of this database; False: another is. Held until the connection ends."""
    found = await rows(
        connection,
        "SELECT pg_try_advisory_lock(%s)",
        (LEDGER_LOCK,),
        doing="taking the lock of the ledger service",
    )
    return bool(found[0][0])


async def release_service_lock(connection: Connection) -> None:
    """Let another ledger service take over."""
    await rows(
        connection, "SELECT pg_advisory_unlock(%s)", (LEDGER_LOCK,), doing="releasing the ledger's lock"
    )


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What an operator should know about the server: without `fsync` or `full_page_writes` a power cut loses what was acknowledged."""

    version: int
    fsync: bool
    full_page_writes: bool
    checksums: bool
    read_only: bool
    database_bytes: int


async def server_facts(connection: Connection) -> ServerFacts:
    """How the server is set up."""
    query = """
        SELECT current_setting('server_version_num')::int4, current_setting('fsync')::bool, current_setting('full_page_writes')::bool,
            current_setting('data_checksums')::bool, pg_is_in_recovery() OR current_setting('transaction_read_only')::bool,
            pg_database_size(current_database())
    """
    found = await rows(connection, query, doing="asking the server how it is set up")
    return ServerFacts(*found[0])
