"""The folder of a local PostgreSQL: what lies in it, how it is made, and the server's settings."""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sekisho.local.ports import LOOPBACK
from sekisho.local.postgres_install import MAJOR, PostgresInstall

SUPERUSER: Final = "postgres"
SOCKET_PORT: Final = 5432
"""What a socket is named by where no port is listened on."""

_LAUNCH: Final = Path(__file__).with_name("postgres_launch.py")
_SOCKET_PATH_BYTES: Final = 107
"""sun_path of unix(7) holds 108 bytes with the closing zero; macOS takes 103, of which the reserve below takes care."""
_SOCKET_NAME_BYTES: Final = len("/.s.PGSQL.65535.lock")
_IPC_RMID: Final = 0
LOCK_SECONDS: Final = 10.0
"""How long the processes of a killed server may take to see that it is gone: each ends at once [M]."""

# Durable, as production must be; small, as it shares a person's machine. What is not named is PostgreSQL's own default.
_SETTINGS: Final = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "maintenance_work_mem": "32MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "jit": "off",
    # kept in the data folder: a killed server leaves nothing in /dev/shm, which is small in a container
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] ",
}


class PostgresFolderError(Exception):
    """A folder that this PostgreSQL cannot be started on; the text says why and what to do."""


@dataclass(frozen=True)
class PostgresFolder:
    """All that one server has: everything below `path`, but a socket whose path would be too long for the system."""

    path: Path

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder (PGDATA)."""
        return self.path / "data"

    @property
    def password_file(self) -> Path:
        """The superuser's password, which only connections by TCP need."""
        return self.path / "password"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.path / "postgres.log"

    @property
    def lock(self) -> Path:
        """Held by all of a server's processes (postgres_launch.py)."""
        return self.path / "lock"

    @property
    def sockets(self) -> Path:
        """The folder of the Unix socket: below `path`, or in the folder for temporary files if that is too long."""
        path = self.path.absolute()
        inside = path / "socket"
        if len(os.fsencode(inside)) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_BYTES:
            return inside
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        outside = Path(tempfile.gettempdir()) / f"sekisho-{name}"
        if len(os.fsencode(outside)) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_BYTES:
            return outside
        return Path("/tmp") / outside.name  # noqa: S108  (made with 0700, refused where it is another's)

    def socket_url(self, database: str = "postgres", user: str = SUPERUSER, port: int | None = None) -> str:
        """The URL of the server on this folder, by its socket; `port` where it listens on one too."""
        # the port is named: a client would take it from PGPORT
        where = f"host={quote(str(self.sockets), safe='')}&port={port or SOCKET_PORT}"
        return f"postgresql://{quote(user)}@/{quote(database)}?{where}"

    def forget_sockets(self) -> None:
        """Remove the socket folder of a server that has ended."""
        shutil.rmtree(self.sockets, ignore_errors=True)

    def forget_memory(self) -> None:
        """Remove the 56 bytes of shared memory that a killed server leaves in the system, where no process uses them any more.

        A later start on the same data would; but where the folder goes none comes, and a system has room for some 4,000 of
        them (SHMMNI in proc(5)), without which no PostgreSQL starts.
        """
        try:
            pid, *_, memory = (self.data / "postmaster.pid").read_text("utf-8").splitlines()[:7]
            table = Path("/proc/sysvipc/shm").read_text("ascii").splitlines()[1:]
        except (FileNotFoundError, ValueError):
            # it ended in order, or before it had any; or the system has no such table
            return
        for key, number, _, _, creator, _, users, *_ in map(str.split, table):
            if [key, number] == memory.split() and creator == pid and users == "0":
                ctypes.CDLL(None).shmctl(int(number), _IPC_RMID, None)

    def make_sockets(self) -> None:
        """The socket folder, open to this user alone. Raises PostgresFolderError where somebody else has made it."""
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
        if not is_private or (os.geteuid() != 0 and found.st_uid != os.geteuid()):
            raise PostgresFolderError(
                f"{self.sockets} is not a folder of this user's with the mode 0700: remove it."
            )

    def launch(self, command: Sequence[str], *, server: bool) -> list[str]:
        """The command as postgres_launch.py runs it; `server`: it is the server, on `data`."""
        launch = [sys.executable, "-I", "-S", str(_LAUNCH)]
        launch += ["--lock", str(self.lock), "--lock-seconds", str(LOCK_SECONDS)]
        if server:
            launch += ["--data", str(self.data)]
        launch += ["--top", str(self.path)]
        owned = (self.data, self.new_data, self.password_file, self.sockets)
        for path in owned:
            if path.exists():
                launch += ["--own", str(path)]
        return [*launch, "--", *command]

    @property
    def new_data(self) -> Path:
        """Where `initdb` works: it becomes `data` when it is whole."""
        return self.path / "data.part"

    def prepare_initdb(self, install: PostgresInstall) -> list[str]:
        """Clear away what an interrupted one left, choose a password, and return the command."""
        shutil.rmtree(self.new_data, ignore_errors=True)
        self.new_data.mkdir(mode=0o700)
        self.password_file.unlink(missing_ok=True)
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(24), "ascii")
        options = [f"--pgdata={self.new_data}", f"--username={SUPERUSER}", f"--pwfile={self.password_file}"]
        options += ["--encoding=UTF8", "--no-locale", "--data-checksums", "--no-instructions"]
        # the socket's folder lets in this user alone; a port of the loopback interface can be reached by every user
        options += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        return self.launch([str(install.program("initdb")), *options], server=False)

    def check_version(self) -> bool:
        """Whether there is data of this PostgreSQL's (False: none yet). Raises PostgresFolderError for another version's."""
        try:
            found = (self.data / "PG_VERSION").read_text("ascii").strip()
        except FileNotFoundError:
            if self.data.exists() and any(self.data.iterdir()):
                raise PostgresFolderError(
                    f"{self.data} is not empty and no data folder of PostgreSQL: name another folder."
                ) from None
            return False
        if found != str(MAJOR):
            raise PostgresFolderError(
                f"{self.data} holds data of PostgreSQL {found}, and the installed one is PostgreSQL {MAJOR}, which cannot read it. "
                f"Move it there with pg_dump and psql of PostgreSQL {found}, or remove the folder if the data is not needed."
            )
        return True

    def write_settings(self, port: int | None, properties: Mapping[str, str]) -> None:
        """The server's postgresql.conf; `port` on the loopback interface (None: the socket alone)."""
        settings = {
            **_SETTINGS,
            "listen_addresses": "" if port is None else LOOPBACK,
            "port": str(port or SOCKET_PORT),
            "unix_socket_directories": f'"{self.sockets}"',
            "unix_socket_permissions": "0700",
            **properties,
        }
        lines = ["# Written by Sekisho at every start."]
        lines += [
            f"{name} = '{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(39) * 2)}'"
            for name, value in settings.items()
        ]
        (self.data / "postgresql.conf").write_text("\n".join(lines) + "\n", "utf-8")
