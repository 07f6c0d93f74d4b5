"""What the ledger holds for one person, for disclosure (APPI 33(5)): all of it, for the operator's count is complete."""

from __future__ import annotations

from datetime import date
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

_TOKYO: Final = ZoneInfo("Asia/Tokyo")
_ITEM: Final = "item:"


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
    """All of one person: what is kept, what was kept and expired, the operator's marks, and the ledger's newest checkpoint."""

    kept: list[FoundRecord]
    purged: list[PurgedRecord]
    withheld: list[dict[str, Any]]
    excluded: list[dict[str, Any]]
    reference: str | None


async def persons_records(connection: Connection, subject_hmac: bytes) -> PersonsRecords:
    """What the ledger has for the person of that keyed hash. Raises StoreError, DamagedRecordError."""
    kept = [each async for each in find(connection, Filter(subject_hmacs=(subject_hmac,)))]
    marks = await withholdings(connection, [each.record.record_id for each in kept])
    return PersonsRecords(
        kept,
        await _purged(connection, subject_hmac),
        [_withheld(each) for each in marks if each.kind == "ground"],
        [_excluded(each) for each in marks if each.kind == "exclusion"],
        await _reference(connection),
    )


async def mark(connection: Connection, record_id: str, decision: Decision) -> bool:
    """Writes down that a record is not, or not wholly, disclosed; False where no such record is kept. Raises StoreError.

    No purge runs meanwhile: what it leaves tells whether the record's existence may be told.
    """
    async with transaction(connection, keeping="exclusive"):
        if not await search(connection, Filter(record_ids=(record_id,)), limit=1):
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
