"""PostgreSQL refuses root: it starts all the same for root, with and without namespaces, and for ordinary users.

And whoever started it, it ends when that process is killed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from local_kafka import eventually
from sekisho.local.identity import started_at
from sekisho.local.postgres_install import find_postgres

pytestmark = [
    pytest.mark.database,
    pytest.mark.skipif(sys.platform != "linux", reason="the ways around root are Linux's"),
]

_PARENT = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from local_postgres import POSTGRES_LIMITS
from sekisho.local.postgres import LocalPostgres, PostgresInUseError
folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
postgres = LocalPostgres(POSTGRES_LIMITS, data_dir=folder).start()
print(postgres.pid, postgres.data_dir, postgres.url, flush=True)
if sys.argv[3:]:
    try:
        LocalPostgres(POSTGRES_LIMITS, data_dir=folder).start()
    except PostgresInUseError:
        print("refused", flush=True)
time.sleep(600)
"""

_UNSHARE = {"x86_64": 272, "aarch64": 97}
"""The number of the system call unshare(2)."""
_DAC_OVERRIDE = 1 << 1
_DOCKERS = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE,
SETFCAP: what a container's root has of root's rights, if nothing else is asked for."""
_NOBODY = 65534
_NAMELESS = 54_321


def like_docker() -> None:
    """For the start of a process: what Docker does to root in a container by default. unshare(2) is not permitted (seccomp(2)),
    and of root's rights only some are left (capabilities(7))."""

    class Filter(ctypes.Structure):
        _fields_ = (
            ("code", ctypes.c_uint16),
            ("yes", ctypes.c_uint8),
            ("no", ctypes.c_uint8),
            ("k", ctypes.c_uint32),
        )

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(Filter)))

    filters = (Filter * 4)(
        Filter(0x20, 0, 0, 0),  # load the system call's number
        Filter(0x15, 0, 1, _UNSHARE[platform.machine()]),  # is it unshare?
        Filter(0x06, 0, 0, 0x00050001),  # yes: EPERM
        Filter(0x06, 0, 0, 0x7FFF0000),  # no: go on
    )
    program = Program(len(filters), filters)
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_seccomp, mode_filter = 22, 2
    if libc.prctl(pr_set_seccomp, ctypes.c_ulong(mode_filter), ctypes.byref(program)) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    pr_capbset_drop, last = 24, int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in set(range(last + 1)) - _DOCKERS:
        if libc.prctl(pr_capbset_drop, ctypes.c_ulong(capability)) != 0:
            raise OSError(ctypes.get_errno(), f"capability {capability}")


def be(uid: int) -> Callable[[], None]:
    """For the start of a process: with another user's and group's number and none of root's rights."""

    def become() -> None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)

    return become


