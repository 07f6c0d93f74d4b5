"""Runs one command that must not outlive the process that asked for it. Standard library only; run as a script.

`python supervise.py LIFELINE STATUS FOLDER COMMAND…`: LIFELINE is the reading end of a pipe whose writing end only the asking
process holds; STATUS is a writing end on which the command's pid is told; FOLDER (unless "-") is removed if the asking process is gone and cannot do it any more.

Why a process of its own: PR_SET_PDEATHSIG in the asking process fires when the *thread* that started the child ends
(prctl(2)), which `asyncio.to_thread` does at any time. A pipe closes when the last holder is gone, however it died. The
command itself may well have PR_SET_PDEATHSIG with this single-threaded process as its parent: it dies with it at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_REMOVE_SECONDS = 10.0

_PR_SET_PDEATHSIG = 1


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _is_closed(lifeline: int, seconds: float | None) -> bool:
    """Wait for the line to close. Nothing is ever written on it, so readable means closed."""
    readable, _, _ = select.select([lifeline], [], [], seconds)
    return bool(readable)


def _kill_when_the_line_closes(lifeline: int, child: subprocess.Popen[bytes]) -> None:
    if _is_closed(lifeline, None):
        child.kill()


def _remove(folder: Path) -> None:
    """Remove a folder in which the command's own children may write for a moment yet (PostgreSQL's end when they see it gone)."""
    give_up = time.monotonic() + _REMOVE_SECONDS
    while folder.exists() and time.monotonic() < give_up:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the line closes; return its exit code (128 + signal if one ended it)."""
    lifeline, status, folder, *command = arguments
    # started in this, the main thread, which lives as long as the process
    child = subprocess.Popen(command, preexec_fn=_die_with_parent)  # noqa: S603  (the asker's own command, no shell)
    os.write(int(status), f"{child.pid}\n".encode())
    os.close(int(status))
    watch = threading.Thread(target=_kill_when_the_line_closes, args=(int(lifeline), child), daemon=True)
    watch.start()
    code = child.wait()
    if folder != "-" and _is_closed(int(lifeline), 0):
        _remove(Path(folder))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
