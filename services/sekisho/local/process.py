"""A server process on this machine, started, watched and ended by its own pid: a broker, a gate.

A `ChildProcess` dies with the process that started it, also when that is killed with SIGKILL (supervise.py), unless it is
adopted, to live on (stack.py). All calls block; from async code use `asyncio.to_thread`.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SUPERVISE = Path(__file__).with_name("supervise.py")
_TAIL_BYTES = 64 * 1024
_STILL = frozenset("tTZXx")
"""States of a thread (proc(5)) that is stopped, or has ended."""


class ProcessError(Exception):
    """A process did not start, did not get ready, or ended by itself.

    Carries the lines of its log that tell why (`telling`, else the last ones).
    """

    def __init__(self, name: str, what: str, log_path: Path, telling: str | None = None) -> None:
        self.log_path = log_path
        lines = telling or tail(log_path, 20) or "(nothing)"
        super().__init__(f"{name} {what}. Its log ({log_path}) says:\n{lines}")


@dataclass(frozen=True)
class ProcessLimits:
    """Seconds: `start_seconds` until a process must be ready, `stop_seconds` from SIGTERM to SIGKILL."""

    start_seconds: float
    stop_seconds: float


def tail(path: Path, lines: int, since: int = 0) -> str:
    """The last lines of a log file after the first `since` bytes, "" where there is none (yet)."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _is_still(pid: int) -> bool:
    """Whether no thread of a stopped process runs any more. The signal takes effect when the one thread that gets it is on a
    processor (signal(7)); until then the others go on: on a busy machine a broker answered a request sent after it [M].

    Where there is no /proc nothing can be seen of this, and the signal is taken for done.
    """
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            state = stat.read_text("ascii", "replace").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue  # that thread has ended
        if state not in _STILL:
            return False
    return True


Adopt = Callable[["ChildProcess"], None]


class ChildProcess:
    """One command with its standard output and error in `log_path` (appended).

    `environment` is the command's whole environment (None: this process's own). `remove` is a temporary folder of this
    process's that is deleted for it if it dies before it could. With `adopt` the command outlives this process, and
    `adopt` is told of it as soon as it has a pid: nothing lives on that nobody knows of. `stop_signal` is what it ends in
    order at.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        limits: ProcessLimits,
        *,
        environment: Mapping[str, str] | None = None,
        remove: Path | None = None,
        adopt: Adopt | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.log_path = log_path
        self.limits = limits
        self.stop_signal = stop_signal
        self._environment = None if environment is None else dict(environment)
        self._remove = remove
        self._adopt = adopt
        self._running: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self._pid: int | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The pid of the command itself. Raises ProcessError before the start."""
        if self._pid is None:
            raise ProcessError(self.name, "was not started", self.log_path)
        return self._pid

    def said(self, lines: int) -> str:
        """The last lines that it wrote since its latest start."""
        return tail(self.log_path, lines, self._log_start)

    def start(self) -> ChildProcess:
        """Start the command and learn its pid; it need not be ready yet. Raises ProcessError."""
        if self.is_running():
            raise ProcessError(self.name, "runs already", self.log_path)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            try:
                self._start(log.fileno())
            except OSError as error:
                raise ProcessError(self.name, f"could not be started ({error})", self.log_path) from error
        return self

    def _start(self, log: int) -> None:
        if self._adopt is None:
            self._pid = self._start_supervised(log)
        else:
            self._running = self._spawn(self.command, log)
            self._pid = self._running.pid
            try:
                self._adopt(self)
            except BaseException:
                self.kill()
                raise

    def _spawn(
        self, command: Sequence[str], log: int, pass_fds: Sequence[int] = ()
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603  (an argument list of our own, no shell)
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self._environment,
            pass_fds=pass_fds,
            # a Ctrl-C on the terminal is for the one who started it, who then ends it in order
            start_new_session=True,
        )

    def _start_supervised(self, log: int) -> int:
        line_read, line_write = os.pipe()
        status_read, status_write = os.pipe()
        wrapper = [
            sys.executable,
            "-I",
            "-S",
            str(_SUPERVISE),
            str(line_read),
            str(status_write),
            str(self._remove or "-"),
        ]
        try:
            self._running = self._spawn([*wrapper, *self.command], log, (line_read, status_write))
        except OSError:
            os.close(line_write)
            os.close(status_read)
            raise
        finally:
            os.close(line_read)
            os.close(status_write)
        self._close_lifeline()
        self._lifeline = line_write
        try:
            return self._told_pid(status_read)
        finally:
            os.close(status_read)

    def _told_pid(self, status: int) -> int:
        ready, _, _ = select.select([status], [], [], self.limits.start_seconds)
        told = os.read(status, 32) if ready else b""
        if not told:
            self._close_lifeline()
            raise ProcessError(self.name, "could not be started", self.log_path)
        return int(told)

    def _close_lifeline(self) -> None:
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    def exit_code(self) -> int | None:
        """The exit code, None while it runs; negative or above 128 where a signal ended it."""
        return None if self._running is None else self._running.poll()

    def is_running(self) -> bool:
        """Whether it was started and has not ended. A paused process runs."""
        return self._running is not None and self._running.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running():
            # it may end between the look and the signal; then there is nothing left to tell
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """`stop_signal`: ask it to end in order. Does not wait."""
        self._signal(self.stop_signal)

    def pause(self) -> None:
        """SIGSTOP: freeze it; its connections stay open and nobody answers on them any more.

        Raises ProcessError where it still runs after `stop_seconds`.
        """
        self._signal(signal.SIGSTOP)
        give_up = time.monotonic() + self.limits.stop_seconds
        while self.is_running() and not _is_still(self.pid):
            if time.monotonic() > give_up:
                raise ProcessError(
                    self.name, f"is not frozen after {self.limits.stop_seconds:g} s", self.log_path
                )
            time.sleep(0.002)

    def resume(self) -> None:
        """SIGCONT: let a frozen one go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Raises ProcessError if it is not."""
        self._signal(signal.SIGKILL)
        self.wait(self.limits.stop_seconds)

    def stop(self) -> None:
        """`stop_signal`, and SIGKILL after `stop_seconds`; also for a frozen one. Returns when it is gone."""
        self.terminate()
        self.resume()
        if self._running is not None:
            try:
                self._running.wait(self.limits.stop_seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._close_lifeline()

    def wait(self, seconds: float) -> int:
        """Wait for its end and return the exit code. Raises ProcessError after `seconds`."""
        if self._running is None:
            raise ProcessError(self.name, "was not started", self.log_path)
        try:
            code = self._running.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ProcessError(self.name, f"still runs after {seconds:g} s", self.log_path) from error
        self._close_lifeline()
        return code
