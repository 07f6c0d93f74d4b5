"""Finding what the ledger keeps: by person, counterparty, period, method, basis (APPI 29, 30(3); disclosure: 33(5)).

A person is found by a keyed hash of the id, never by the id. Each record comes with the last day that counts now, extensions
included, and with the holds on it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from sekisho.contracts import provision_records
from sekisho.contracts.errors import InvalidMessageError, UnreadableMessageError
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.copying import shelf
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import holds_of
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.payloads import Count, counts, search
from sekisho.ledger.store.retention import due
from sekisho.ledger.store.rows import Payload

_PAGE: Final = 500
_LAST_DAY: Final = date.max


class DamagedRecordError(Exception):
    """A stored record cannot be read: the ledger is damaged, or was tampered with. `sekisho audit verify` tells where."""


@dataclass(frozen=True)
class RecordQuery:
    """What to find; empty: everything. Days are Asia/Tokyo, first and last included."""

    subjects: tuple[str, ...] = ()
    record_ids: tuple[str, ...] = ()
    counterparties: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    created_from: date | None = None
    created_until: date | None = None

    def filter(self, pseudonyms: Pseudonyms | None) -> Filter:
        """The same for the store, persons as keyed hashes: without persons nobody needs their key."""
        hashes = () if pseudonyms is None else tuple(pseudonyms.subject(each) for each in self.subjects)
        assert len(hashes) == len(self.subjects), "persons are found by their keyed hashes alone"
        return Filter(
            subject_hmacs=hashes,
            record_ids=self.record_ids,
            counterparties=self.counterparties,
            controllers=self.controllers,
            methods=self.methods,
            bases=self.bases,
            directions=self.directions,
            created_from=self.created_from,
            created_until=self.created_until,
        )


class FoundRecord(NamedTuple):
    """A record that is kept: where its leaf stands, itself, its last day (None: no end known yet), and holds on it."""

    origin: str
    idx: int
    rid: str
    record: ProvisionRecord
    retain_until: date | None
    holds: tuple[str, ...]


async def find(
    connection: Connection, wanted: Filter, limit: int | None = None
) -> AsyncIterator[FoundRecord]:
    """The records that a filter takes, log by log and oldest first within one, at most `limit`. Raises StoreError, DamagedRecordError."""
    origins = {log.log_id: log.origin for log in await logs(connection)}
    after, left = None, limit
    while left is None or left > 0:
        size = _PAGE if left is None else min(_PAGE, left)
        page = await search(connection, wanted, limit=size, after=after)
        for found in await _told(connection, origins, page):
            yield found
        if len(page) < size:
            return
        last = page[-1]
        after = (last.log_id, last.idx)
        left = None if left is None else left - len(page)


async def count(connection: Connection, wanted: Filter) -> list[Count]:
    """How many records a filter takes, by method, basis and direction. Raises StoreError."""
    return await counts(connection, wanted)


async def _told(
    connection: Connection, origins: dict[int, str], page: Sequence[Payload]
) -> list[FoundRecord]:
    if not page:
        return []
    keys = [(shelf(each.retain_until), each.log_id, each.idx) for each in page]
    # what has no end yet is not due on any day, so it is not among these
    found = await due(connection, _LAST_DAY, limit=len(keys), only=keys)
    ending = {(row.log_id, row.idx): row.effective for row in found}
    held = await holds_of(connection, [(each.log_id, each.idx) for each in page])
    return [
        FoundRecord(
            origins[each.log_id],
            each.idx,
            each.rid,
            _record(each, origins[each.log_id]),
            ending.get((each.log_id, each.idx)),
            tuple(held.get((each.log_id, each.idx), ())),
        )
        for each in page
    ]


def _record(payload: Payload, origin: str) -> ProvisionRecord:
    try:
        return provision_records.decode(payload.body)
    except (InvalidMessageError, UnreadableMessageError) as error:
        raise DamagedRecordError(
            f"{origin} #{payload.idx}: the stored record cannot be read ({error}). `sekisho audit verify` tells what else is wrong."
        ) from error
