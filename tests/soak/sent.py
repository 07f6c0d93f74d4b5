"""What was acknowledged to the senders, in a file: an hour's worth would fill the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sekisho.audit import Sent


class SentBook:
    """Acknowledged messages, appended one a line, read again for each check."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO = path.open("w", encoding="ascii")
        self.count = 0

    def add(self, sent: Sent) -> None:
        """Notes one."""
        self._file.write(f"{sent.topic} {sent.partition} {sent.offset} {sent.sha256}\n")
        self.count += 1

    def of(self, partitions: frozenset[int] | None) -> Iterator[Sent]:
        """Those of some partitions, None: all."""
        self._file.flush()
        with self._path.open(encoding="ascii") as lines:
            for line in lines:
                topic, partition, offset, sha256 = line.split()
                if partitions is None or int(partition) in partitions:
                    yield Sent(topic, int(partition), int(offset), sha256)

    def close(self) -> None:
        """Closes the file; it stays."""
        self._file.close()


def is_told_to_end() -> bool:
    """Whether the task that runs was cancelled by who made it, not by a future that it awaits."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