@dataclass(frozen=True)
class Served:
    """A process that started a server, and the server."""

    parent: subprocess.Popen[str]
    pid: int
    folder: Path
    url: str

    def of_process(self, field: str) -> str:
        """A field of the server's /proc/PID/status, its first value: as seen from here, outside of all namespaces."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{field}:"))

    def answers(self) -> bool:
        """Whether it keeps what it is given."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (what int)")
            connection.execute("INSERT INTO kept VALUES (1)")
            return connection.execute("SELECT count(*) > 0 FROM kept").fetchone() == (True,)


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a process that starts a server: `serve(preexec, folder, "twice")`, with "twice" a second one on the same folder. All end
    with the test."""
    tests = Path(__file__).parents[1]
    path = f"{tests}:{tests.parent / 'services'}"
    with ExitStack() as ending:

        def start(
            preexec: Callable[[], None] | None = None, folder: Path | None = None, *more: str
        ) -> Served:
            command = [sys.executable, "-c", _PARENT, path, *([str(folder)] if folder else []), *more]
            parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=preexec, cwd="/")
            ending.enter_context(parent)
            ending.callback(parent.kill)
            assert parent.stdout is not None
            said = parent.stdout.readline().split()
            assert len(said) == 3, "it did not start: see above"
            return Served(parent, int(said[0]), Path(said[1]), said[2])

        yield start


@pytest.fixture
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be root and others")


@pytest.fixture
def _namespaces() -> None:
    unshare = [str(shutil.which("unshare")), "--user", "true"]
    if subprocess.run(unshare, check=False, capture_output=True).returncode:
        pytest.skip("user namespaces are not permitted here")


@pytest.fixture
def _seccomp() -> None:
    if platform.machine() not in _UNSHARE:
        pytest.skip("the number of unshare(2) is not known for this processor")


def others_can_run(program: Path) -> bool:
    """Whether a user without rights gets at a program."""
    command = [str(program), "--version"]
    try:
        done = subprocess.run(command, preexec_fn=be(_NOBODY), check=False, capture_output=True)
    except PermissionError:
        return False
    return done.returncode == 0


def ends_with_its_parent(served: Served) -> bool:
    """Whether the server and its temporary folder go when the process that started it is killed."""
    os.kill(served.parent.pid, signal.SIGKILL)
    served.parent.wait(60)
    return eventually(lambda: started_at(served.pid) is None) and eventually(
        lambda: not served.folder.exists()
    )


@pytest.mark.usefixtures("_root", "_namespaces")
def test_for_root_it_runs_without_the_rights_of_root(serve: Serve) -> None:
    """In a user namespace the server has no capability, its files stay root's, and it ends with who started it."""
    served = serve()
    assert served.answers()
    assert int(served.of_process("CapEff"), 16) == 0
    assert Path(f"/proc/{served.pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    assert (served.folder / "data").stat().st_uid == 0
    assert ends_with_its_parent(served)


@pytest.mark.usefixtures("_root", "_seccomp")
def test_for_root_without_namespaces_it_runs_as_another_user(serve: Serve) -> None:
    """Where namespaces are forbidden, as in a container, root becomes an ordinary user, and keeps no right that it can do without."""
    served = serve(like_docker)
    assert served.answers()
    assert served.of_process("Uid") != "0"
    kept = 0 if others_can_run(find_postgres().program("postgres")) else _DAC_OVERRIDE
    assert int(served.of_process("CapEff"), 16) == kept
    assert (served.folder / "data").stat().st_uid == int(served.of_process("Uid"))
    assert ends_with_its_parent(served)


@pytest.mark.usefixtures("_root", "_seccomp")
def test_a_folder_behind_roots_own_is_no_obstacle(serve: Serve, tmp_path: Path) -> None:
    """Below a folder that only root may enter, the other user keeps one right: to pass permissions of files. None is changed."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    served = serve(like_docker, private / "pg")
    assert served.answers()
    assert served.of_process("Uid") != "0"
    assert int(served.of_process("CapEff"), 16) == _DAC_OVERRIDE
    assert private.stat().st_mode & 0o777 == 0o700
    assert private.stat().st_uid == 0


@pytest.mark.usefixtures("_root", "_seccomp")
def test_two_on_one_folder_are_refused_in_a_container_too(serve: Serve, tmp_path: Path) -> None:
    """A second server is refused where root may not look at the other user's processes either."""
    served = serve(like_docker, tmp_path / "pg", "twice")
    assert served.parent.stdout is not None
    assert served.parent.stdout.readline() == "refused\n"
    assert served.answers()


@pytest.mark.usefixtures("_root", "_namespaces", "_seccomp")
def test_a_folder_goes_from_one_way_to_the_other(serve: Serve, tmp_path: Path) -> None:
    """A data folder of a container is one outside of it, and the other way round."""
    for preexec in (None, like_docker, None):
        served = serve(preexec, tmp_path / "pg")
        assert served.answers()
        os.kill(served.parent.pid, signal.SIGKILL)
        served.parent.wait(60)
        assert eventually(lambda pid=served.pid: started_at(pid) is None)  # type: ignore[misc]


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize("uid", [_NOBODY, _NAMELESS])
def test_it_runs_for_an_ordinary_user(
    serve: Serve, uid: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ordinary user's server is that user's, also one's whose number has no name (initdb wants one), as in some containers."""
    if not others_can_run(Path(sys.executable)):
        pytest.skip("an ordinary user does not get at this Python")
    if uid == _NAMELESS:
        request.getfixturevalue("_namespaces")
    monkeypatch.setenv("HOME", tempfile.gettempdir())
    served = serve(be(uid))
    assert served.answers()
    assert served.of_process("Uid") == str(uid)
    assert int(served.of_process("CapEff"), 16) == 0
    assert ends_with_its_parent(served)


@pytest.mark.parametrize("preexec", [None, like_docker], ids=["as it is", "without namespaces"])
def test_it_ends_with_its_supervisor_too(
    serve: Serve, preexec: Callable[[], None] | None, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Where the process between is killed instead, the server dies at once: the change of its user has not cost it that signal."""
    if preexec is not None:
        for needed in ("_root", "_seccomp"):
            request.getfixturevalue(needed)
    served = serve(preexec, tmp_path / "pg")
    supervisor = int(served.of_process("PPid"))
    assert supervisor != os.getpid()
    os.kill(supervisor, signal.SIGKILL)
    assert eventually(lambda: started_at(served.pid) is None)
