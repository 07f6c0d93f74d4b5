"""Which payloads an export leaves out; their leaves stay, so the bundle verifies all the same."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sekisho.ledger.verify.sources import Columns


@dataclass(frozen=True)
class Redaction:
    """Left out: these records, all that is found under these persons' keyed hashes, or everything; `logs`: only of these logs'
    payloads anything goes along (empty: of all)."""

    records: frozenset[UUID] = frozenset()
    subjects: frozenset[bytes] = frozenset()
    everything: bool = False
    logs: frozenset[str] = frozenset()

    def leaves_out(self, origin: str, columns: Columns) -> bool:
        """Whether this payload does not go along."""
        if self.everything or (self.logs and origin not in self.logs):
            return True
        return columns.record_id in self.records or columns.subject_hmac in self.subjects

    def named(self) -> Collection[UUID]:
        """The records that were named: each must have been found."""
        return self.records
