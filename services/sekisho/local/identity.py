"""Which process a pid means: a pid is used again after its process has ended, a pid with its start time is not.

Whatever is ended by a pid that was written down earlier is ended through here, so that never another process is hit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def started_at(pid: int) -> str | None:
    """When the process with this pid started, as an opaque text; None where there is none (or only its zombie)."""
    if not _BOOT_ID.exists():
        return _started_at_by_ps(pid)
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): field 3 is the state, field 22 the start in ticks since boot
    state, ticks = after_name[0], after_name[19]
    return None if state in "ZX" else f"{_BOOT_ID.read_text('utf-8').strip()}:{ticks}"


def _started_at_by_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS): ps tells it to the second."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (a pid of our own state)
    state, _, start = asked.stdout.strip().partition(" ")
    return None if not start or state.startswith("Z") else start.strip()


@contextmanager
def _held(pid: int) -> Iterator[int | None]:
    """A descriptor of the process that goes on meaning it when the pid does not (pidfd_open(2)), where the system has that."""
    handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


def send(pid: int, started: str, number: signal.Signals) -> bool:
    """Send a signal to the process that had this pid and start time; False where it is gone."""
    try:
        with _held(pid) as handle:
            if started_at(pid) != started:
                return False
            if handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    return True


def gone_within(pid: int, started: str, seconds: float) -> bool:
    """Whether the process has ended, waiting for it at most `seconds`."""
    give_up = time.monotonic() + seconds
    while started_at(pid) == started:
        if time.monotonic() >= give_up:
            return False
        time.sleep(0.05)
    return True
