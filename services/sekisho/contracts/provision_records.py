"""sekisho-provision-records: the third-party-provision record that an allowed provision leaves (records.md)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sekisho.contracts import fragments, identity
from sekisho.contracts.access_decisions import SOURCE, Envelope, Particulars
from sekisho.contracts.envelope import HeadersOf
from sekisho.contracts.fields import Day, Instant, Output, written
from sekisho.contracts.fragments import Fragments, quoted
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
from sekisho.domain.verdict import Besides, Counterparty, RecordContent, ServedConsent, Verdict
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
    """The statement that consent is held, and which; null ids where it is presumed, the provider's or the recipient's."""

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
    if verdict.record is None:
        return None
    return write(verdict.record, envelope.particulars(verdict), rulebook, statement)


def write(content: RecordContent, told: Particulars, rulebook: Rulebook, statement: str) -> Encoded:
    """As `encode`: the bytes of `document`, put together from fragments (ADR 0014)."""
    # unpacked: reading a named tuple's fields one by one costs a tenth of this function
    decision_id, record_id, request_id, _, _, decided_at, _, _, request_position, *_ = told
    (
        basis, method, provided_on, controller, direction, counterparty, subject_id, subject_kind, items, consents,
        first, last, agreement, document_, retain_until, retention_rule, besides,
    ) = content  # fmt: skip
    record_id = record_id or identity.record_id(decision_id)
    head = (
        f'{{"record_id":{quoted(record_id)},"basis":"{basis}","method":"{method}","created_at":"{decided_at}"'
    )
    sides = (provided_on, first, last, controller, direction, counterparty)
    if besides is None:
        consent = _written_consent(consents, statement) if consents else "null"
    else:
        consent = fragments.value(_consent(content, rulebook, statement))
    subject = "null" if subject_id is None else f'{{"id":{quoted(subject_id)},"kind":"{subject_kind}"}}'
    person = f',"subject":{subject},"items":{fragments.names(items)},"consent":{consent}'
    kept = (agreement, document_, retain_until, retention_rule, besides)
    tail = (
        f',"decision_id":{quoted(decision_id)},"request_id":{quoted(request_id)}'
        f',"request_position":{request_position}'
    )
    value = b"".join(
        (
            head.encode(),
            _SIDES.get(sides) or _written_sides(sides, content),
            person.encode(),
            _KEPT.get(kept) or _written_kept(kept, content),
            tail.encode(),
            _RULEBOOKS.get(rulebook) or _written_rulebook(rulebook),
        )
    )
    return Encoded(_HEADERS.made(record_id, decided_at), value)


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
        **_sides(content),
        "subject": None
        if content.subject_id is None
        else {"id": content.subject_id, "kind": content.subject_kind},
        "items": content.items,
        "consent": _consent(content, rulebook, statement),
        **_kept(content),
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


# What many records have in common, as parts of the document and as fragments of its bytes.

_Sides = tuple[date, date | None, date | None, str, str, Counterparty]
_Kept = tuple[str | None, str | None, date | None, str, Besides | None]
_SIDES: Final[Fragments[_Sides]] = Fragments()
_KEPT: Final[Fragments[_Kept]] = Fragments()
_RULEBOOKS: Final[Fragments[Rulebook]] = Fragments()
_HEADERS: Final = HeadersOf(TYPE, SOURCE)


def _sides(content: RecordContent) -> dict[str, Any]:
    return {
        "provided_on": content.provided_on.isoformat(),
        "first_provision": content.first_provision and content.first_provision.isoformat(),
        "last_provision": content.last_provision and content.last_provision.isoformat(),
        "controller": content.controller,
        "direction": content.direction,
        "counterparty": _counterparty(content),
    }


_NOTHING: Final = Besides()


def _kept(content: RecordContent) -> dict[str, Any]:
    told = content.besides or _NOTHING
    return {
        "acquisition": told.acquisition,
        "ppc_publication": told.ppc_publication,
        "foreign": None if told.foreign is None else dict(told.foreign),
        "agreement": content.agreement,
        "document": content.document,
        "refers_to": None,
        "retain_until": content.retain_until and content.retain_until.isoformat(),
        "retention_rule": content.retention_rule,
    }


def _written_sides(key: _Sides, content: RecordContent) -> bytes:
    return _SIDES.added(key, fragments.fields(**_sides(content)))


def _written_kept(key: _Kept, content: RecordContent) -> bytes:
    return _KEPT.added(key, fragments.fields(**_kept(content)))


def _written_rulebook(rulebook: Rulebook) -> bytes:
    told = {"version": rulebook.version, "digest": rulebook.digest}
    return _RULEBOOKS.added(rulebook, fragments.fields(rulebook=told) + b"}")


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


def _consent(content: RecordContent, rulebook: Rulebook, statement: str) -> dict[str, Any] | None:
    """The statement, and the consents that it names; what is stated beside consent in Japan has a text of its own."""
    consents, besides = content.consents, content.besides
    told = {"consents": "、".join([each.consent_id for each in consents])}
    if besides is not None:
        if besides.statement is None:
            return None
        statement = rulebook.record_statements[besides.statement].ja
        told |= besides.told
    elif not consents:
        return None
    first = consents[0] if consents else None
    found: dict[str, Any] = {
        "statement": fill(statement, told),
        "consent_id": None if first is None else first.consent_id,
        "position": None if first is None else position_document(first.position),
    }
    if len(consents) > 1:
        found["others"] = [
            {"consent_id": each.consent_id, "position": position_document(each.position)}
            for each in consents[1:]
        ]
    return found


def _written_consent(consents: tuple[ServedConsent, ...], statement: str) -> str:
    """As `_consent`; mostly there is one (1.1 → 0.6 µs)."""
    if len(consents) == 1:
        ((consent_id, at, _),) = consents
        id_ = quoted(consent_id)
        said = id_[1:-1].join(_around_consents(statement))
        return f'{{"statement":"{said}","consent_id":{id_},"position":{fragments.position(at)}}}'
    told = [
        f'"consent_id":{quoted(consent_id)},"position":{fragments.position(at)}'
        for consent_id, at, _ in consents
    ]
    ids = quoted("、".join([consent_id for consent_id, _, _ in consents]))
    found = f'{{"statement":"{ids[1:-1].join(_around_consents(statement))}",{told[0]}'
    return f'{found},"others":[{",".join(["{" + each + "}" for each in told[1:]])}]}}'


@lru_cache(maxsize=16)
def _around_consents(statement: str) -> tuple[str, ...]:
    """What a filled statement says around its consents' ids, as JSON without its quotes (a rulebook has no NUL)."""
    return tuple([quoted(part)[1:-1] for part in fill(statement, {"consents": "\0"}).split("\0")])
