"""Third-party-provision records: who owes one, with which particulars, kept how long (records.md; ER 20, 21).

Now: `provision.consent`, for a provision to a third party in Japan on consent and for the use of another's data that
rests on consent (ACC-5). A corporation's data owes none.
"""

from __future__ import annotations

from datetime import date

from sekisho.domain.book import BatchAgreement
from sekisho.domain.case import Case
from sekisho.domain.question import OPENING_KINDS, to_third_party
from sekisho.domain.request import RecordRequest
from sekisho.domain.retention import retention
from sekisho.domain.verdict import Counterparty, RecordContent, ServedConsent
from sekisho.domain.vocabulary import RecordExemption

_INDIVIDUAL = RecordRequest()


class ParticularsMissingError(Exception):
    """The record would lack a particular, or its method does not fit (REQ-5). `missing` names what."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(", ".join(missing))
        self.missing = missing


def recorded_items(case: Case) -> tuple[str, ...]:
    """The items that the allowed request provides to a third party on consent; empty where nothing is."""
    if case.request.action == "use":
        return (
            tuple([asked.id for asked in case.question.asked if asked.id in case.on_consent])
            if case.on_consent
            else ()
        )
    if to_third_party(case.request, case.book):
        return tuple([asked.id for asked in case.question.asked])
    return ()


def exemption(case: Case, items: tuple[str, ...]) -> RecordExemption | None:
    """Why no record is owed for what is provided; None where one is owed or nothing is provided."""
    return "corporation" if items and not case.question.individual else None


def record(case: Case, items: tuple[str, ...]) -> RecordContent:
    """The record of an allowed provision. Raises ParticularsMissingError (REQ-5)."""
    wanted = case.request.record or _INDIVIDUAL
    counterparty = _counterparty(case)
    missing = []
    if not counterparty.name:
        missing.append("recipient.name")
    if not counterparty.address:
        missing.append("recipient.address")
    if not counterparty.representative:
        missing.append("recipient.representative")
    if wanted.method != "individual":
        missing += _method_faults(case, wanted, counterparty, items)
    consents = _carrying(case, items)
    if not consents:
        missing.append("consent")
    if missing:
        raise ParticularsMissingError(missing)
    return _content(case, wanted, counterparty, items, consents)


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
                carried.setdefault(place, {}).update(dict.fromkeys(item for item in items if item in shown))
    grants = case.state.grants
    return tuple(
        [
            ServedConsent(grants[place].consent_id, grants[place].position, tuple(carried[place]))
            for place in sorted(carried)
            if carried[place]
        ]
    )


def _counterparty(case: Case) -> Counterparty:
    """The recipient as the request names it; for use of another's data the requester, as registered (ACC-5)."""
    recipient = case.request.recipient
    if case.request.action == "provide" and recipient is not None:
        known = case.book.organizations.get(recipient.id)
        country = known.country if known is not None else recipient.country
        return Counterparty(
            recipient.id, recipient.name, recipient.address, recipient.representative, country
        )
    requester = case.question.organization
    assert requester is not None
    return Counterparty(
        requester.id, requester.name, requester.address, requester.representative, requester.country
    )


def _method_faults(
    case: Case, wanted: RecordRequest, counterparty: Counterparty, items: tuple[str, ...]
) -> list[str]:
    first, last = _span(case, wanted)
    faults = ["record.first_provision"] if first is not None and first > case.question.day else []
    if last is not None and last < case.question.day:
        faults.append("record.last_provision")  # this provision is later: retention would end too early
    if wanted.method == "contract":
        return faults if wanted.document else ["record.document", *faults]
    agreement = case.book.agreements.get(wanted.agreement or "")
    assert case.question.holder is not None
    fits = (
        isinstance(agreement, BatchAgreement)
        and agreement.provider == case.question.holder.organization
        and agreement.recipient == counterparty.id
        and agreement.items.issuperset(items)
        and all(purpose.id == agreement.purpose for purpose in case.question.purposes)
        and agreement.first_provision <= case.question.day
        and (agreement.last_provision is None or case.question.day <= agreement.last_provision)
    )
    return faults if fits else ["record.agreement", *faults]


def _content(
    case: Case,
    wanted: RecordRequest,
    counterparty: Counterparty,
    items: tuple[str, ...],
    consents: tuple[ServedConsent, ...],
) -> RecordContent:
    first, last = _span(case, wanted)
    kept = retention(wanted.method, case.question.day, last)
    assert case.question.holder is not None
    return RecordContent(
        basis="provision.consent",
        method=wanted.method,
        provided_on=case.question.day,
        controller=case.question.holder.organization,
        direction="provision",
        counterparty=counterparty,
        subject_id=case.request.subject_id,
        subject_kind=case.request.subject_kind,
        items=items,
        consents=consents,
        first_provision=first,
        last_provision=last,
        agreement=wanted.agreement if wanted.method == "batch" else None,
        document=wanted.document if wanted.method == "contract" else None,
        retain_until=kept.until,
        retention_rule=kept.rule,
    )


def _span(case: Case, wanted: RecordRequest) -> tuple[date | None, date | None]:
    """First and last provision day, of a batch or contract.

    The agreement tells what the request does not; of two last days the later counts: retention is never shortened.
    """
    if wanted.method == "individual":
        return None, None
    agreement = case.book.agreements.get(wanted.agreement or "") if wanted.method == "batch" else None
    if not isinstance(agreement, BatchAgreement):
        return wanted.first_provision, wanted.last_provision
    lasts = [day for day in (wanted.last_provision, agreement.last_provision) if day is not None]
    return wanted.first_provision or agreement.first_provision, max(lasts, default=None)
