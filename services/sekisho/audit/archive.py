"""Where records are that the ledger has taken out of their topic: this room does not know the ledger, only what it needs of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol


class ArchivedRecord(NamedTuple):
    """A record as it stood at an offset of the records' topic: its JSON; None where it was deleted when it was due."""

    offset: int
    value: bytes | None


class RecordArchive(Protocol):
    """Keeps the records of a topic; one of another id under the same name is another topic."""

    def records(self, topic_id: str, partition: int, before: int) -> AsyncIterator[ArchivedRecord]:
        """Those of a partition whose offset is less than `before`, in order. None at all: the archive does not know the topic."""
