"""A file that one process at a time holds; the hold ends with the process, however it dies (flock(2))."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldElsewhereError(Exception):
    """Another process held the file for the whole time that this one would wait."""


@contextmanager
def exclusive(path: Path, seconds: float) -> Iterator[None]:
    """Hold `path` (made if absent, left behind empty). Raises HeldElsewhereError after `seconds`, OSError if it cannot be made."""
    give_up = time.monotonic() + seconds
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= give_up:
                    raise HeldElsewhereError(
                        f"{path} is held by another process, for {seconds:g} s already"
                    ) from error
                time.sleep(0.1)
        yield
