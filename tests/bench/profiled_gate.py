"""A gate that knows where its CPU time goes: `python -m bench.profiled_gate FILE`. For the bench only.

Functions of each step are timed where they stand, each without what it calls of another step. At SIGUSR1 the sums so far are
written to FILE as a line.
"""

from __future__ import annotations

import functools
import inspect
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiokafka.consumer.fetcher

from sekisho.bootstrap import run_gate
from sekisho.contracts import access_decisions, provision_records
from sekisho.gate import ruling, turn
from sekisho.gate.intake import Persons
from sekisho.gate.state import LaneState
from sekisho.log.kafka_writers import KafkaTransactionalWriter
from sekisho.settings import Settings

TARGETS: Final[tuple[tuple[str, Any, tuple[str, ...]], ...]] = (
    ("fetch", aiokafka.consumer.fetcher.FetchResult, ("getall",)),
    ("decode", turn.Turn, ("read",)),
    ("state", LaneState, ("entry",)),
    ("state", Persons, ("events",)),
    ("decide", ruling, ("decide",)),
    ("assemble", turn.Turn, ("decide",)),
    ("encode", access_decisions, ()),
    ("encode", provision_records, ()),
    ("send", KafkaTransactionalWriter, ("_fill",)),
    ("store", LaneState, ("apply_outputs",)),
)
"""Step, where its functions are, and which (none named: all of that module's own)."""


class Sums:
    """Seconds by step. A step's time stands still while a function of another step, or of its own, runs within it."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys((step for step, _, _ in TARGETS), 0.0)
        self._within: list[str] = []
        self._since = 0.0

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._turn_to(step)
            try:
                return function(*args, **kwargs)
            finally:
                self._turn_back()

        return wrapper

    def _turn_to(self, step: str) -> None:
        now = time.thread_time()  # CPU: another process's turn on the core is no step's
        if self._within:
            self.seconds[self._within[-1]] += now - self._since
        self._within.append(step)
        self._since = now

    def _turn_back(self) -> None:
        now = time.thread_time()  # CPU: another process's turn on the core is no step's
        self.seconds[self._within.pop()] += now - self._since
        self._since = now


def install(sums: Sums) -> None:
    """Puts the timed functions in place. Raises AttributeError where the code has changed and TARGETS has not."""
    for step, owner, names in TARGETS:
        for name in names or _own_functions(owner):
            setattr(owner, name, sums.timed(step, getattr(owner, name)))


def _own_functions(module: Any) -> list[str]:
    return [
        name
        for name, found in vars(module).items()
        if inspect.isfunction(found) and found.__module__ == module.__name__
    ]


def main(path: Path) -> int:
    """Runs a gate until it is told to stop."""
    sums = Sums()
    install(sums)

    def tell(*_: object) -> None:
        with path.open("a") as file:
            file.write(json.dumps(sums.seconds) + "\n")

    signal.signal(signal.SIGUSR1, tell)
    return run_gate(Settings.from_environment())


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
