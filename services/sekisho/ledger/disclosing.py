"""What the ledger holds for one person, for disclosure (APPI 33(5)): all of it, for the operator's count is complete."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from sekisho.ledger.search import FoundRecord, find
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import newest_checkpoint
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.marks import Withholding, put_withholding, withholdings
from sekisho.ledger.store.payloads import search
from sekisho.ledger.store.purging import purged_of
from sekisho.ledger.store.rows import Payload

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_ITEM: Final = "item:"
_ITEMS: Final = "items"


class PurgedRecord(NamedTuple):
    """A record whose time was over: named by its leaf's place, which is all that is left of it."""

    name: str
    created_on: date
    purged_on: date
    disclosable: bool
    controller: str | None


class Decision(NamedTuple):
    """What an operator has decided of one record: `exclusion` (its existence is not told) or a `ground` to withhold it, or `part` of it."""

    kind: Literal["exclusion", "ground"]
    ground: str
    part: tuple[str, ...]
    """Particulars, and items as `item:ID`; empty: the whole record."""
    reason: str
    by: str


class PersonsRecords(NamedTuple):
    """All of one person: what is kept, what was kept and expired, the marks on the kept, and the ledger's newest checkpoint."""

    kept: list[FoundRecord]
    purged: list[PurgedRecord]
    marks: list[Withholding]
    reference: str | None

    @property
    def withheld(self) -> list[dict[str, Any]]:
        """What is not, or not wholly, disclosed, as the marks that count say."""
        return [_withheld(each) for each in standing(self.marks) if each.kind == "ground"]

    @property
    def excluded(self) -> list[dict[str, Any]]:
        """What nobody is told that there is, as the marks that count say."""
        return [_excluded(each) for each in standing(self.marks) if each.kind == "exclusion"]

    def with_mark(self, record_id: str, decision: Decision) -> PersonsRecords:
        """The same as it would be once that was marked."""
        kind, ground, part, reason, by = decision
        added = Withholding(0, record_id, kind, ground, list(part), reason, by, datetime.now(UTC))
        return self._replace(marks=[*self.marks, added])


async def persons_records(connection: Connection, subject_hmac: bytes) -> PersonsRecords:
    """What the ledger has for the person of that keyed hash. Raises StoreError, DamagedRecordError."""
    found = [each async for each in find(connection, Filter(subject_hmacs=(subject_hmac,)))]
    purged = await _purged(connection, subject_hmac)
    gone = {
        each.name for each in purged
    }  # what a purge took meanwhile was read before, and is gone all the same
    kept = [each for each in found if place(each) not in gone]
    marks = await withholdings(connection, [each.record.record_id for each in kept])
    return PersonsRecords(kept, purged, marks, await _reference(connection))


def place(found: FoundRecord) -> str:
    """Where a record's leaf stands, in one line: what names it when nothing else is left."""
    return f"{found.origin} #{found.idx}"


def standing(marks: Sequence[Withholding]) -> list[Withholding]:
    """Those of the marks, oldest first, that count: they are only added to, so that what is said again replaces what was said.

    Of one record an exclusion is above every ground, the whole above its parts, and all items above single ones. No marks
    contradict each other, so none makes a disclosure impossible.
    """
    by_record: dict[str, list[Withholding]] = defaultdict(list)
    for each in marks:
        by_record[each.record_id].append(each)
    return [each for of_one in by_record.values() for each in _standing(of_one)]


def _standing(marks: Sequence[Withholding]) -> list[Withholding]:
    for above in (
        [each for each in marks if each.kind == "exclusion"],
        [each for each in marks if not each.part],
    ):
        if above:
            return above[-1:]
    all_items = any(_ITEMS in each.part for each in marks)
    found, said = [], set[str]()
    for each in reversed(marks):
        part = [one for one in each.part if one not in said and not (all_items and one.startswith(_ITEM))]
        said.update(part)
        if part:
            found.append(each._replace(part=part))
    return found[::-1]


async def kept_payload(connection: Connection, record_id: str) -> Payload | None:
    """The record of that id, if it is kept. Raises StoreError."""
    found = await search(connection, Filter(record_ids=(record_id,)), limit=1)
    return found[0] if found else None


async def mark(connection: Connection, record_id: str, decision: Decision) -> bool:
    """Writes down that a record is not, or not wholly, disclosed; False where no such record is kept. Raises StoreError.

    No purge runs meanwhile: what it leaves tells whether the record's existence may be told.
    """
    async with transaction(connection, keeping="exclusive"):
        if await kept_payload(connection, record_id) is None:
            return False
        await put_withholding(connection, record_id, **decision._asdict())
    return True


async def _purged(connection: Connection, subject_hmac: bytes) -> list[PurgedRecord]:
    origins = {log.log_id: log.origin for log in await logs(connection)}
    return [
        PurgedRecord(
            f"{origins[each.log_id]} #{each.idx}",
            each.created_on,
            each.purged_at.astimezone(_TOKYO).date(),
            each.disclosable,
            each.controller,
        )
        for each in await purged_of(connection, [subject_hmac])
    ]


def _withheld(found: Withholding) -> dict[str, Any]:
    items = tuple(each.removeprefix(_ITEM) for each in found.part if each.startswith(_ITEM))
    particulars = tuple(each for each in found.part if not each.startswith(_ITEM))
    return {
        "record_id": found.record_id,
        "ground": found.ground,
        "reason": found.reason,
        "whole": not found.part,
        "particulars": particulars,
        "items": items,
    }


def _excluded(found: Withholding) -> dict[str, Any]:
    return {"record_id": found.record_id, "kind": found.ground, "reason": found.reason}


async def _reference(connection: Connection) -> str | None:
    """The newest checkpoint of the log of logs: it proves the ledger as a whole."""
    for log in await logs(connection, "meta"):
        newest = await newest_checkpoint(connection, log.log_id)
        if newest is not None:
            return f"{log.origin} {newest.size} {newest.root.hex()}"
    return None
