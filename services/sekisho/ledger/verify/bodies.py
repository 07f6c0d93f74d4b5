"""What a payload says, held against its leaf and against the columns that it is found by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sekisho.contracts import provision_records
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import retention
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.leaves import PayloadLeaf
from sekisho.ledger.merkle.canonical import CanonicalError, canonicalized
from sekisho.ledger.verify.signed import written
from sekisho.ledger.verify.sources import Columns

OPEN_SHELF: Final = date(9999, 12, 1)
FAR: Final = date(2200, 1, 1)
Faults = Iterator[tuple[str, str]]
SubjectHmac = Callable[[str], bytes]
"""The keyed hash of a person's id, where the key is at hand."""


class Document:
    """A payload's body, read."""

    def __init__(self, body: bytes) -> None:
        """Raises CanonicalError: no JSON of the ledger's profile, or not in its canonical form."""
        self.data, again = canonicalized(body)
        if again != body:
            raise CanonicalError("it is not in the canonical form")


def record_faults(leaf: PayloadLeaf, body: bytes) -> tuple[ProvisionRecord | None, list[tuple[str, str]]]:
    """A provision record: its form, its retention, its scope."""
    try:
        told = provision_records.decode(body)
    except RejectedMessageError as error:
        return None, [("payload.malformed", f"it is no provision record: {error}")]
    return told, [*_retention_faults(leaf, told), *_scope_faults(leaf, told)]


def article(basis: str) -> str:
    """Which article of the rules a record's retention goes by (ER 21, 25, 29)."""
    if basis == "referable.provision":
        return "referable"
    return "receipt" if basis.startswith("receipt.") or basis == "referable.receipt" else "provision"


def _retention_faults(leaf: PayloadLeaf, told: ProvisionRecord) -> Faults:
    due = retention(told.method, tokyo_day(told.created_at), told.last_provision, article=article(told.basis))
    stated = None if leaf.retain_until is None else date.fromisoformat(leaf.retain_until)
    if stated != due.until:
        yield (
            "retention.differs",
            f"the leaf says {stated}, {due.rule} of a {told.method} record gives {due.until}",
        )
    elif told.retain_until != due.until or told.retention_rule != due.rule:
        yield (
            "retention.differs",
            f"the record says {told.retain_until} by {told.retention_rule}, not {due.until} by {due.rule}",
        )


def _scope_faults(leaf: PayloadLeaf, told: ProvisionRecord) -> Faults:
    if (told.method == "individual") != (leaf.scope is None):
        yield "scope.differs", f"a record of method {told.method} has scope {leaf.scope}"


def record_agreement(told: ProvisionRecord) -> bytes:
    """What all records of one scope have in common, hashed."""
    contract = told.method == "contract"
    paper = told.document if contract else told.agreement
    person = told.subject.id if contract and told.subject is not None else None
    return _identity(told.method, told.controller, told.counterparty.id, paper, person)


def decision_policy(document: Any) -> bytes:
    """What all decisions of one scope have in common: the policy concluded."""
    told = document["outcome"]
    at = written(datetime.fromisoformat(told["concluded_at"]))  # one instant may be written in several ways
    return _identity("policy", told["subject_id"], told["organization"], told.get("product"), at)


def _identity(*parts: str | None) -> bytes:
    return sha256(repr(parts).encode()).digest()[:16]


def column_faults(leaf: PayloadLeaf, columns: Columns) -> Faults:
    """The columns that say what the leaf says."""
    until = None if leaf.retain_until is None else date.fromisoformat(leaf.retain_until)
    shelf = OPEN_SHELF if until is None or until >= FAR else until.replace(day=1)
    expected = {"rid": UUID(leaf.rid), "kind": leaf.kind, "retain_until": until, "shelf": shelf}
    expected["scope"] = None if leaf.scope is None else UUID(leaf.scope)
    yield from _differing(columns, expected)


def record_columns(told: ProvisionRecord, columns: Columns, subject: SubjectHmac | None) -> Faults:
    """The columns that say what a record says."""
    expected: dict[str, Any] = {
        "record_id": UUID(told.record_id),
        "decision_id": UUID(told.decision_id),
        "direction": told.direction,
        "basis": told.basis,
        "method": told.method,
        "controller": told.controller,
        "counterparty": told.counterparty.id,
        "provided_on": told.provided_on,
        "created_at": told.created_at,
    }
    yield from _differing(columns, expected)
    yield from subject_faults(None if told.subject is None else told.subject.id, columns, subject)


def decision_columns(document: Any, columns: Columns, subject: SubjectHmac | None) -> Faults:
    """The columns that say what a policy's decisions say."""
    told = document["outcome"]
    concluded = datetime.fromisoformat(told["concluded_at"])
    yield from _differing(columns, {"controller": told["organization"], "created_at": concluded})
    yield from _differing(columns, dict.fromkeys(_OF_RECORDS - {"controller"}))
    yield from subject_faults(told["subject_id"], columns, subject)


def unread_columns(columns: Columns) -> Faults:
    """The columns of a message that nobody could read: it is found by none."""
    yield from _differing(columns, dict.fromkeys(_OF_RECORDS | {"subject_hmac"}))


def statement_columns(rid: str, kind: str, columns: Columns) -> Faults:
    """The columns of an operator's statement: it has no end, and is found as no record."""
    yield from _differing(columns, {"rid": UUID(rid), "kind": kind, "shelf": OPEN_SHELF})
    yield from _differing(columns, dict.fromkeys(_OF_RECORDS | {"retain_until", "scope"}))


_OF_RECORDS: Final = frozenset(
    {"record_id", "decision_id", "direction", "basis", "method", "controller", "counterparty", "provided_on"}
)


def agreement_key(told: ProvisionRecord, pseudonyms: Pseudonyms | None) -> bytes | None:
    """What the scope of a batch or contract is found by; None without the persons' key."""
    if pseudonyms is None:
        return None
    contract = told.method == "contract"
    person = told.subject.id if contract and told.subject is not None else None
    paper = told.document if contract else told.agreement
    return pseudonyms.agreement(told.method, told.controller, told.counterparty.id, paper, person)


def policy_key(document: Any, pseudonyms: Pseudonyms | None) -> bytes | None:
    """What a policy's scope is found by; None without the persons' key."""
    if pseudonyms is None:
        return None
    told = document["outcome"]
    at = written(datetime.fromisoformat(told["concluded_at"]))
    return pseudonyms.policy(told["subject_id"], told["organization"], told.get("product"), at)


def subject_faults(subject_id: str | None, columns: Columns, subject: SubjectHmac | None) -> Faults:
    """The keyed hash that the record is found by."""
    if (subject_id is None) != (columns.subject_hmac is None):
        yield "payload.column", "subject_hmac is set where no person is named, or missing where one is"
    elif subject_id is not None and subject is not None and subject(subject_id) != columns.subject_hmac:
        yield "payload.column", "subject_hmac is not that of the person in the record"


def _differing(columns: Columns, expected: dict[str, Any]) -> Faults:
    for name, value in expected.items():
        found = getattr(columns, name)
        if found != value:
            shown = (
                "" if isinstance(value, datetime | str) and name in _PERSONAL else f" ({found}, not {value})"
            )
            yield "payload.column", f"the column {name} is not what the payload says{shown}"


_PERSONAL: Final = frozenset({"counterparty"})
"""Columns whose value is not shown in a finding: a counterparty may be a person (ER 20(1), 24(1)(iv))."""
