"""A message of the records topic, read: its canonical body, its commitment, and what its row is searched and kept by.

Nothing is lost here and nothing blocks: a message that is no provision record becomes an `unreadable` payload, its bytes
verbatim, kept without an end (ledger6: an operator decides what becomes of it).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, NamedTuple

from sekisho.contracts import envelope, provision_records
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import retention
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.merkle.canonical import CanonicalError, commit
from sekisho.ledger.merkle.shapes import Shapes
from sekisho.log.port import Record

LARGEST: Final = 64 * 1024 * 1024
"""No record is too large to be kept: the broker's own limits have passed it."""
_TYPES: Final = frozenset({provision_records.TYPE})
_TYPE: Final = provision_records.TYPE.encode()
_RANDOM: Final = 48
"""Bytes of chance for a payload: 32 of salt, 16 of rid."""
UNDECODABLE: Final = b"undecodable:"
"""Begins the body that stands for a message which the client could not decode: its bytes cannot be had."""


class Particulars(NamedTuple):
    """What a payload is searched, held and kept by; None: does not apply. Days are Asia/Tokyo; hashes are keyed (`pseudonyms`)."""

    record_id: str | None
    decision_id: str | None
    direction: str | None
    basis: str | None
    method: str | None
    controller: str | None
    counterparty: str | None
    provided_on: date | None
    created_at: datetime
    retain_until: date | None
    subject_hmac: bytes | None
    scope_key: bytes | None
    refers_to: str | None


class Taken(NamedTuple):
    """A message read, committed to and named. `particulars` is None for an unreadable one, `problem` says why it is."""

    kind: str
    offset: int
    rid: str
    salt: bytes
    body: bytes
    commit: str
    particulars: Particulars | None
    problem: str | None = None


class UnreadableRecord(NamedTuple):
    """Stands for a message that the client could not decode; `why` tells no content."""

    offset: int
    why: str


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads the messages of one ledger."""

    pseudonyms: Pseudonyms
    shapes: Shapes = field(default_factory=Shapes)

    def take(self, records: Sequence[Record | UnreadableRecord]) -> list[Taken]:
        """All of them, in order; chance is drawn once for all (0.6 µs a record less)."""
        chance = os.urandom(_RANDOM * len(records))
        found = []
        for number, record in enumerate(records):
            at = number * _RANDOM
            found.append(self._take(record, chance[at : at + 32], rid_of(chance[at + 32 : at + _RANDOM])))
        return found

    def _take(self, record: Record | UnreadableRecord, salt: bytes, rid: str) -> Taken:
        if isinstance(record, UnreadableRecord):
            return unreadable(record.offset, rid, salt, UNDECODABLE + record.why.encode(), "undecodable")
        try:
            data = _data(record)
            told = provision_records.decode(data)
            body = self.shapes.canonical(data)
        except (RejectedMessageError, CanonicalError) as error:
            return unreadable(record.offset, rid, salt, record.value or b"", str(error))
        return Taken(
            "record", record.offset, rid, salt, body, commit(salt, body).hex(), self._particulars(told)
        )

    def _particulars(self, told: ProvisionRecord) -> Particulars:
        subject_id = None if told.subject is None else told.subject.id
        return Particulars(
            told.record_id,
            told.decision_id,
            told.direction,
            told.basis,
            told.method,
            told.controller,
            told.counterparty.id,
            told.provided_on,
            told.created_at,
            kept_until(told),
            None if subject_id is None else self.pseudonyms.subject(subject_id),
            None if told.method == "individual" else self._scope_key(told, subject_id),
            told.refers_to,
        )

    def _scope_key(self, told: ProvisionRecord, subject_id: str | None) -> bytes:
        """Of a batch all persons' records end together, of a contract those of its one person."""
        contract = told.method == "contract"
        return self.pseudonyms.agreement(
            told.method,
            told.controller,
            told.counterparty.id,
            told.document if contract else told.agreement,
            subject_id if contract else None,
        )


def kept_until(told: ProvisionRecord) -> date | None:
    """The last day that the record's method gives it (ER 21, 25, 29), or the one that it states where that is later.

    None where the method gives none yet. A record that states too early a day is kept as long as the law wants all the same
    (the verifier names it); its own word alone must not delete it.
    """
    due = retention(told.method, tokyo_day(told.created_at), told.last_provision).until
    if due is None or told.retain_until is None:
        return due
    return max(due, told.retain_until)


def unreadable(offset: int, rid: str, salt: bytes, body: bytes, problem: str) -> Taken:
    """A message kept verbatim although nobody could read it."""
    return Taken("unreadable", offset, rid, salt, body, commit(salt, body).hex(), None, problem)


def rid_of(chance: bytes) -> str:
    """A random UUID (RFC 9562, version 4) of 16 random bytes: a third of uuid.uuid4's time."""
    text = chance.hex()
    variant = "89ab"[chance[8] & 3]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def _data(record: Record) -> bytes:
    """The JSON data. Raises RejectedMessageError for a tombstone, another type, a broken envelope."""
    if record.value is not None and envelope.is_plain(record.headers, _TYPE):
        return record.value
    event = envelope.open_message(record.headers, record.value, largest=LARGEST)
    if not event.bare:
        envelope.require(event, _TYPES)
    return event.data
