"""A real PostgreSQL: it answers, keeps its data over crashes, and nobody else gets at its folder."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, text

from local_postgres import MakePostgres


@pytest.mark.database
def test_each_test_has_an_empty_database_of_its_own(database: str) -> None:
    """The shared server is PostgreSQL 18, durable, with checksums, in UTF-8 and UTC; the database holds nothing."""
    with psycopg.connect(database) as connection:
        shown = {
            name: connection.execute(f"SHOW {name}").fetchone()
            for name in ("fsync", "full_page_writes", "data_checksums", "server_encoding", "TimeZone")
        }
        assert shown == {
            "fsync": ("on",),
            "full_page_writes": ("on",),
            "data_checksums": ("on",),
            "server_encoding": ("UTF8",),
            "TimeZone": ("UTC",),
        }
        assert connection.info.server_version // 10_000 == 18
        collation = "SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()"
        assert connection.execute(collation).fetchone() == ("C", "C")
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)


@pytest.mark.database
def test_sqlalchemy_takes_the_url_too(database: str) -> None:
    """The URL with SQLAlchemy's driver name is one of SQLAlchemy's (migrations connect that way)."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "postgres"
    engine.dispose()


@pytest.mark.database
def test_a_restart_and_a_sigkill_keep_data_and_address(make_postgres: MakePostgres) -> None:
    """What was committed is there after an orderly restart and after SIGKILL, at the same address."""
    postgres = make_postgres().start()
    url, pids = postgres.url, {postgres.pid}
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'first' AS what")
    postgres.restart()
    pids.add(postgres.pid)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kept VALUES ('second')")
    postgres.kill()
    assert not postgres.is_running()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres.start()
    pids.add(postgres.pid)
    assert postgres.url == url
    assert len(pids) == 3
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT what FROM kept ORDER BY what").fetchall() == [
            ("first",),
            ("second",),
        ]
