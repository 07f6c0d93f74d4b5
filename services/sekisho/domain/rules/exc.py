"""EXC: exceptions to consent (APPI 18(3), 27(1); SV 5(3), 14(2)).

Every claimed one is judged, needed or not. One that holds gives each item its basis and is `Question.lifted`: PURP and
PROV then ask for no consent, WALL, SUSP and PURP-7 yield to law alone (EXC-1), CRED to none. The kinds of `legal_basis`
that are for sensitive items alone, and the person's own request, are no exceptions: they lift nothing here.
"""

from __future__ import annotations

from typing import Final

from sekisho.domain import statutes
from sekisho.domain.book import Rulebook
from sekisho.domain.question import HOME, Question
from sekisho.domain.relations import in_force
from sekisho.domain.request import AccessRequest, LegalBasis
from sekisho.domain.verdict import Cite

_RULES: Final = {
    "law": "EXC-1",
    "life_body_property": "EXC-2",
    "public_health": "EXC-3",
    "state_cooperation": "EXC-4",
    "academic_own": "EXC-5",
    "academic_provision": "EXC-6",
    "academic_joint": "EXC-7",
}
_ACADEMIC: Final = frozenset({"academic_own", "academic_provision", "academic_joint"})
_NO_EXCEPTIONS: Final = {
    "subject_request": "PROV-10",
    "inheritance": "SENS-1",
    "identification_document": "SENS-1",
    "claim_specification": "SENS-1",
    "business_consent": "SENS-1",
    "biometric_identification": "SENS-1",
}
"""Kinds that lift nothing, and whose they are; without a reference what is claimed cannot be checked, and refuses."""

REFERENCE_MISSING: Final = {
    kind: Cite("exception.reference_missing", rule) for kind, rule in (_RULES | _NO_EXCEPTIONS).items()
}
CONDITIONS_UNMET: Final = {kind: Cite("exception.conditions_unmet", rule) for kind, rule in _RULES.items()}
UNKNOWN_STATUTE: Final = Cite("exception.conditions_unmet", "REQ-1")
"""A statute that the rulebook does not register, a foreign one among them: unknown, as whatever else is not registered."""
REASONS: Final = (
    UNKNOWN_STATUTE,
    *REFERENCE_MISSING.values(),
    *CONDITIONS_UNMET.values(),
)

BASIS: Final = {
    kind: Cite("basis.academic" if kind in _ACADEMIC else f"basis.{kind}", rule)
    for kind, rule in _RULES.items()
}
BASES: Final = tuple(BASIS.values())


def ask(question: Question, request: AccessRequest) -> None:
    """The reasons against what is claimed, or the basis that it gives (EXC-1 to EXC-7)."""
    claimed = request.legal_basis
    if claimed is None:
        return
    if claimed.kind not in _RULES:
        if not told(claimed.reference):
            question.refuse(REFERENCE_MISSING[claimed.kind])
        return
    faults = _faults(question, request, claimed)
    for fault in faults:
        question.refuse(fault)
    if faults:
        return
    basis = BASIS[claimed.kind]
    if question.off(basis.rule):
        return  # what is not in force excepts nothing
    question.lifted = basis
    for asked in question.known:
        asked.bases.append(basis)


def told(text: str | bool | None) -> bool:
    """Whether something is stated at all; a blank text states nothing."""
    return bool(text.strip()) if isinstance(text, str) else text is True


def asked_for(request: AccessRequest) -> bool:
    """Whether the person's own request is claimed, with its reference (PROV-10, PROV-11)."""
    claimed = request.legal_basis
    return claimed is not None and claimed.kind == "subject_request" and told(claimed.reference)


def lifts_purpose(question: Question) -> bool:
    """Whether an exception holds that lifts the limits of purpose.

    Joint research lifts them for the academic institution alone: APPI 18(3) has an exception for its own research (v), and
    none for a company that receives from one, as 27(1)(vi) is one to provision alone.
    """
    if question.lifted is None:
        return False
    organization = question.organization
    return question.lifted.rule != "EXC-7" or (organization is not None and organization.academic)


def opens(question: Question, request: AccessRequest) -> bool:
    """Whether the exception that holds opens another's data to the requester (ACC-5).

    The academic ones open it as far as its provision to the requester would be one (APPI 27(1)(v)-(vii)).
    """
    claimed = request.legal_basis
    if question.lifted is None or claimed is None:
        return False
    return claimed.kind not in _ACADEMIC or _academic(question, request, claimed, [_to_requester(question)])


