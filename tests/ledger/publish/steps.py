"""Stops a publication before any of its steps: each statement that writes, each file that appears, each folder made sure."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sekisho.ledger.publish import files, publisher, rotation, secret_files
from sekisho.ledger.store import append


class Stopped(Exception):  # noqa: N818  not an error: the test's own end of the process
    """The process ends here."""


class Steps:
    """Counts steps, and stops before the one that is set."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self.count = 0
        self.at: int | None = None
        self._stop = stop
        self._one_at_a_time = threading.Lock()

    def step(self) -> None:
        """One more."""
        with self._one_at_a_time:  # several logs are written at once
            self.count += 1
            here = self.count == self.at
        if here:
            self._stop()

    def arm(self, at: int | None) -> None:
        """Count anew, and stop before step `at` (None: never)."""
        self.count, self.at = 0, at

    def wire(self, patch: pytest.MonkeyPatch) -> None:
        """Put a step before everything that changes the database or the disk, and one after the commits."""
        for module, name in (
            (publisher, "put_checkpoint"),
            (publisher, "put_tiles"),
            (rotation, "put_checkpoint"),
            (append, "write"),
            (publisher, "log_states"),
        ):
            patch.setattr(module, name, self._async(getattr(module, name)))
        for owner, name in (
            (files.PublishedTree, "_put"),
            (secret_files, "_write"),
            (secret_files, "sync_folder"),
            (files, "sync_folder"),
            (os, "replace"),
            (os, "link"),
        ):
            patch.setattr(owner, name, self._sync(getattr(owner, name)))

    def _async(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def stepped(*given: Any, **named: Any) -> Any:
            self.step()
            return await function(*given, **named)

        return stepped

    def _sync(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*given: Any, **named: Any) -> Any:
            self.step()
            return function(*given, **named)

        return stepped


def stop() -> None:
    """By an exception."""
    raise Stopped


def kill() -> None:
    """As SIGKILL does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def files_of(folder: Path) -> list[str]:
    """All files below, by name."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
