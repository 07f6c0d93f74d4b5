"""A real PostgreSQL: it answers, keeps its data over crashes, ends with the one who started it, and says why it does not start."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import resource
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from local_kafka import eventually
from local_postgres import POSTGRES_LIMITS, MakePostgres, as_user, backup, limit_files, restore, small_disk
from sekisho.local.exclusive import exclusive
from sekisho.local.identity import started_at
from sekisho.local.ports import LOOPBACK, free_ports
from sekisho.local.postgres import (
    LocalPostgres,
    PostgresInUseError,
    PostgresPortTakenError,
    PostgresStartError,
)
from sekisho.local.postgres_folder import PostgresFolder, PostgresFolderError
from sekisho.local.postgres_install import PostgresUnavailableError
from sekisho.local.process import ProcessLimits
from sekisho.local.stack import POSTGRES, bring_down, bringing_up
from sekisho.local.state import read_state

pytestmark = pytest.mark.database


def asked(url: str, query: str) -> object:
    """The one value that a query answers."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def processes_on(data: Path) -> set[int]:
    """The processes that work in a data folder, as all of a PostgreSQL's do."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        # some end meanwhile, and those of others may not be looked at
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if (folder / "cwd").readlink() == data:
                found.add(int(folder.name))
    return found


def test_each_test_has_an_empty_database_of_its_own(database: str) -> None:
    """The shared server is PostgreSQL 18, durable, with checksums, in UTF-8, C and UTC; the database holds nothing."""
    with psycopg.connect(database) as connection:
        names = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding")
        shown = [connection.execute(f"SHOW {name}").fetchone() for name in (*names, "TimeZone")]
        assert shown == [("on",), ("on",), ("on",), ("on",), ("UTF8",), ("UTC",)]
        assert connection.info.server_version // 10_000 == 18
    collation = "SELECT datcollate || ' ' || datctype FROM pg_database WHERE datname = current_database()"
    assert asked(database, collation) == "C C"
    assert asked(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_sqlalchemy_takes_the_url_too(database: str) -> None:
    """The URL with SQLAlchemy's driver name is one of SQLAlchemy's (migrations connect that way)."""
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "postgres"
    engine.dispose()


def test_a_restart_and_a_sigkill_keep_data_and_address(own_postgres: LocalPostgres) -> None:
    """What was committed is there after an orderly restart and after SIGKILL, at the same address."""
    postgres = own_postgres
    url, pids = postgres.url, {postgres.pid}
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS what")
    postgres.restart()
    pids.add(postgres.pid)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    postgres.kill()
    assert not postgres.is_running()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgres.start()
    pids.add(postgres.pid)
    assert postgres.url == url
    assert len(pids) == 3
    assert asked(url, "SELECT array_agg(what ORDER BY what) FROM kept") == [1, 2]
    with pytest.raises(PostgresStartError, match="runs already"):
        postgres.start()


def test_a_server_is_stopped_with_all_its_processes_and_no_other(
    own_postgres: LocalPostgres, make_postgres: MakePostgres
) -> None:
    """stop() ends a server though a client is connected, removes its temporary folder, and leaves another server alone."""
    other = make_postgres().start()
    folder, data = own_postgres.data_dir, own_postgres.data_dir / "data"
    with psycopg.connect(own_postgres.url) as client:
        assert client.info.backend_pid in processes_on(data)
        own_postgres.stop()
        assert processes_on(data) == set()
        with pytest.raises(psycopg.OperationalError):
            client.execute("SELECT 1")
    assert not folder.exists()
    assert asked(other.url, "SELECT 1") == 1


def test_a_killed_server_leaves_no_shared_memory(own_postgres: LocalPostgres) -> None:
    """What a killed server left in the system's shared memory goes with its folder: there is room for some thousands only."""

    def segments() -> list[str]:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()
        return [line for line in lines if line.split()[4] == str(pid)]

    pid, data = own_postgres.pid, own_postgres.data_dir / "data"
    assert len(segments()) == 1
    own_postgres.kill()
    assert len(segments()) == 1
    own_postgres.stop()
    assert processes_on(data) == set()
    assert segments() == []


def test_the_number_of_an_ended_server_may_belong_to_another(own_postgres: LocalPostgres) -> None:
    """A postmaster.pid that was left behind does not keep the server from starting, though its pid is another process's now
    (after a container's crash); that process is left alone."""
    left = own_postgres.data_dir / "data" / "postmaster.pid"
    content = left.read_text().split("\n", 1)[1]
    own_postgres.kill()
    left.write_text(f"{os.getpid()}\n{content}")
    own_postgres.start()
    assert asked(own_postgres.url, "SELECT 1") == 1