def _faults(question: Question, request: AccessRequest, claimed: LegalBasis) -> list[Cite]:
    unmet = CONDITIONS_UNMET[claimed.kind]
    referred = told(claimed.reference)
    faults = [] if referred else [REFERENCE_MISSING[claimed.kind]]
    if claimed.kind == "law":
        return [*faults, *(_statute(question, claimed) if referred else ())]
    if claimed.kind in _ACADEMIC:
        met = _academic(question, request, claimed, _hops(question, request))
    elif claimed.kind == "state_cooperation":
        met = _for_the_state(question, request, claimed)
    else:
        met = _hard_to_obtain(claimed)
    return faults if met else [*faults, unmet]


def _statute(question: Question, claimed: LegalBasis) -> list[Cite]:
    """EXC-1: a registered statute and its article; where that only permits, necessity and reasonableness (SV 5 注2①)."""
    assert claimed.reference is not None
    registered = question.book.statutes
    named = statutes.read(claimed.reference, registered)
    if named is None:
        question.details[UNKNOWN_STATUTE.code] = claimed.reference
        return [UNKNOWN_STATUTE]
    justified = told(claimed.necessity) and told(claimed.reasonableness)
    if not named.articles or (statutes.permits(named, registered) and not justified):
        return [CONDITIONS_UNMET["law"]]
    return []


def _hard_to_obtain(claimed: LegalBasis) -> bool:
    """EXC-2, EXC-3: it is necessary, and consent is hard to obtain; both are stated."""
    return told(claimed.necessity) and told(claimed.consent_difficult)


def _for_the_state(question: Question, request: AccessRequest, claimed: LegalBasis) -> bool:
    """EXC-4: for a state body's statutory duty, cooperation is necessary and to ask for consent would hinder it."""
    stated, body = told(claimed.necessity) and told(claimed.would_hinder), claimed.body
    return (
        stated
        and body is not None
        and _for_a_state_body(question, body)
        and _goes_to(question, request, body)
    )


def _goes_to(question: Question, request: AccessRequest, body: str) -> bool:
    """Whether what is provided goes to that body, or to the one that it entrusts: 当該国の機関等に (GL 3-6-1(4))."""
    recipient = request.recipient
    if request.action != "provide" or recipient is None or recipient.id == body:
        return True
    entrustments = question.book.entrustments
    return any(
        in_force(trust, question.day)
        for pair in ((body, recipient.id), (recipient.id, body))
        for trust in entrustments.get(pair, ())
    )


def _for_a_state_body(question: Question, body: str) -> bool:
    """Whether it is a registered Japanese state body, or one entrusted by it in a registered entrustment in force."""
    if _is_state_body(question.book, body):
        return True
    return any(
        _is_state_body(question.book, controller) and in_force(trust, question.day)
        for (controller, _), trusts in question.book.entrustments.items()
        for trust in trusts
        if trust.trustee == body
    )


def _is_state_body(book: Rulebook, name: str) -> bool:
    known = book.organizations.get(name)
    return known is not None and known.state_body and known.country == HOME


_Hop = tuple[str | None, str]
"""A provision: from whom (None: not told), to whom."""


def _hops(question: Question, request: AccessRequest) -> list[_Hop]:
    """The provision that an academic exception is claimed for; none for the use of one's own."""
    requester = request.requester.organization
    if request.action == "provide":
        return [] if request.recipient is None else [(requester, request.recipient.id)]
    if request.action == "receive":
        provider = None if request.receipt is None else request.receipt.provider
        return [(None if provider is None else provider.id, requester)]
    return [_to_requester(question)] if question.foreign_hands else []


def _to_requester(question: Question) -> _Hop:
    """What the use of another's data presupposes: its provision to who asks (ACC-5)."""
    holder, requester = question.holder, question.organization
    return (None if holder is None else holder.organization, "" if requester is None else requester.id)


def _academic(question: Question, request: AccessRequest, claimed: LegalBasis, hops: list[_Hop]) -> bool:
    """EXC-5 to EXC-7: for research, with no undue harm to anyone's rights."""
    if not told(claimed.no_undue_harm):
        return False
    if claimed.kind == "academic_own":
        unavoidable = request.action != "provide" or told(claimed.necessity)
        return unavoidable and _is_academic(question, request.requester.organization)
    if claimed.kind == "academic_provision":
        return bool(hops) and all(_is_academic(question, recipient) for _, recipient in hops)
    return bool(hops) and all(_research_jointly(question, *hop) for hop in hops)


def _is_academic(question: Question, name: str | None) -> bool:
    known = None if name is None else question.book.organizations.get(name)
    return known is not None and known.academic


def _research_jointly(question: Question, provider: str | None, recipient: str) -> bool:
    """EXC-7: the provider is an academic institution and researches jointly with the recipient on the day."""
    known = None if provider is None else question.book.organizations.get(provider)
    if known is None or not known.academic:
        return False
    joint = known.joint_research.get(recipient)
    return (
        joint is not None
        and joint.since <= question.day
        and (joint.until is None or question.day <= joint.until)
    )
