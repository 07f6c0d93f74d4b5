"""A migrated, empty ledger database for each test that asks for one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from local_postgres import fresh_database, in_database
from sekisho.ledger.store.schema import migrate


@pytest.fixture(scope="session")
def ledger_template(database_server: str) -> Iterator[str]:
    """The name of a migrated database that others are copied from: 0.05 s each, instead of a migration's 0.4 s."""
    with fresh_database(database_server) as url:
        migrate(url)
        yield str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def ledger_database(database_server: str, ledger_template: str) -> Iterator[str]:
    """The URL, as superuser, of a migrated ledger database without a row, of the test's own. Connect in a role by `store.connection`."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(database_server, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(ledger_template)
            )
        )
    try:
        yield in_database(database_server, name)
    finally:
        with psycopg.connect(database_server, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