def test_a_server_is_found_by_its_folder(
    make_postgres: MakePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process of the same user finds a running server by its folder alone, also by a relative path."""
    monkeypatch.chdir(tmp_path)
    postgres = make_postgres(data_dir=Path("pg")).start()
    assert PostgresFolder(Path("pg")).socket_url() == postgres.url
    assert (
        asked(PostgresFolder(Path("pg")).socket_url("template1"), "SELECT current_database()") == "template1"
    )


def test_two_on_one_folder_are_refused(own_postgres: LocalPostgres, make_postgres: MakePostgres) -> None:
    """A second server on a running one's folder says who runs there, and changes nothing."""
    second = make_postgres(data_dir=own_postgres.data_dir)
    with pytest.raises(PostgresInUseError, match=rf"pid {own_postgres.pid}\) runs on"):
        second.start()
    second.stop()
    assert asked(own_postgres.url, "SELECT 1") == 1


def test_as_long_as_processes_of_another_server_are_there_none_starts(
    make_postgres: MakePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server's processes hold the folder's lock to the last one: a new server waits for it, and gives up with that reason."""
    make_postgres(data_dir=tmp_path).start().stop()
    monkeypatch.setattr("sekisho.local.postgres_folder.LOCK_SECONDS", 0.2)
    with exclusive(tmp_path / "lock", 0), pytest.raises(PostgresInUseError, match="has not quite ended"):
        make_postgres(data_dir=tmp_path).start()
    assert asked(make_postgres(data_dir=tmp_path).start().url, "SELECT 1") == 1


def test_a_folder_of_another_version_is_refused(make_postgres: MakePostgres, tmp_path: Path) -> None:
    """Data of another major version are not touched, and the error says which version it is and what to do."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(PostgresFolderError, match=r"data of PostgreSQL 16, .* PostgreSQL 18.*pg_dump"):
        make_postgres(data_dir=tmp_path).start()
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["PG_VERSION"]


def test_a_folder_with_other_things_in_it_is_refused(make_postgres: MakePostgres, tmp_path: Path) -> None:
    """A data folder that holds something else is not touched."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("dear")
    with pytest.raises(PostgresFolderError, match="no data folder of PostgreSQL"):
        make_postgres(data_dir=tmp_path).start()
    assert (tmp_path / "data" / "letter.txt").read_text() == "dear"


def test_a_start_that_was_interrupted_is_done_again(make_postgres: MakePostgres, tmp_path: Path) -> None:
    """What an interrupted initdb left behind is cleared away: a data folder is whole, or not there."""
    (tmp_path / "data.part").mkdir()
    (tmp_path / "data.part" / "PG_VERSION").write_text("18\n")
    (tmp_path / "password").write_text("of the first try")
    assert asked(make_postgres(data_dir=tmp_path).start().url, "SELECT 1") == 1
    assert not (tmp_path / "data.part").exists()


@pytest.fixture
def long_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files with a path that is too long for a socket."""
    long = tmp_path / ("a" * 60) / ("b" * 60)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    return long


def test_a_path_too_long_for_a_socket_is_no_obstacle(
    make_postgres: MakePostgres, long_temporary_folder: Path
) -> None:
    """A socket's path takes 107 bytes: with longer folders it lies in a short one, for this user alone, and goes with the server."""
    postgres = make_postgres().start()
    sockets = PostgresFolder(postgres.data_dir).sockets
    assert long_temporary_folder in postgres.data_dir.parents
    assert long_temporary_folder not in sockets.parents
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert asked(postgres.url, "SELECT 1") == 1
    postgres.stop()
    assert not sockets.exists()


def test_a_socket_folder_that_somebody_else_opened_is_refused(
    make_postgres: MakePostgres, tmp_path: Path
) -> None:
    """A folder that lets others in is not taken for the socket: nobody needs a password there."""
    (tmp_path / "socket").mkdir(mode=0o755)
    with pytest.raises(PostgresFolderError, match="mode 0700"):
        make_postgres(data_dir=tmp_path).start()


def test_only_with_tcp_a_port_is_listened_on_and_for_its_password(make_postgres: MakePostgres) -> None:
    """With tcp the URL leads to a loopback port that asks for the password; the port is kept over restarts."""
    postgres = make_postgres(tcp=True).start()
    url = postgres.url
    assert LOOPBACK in url
    assert asked(url, "SELECT host(inet_server_addr())") == LOOPBACK
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(as_user(url, "postgres", "guessed"))
    assert asked(url, "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = 'postgres'") == (
        "SCRAM-SHA-256"
    )
    postgres.restart()
    assert postgres.url == url
    assert asked(postgres.url_of("template1", "postgres"), "SELECT current_database()") == "template1"


def test_without_tcp_no_port_is_listened_on(own_postgres: LocalPostgres) -> None:
    """By default a server is reached by its socket alone, which others than this user do not get at."""
    assert asked(own_postgres.url, "SHOW listen_addresses") == ""
    path = PostgresFolder(own_postgres.data_dir).sockets / ".s.PGSQL.5432"
    assert path.is_socket()
    assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o777 == 0o700


def test_a_port_that_is_taken_is_given_up_for_another(
    make_postgres: MakePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another process took the chosen port a start takes another one, but a restart, whose address is known, fails."""
    with socket.create_server((LOOPBACK, 0)) as holder:
        chosen = iter([(holder.getsockname()[1],), free_ports(1)])
        monkeypatch.setattr("sekisho.local.postgres.free_ports", lambda _: next(chosen))
        postgres = make_postgres(tcp=True).start()
        assert str(holder.getsockname()[1]) not in postgres.url
    port = int(postgres.url.rpartition(":")[2].partition("/")[0])
    postgres.kill()
    with socket.create_server((LOOPBACK, port)), pytest.raises(PostgresPortTakenError, match="in use"):
        postgres.start()
    assert not postgres.is_running()
    postgres.start()


def test_a_server_that_cannot_start_tells_why(make_postgres: MakePostgres) -> None:
    """A setting that PostgreSQL refuses is an error with what PostgreSQL said of it, and leaves nothing running."""
    postgres = make_postgres(properties={"shared_buffers": "much"})
    with pytest.raises(PostgresStartError, match='invalid value for parameter "shared_buffers"'):
        postgres.start()
    assert not postgres.is_running()


def test_without_the_wheel_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the extra `local` is not installed, the error names it and the other way."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(PostgresUnavailableError, match=r"sekisho\[local\].*SEKISHO_DATABASE_URL"):
        LocalPostgres(POSTGRES_LIMITS).start()


def test_what_takes_time_is_told(tmp_path: Path) -> None:
    """A first start tells that it makes a data folder and starts; a later one only that it starts."""
    told: list[str] = []
    for _ in range(2):
        with LocalPostgres(POSTGRES_LIMITS, data_dir=tmp_path, on_progress=told.append):
            pass
    assert [line.split()[0] for line in told] == ["Making", "Starting", "Starting"]


async def test_a_server_starts_and_stops_from_async_code(make_postgres: MakePostgres) -> None:
    """Started in a worker thread that ends, the server lives on: it hangs on the process, not on the thread."""
    postgres = make_postgres()
    await asyncio.to_thread(postgres.start)
    asyncio.get_running_loop()._default_executor.shutdown()  # type: ignore[attr-defined]
    assert asked(postgres.url, "SELECT 1") == 1


def test_a_backup_is_put_back(own_postgres: LocalPostgres, tmp_path: Path) -> None:
    """A backup of a running server brings it back to what it was then."""
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS what")
        copy = backup(own_postgres, tmp_path / "copy")
        connection.execute("INSERT INTO kept VALUES (2)")
    own_postgres.kill()
    restore(copy, own_postgres)
    own_postgres.start()
    assert asked(own_postgres.url, "SELECT array_agg(what) FROM kept") == [1]


def test_a_full_disk_is_a_real_one(make_postgres: MakePostgres, tmp_path: Path) -> None:
    """On a small disk PostgreSQL runs out of space (53100), keeps what was committed, and goes on when there is space again."""
    with small_disk(tmp_path / "disk", "160m") as folder:
        postgres = make_postgres(data_dir=folder / "pg", properties={"max_wal_size": "32MB"}).start()
        ballast = folder / "ballast"
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE filled AS SELECT 1 AS n, '' AS what")
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _free(folder) - 2**20)
            with pytest.raises(psycopg.errors.DiskFull):
                connection.execute(
                    "INSERT INTO filled SELECT n, repeat('x', 1000) FROM generate_series(1, 4000) AS n"
                )
            ballast.unlink()
        if not postgres.is_running():
            postgres.start()
        assert eventually(lambda: _answers(postgres.url))
        assert asked(postgres.url, "SELECT count(*) FROM filled") == 1
        postgres.stop()


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _answers(url: str) -> bool:
    try:
        return asked(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def test_a_limit_of_files_is_a_write_error(own_postgres: LocalPostgres) -> None:
    """Under a limit new connections cannot make a longer file; without it they can."""
    limit_files(own_postgres, 2**20)
    fill = "CREATE TABLE filled AS SELECT repeat('x', 1000) FROM generate_series(1, 4000)"
    with (
        psycopg.connect(own_postgres.url, autocommit=True) as connection,
        pytest.raises(psycopg.DatabaseError, match="File too large"),
    ):
        connection.execute(fill)
    limit_files(own_postgres, resource.RLIM_INFINITY)
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute(fill)


def test_up_keeps_a_server_and_down_ends_it(tmp_path: Path) -> None:
    """The server of up is written down with its URL, lives on, comes back on the kept data, and goes with it where asked."""
    limits = ProcessLimits(60, 30)
    with bringing_up(tmp_path, limits) as stack:
        url = stack.start_postgres(POSTGRES_LIMITS)
    with psycopg.connect(url) as client:
        client.execute("CREATE TABLE kept AS SELECT 1 AS what")
        client.commit()
        state = read_state(tmp_path)
        assert state is not None
        assert state.address(POSTGRES) == url
        # in order, though a client is connected
        ended = bring_down(tmp_path, limits, keep_data=True)
    assert [(process.name, process.how) for process in ended] == [(POSTGRES, "stopped")]
    assert started_at(ended[0].pid) is None
    with bringing_up(tmp_path, limits) as stack:
        assert asked(stack.start_postgres(POSTGRES_LIMITS), "SELECT what FROM kept") == 1
    bring_down(tmp_path, limits, keep_data=False)
    assert not (tmp_path / "postgres").exists()
