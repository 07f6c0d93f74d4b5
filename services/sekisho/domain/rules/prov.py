"""PROV: provision to another (APPI 27; SV 14). What the requester claims of the recipient is proven by the rulebook, by the
agreement or notice that the request names; what is not proven refuses, whatever exception is claimed beside.

Abroad PROV-1 and PROV-4 to PROV-9 are not judged (FORN-0). For a corporation's data a relation other than entrustment,
succession, the person's own wish and the same entity needs its consent or law (SG II-4-4-1-1(5)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from sekisho.domain import relations
from sekisho.domain.book import Entrustment, JointUse, OptOut, Succession
from sekisho.domain.case import Case
from sekisho.domain.clauses import CREDITORS
from sekisho.domain.question import Asked, Need, Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules.prov_claim import Claim, claim_of, creditors, is_main_business, is_of_a_bureau
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import Relation

UNPROVEN: Final = Cite("provision.relation_unproven", "PROV-1")
MISSING: Final = Cite("consent.missing", "PROV-1")
OUT_OF_SCOPE: Final = Cite("provision.entrustment_out_of_scope", "PROV-4")
NO_SUCCESSION: Final = Cite("provision.relation_unproven", "PROV-5")
NOTICE_INCOMPLETE: Final = Cite("provision.joint_use_notice_incomplete", "PROV-6")
OUT_OF_RANGE: Final = Cite("provision.joint_use_out_of_range", "PROV-6")
TO_ITSELF: Final = Cite("provision.relation_unproven", "PROV-7")
FORBIDDEN: Final = Cite("provision.opt_out_forbidden", "PROV-7")
NOT_NOTIFIED: Final = Cite("provision.opt_out_not_notified", "PROV-7")
OPTED_OUT: Final = Cite("provision.opted_out", "PROV-7")
BUREAU_MISSING: Final = Cite("consent.missing", "PROV-8")
NO_ASSIGNEE: Final = Cite("provision.relation_unproven", "PROV-9")
REFUSED: Final = Cite("consent.refused", "PROV-9")
NOT_ASKED_FOR: Final = Cite("provision.relation_unproven", "PROV-10")
NOT_THE_SAME: Final = Cite("provision.relation_unproven", "PROV-11")
NO_STATE_BODY: Final = Cite("provision.relation_unproven", "PROV-12")
REFERENCE_MISSING: Final = Cite("exception.reference_missing", "PROV-12")
CONDITIONS_UNMET: Final = Cite("exception.conditions_unmet", "PROV-12")
REASONS: Final = (
    UNPROVEN, MISSING, OUT_OF_SCOPE, NO_SUCCESSION, OUT_OF_RANGE, NOTICE_INCOMPLETE, TO_ITSELF, FORBIDDEN, NOT_NOTIFIED,
    OPTED_OUT, BUREAU_MISSING, NO_ASSIGNEE, NOT_ASKED_FOR, NOT_THE_SAME, NO_STATE_BODY, REFERENCE_MISSING,
    CONDITIONS_UNMET,
)  # fmt: skip

BY_CONSENT: Final = Cite("basis.consent", "PROV-1")
ENTRUSTED: Final = Cite("basis.entrustment", "PROV-4")
SUCCEEDED: Final = Cite("basis.succession", "PROV-5")
USED_JOINTLY: Final = Cite("basis.joint_use", "PROV-6")
BY_OPT_OUT: Final = Cite("basis.opt_out", "PROV-7")
PRESUMED: Final = Cite("basis.presumed_consent", "PROV-9")
ON_BEHALF: Final = Cite("basis.on_behalf_of_subject", "PROV-10")
NO_THIRD_PARTY: Final = Cite("basis.not_third_party", "PROV-11")
BASES: Final = (
    BY_CONSENT, ENTRUSTED, SUCCEEDED, USED_JOINTLY, BY_OPT_OUT, PRESUMED, ON_BEHALF, NO_THIRD_PARTY,
)  # fmt: skip

_PROVISION: Final = frozenset({"provision"})
_FOR_THE_STATE: Final = frozenset({"law", "life_body_property", "public_health", "state_cooperation"})
"""EXC-1 to EXC-4."""


_BY_NAME: Final = frozenset({"entrustment", "succession", "joint_use", "opt_out"})
"""Relations that rest on the agreement or notice that the request names."""
_FOR_PERSONS: Final = frozenset({"joint_use", "opt_out"})
"""Relations that the law has for personal data alone."""
_UNJUDGED_ABROAD: Final = frozenset({"entrustment", "succession", "joint_use", "opt_out", "claim_assignment"})
"""Relations that do not help under Art. 28 (FORN-0)."""


def ask(question: Question, request: AccessRequest) -> None:
    """PROV-1 to PROV-12 of what is provided; of what is received, whether the relation that it claims is proven."""
    if request.action == "receive" and request.receipt is not None:
        found = relations.received(question, request.receipt)
        if found is not None:
            question.proven, question.covered = found
    if request.action != "provide":
        return
    recipient = request.recipient
    if recipient is None or recipient.relation is None:
        question.refuse(UNPROVEN)
        return
    if question.holder is None:
        return
    relation = recipient.relation
    if relation in _BY_NAME and recipient.agreement not in (None, *question.book.agreements):
        return  # what it names is unknown: REQ-1's
    if not question.individual and relation in _FOR_PERSONS:
        relation = "third_party"
    if not question.abroad or relation not in _UNJUDGED_ABROAD:
        _JUDGED[relation](claim_of(question, request, recipient, question.holder.organization))


def judge(case: Case) -> None:
    """PROV-7: nothing of a person who has opted out is provided by opt-out."""
    question = case.question
    if not case.state.opt_outs or question.named is None or question.named.relation != "opt_out":
        return
    if question.action != "provide" or question.holder is None or not question.individual or question.abroad:
        return
    for asked in question.known:
        if case.state.opted_out(question.holder.organization, asked.id, case.at):
            case.refuse(asked, OPTED_OUT)


def _third_party(claim: Claim) -> None:
    """PROV-1: the person's prior consent that named the recipient, the items and the recipient's purpose."""
    question = claim.question
    if claim.to_itself:
        question.refuse(UNPROVEN)
    else:
        question.proven = "third_party"
    if not question.abroad:
        _consented(claim, MISSING)


def _consented(claim: Claim, missing: Cite) -> None:
    """A consent to the provision for every purpose, unless an exception lifts it; to a credit bureau, one that shows its
    partners and members, or the creditor's (PROV-8)."""
    question, asked = claim.question, tuple(claim.question.personal)
    if question.freed:
        return
    if question.partners is not None:
        question.creditors = creditors(claim)
    kinds = _PROVISION if not question.creditors else _PROVISION | {CREDITORS}
    for purpose in question.purposes:
        question.need(Need(kinds, purpose.id, asked, (missing,) * len(asked), False, BY_CONSENT))


