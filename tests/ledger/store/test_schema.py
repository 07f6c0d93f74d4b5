"""Migrating: from empty, again, two at once, without rights; and what a service makes of another version."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql

from ledger.store.sample import Roles, roles_of
from local_postgres import as_user
from sekisho.ledger.store import connection as connection_module
from sekisho.ledger.store import schema
from sekisho.ledger.store.connection import Connection, check_server, connect, server_facts
from sekisho.ledger.store.errors import RightsError, SchemaError, UnavailableError
from sekisho.ledger.store.schema import VERSION, check_schema, migrate, missing_guards

pytestmark = pytest.mark.database

ROLES_SQL = Path(__file__).parents[3] / "deploy" / "postgres" / "roles.sql"


@pytest.fixture
def login(database: str) -> Iterator[str]:
    """A database user of the test's own without any right; dropped with all that it owns."""
    name = f"u{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        yield name
        admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _run_roles_sql(database: str, login: str) -> None:
    """What psql does with deploy/postgres/roles.sql: variables put in, each row of a \\gexec query run."""
    text = re.sub(r"^--.*$", "", ROLES_SQL.read_text("utf-8"), flags=re.M)
    text = text.replace(":'login'", f"'{login}'").replace(':"login"', f'"{login}"')
    assert not re.search(r"[^:]:[a-z'\"]", text), "a psql variable that this test does not know"
    with psycopg.connect(database, autocommit=True) as admin:
        for part in re.split(r"(?<=;)\n|\n\\gexec\n", text):
            if part.strip().endswith(";"):
                admin.execute(part.encode())
            elif part.strip():
                for (statement,) in admin.execute(part.encode()).fetchall():
                    admin.execute(statement)


async def _checked(url: str) -> None:
    async with roles_of(url) as roles:
        await check_schema(await roles("writer"))


async def test_from_empty_and_again(database: str) -> None:
    """An empty database gets the schema, a second run changes nothing, and every guard is in place."""
    assert migrate(database) == VERSION
    assert migrate(database) == VERSION
    async with roles_of(database) as roles:
        for role in ("owner", "writer", "purger", "reader"):
            await check_schema(await roles(role))
        assert await missing_guards(await roles("reader")) == []


async def test_two_that_migrate_at_once_both_succeed(database: str) -> None:
    """Two migrations of one database wait for each other."""
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(migrate, [database, database, database])) == [VERSION] * 3
    await _checked(database)


