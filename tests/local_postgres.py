"""What tests need of a real PostgreSQL: one server for all, databases of their own, servers to break, backups, full disks.

A plugin of the tests' conftest: its fixtures are there for every test. Mark a test that uses them with `database`.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from sekisho.local.postgres import LocalPostgres, PostgresLimits
from sekisho.local.postgres_install import find_postgres
from sekisho.local.process import ProcessLimits

# generous: several test runs may share two cores, and no time-out is a test's condition
POSTGRES_LIMITS = PostgresLimits(ProcessLimits(start_seconds=240, stop_seconds=30), port_attempts=5)
_PROGRAM_SECONDS = 300


class MakePostgres(Protocol):
    """Makes a PostgreSQL of the test's own, not started; it ends with the test."""

    def __call__(
        self,
        *,
        properties: Mapping[str, str] | None = None,
        data_dir: Path | None = None,
        tcp: bool = False,
    ) -> LocalPostgres: ...


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The URL, as superuser, of the one PostgreSQL that all tests share (SEKISHO_TEST_DATABASE_URL, or one started now).

    No test may break it: those that kill or fill one take `own_postgres`. Roles belong to the whole server.
    """
    given = os.environ.get("SEKISHO_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with LocalPostgres(POSTGRES_LIMITS) as postgres:
        yield postgres.url


def in_database(server: str, database: str) -> str:
    """The same server's URL with another database."""
    return urlsplit(server)._replace(path=f"/{quote(database)}").geturl()


def as_user(url: str, user: str, password: str | None = None) -> str:
    """The same URL as another user. By a socket that needs no password."""
    parts = urlsplit(url)
    who = quote(user) if password is None else f"{quote(user)}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}").geturl()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database of a server; it is dropped at the end, whoever is still connected."""
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        yield in_database(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database(database_server: str) -> Iterator[str]:
    """The URL, as superuser, of an empty database of the test's own on the shared server."""
    with fresh_database(database_server) as url:
        yield url


@pytest.fixture
def make_postgres() -> Iterator[MakePostgres]:
    """Makes servers of the test's own (`make_postgres(properties={...}, data_dir=..., tcp=True)`, not started); all end with it."""
    with ExitStack() as ending:

        def make(
            *,
            properties: Mapping[str, str] | None = None,
            data_dir: Path | None = None,
            tcp: bool = False,
        ) -> LocalPostgres:
            postgres = LocalPostgres(POSTGRES_LIMITS, data_dir=data_dir, tcp=tcp, properties=properties)
            ending.callback(postgres.stop)
            return postgres

        yield make


@pytest.fixture
def own_postgres(make_postgres: MakePostgres) -> LocalPostgres:
    """A started server of the test's own, to be killed, restarted, limited or copied."""
    return make_postgres().start()


def backup(postgres: LocalPostgres, target: Path) -> Path:
    """A copy of the running server's data in `target` (pg_basebackup): whole, and of one moment. Returns `target`."""
    where = conninfo_to_dict(postgres.url)
    command = [str(find_postgres().program("pg_basebackup")), f"--pgdata={target}", "--checkpoint=fast"]
    command += ["--wal-method=stream", "--no-password"]
    command += [f"--host={where['host']}", f"--port={where['port']}", f"--username={where['user']}"]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PROGRAM_SECONDS)
    return target


def restore(copy: Path, postgres: LocalPostgres) -> None:
    """The data of a backup in place of a stopped or killed server's: its next `start()` is on them."""
    assert not postgres.is_running()
    data = postgres.data_dir / "data"
    shutil.rmtree(data)
    shutil.copytree(copy, data, symlinks=True)
    data.chmod(0o700)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A real small disk at `folder` (a tmpfs of `size`, as "64m"): a server on it meets ENOSPC, in its tables and in its WAL.

    Whoever may not mount file systems (a container, an ordinary user) skips the test aloud; `limit_files` needs no right.
    A new data folder takes 40 MB, and WAL up to max_wal_size more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "sekisho-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False, timeout=_PROGRAM_SECONDS)
    if done.returncode:
        pytest.skip(f"no right to mount a small disk: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=_PROGRAM_SECONDS)


def limit_files(postgres: LocalPostgres, max_bytes: int) -> None:
    """From now on the server's new processes (every new connection) cannot make a file longer than that (RLIMIT_FSIZE).

    A write beyond it is a real write error: EFBIG, which PostgreSQL reports as 58000 or XX000 and not as 53100 (disk full).
    `resource.RLIM_INFINITY` takes the limit away.
    """
    _, hard = resource.prlimit(postgres.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(postgres.pid, resource.RLIMIT_FSIZE, (max_bytes, hard))
