"""What `sekisho up` leaves running, written down: the state file that `sekisho down` ends processes by."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from sekisho.local.identity import started_at

STATE_NAME = "stack.json"
_FORMAT = 1


class StateFileError(Exception):
    """The state file is there and cannot be read: what it names is not known, so nothing is ended by it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path} cannot be read ({what}). Look whether a broker or a gate of it still runs, end it by its pid, and remove the file."
        )


@dataclass(frozen=True)
class Started:
    """A process of the stack: name, pid, start time (identity.py), where it is reached, its log, and what it ends in order at."""

    name: str
    pid: int
    started: str
    address: str
    log: str
    stop_signal: int = signal.SIGTERM

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs; another one that got its pid since is not it."""
        return started_at(self.pid) == self.started


@dataclass(frozen=True)
class StackState:
    """All processes of the stack, in the order of their start."""

    processes: tuple[Started, ...] = ()

    @property
    def alive(self) -> tuple[Started, ...]:
        """Those that still run."""
        return tuple(process for process in self.processes if process.is_alive)

    def address(self, name: str) -> str | None:
        """Where the process of this name is reached."""
        return next((process.address for process in self.processes if process.name == name), None)

    def having(self, new: Started) -> StackState:
        """This state with a process added, in place of an earlier one of its name."""
        return StackState((*(process for process in self.processes if process.name != new.name), new))


def read_state(state_dir: Path) -> StackState | None:
    """The state as written down, None where nothing is. Raises StateFileError."""
    path = state_dir / STATE_NAME
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != _FORMAT:
            raise StateFileError(path, f"format {content['format']}, this version of Sekisho knows {_FORMAT}")
        return StackState(tuple(Started(**process) for process in content["processes"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateFileError(path, f"{type(error).__name__}: {error}") from error


def write_state(state_dir: Path, state: StackState) -> None:
    """Write the state down in one step, so that no reader and no crash sees half of it. Raises OSError."""
    content = {"format": _FORMAT, "processes": [asdict(process) for process in state.processes]}
    part = state_dir / f"{STATE_NAME}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(state_dir / STATE_NAME)


def forget_state(state_dir: Path) -> None:
    """Remove the state file."""
    (state_dir / STATE_NAME).unlink(missing_ok=True)
