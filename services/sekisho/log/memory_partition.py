"""One partition of the in-memory log: records, markers of transactions, and what a reader sees of them."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sekisho.log.port import Headers, OffsetOutOfRangeError, Outgoing, Partition, UndecodableRecordError


class MemoryRecord(NamedTuple):
    """A record as read; the shape of the port's Record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Outcome(enum.Enum):
    """Where a transaction stands."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False)
class Transaction:
    """One transaction: what it wrote to and which offsets it will have committed. `opened_ms` for its time-out."""

    opened_ms: int
    outcome: Outcome = Outcome.OPEN
    partitions: set[Partition] = field(default_factory=set)
    offsets: dict[tuple[str, Partition], int] = field(default_factory=dict)


class Entry(NamedTuple):
    """What stands at an offset: a record, a marker (None), or one that cannot be decoded (`undecodable` says why)."""

    record: MemoryRecord | None
    transaction: Transaction | None
    undecodable: str | None


class ReadResult(NamedTuple):
    """Records read and where to read on; `obstacle` stands at that position and is to be raised after the records."""

    records: list[MemoryRecord]
    position: int
    obstacle: UndecodableRecordError | None


class PartitionLog:
    """One partition's entries, from `start` (what was deleted before it is gone) to `end`."""

    def __init__(self, at: Partition) -> None:
        self._at = at
        self._entries: list[Entry] = []
        self._open: dict[Transaction, int] = {}
        self.start = 0

    @property
    def end(self) -> int:
        """The high watermark: open transactions are counted."""
        return self.start + len(self._entries)

    @property
    def stable_end(self) -> int:
        """The last stable offset: the first record of the oldest open transaction, else the end."""
        return min(self._open.values(), default=self.end)

    def append(self, records: Sequence[Outgoing], now_ms: int, transaction: Transaction | None) -> int:
        """Appends a batch; gives its base offset."""
        base = self.end
        for offset, out in enumerate(records, start=base):
            record = MemoryRecord(*self._at, offset, now_ms, out.key, out.value, tuple(out.headers))
            self._entries.append(Entry(record, transaction, None))
        if transaction is not None:
            self._open.setdefault(transaction, base)
        return base

    def append_undecodable(self, why: str) -> int:
        """Appends what no reader can decode; gives its offset."""
        self._entries.append(Entry(None, None, why))
        return self.end - 1

    def mark(self, transaction: Transaction) -> None:
        """Writes the marker that ends a transaction here."""
        self._open.pop(transaction, None)
        self._entries.append(Entry(None, transaction, None))

    def delete_before(self, offset: int) -> None:
        """Forgets what stands before `offset`. Raises OffsetOutOfRangeError above the end."""
        if not 0 <= offset <= self.end:
            raise OffsetOutOfRangeError(self._at, offset, self.start, self.end)
        dropped = max(0, offset - self.start)
        del self._entries[:dropped]
        self.start += dropped

    def read(self, position: int, *, committed: bool, limit: int | None) -> ReadResult:
        """Reads from `position`. Raises OffsetOutOfRangeError when it is outside of what is there."""
        if not self.start <= position <= self.end:
            raise OffsetOutOfRangeError(self._at, position, self.start, self.end)
        found: list[MemoryRecord] = []
        stop = self.stable_end if committed else self.end
        while position < stop and (limit is None or len(found) < limit):
            entry = self._entries[position - self.start]
            if entry.undecodable is not None:
                obstacle = UndecodableRecordError(self._at, position, entry.undecodable)
                return ReadResult(found, position, obstacle)
            if entry.record is not None and not (committed and _aborted(entry.transaction)):
                found.append(entry.record)
            position += 1
        return ReadResult(found, position, None)


def _aborted(transaction: Transaction | None) -> bool:
    return transaction is not None and transaction.outcome is Outcome.ABORTED
