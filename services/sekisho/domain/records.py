"""Third-party-provision records: who owes one, with which particulars, kept how long (records.md; ER 20, 21).

Now: `provision.consent`, for a provision to a third party in Japan on consent and for the use of another's data that
rests on consent (ACC-5). A corporation's data owes none.
"""

from __future__ import annotations

from datetime import date

from sekisho.domain.book import BatchAgreement
from sekisho.domain.case import Case
from sekisho.domain.question import OPENING_KINDS, Question, RecordFrame
from sekisho.domain.retention import retention
from sekisho.domain.verdict import Counterparty, RecordContent, ServedConsent
from sekisho.domain.vocabulary import RecordExemption


class ParticularsMissingError(Exception):
    """The record would lack a particular, or its method does not fit (REQ-5). `missing` names what."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


def recorded_items(case: Case) -> tuple[str, ...]:
    """The items that the allowed request provides to a third party on consent; empty where nothing is."""
    question, opened = case.question, case.on_consent
    if question.action == "use":
        return tuple([item for item in question.all_ids if item in opened]) if opened else ()
    recipient = question.named
    return question.all_ids if recipient is not None and recipient.relation == "third_party" else ()


def exemption(case: Case, items: tuple[str, ...]) -> RecordExemption | None:
    """Why no record is owed for what is provided; None where one is owed or nothing is provided."""
    return "corporation" if items and not case.question.individual else None


def _frame(question: Question) -> RecordFrame:
    """Found once a question, and kept by it alone: 1.7 of 16 µs of a recorded provision (make bench)."""
    if question.frame is None:
        question.frame = _framed(question)
    return question.frame


def _framed(question: Question) -> RecordFrame:
    counterparty = _counterparty(question)
    missing = []
    if not counterparty.name:
        missing.append("recipient.name")
    if not counterparty.address:
        missing.append("recipient.address")
    if not counterparty.representative:
        missing.append("recipient.representative")
    first, last = _span(question)
    kept = retention(question.record.method, question.day, last)
    return RecordFrame(counterparty, tuple(missing), first, last, kept)


def record(case: Case, items: tuple[str, ...]) -> RecordContent:
    """The record of an allowed provision. Raises ParticularsMissingError (REQ-5)."""
    frame, question = _frame(case.question), case.question
    missing = list(frame.missing)
    if question.record.method != "individual":
        missing += _method_faults(question, frame, items)
    consents = _carrying(case, items)
    if not consents:
        missing.append("consent")
    if missing:
        raise ParticularsMissingError(missing)
    return _content(case, frame, items, consents)


def _carrying(case: Case, items: tuple[str, ...]) -> tuple[ServedConsent, ...]:
    """The consents that the provision rests on: to it, and not those that lift the wall or give a purpose alone."""
    use = case.request.action == "use"
    kinds = OPENING_KINDS if use else ("provision",)
    names = case.request.requester.organization if use else None
    carried: dict[int, dict[str, None]] = {}
    for purpose in case.question.purposes:
        examined, _ = case.candidates.get((purpose.id, names), ((), {}))
        for place, kind, failed, shown in examined:
            if kind in kinds and not failed and shown is not None:
                found = carried.setdefault(place, {})
                found.update(dict.fromkeys([item for item in items if item in shown]))
    grants = case.state.grants
    return tuple(
        [
            ServedConsent(grants[place].consent_id, grants[place].position, tuple(carried[place]))
            for place in sorted(carried)
            if carried[place]
        ]
    )


def _counterparty(question: Question) -> Counterparty:
    """The recipient as the request names it; for use of another's data the requester, as registered (ACC-5)."""
    recipient = question.named
    if question.action == "provide" and recipient is not None:
        known = question.book.organizations.get(recipient.id)
        country = known.country if known is not None else recipient.country
        return Counterparty(
            recipient.id, recipient.name, recipient.address, recipient.representative, country
        )
    requester = question.organization
    assert requester is not None
    return Counterparty(
        requester.id, requester.name, requester.address, requester.representative, requester.country
    )


def _method_faults(question: Question, frame: RecordFrame, items: tuple[str, ...]) -> list[str]:
    wanted, day = question.record, question.day
    faults = ["record.first_provision"] if frame.first is not None and frame.first > day else []
    if frame.last is not None and frame.last < day:
        faults.append("record.last_provision")  # this provision is later: retention would end too early
    if wanted.method == "contract":
        return faults if wanted.document else ["record.document", *faults]
    agreement = question.book.agreements.get(wanted.agreement or "")
    assert question.holder is not None
    fits = (
        isinstance(agreement, BatchAgreement)
        and agreement.provider == question.holder.organization
        and agreement.recipient == frame.counterparty.id
        and agreement.items.issuperset(items)
        and all(purpose.id == agreement.purpose for purpose in question.purposes)
        and agreement.first_provision <= day
        and (agreement.last_provision is None or day <= agreement.last_provision)
    )
    return faults if fits else ["record.agreement", *faults]


def _content(
    case: Case, frame: RecordFrame, items: tuple[str, ...], consents: tuple[ServedConsent, ...]
) -> RecordContent:
    question, request = case.question, case.request
    wanted = question.record
    assert question.holder is not None
    return RecordContent(  # by position: half a microsecond less than by name
        "provision.consent",
        wanted.method,
        question.day,
        question.holder.organization,
        "provision",
        frame.counterparty,
        request.subject_id,
        request.subject_kind,
        items,
        consents,
        frame.first,
        frame.last,
        wanted.agreement if wanted.method == "batch" else None,
        wanted.document if wanted.method == "contract" else None,
        frame.kept.until,
        frame.kept.rule,
    )


def _span(question: Question) -> tuple[date | None, date | None]:
    """First and last provision day, of a batch or contract.

    The agreement tells what the request does not; of two last days the later counts: retention is never shortened.
    """
    wanted = question.record
    if wanted.method == "individual":
        return None, None
    agreement = question.book.agreements.get(wanted.agreement or "") if wanted.method == "batch" else None
    if not isinstance(agreement, BatchAgreement):
        return wanted.first_provision, wanted.last_provision
    lasts = [day for day in (wanted.last_provision, agreement.last_provision) if day is not None]
    return wanted.first_provision or agreement.first_provision, max(lasts, default=None)
