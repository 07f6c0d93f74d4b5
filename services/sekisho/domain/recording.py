"""The particulars of a record that the question alone tells, by the rows of records.md's first table (ER 20, 24, 28)."""

from __future__ import annotations

from datetime import date
from typing import Final

from sekisho.domain.book import BatchAgreement
from sekisho.domain.case import Case
from sekisho.domain.question import HOME, Question, RecordFrame, country_of
from sekisho.domain.request import AccessRequest, Receipt
from sekisho.domain.retention import retention
from sekisho.domain.rules.ref import confirmed_at
from sekisho.domain.verdict import Besides, Counterparty, ServedConsent
from sekisho.domain.vocabulary import RecordBasis

ON_CONSENT: Final = frozenset(
    {"provision.consent", "provision.foreign_consent", "referable.provision", "referable.receipt"}
)
"""Rows whose consents the holder has to hold; of a receipt on consent it is the provider who does."""
_RECEIPTS: Final[dict[str, RecordBasis]] = {
    "consent": "receipt.consent",
    "claim_assignment": "receipt.consent",
    "opt_out": "receipt.opt_out",
    "private": "receipt.private",
}
_TO_MANY: Final = frozenset({"provision.consent", "provision.opt_out", "provision.foreign_consent"})
"""Rows in which 不特定かつ多数の者 may stand for the recipient (ER 20(1)(i)ロ, (ii)ロ)."""
_ONE_BY_ONE: Final = frozenset({"provision.opt_out", "receipt.opt_out"})
"""Rows that are recorded one by one alone (ER 19(2)(3), 23(2); for the contract of a receipt our own choice)."""


def framed(question: Question, request: AccessRequest) -> RecordFrame:
    """What the records of one question have in common: row, other side, method, retention, and what they lack."""
    basis = _row(question, request)
    missing = [] if basis is not None else ["receipt.basis"]
    basis = basis or "receipt.consent"
    if question.referable and len(question.referable) < len(question.asked):
        # two different records would be owed (ER 20, 28); a decision leaves one
        missing.append("items: " + ", ".join([asked.id for asked in question.referable]))
    counterparty = _counterparty(question, request, basis)
    missing += _nameless(counterparty, basis)
    besides = _besides(question, request, basis)
    if question.action == "receive" and besides and besides.statement == "presumed":
        missing += _beyond_presumption(question)
    if basis.startswith("receipt.") and not (besides and besides.acquisition):
        missing.append("receipt.acquisition")
    if basis == "receipt.opt_out" and not (besides and besides.ppc_publication):
        missing.append("receipt.ppc_publication")
    first, last = _span(question)
    article = (
        "referable" if basis == "referable.provision" else "receipt" if _receives(basis) else "provision"
    )
    kept = retention(question.record.method, question.day, last, article=article)
    return RecordFrame(counterparty, tuple(missing), first, last, kept, basis, besides)


def _beyond_presumption(question: Question) -> list[str]:
    """What no presumed consent covers on the assignment of a claim: it needs an express one, and is to be received on it."""
    presumed = question.book.presumed
    within = all(
        any(purpose.id in each.purposes and asked.id in each.items for each in presumed)
        for purpose in question.purposes
        for asked in question.known
    )
    return [] if within else ["receipt.basis"]


def _receives(basis: RecordBasis) -> bool:
    return basis.startswith("receipt.") or basis == "referable.receipt"


def _row(question: Question, request: AccessRequest) -> RecordBasis | None:
    """The row of the first table; None where the receipt's basis is none that it knows, or does not fit the items."""
    if question.action == "receive":
        stated = None if request.receipt is None else request.receipt.basis
        if question.referable:
            return "referable.receipt" if stated in ("referable", "consent") else None
        if stated == "private" and _is_operator(question, request):
            return None
        return _RECEIPTS.get(stated or "")
    if question.action == "provide" and question.referable:
        return "referable.provision"
    if question.abroad:
        return "provision.foreign_consent"
    opted = question.named is not None and question.named.relation == "opt_out"
    return "provision.opt_out" if opted and question.action == "provide" else "provision.consent"


def _is_operator(question: Question, request: AccessRequest) -> bool:
    """Whether the provider is a registered organization, and so none of the 私人など of ER 24(1)(iv)."""
    provider = None if request.receipt is None else request.receipt.provider
    return provider is not None and provider.id in question.book.organizations


def _counterparty(question: Question, request: AccessRequest, basis: RecordBasis) -> Counterparty:
    """Who gets the data, or gives them, as the request names it; for use of another's data the requester (ACC-5)."""
    book, recipient = question.book, question.named
    if _receives(basis):
        provider = None if request.receipt is None else request.receipt.provider
        if provider is None:
            return Counterparty("", None, None, None, None)
        known = book.organizations.get(provider.id)
        country = None if known is None else known.country
        return Counterparty(provider.id, provider.name, provider.address, provider.representative, country)
    if question.action == "provide" and recipient is not None:
        country = country_of(recipient, book)
        if recipient.unspecified_many and recipient.id not in book.organizations and basis in _TO_MANY:
            return Counterparty(recipient.id, None, None, None, country, unspecified_many=True)
        return Counterparty(
            recipient.id, recipient.name, recipient.address, recipient.representative, country
        )
    requester = question.organization
    assert requester is not None
    return Counterparty(
        requester.id, requester.name, requester.address, requester.representative, requester.country
    )


