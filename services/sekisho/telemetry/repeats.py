"""Repeated lines of the client libraries: one of a kind in each interval, with the count of those held back.

While a broker is away aiokafka tells each attempt of each connection: about 1 MB in half a minute [M], in which our own lines
drown. Nothing is lost silently: the last line of a kind that was held back is told after the interval, with how many there
were (`held_back`), at the next line of whatever kind or when logging ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

OURS: Final = "sekisho"
LIBRDKAFKA: Final = "sekisho.log.librdkafka"
"""Named as ours, but what it says is the library's."""

Kind = tuple[str, int, str]


@dataclass
class _Held:
    """What is known of one kind: when a line of it was last told, and what was held back since."""

    told_at: float
    last: logging.LogRecord | None = None
    count: int = 0


class RepeatsHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream; of the libraries' at most one of a kind in `seconds` (0: all)."""

    def __init__(self, stream: TextIO, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._clock = clock
        self._kinds: dict[Kind, _Held] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Called under the handler's lock."""
        now = self._clock()
        self._tell_held(now - self._seconds)
        if self._seconds and _is_library(record):
            held = self._kinds.get(_kind(record))
            if held is not None:
                held.last, held.count = record, held.count + 1
                return
            self._kinds[_kind(record)] = _Held(now)
        super().emit(record)

    def close(self) -> None:
        """Tells what is still held back: `logging` closes its handlers when the process ends."""
        self.acquire()
        try:
            self._tell_held(float("inf"))
        finally:
            self.release()
        super().close()

    def _tell_held(self, until: float) -> None:
        """Tells, and forgets, the kinds whose interval began before `until`."""
        for kind, held in [each for each in self._kinds.items() if each[1].told_at <= until]:
            del self._kinds[kind]
            if held.last is not None:
                held.last.held_back = held.count - 1
                super().emit(held.last)
                if until != float("inf"):
                    self._kinds[kind] = _Held(self._clock())


def _is_library(record: logging.LogRecord) -> bool:
    name = record.name
    return name == LIBRDKAFKA or not (name == OURS or name.startswith(f"{OURS}."))


def _kind(record: logging.LogRecord) -> Kind:
    """The constant template, not what is filled in: the same trouble with another broker or partition is of one kind.

    librdkafka has one template for everything; its first argument is the kind.
    """
    template = str(record.msg)
    if record.name == LIBRDKAFKA and isinstance(record.args, tuple) and record.args:
        template += str(record.args[0])
    return record.name, record.levelno, template
