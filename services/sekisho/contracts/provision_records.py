"""sekisho-provision-records: the third-party-provision record that an allowed provision leaves (records.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from sekisho.contracts.access_decisions import SOURCE, Envelope
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.fields import Day, Instant, Output, written
from sekisho.contracts.reading import read_output
from sekisho.contracts.shared_models import (
    ConsentPosition,
    Encoded,
    LogPosition,
    RulebookReference,
    position_document,
)
from sekisho.contracts.texts import fill
from sekisho.domain.book import Rulebook
from sekisho.domain.verdict import RecordContent, ServedConsent, Verdict
from sekisho.domain.vocabulary import RecordBasis, RecordMethod, SubjectKind

TYPE: Final = "sekisho.provision.recorded.v1"


class RecordedCounterparty(Output):
    """The other side; the particulars are null for `unspecified_many`."""

    id: str
    name: str | None
    address: str | None
    representative: str | None
    country: str | None
    unspecified_many: bool


class RecordedSubject(Output):
    """What identifies the person."""

    id: str
    kind: SubjectKind


class OtherConsent(Output):
    """A further consent that the provision rests on."""

    consent_id: str
    position: ConsentPosition


class RecordedConsent(Output):
    """The statement that consent is held, and which."""

    statement: str
    consent_id: str | None
    position: ConsentPosition | None
    others: tuple[OtherConsent, ...] = ()
    """Only where one consent does not cover all items."""


class ProvisionRecord(Output):
    """One provision or receipt, recorded."""

    record_id: str
    """UUIDv5 of the decision's id."""
    basis: RecordBasis
    """The row of records.md's first table."""
    method: RecordMethod
    created_at: Instant
    provided_on: Day
    """Asia/Tokyo."""
    first_provision: Day | None
    last_provision: Day | None
    controller: str
    direction: str
    counterparty: RecordedCounterparty
    subject: RecordedSubject | None
    """Null in `referable.provision`."""
    items: tuple[str, ...]
    consent: RecordedConsent | None
    acquisition: str | None
    """How the provider acquired the data (receipts)."""
    ppc_publication: str | None
    foreign: dict[str, Any] | None
    agreement: str | None
    document: str | None
    refers_to: str | None
    """An already kept record whose identical particulars count (ER 20(2))."""
    retain_until: Day | None
    """The last day; null while a batch or contract goes on."""
    retention_rule: str
    decision_id: str
    request_id: str
    request_position: LogPosition | None
    """Null under `sekisho decide`."""
    rulebook: RulebookReference


def encode(verdict: Verdict, envelope: Envelope, rulebook: Rulebook, statement: str) -> Encoded | None:
    """The message of the record that a verdict leaves; None if it leaves none."""
    record = document(verdict, envelope, rulebook, statement)
    if record is None:
        return None
    headers = binary_headers(TYPE, record["record_id"], SOURCE, record["created_at"])
    return Encoded(headers, to_json(record))


def document(
    verdict: Verdict, envelope: Envelope, rulebook: Rulebook, statement: str
) -> dict[str, Any] | None:
    """The record as contract.md states it; `statement` is its Japanese consent statement with `{consents}`."""
    content, at = verdict.record, envelope.request_position
    if content is None:
        return None
    return {
        "record_id": envelope.record_id(verdict),
        "basis": content.basis,
        "method": content.method,
        "created_at": written(envelope.decided_at),
        "provided_on": content.provided_on.isoformat(),
        "first_provision": content.first_provision and content.first_provision.isoformat(),
        "last_provision": content.last_provision and content.last_provision.isoformat(),
        "controller": content.controller,
        "direction": content.direction,
        "counterparty": _counterparty(content),
        "subject": {"id": content.subject_id, "kind": content.subject_kind},
        "items": content.items,
        "consent": _consent(content.consents, statement),
        "acquisition": None,
        "ppc_publication": None,
        "foreign": None,
        "agreement": content.agreement,
        "document": content.document,
        "refers_to": None,
        "retain_until": content.retain_until and content.retain_until.isoformat(),
        "retention_rule": content.retention_rule,
        "decision_id": envelope.decision_id,
        "request_id": envelope.request_id,
        "request_position": None if at is None else at.document(),
        "rulebook": {"version": rulebook.version, "digest": rulebook.digest},
    }


def decode(data: bytes) -> ProvisionRecord:
    """A record as a reader takes it; unknown fields are ignored.

    Raises UnreadableMessageError or InvalidMessageError.
    """
    return read_output(ProvisionRecord, data)


def _counterparty(content: RecordContent) -> Mapping[str, Any]:
    other = content.counterparty
    return {
        "id": other.id,
        "name": other.name,
        "address": other.address,
        "representative": other.representative,
        "country": other.country,
        "unspecified_many": other.unspecified_many,
    }


def _consent(consents: tuple[ServedConsent, ...], statement: str) -> dict[str, Any] | None:
    if not consents:
        return None
    first, *others = consents
    told = {"consents": "、".join(each.consent_id for each in consents)}
    found: dict[str, Any] = {
        "statement": fill(statement, told),
        "consent_id": first.consent_id,
        "position": position_document(first.position),
    }
    if others:
        found["others"] = [
            {"consent_id": each.consent_id, "position": position_document(each.position)} for each in others
        ]
    return found
