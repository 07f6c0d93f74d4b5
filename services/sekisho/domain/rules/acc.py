"""ACC: who asks. SG II-4-5-2(1): access limited to the entrusted work, by registered people, under no moratorium."""

from __future__ import annotations

from typing import Final

from sekisho.domain.book import Moratorium, Operator
from sekisho.domain.case import Asked, Case
from sekisho.domain.clauses import consult
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import COMMON

NOT_AUTHORIZED: Final = Cite("requester.not_authorized", "ACC-1")
OPERATOR_MISMATCH: Final = Cite("requester.operator_mismatch", "ACC-2")
OPERATOR_SCOPE: Final = Cite("requester.operator_scope", "ACC-2")
SUSPENDED: Final = Cite("activity.suspended", "ACC-3")
OTHER_BUSINESS: Final = Cite("requester.purpose_of_other_business", "ACC-4")
NOT_ENTRUSTED: Final = Cite("requester.not_entrusted", "ACC-5")

BY_CONSENT: Final = Cite("basis.consent", "PURP-1")
"""What opens another's data is the person's consent: the same ground as PURP-1's."""

REASONS: Final = (NOT_AUTHORIZED, OPERATOR_MISMATCH, OPERATOR_SCOPE, SUSPENDED, OTHER_BUSINESS, NOT_ENTRUSTED)

_OPENING: Final = frozenset({"provision", "cross_sell"})
"""Kinds of consent that open another's data (ACC-5)."""


def judge(case: Case) -> None:
    """Every ACC rule, in order. An unregistered organization is REQ-1's; nothing is known of what it may do."""
    if case.organization is not None:
        _granted(case)
        _operator(case)
    _moratoria(case)
    _business(case)
    if case.foreign_hands and case.organization is not None and case.request.legal_basis is None:
        _anothers(case)


def _granted(case: Case) -> None:
    """ACC-1: the registration grants the business these items, and the organization that system."""
    organization, requester = case.organization, case.request.requester
    assert organization is not None
    if requester.system not in organization.systems and requester.system in case.book.systems:
        case.refuse(NOT_AUTHORIZED)
    if requester.business not in case.book.businesses:
        return
    granted = organization.businesses.get(requester.business)
    if granted is None:
        case.refuse(NOT_AUTHORIZED)
        return
    if not granted.issuperset(case.ids):
        for asked in case.known:
            if asked.id not in granted:
                asked.reasons.append(NOT_AUTHORIZED)


def _operator(case: Case) -> None:
    """ACC-2: the registered person, at the registered branch, within the registered scope."""
    requester = case.request.requester
    if requester.operator is None:
        unmanned = (
            requester.system in case.book.automatic_systems or requester.system not in case.book.systems
        )
        if not unmanned or requester.branch is not None or requester.authenticated_operator is not None:
            case.refuse(OPERATOR_MISMATCH)
        return
    operator = case.book.operators.get(requester.operator)
    if operator is None or operator.organization != requester.organization:
        case.refuse(OPERATOR_MISMATCH)
        return
    if not _identified(case, operator):
        case.refuse(OPERATOR_MISMATCH)
    _scope(case, operator)


def _identified(case: Case, operator: Operator) -> bool:
    requester = case.request.requester
    return (
        (operator.active_from is None or operator.active_from <= case.day)
        and (operator.active_until is None or case.day <= operator.active_until)
        and requester.authenticated_operator in (None, operator.id)
        and requester.branch == operator.branch
    )


def _scope(case: Case, operator: Operator) -> None:
    requester = case.request.requester
    if (operator.businesses is not None and requester.business not in operator.businesses) or (
        operator.systems is not None and requester.system not in operator.systems
    ):
        case.refuse(OPERATOR_SCOPE)
    if operator.items is not None:
        for asked in case.known:
            if asked.id not in operator.items:
                asked.reasons.append(OPERATOR_SCOPE)


def _moratoria(case: Case) -> None:
    """ACC-3: a moratorium on activities stops the request, one on item classes stops those items (JP 4(2)(3))."""
    for moratorium in case.book.moratoria:
        if not _in_force(case, moratorium):
            continue
        if moratorium.item_classes is None:
            case.refuse(SUSPENDED)
            continue
        for asked in case.asked:
            if asked.item is not None and asked.item.item_class in moratorium.item_classes:
                asked.reasons.append(SUSPENDED)


def _in_force(case: Case, moratorium: Moratorium) -> bool:
    request = case.request
    if moratorium.activities is not None and request.activity.kind not in moratorium.activities:
        return False
    if (
        moratorium.organizations is not None
        and request.requester.organization not in moratorium.organizations
    ):
        return False
    if moratorium.systems is not None and request.requester.system not in moratorium.systems:
        return False
    if case.day < moratorium.start or (moratorium.end is not None and case.day > moratorium.end):
        return False
    return moratorium.purposes is None or any(p.id in moratorium.purposes for p in case.purposes)


def _business(case: Case) -> None:
    """ACC-4: who solicits insurance cannot ask under a deposit purpose; anticipated purposes are not bound by it."""
    request = case.request
    if request.action == "receive" or (request.action == "provide" and not _to_same_entity(case)):
        return
    purpose = case.book.purposes.get(request.purpose)
    business = request.requester.business
    if purpose is None or purpose.business in (business, COMMON) or business not in case.book.businesses:
        return
    if not case.off("ACC-4"):
        case.refuse(OTHER_BUSINESS)


def _to_same_entity(case: Case) -> bool:
    recipient = case.request.recipient
    return recipient is not None and recipient.relation == "same_entity"


def _anothers(case: Case) -> None:
    """ACC-5: another's data needs, for each purpose, what the rulebook registers or the person consented to."""
    if case.request.action == "receive":
        case.refuse(NOT_ENTRUSTED)
        return
    for purpose in case.purposes:
        opened = _opened(case, purpose.id)
        needing = case.known
        for items in opened:
            if items is None or items.issuperset(case.ids):
                needing = []
                break
            needing = [asked for asked in needing if asked.id not in items]
        if needing:
            _by_consent(case, needing, purpose.id)


def _opened(case: Case, purpose: str) -> list[frozenset[str] | None]:
    """The items (None: all) that entrustments, successions and joint-use notices in force open for a purpose."""
    assert case.holder is not None
    pair = (case.holder.organization, case.request.requester.organization)
    day, book = case.day, case.book
    opened: list[frozenset[str] | None] = [
        trust.items
        for trust in book.entrustments.get(pair, ())
        if purpose in trust.purposes
        and trust.valid_from <= day
        and (trust.valid_until is None or day <= trust.valid_until)
    ]
    for heir in book.successions.get(pair, ()):
        if heir.effective_on <= day and (heir.purposes is None or purpose in heir.purposes):
            opened.append(heir.items)
    for notice in book.joint_uses.get(pair[1], ()):
        if (
            notice.complete
            and notice.published_on <= day
            and pair[0] in notice.users
            and purpose in notice.purposes
        ):
            opened.append(notice.items)
    return opened


def _by_consent(case: Case, needing: list[Asked], purpose: str) -> None:
    answers = consult(case, needing, _OPENING, purpose, names=case.request.requester.organization)
    for asked, nearest in zip(needing, answers, strict=True):
        if nearest is None:
            case.on_consent.add(asked.id)
            asked.bases.append(BY_CONSENT)
        else:
            asked.reasons.append(NOT_ENTRUSTED)
            asked.reasons.extend(nearest)