def test_the_version_is_alembics_head() -> None:
    """The version that services ask for is that of the newest migration, and all migrations are known."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == VERSION
    assert {each.revision for each in scripts.walk_revisions()} == set(schema._KNOWN)


async def test_a_database_without_a_ledger_is_told(database: str, ledger_template: str) -> None:
    """Without the schema the check names the command that makes it."""
    async with roles_of(database) as roles:
        with pytest.raises(SchemaError, match="sekisho ledger migrate"):
            await check_schema(await roles("reader"))


async def test_an_older_and_a_newer_schema_are_refused(
    roles: Roles, ledger_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service refuses an older schema (migrate) and a newer one (use the newer Sekisho); so does a migration."""
    reader = await roles("reader")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSION", "0002")
        with pytest.raises(SchemaError, match="sekisho ledger migrate"):
            await check_schema(reader)
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        admin.execute("UPDATE sekisho_ledger.alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="newer"):
        await check_schema(reader)
    with pytest.raises(SchemaError, match="newer"):
        migrate(ledger_database)


async def test_a_missing_guard_is_found(roles: Roles, ledger_database: str) -> None:
    """A trigger that was dropped, disabled, or set back to fire on an origin only is named with its table."""
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        admin.execute("ALTER TABLE sekisho_ledger.leaf ENABLE TRIGGER append_only")
        admin.execute("ALTER TABLE sekisho_ledger.payload_open DISABLE TRIGGER purge_only")
        admin.execute("DROP TRIGGER no_truncate ON sekisho_ledger.checkpoint")
    found = await missing_guards(await roles("reader"))
    assert found == [
        ("checkpoint", "TRUNCATE"),
        ("leaf", "DELETE"),
        ("leaf", "UPDATE"),
        ("payload_open", "DELETE"),
    ]


async def test_a_user_without_rights_is_told_what_to_grant(
    database: str, login: str, ledger_template: str
) -> None:
    """A plain user may neither migrate nor take on a role; the errors name the role, the grant and the administrator's file."""
    plain = as_user(database, login)
    with pytest.raises(RightsError, match=rf'deploy/postgres/roles\.sql.*GRANT sekisho_owner TO "{login}"'):
        migrate(plain)
    with pytest.raises(RightsError, match=f'GRANT sekisho_writer TO "{login}"'):
        await connect(plain, "writer")


async def test_the_administrators_file_is_enough(database: str, login: str) -> None:
    """After deploy/postgres/roles.sql, twice, a user who may create no role migrates and works in every role."""
    _run_roles_sql(database, login)
    _run_roles_sql(database, login)
    plain = as_user(database, login)
    assert migrate(plain) == VERSION
    await _checked(plain)


async def test_a_missing_right_to_create_a_schema_is_told(
    database: str, login: str, ledger_template: str
) -> None:
    """A member of the roles that may not create a schema is told the grant."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            sql.SQL("GRANT sekisho_owner, sekisho_writer, sekisho_purger, sekisho_reader TO {}").format(
                sql.Identifier(login)
            )
        )
    with pytest.raises(RightsError, match="GRANT CREATE ON DATABASE"):
        migrate(as_user(database, login))


def test_a_foreign_schema_is_left_alone(database: str, ledger_template: str) -> None:
    """A schema of this name that belongs to somebody else is not touched."""
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA sekisho_ledger")
    with pytest.raises(SchemaError, match="belongs to postgres"):
        migrate(database)


def test_an_old_server_is_refused() -> None:
    """PostgreSQL 14 is too old, 15 is enough."""
    with pytest.raises(SchemaError, match="PostgreSQL 14"):
        check_server(14_00_12)
    check_server(15_00_00)


async def test_a_server_that_is_not_there_is_told() -> None:
    """Nobody listens: UnavailableError, from connect and from migrate."""
    nowhere = "postgresql://nobody@127.0.0.1:1/none"
    with pytest.raises(UnavailableError):
        await connect(nowhere, "writer", connect_seconds=5)
    with pytest.raises(UnavailableError):
        migrate(nowhere)


async def _setting(connection: Connection, name: str) -> str:
    cursor = await connection.execute("SELECT current_setting(%s)", (name,))
    found = await cursor.fetchone()
    assert found is not None
    return str(found[0])


@pytest.mark.parametrize(
    ("given", "kept"),
    [("off", "on"), ("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")],
)
async def test_what_is_acknowledged_is_on_disk(ledger_database: str, given: str, kept: str) -> None:
    """Whatever the database's default, a commit waits for the disk; a stronger setting is kept."""
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET synchronous_commit = {}").format(
                sql.Identifier(admin.info.dbname), sql.Literal(given)
            )
        )
    async with roles_of(ledger_database) as roles:
        assert await _setting(await roles("writer"), "synchronous_commit") == kept


async def test_a_connection_has_its_role_and_time_outs(ledger_database: str) -> None:
    """Role, time-outs, time zone and name of a connection are as asked; the isolation is read committed whatever the default."""
    with psycopg.connect(ledger_database, autocommit=True) as admin:
        name = sql.Identifier(admin.info.dbname)
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'serializable'").format(name)
        )
    async with roles_of(ledger_database) as roles:
        purger = await roles("purger", statement_seconds=7, lock_seconds=1.5, application="sample")
        wanted = {
            "role": "sekisho_purger", "statement_timeout": "7s", "lock_timeout": "1500ms", "TimeZone": "UTC",
            "application_name": "sample", "search_path": "sekisho_ledger, pg_temp",
        }  # fmt: skip
        assert {each: await _setting(purger, each) for each in wanted} == wanted
        async with connection_module.transaction(purger, "exclusive"):
            assert await _setting(purger, "transaction_isolation") == "read committed"


async def test_server_facts(roles: Roles) -> None:
    """What the test server tells of itself is what a ledger needs."""
    facts = await server_facts(await roles("reader"))
    assert facts.version >= connection_module.MIN_SERVER
    assert facts.database_bytes > 1_000_000
    assert not facts.read_only