class _Gives(NamedTuple):
    """What a relation gives: the basis, the reason outside it, and the items that are left to a consent."""

    basis: Cite
    outside: Cite
    on_consent: frozenset[str] = frozenset()


def _cover(question: Question, relation: Relation, items: frozenset[str] | None, gives: _Gives) -> None:
    """The relation is proven, for the items that it covers; None: it is not. Others but those on consent are outside."""
    if items is None:
        question.refuse(gives.outside)
        return
    question.proven = relation
    for asked in question.known:
        if asked.id in items:
            asked.bases.append(gives.basis)
        elif asked.id not in gives.on_consent:
            asked.reasons.append(gives.outside)


def _entrustment(claim: Claim) -> None:
    """PROV-4: within the agreement, to the trustee, or from it to its registered sub-trustee."""
    trust, question = claim.agreement, claim.question
    items = None
    if isinstance(trust, Entrustment):
        purposes, taker = relations.purposes_of(question), claim.recipient.id
        items = relations.entrusted(
            trust, question.day, purposes, holder=claim.holder, giver=claim.giver, taker=taker
        )
    _cover(question, "entrustment", items, _Gives(ENTRUSTED, OUT_OF_SCOPE))


def _succession(claim: Claim) -> None:
    """PROV-5: registered, and effective."""
    heir, question = claim.agreement, claim.question
    items = None
    if isinstance(heir, Succession):
        purposes, taker = relations.purposes_of(question), claim.recipient.id
        items = relations.succeeded(
            heir, question.day, purposes, holder=claim.holder, taker=taker, items=question.ids
        )
    _cover(question, "succession", items, _Gives(SUCCEEDED, NO_SUCCESSION))


def _joint_use(claim: Claim) -> None:
    """PROV-6: inside the notice, which is out and complete; what was added to it since, with the person's consent.

    A credit bureau needs consent besides (PROV-8).
    """
    notice, question, day = claim.agreement, claim.question, claim.question.day
    if not isinstance(notice, JointUse):
        question.refuse(OUT_OF_RANGE)
        return
    purposes = relations.purposes_of(question)
    told_of = [purpose for purpose in purposes if not relations.unnotified(notice, day, purpose)]
    if len(told_of) < len(purposes) or not relations.notified(notice, day):
        question.refuse(NOTICE_INCOMPLETE)
    found = relations.shared(notice, day, told_of, holder=claim.holder, taker=claim.recipient.id)
    items = None if found is None else found.items
    added = frozenset() if found is None else found.on_consent
    _cover(question, "joint_use", items, _Gives(USED_JOINTLY, OUT_OF_RANGE, added))
    _added(question, tuple([asked for asked in question.known if asked.id in added]))
    if question.partners is not None:
        _consented(claim, BUREAU_MISSING)


