"""Child processes and pids, tried on real small processes: nothing outlives its starter, and no other process is ever hit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local_kafka import eventually
from sekisho.local.identity import gone_within, send, started_at
from sekisho.local.ports import LOOPBACK, free_ports, is_free
from sekisho.local.process import ChildProcess, ProcessError, ProcessLimits, tail

LIMITS = ProcessLimits(start_seconds=30, stop_seconds=10)
IMPATIENT = ProcessLimits(start_seconds=30, stop_seconds=0.2)
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


def child(tmp_path: Path, *command: str, limits: ProcessLimits = LIMITS) -> ChildProcess:
    """A child process with its log in the test's folder, not started."""
    return ChildProcess("the child", command, tmp_path / "child.log", limits)


def python(tmp_path: Path, code: str, limits: ProcessLimits = LIMITS) -> ChildProcess:
    """A child process that runs a line of Python."""
    return child(tmp_path, sys.executable, "-c", code, limits=limits)


def state_of(pid: int) -> str:
    """The state letter of a process, as ps shows it."""
    return subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout[0]


def test_a_child_runs_and_stops_by_its_own_pid(tmp_path: Path) -> None:
    """The pid is the command's own, not its supervisor's; stop() ends it with SIGTERM."""
    process = child(tmp_path, "sleep", "600").start()
    command = subprocess.run(
        ["ps", "-o", "args=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    )
    assert command.stdout.strip() == "sleep 600"
    process.stop()
    assert started_at(process.pid) is None
    assert process.exit_code() == 128 + signal.SIGTERM


def test_exit_code_and_output_are_kept(tmp_path: Path) -> None:
    """What a child wrote on both streams is in its log, and its exit code is told."""
    process = python(
        tmp_path, "import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(7)"
    ).start()
    assert process.wait(30) == 7
    assert tail(tmp_path / "child.log", 10).splitlines() == ["out", "err"]


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """stop() does not wait without end: after the limit comes SIGKILL."""
    process = python(tmp_path, STUBBORN, IMPATIENT).start()
    assert eventually(lambda: process.said(1) == "ready")
    process.stop()
    assert process.exit_code() == 128 + signal.SIGKILL


BUSY = """
import threading, time
def work():
    while True:
        sum(range(1000))
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
print('ready', flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are seen in /proc only")
def test_when_pause_returns_no_thread_runs_any_more(tmp_path: Path) -> None:
    """The signal alone returns before: a thread that still ran answered what was asked afterwards."""
    process = python(tmp_path, BUSY).start()
    assert eventually(lambda: process.said(1) == "ready")
    for _ in range(100):
        process.pause()
        threads = Path(f"/proc/{process.pid}/task").glob("*/stat")
        states = [stat.read_text().rpartition(")")[2].split()[0] for stat in threads]
        assert states == ["T"] * 9
        process.resume()
    process.kill()


def test_a_frozen_child_is_frozen_resumed_and_stopped(tmp_path: Path) -> None:
    """pause() and resume() are SIGSTOP and SIGCONT; a frozen child counts as running and can be stopped."""
    process = child(tmp_path, "sleep", "600").start()
    process.pause()
    assert eventually(lambda: state_of(process.pid) == "T")
    assert process.is_running()
    process.resume()
    assert eventually(lambda: state_of(process.pid) == "S")
    process.pause()
    process.stop()
    assert not process.is_running()


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A command that cannot be run is an error that carries the system's words."""
    with pytest.raises(ProcessError, match="No such file or directory"):
        child(tmp_path, str(tmp_path / "nothing")).start()


def test_a_second_start_is_refused_and_a_start_after_the_end_is_not(tmp_path: Path) -> None:
    """One child at a time; after its end the same command may be started again."""
    process = child(tmp_path, "sleep", "600").start()
    with pytest.raises(ProcessError, match="runs already"):
        process.start()
    process.kill()
    first = process.pid
    process.start()
    assert process.pid != first
    process.stop()


def test_what_was_said_before_the_latest_start_is_not_its_words(tmp_path: Path) -> None:
    """The log is kept over starts; said() tells the latest run's lines only."""
    process = python(tmp_path, "import os; print(os.getpid())")
    process.start().wait(30)
    first = process.said(5)
    process.start().wait(30)
    assert process.said(5) != first
    assert len(tail(process.log_path, 5).splitlines()) == 2


_PARENT = """
import sys, time
from pathlib import Path
from sekisho.local.process import ChildProcess, ProcessLimits
folder = Path(sys.argv[1])
child = ChildProcess("c", ["sleep", "600"], folder.parent / "c.log", ProcessLimits(30, 10), remove=folder)
if sys.argv[2] == "adopted":
    child = ChildProcess("c", ["sleep", "600"], folder.parent / "c.log", ProcessLimits(30, 10), adopt=lambda _: None)
print(child.start().pid, flush=True)
child.pause()
time.sleep(600)
"""


def _parent_killed(tmp_path: Path, how: str) -> int:
    """Start a child through a parent, kill the parent with SIGKILL, return the child's pid."""
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "data"), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert started_at(pid) is not None
        parent.kill()
    return pid


def test_a_child_and_its_folder_go_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent ends the child, even a frozen one, and removes its temporary folder."""
    pid = _parent_killed(tmp_path, "supervised")
    assert eventually(lambda: started_at(pid) is None)
    assert eventually(lambda: not (tmp_path / "data").exists())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_does_not_outlive_its_killed_supervisor(tmp_path: Path) -> None:
    """If somebody kills the supervisor itself, the child goes with it and the end is seen."""
    process = child(tmp_path, "sleep", "600").start()
    asked = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(process.pid)], capture_output=True, text=True, check=True
    )
    os.kill(int(asked.stdout), signal.SIGKILL)
    assert eventually(lambda: started_at(process.pid) is None)
    assert eventually(lambda: not process.is_running())  # the supervisor's own end may be seen a moment later


def test_an_adopted_child_lives_on(tmp_path: Path) -> None:
    """A child that somebody adopted is there after its parent was killed, and is ended by pid and start time."""
    pid = _parent_killed(tmp_path, "adopted")
    started = started_at(pid)
    assert started is not None
    assert send(pid, started, signal.SIGKILL)
    assert gone_within(pid, started, 30)
    assert (tmp_path / "data").exists()


def test_a_child_that_nobody_could_write_down_is_ended(tmp_path: Path) -> None:
    """If adopting fails (a full disk), the child does not live on unknown."""
    pids: list[int] = []

    def fail(process: ChildProcess) -> None:
        pids.append(process.pid)
        raise OSError("No space left on device")

    process = ChildProcess("the child", ["sleep", "600"], tmp_path / "child.log", LIMITS, adopt=fail)
    with pytest.raises(ProcessError, match="No space left"):
        process.start()
    assert started_at(pids[0]) is None


def test_a_recycled_pid_is_never_hit() -> None:
    """A signal for a pid with another start time is not sent: that process is somebody else's."""
    with subprocess.Popen(["sleep", "600"]) as other:
        started = started_at(other.pid)
        assert started is not None
        assert not send(other.pid, "an-earlier-boot:1", signal.SIGKILL)
        assert gone_within(other.pid, "an-earlier-boot:1", 0)
        assert other.poll() is None
        assert send(other.pid, started, signal.SIGTERM)
    assert not send(other.pid, started, signal.SIGTERM)


def test_free_ports_are_distinct_free_and_not_a_clients() -> None:
    """Ports for servers lie below the range of outgoing connections, so that no client can sit on them."""
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(20_000 <= port < 32_000 and is_free(port) for port in ports)


def test_a_taken_port_is_seen() -> None:
    """A port that a server listens on is not free."""
    import socket

    with socket.create_server((LOOPBACK, 0)) as server:
        assert not is_free(server.getsockname()[1])