def _nameless(counterparty: Counterparty, basis: RecordBasis) -> list[str]:
    """Name, address and representative that are not told; one that is no business operator is mostly no corporation."""
    if counterparty.unspecified_many:
        return []
    side = "receipt.provider" if _receives(basis) else "recipient"
    told = {
        "name": counterparty.name,
        "address": counterparty.address,
        "representative": counterparty.representative,
    }
    return [
        f"{side}.{name}"
        for name, text in told.items()
        if not (text and text.strip()) and not (name == "representative" and basis == "receipt.private")
    ]


def _besides(question: Question, request: AccessRequest, basis: RecordBasis) -> Besides | None:
    """What a provision on consent in Japan does not state; None for such a one."""
    receipt = request.receipt or Receipt()
    if basis == "provision.opt_out":
        return Besides()
    if basis == "provision.foreign_consent":
        return Besides("foreign")
    if basis == "provision.consent":
        relation = None if question.named is None else question.named.relation
        assigned = question.action == "provide" and relation == "claim_assignment"
        return Besides("presumed") if assigned else None
    if basis == "referable.provision":
        return Besides("referable_held")
    if basis == "referable.receipt":
        return Besides("referable_received")
    if basis == "receipt.consent":
        statement = "presumed" if receipt.basis == "claim_assignment" else "received"
        return Besides(statement, acquisition=receipt.acquisition)
    published = receipt.ppc_publication if basis == "receipt.opt_out" else None
    return Besides(None, acquisition=receipt.acquisition, ppc_publication=published)


def foreign_of(case: Case, consents: tuple[ServedConsent, ...]) -> tuple[tuple[str, str | None], ...] | None:
    """What the first of the consents told of the country, its system and the recipient's measures (ER 17)."""
    carried = {(consent.consent_id, consent.position) for consent in consents}
    for grant in case.state.grants:
        if (grant.consent_id, grant.position) in carried and grant.foreign is not None:
            told = grant.foreign
            return (
                ("country", told.country),
                ("system_information", told.system_information),
                ("recipient_measures", told.recipient_measures),
                ("unknown_reason", told.unknown_reason),
            )
    return None


def of_referable(
    case: Case, frame: RecordFrame, besides: Besides, consents: tuple[ServedConsent, ...], missing: list[str]
) -> Besides:
    """That the consent was confirmed and how, and abroad that the information was given (ER 24(1)(iii)イ, 28(1)(i))."""
    question, recipient = case.question, case.question.named
    stated = None if recipient is None else recipient.referable_consent
    since = confirmed_at(question, case.request)
    confirmed = stated is not None and since is not None and since <= case.at
    abroad = question.abroad or (frame.basis == "referable.receipt" and _receiver_abroad(question))
    foreign = foreign_of(case, consents) if abroad else None
    if confirmed and stated is not None:
        told = (("how", stated.how or ""),)
        besides = Besides("referable" if frame.basis == "referable.provision" else besides.statement, told)
        if abroad and stated.foreign_information:
            foreign = (("country", frame.counterparty.country), ("information", stated.foreign_information))
    elif not consents:
        missing.append("consent")
    if abroad and foreign is None:
        missing.append("foreign")
    return besides._replace(foreign=foreign)


def _receiver_abroad(question: Question) -> bool:
    country = None if question.organization is None else question.organization.country
    return country != HOME and country not in question.book.adequate_countries


def method_faults(question: Question, frame: RecordFrame, items: tuple[str, ...]) -> list[str]:
    """What does not fit of a batch or contract (ER 19(2)(3), 23(2)(3), 27(2)(3))."""
    wanted, day = question.record, question.day
    faults = ["record.method"] if frame.basis in _ONE_BY_ONE else []
    if frame.first is not None and frame.first > day:
        faults.append("record.first_provision")
    if frame.last is not None and frame.last < day:
        faults.append("record.last_provision")  # this provision is later: retention would end too early
    if wanted.method == "contract":
        return faults if wanted.document and wanted.document.strip() else ["record.document", *faults]
    return faults if _fits(question, frame, items) else ["record.agreement", *faults]


def _fits(question: Question, frame: RecordFrame, items: tuple[str, ...]) -> bool:
    """Whether the batch agreement is one of these parties, items and purposes, on this day."""
    agreement = question.book.agreements.get(question.record.agreement or "")
    assert question.holder is not None
    holder, other = question.holder.organization, frame.counterparty.id
    provider, recipient = (other, holder) if _receives(frame.basis) else (holder, other)
    return (
        isinstance(agreement, BatchAgreement)
        and agreement.provider == provider
        and agreement.recipient == recipient
        and agreement.items.issuperset(items)
        and all(purpose.id == agreement.purpose for purpose in question.purposes)
        and agreement.first_provision <= question.day
        and (agreement.last_provision is None or question.day <= agreement.last_provision)
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