def _added(question: Question, items: tuple[Asked, ...]) -> None:
    """PROV-6: items or users added since the notice need the person's consent (GL 3-6-3, on APPI 27(6))."""
    if question.freed:
        return
    for purpose in question.purposes:
        question.need(Need(_PROVISION, purpose.id, items, (OUT_OF_RANGE,) * len(items), True, USED_JOINTLY))


def _opt_out(claim: Claim) -> None:
    """PROV-7: notified for that holder id and open, and nothing that is never provided so."""
    question, notice = claim.question, claim.agreement
    if claim.to_itself:
        question.refuse(TO_ITSELF)
    if claim.ill_gotten or is_main_business(claim) or is_of_a_bureau(claim):
        question.refuse(FORBIDDEN)
    for asked in question.known:
        if asked.item is not None and (asked.item.special_care or asked.item.item_class == "sensitive"):
            asked.reasons.append(FORBIDDEN)
    items = None
    if isinstance(notice, OptOut) and notice.holder == claim.holder_id and notice.open_from <= question.day:
        items = notice.items
    _cover(question, "opt_out", items, _Gives(BY_OPT_OUT, NOT_NOTIFIED))


def _claim_assignment(claim: Claim) -> None:
    """PROV-9: to one registered as a servicer or bank, on consent, presumed for what managing the claim needs."""
    question = claim.question
    if claim.known is None or claim.known.type not in relations.ASSIGNEES or claim.to_itself:
        question.refuse(NO_ASSIGNEE)
        return
    question.proven = "claim_assignment"
    if not question.individual:
        _consented(claim, MISSING)
    elif not question.freed:
        for purpose in question.purposes:
            _presume(question, purpose.id)


def _presume(question: Question, purpose: str) -> None:
    within = {item for each in question.book.presumed if purpose in each.purposes for item in each.items}
    presumed = tuple([asked for asked in question.personal if asked.id in within])
    others = tuple([asked for asked in question.personal if asked.id not in within])
    own = (REFUSED,) * len(presumed)
    question.need(Need(_PROVISION, purpose, presumed, own, True, BY_CONSENT, presumed=PRESUMED))
    question.need(Need(_PROVISION, purpose, others, (MISSING,) * len(others), False, BY_CONSENT))


def _on_behalf(claim: Claim) -> None:
    """PROV-10: the person asked for it, as the reference shows."""
    items = claim.question.ids if claim.asked_for and not claim.to_itself else None
    _cover(claim.question, "on_behalf_of_subject", items, _Gives(ON_BEHALF, NOT_ASKED_FOR))


def _same_entity(claim: Claim) -> None:
    """PROV-11: another branch or department of the providing company."""
    items = claim.question.ids if claim.to_itself else None
    _cover(claim.question, "same_entity", items, _Gives(NO_THIRD_PARTY, NOT_THE_SAME))


def _subject(claim: Claim) -> None:
    """PROV-11: the person, or one who represents the person, with a reference to the identity check (SV 24(3))."""
    items = claim.question.ids if claim.asked_for and not claim.to_itself else None
    _cover(claim.question, "subject", items, _Gives(NO_THIRD_PARTY, NOT_THE_SAME))


def _state_body(claim: Claim) -> None:
    """PROV-12: a registered one, and only on EXC-1 to EXC-4; a claimed one that fails is EXC's to refuse."""
    question = claim.question
    if claim.known is None or not claim.known.state_body or claim.to_itself:
        question.refuse(NO_STATE_BODY)
    else:
        question.proven = "state_body"
    if not question.individual:
        _consented(claim, MISSING)
    elif claim.legal_basis is None:
        question.refuse(REFERENCE_MISSING)
    elif claim.legal_basis not in _FOR_THE_STATE:
        question.refuse(CONDITIONS_UNMET)


_JUDGED: Final[Mapping[Relation, Callable[[Claim], None]]] = {
    "third_party": _third_party,
    "entrustment": _entrustment,
    "succession": _succession,
    "joint_use": _joint_use,
    "opt_out": _opt_out,
    "claim_assignment": _claim_assignment,
    "on_behalf_of_subject": _on_behalf,
    "same_entity": _same_entity,
    "subject": _subject,
    "state_body": _state_body,
}
