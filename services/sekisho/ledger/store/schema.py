"""The schema's version: migrating to it, checking for it, and whether its guards are all in place.

`migrate` is sync, because Alembic is; services call `check_schema` alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, get_args

import psycopg
from psycopg import errors as pg
from psycopg import sql

from sekisho.ledger.store.connection import (
    MIGRATION_LOCK,
    SCHEMA,
    Connection,
    Role,
    check_server,
    missing_role,
    role_name,
    rows,
)
from sekisho.ledger.store.errors import RightsError, SchemaError, translated

VERSION: Final = "0001"
"""The newest migration of this version of Sekisho."""
_KNOWN: Final = ("0001",)
CONNECT_S: Final = 10
"""How long a server may take to answer a command (s): one that accepts and then says nothing is told as away."""
_ROLES: Final[tuple[Role, ...]] = get_args(Role)
_DBA: Final = "or have an administrator run deploy/postgres/roles.sql once"


def migrate(url: str, *, lock_seconds: float = 120) -> str:
    """Bring the database to this version: roles, schema, tables, triggers, grants. Does nothing where it is there already.

    Two that migrate at once wait for each other. Returns the version. Raises SchemaError (the database is newer, the server too
    old), RightsError (the text says what to grant), BusyError (another migrates for longer than `lock_seconds`).
    """
    with (
        translated("migrating the ledger's database"),
        psycopg.connect(
            url,
            autocommit=True,
            application_name="sekisho-migrate",
            client_encoding="utf8",
            connect_timeout=CONNECT_S,
        ) as connection,
    ):
        check_server(connection.info.server_version)
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false)", (f"{round(lock_seconds * 1000)}ms",)
        )
        connection.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        for role in _ROLES:
            _ensure_role(connection, role)
        _ensure_schema(connection)
        connection.execute("SELECT set_config('role', %s, false)", (role_name("owner"),))
        _refuse_newer(_version(connection))
        _upgrade(connection)
    return VERSION


def _ensure_role(connection: psycopg.Connection, role: Role) -> None:
    """Create the role where it is missing, and make the URL's user a member of it."""
    name = sql.Identifier(role_name(role))
    try:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role_name(role),)).rowcount == 0:
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(name))
    except (pg.DuplicateObject, pg.UniqueViolation):
        # another database of the same server is being migrated: roles belong to the server
        connection.execute("SELECT 1")
    except pg.InsufficientPrivilege as error:
        text = f"the database user {connection.info.user!r} may not create the role {role_name(role)}: migrate as one that may, {_DBA}."
        raise RightsError(text) from error
    # from 16 on a member may lack the right to SET ROLE
    right = "SET" if connection.info.server_version >= 16_00_00 else "MEMBER"
    member = connection.execute(
        "SELECT pg_has_role(current_user, %s, %s)", (role_name(role), right)
    ).fetchone()
    if member is not None and member[0]:
        return
    try:
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(name))
    except pg.InsufficientPrivilege as error:
        raise RightsError(missing_role(role, connection.info.user, error)) from error


def _ensure_schema(connection: psycopg.Connection) -> None:
    query = "SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = %s"
    found = connection.execute(query, (SCHEMA,)).fetchone()
    if found is not None and found[0] != role_name("owner"):
        raise SchemaError(
            f"the schema {SCHEMA} belongs to {found[0]}, not to {role_name('owner')}: it is not the ledger's."
        )
    if found is not None:
        return
    names = (sql.Identifier(SCHEMA), sql.Identifier(role_name("owner")))
    try:
        connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(*names))
    except pg.InsufficientPrivilege as error:
        database, user = connection.info.dbname, connection.info.user
        text = f'the database user may not create a schema: GRANT CREATE ON DATABASE "{database}" TO "{user}"; {_DBA}.'
        raise RightsError(text) from error


def _version(connection: psycopg.Connection) -> str | None:
    found = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.alembic_version",)
    ).fetchone()
    if found is None or not found[0]:
        return None
    newest = connection.execute(f"SELECT max(version_num) FROM {SCHEMA}.alembic_version").fetchone()  # noqa: S608  # a constant
    return None if newest is None else newest[0]


def _refuse_newer(version: str | None) -> None:
    if version is not None and version not in _KNOWN:
        raise SchemaError(
            f"the database has the ledger's schema {version}, which this version of Sekisho does not know (its newest is {VERSION}): "
            "use the newer Sekisho."
        )


def _upgrade(connection: psycopg.Connection) -> None:
    """Run Alembic on this connection. Imported here: it takes 0.3 s, which no service needs."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    connection.autocommit = False
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: connection, poolclass=StaticPool)
    try:
        with engine.connect() as wrapped:
            config.attributes["connection"] = wrapped
            command.upgrade(config, "head")
            wrapped.commit()
    finally:
        engine.dispose()


async def check_schema(connection: Connection) -> None:
    """Raises SchemaError with the remedy where the ledger's schema is absent, older or newer than this version's."""
    query = "SELECT to_regclass('sekisho_ledger.alembic_version') IS NOT NULL"
    found = await rows(connection, query, doing="looking for the ledger's schema")
    version: str | None = None
    if found[0][0]:
        newest = await rows(
            connection,
            "SELECT max(version_num) FROM alembic_version",
            doing="asking for the schema's version",
        )
        version = newest[0][0]
    if version is None:
        raise SchemaError("the database has no ledger: run `sekisho ledger migrate`.")
    _refuse_newer(version)
    if version != VERSION:
        raise SchemaError(
            f"the ledger's schema is {version}, this version of Sekisho needs {VERSION}: run `sekisho ledger migrate`."
        )


GUARDS: Final = """
    WITH tables AS (
        SELECT c.oid, c.relname, c.relispartition FROM pg_class c
        WHERE c.relnamespace = 'sekisho_ledger'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
    ), guards AS (
        -- tgtype: 1 for each row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate
        SELECT tgrelid, tgenabled, tgtype FROM pg_trigger WHERE tgname IN ('append_only', 'purge_only', 'forward_only', 'no_truncate')
    )
    SELECT t.relname, w.what FROM tables t CROSS JOIN (VALUES (8, 'DELETE'), (16, 'UPDATE'), (32, 'TRUNCATE')) w (bit, what)
    WHERE NOT EXISTS (
        SELECT FROM guards g WHERE g.tgrelid = t.oid AND g.tgenabled = 'A' AND g.tgtype & w.bit <> 0 AND g.tgtype & 2 <> 0
    )
    ORDER BY 1, 2
"""


async def missing_guards(connection: Connection) -> list[tuple[str, str]]:
    """(table, UPDATE | DELETE | TRUNCATE) for each table and partition where no trigger that always fires refuses it. None: all well."""
    return [
        (str(table), str(what))
        for table, what in await rows(connection, GUARDS, doing="looking at the ledger's triggers")
    ]
