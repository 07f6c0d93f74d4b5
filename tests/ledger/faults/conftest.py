"""One realistic ledger for all fault tests, made once; each test breaks a copy of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ledger.faults.broken import Broken, copy_folder
from ledger.faults.world import Making, World
from local_postgres import fresh_database, in_database
from sekisho.cli.audit_verify import write_checkpoints
from sekisho.ledger.store.schema import migrate
from sekisho.ledger.verify.database import database


@contextmanager
def copied(server: str, url: str) -> Iterator[str]:
    """The URL of a copy of a database, dropped at the end."""
    name, source = f"t{uuid.uuid4().hex[:12]}", url.rpartition("/")[2].partition("?")[0]
    making = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(making)
    try:
        yield in_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def sound(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The ledger, whole; copies are made of its database, so nobody stays connected. Beside it what an auditor kept."""
    folder = tmp_path_factory.mktemp("ledger")
    with fresh_database(database_server) as url:
        migrate(url)
        world = World(url, folder / "ledger")
        asyncio.run(Making(world).everything())
        with database(url, world.published) as opening:
            write_checkpoints(opening, folder / "kept")
        yield world


@pytest.fixture
def broken(sound: World, database_server: str, tmp_path: Path) -> Iterator[Broken]:
    """A copy to be broken."""
    with copied(database_server, sound.url) as url:
        copy_folder(sound.folder, tmp_path / "ledger")
        yield Broken(url, tmp_path / "ledger", sound.folder.parent / "kept")
