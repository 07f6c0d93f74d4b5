"""ACC: who asks. SG II-4-5-2(1): access limited to the entrusted work, by registered people, under no moratorium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sekisho.domain import relations
from sekisho.domain.book import Moratorium, Operator
from sekisho.domain.case import Case
from sekisho.domain.question import OPENING_KINDS, Asked, Need, Question
from sekisho.domain.request import AccessRequest, Requester
from sekisho.domain.rules import exc
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


def ask(question: Question, request: AccessRequest) -> None:
    """Every ACC rule but ACC-2. An unregistered organization is REQ-1's; nothing is known of what it may do."""
    if question.organization is not None:
        _granted(question, request)
    _moratoria(question, request)
    _business(question, request)
    if _not_yet_taken_over(question, request):
        question.refuse(NOT_ENTRUSTED)
    elif question.foreign_hands and question.organization is not None:
        _anothers(question, request)


def _granted(question: Question, request: AccessRequest) -> None:
    """ACC-1: the registration grants the business these items, and the organization that system."""
    organization, requester = question.organization, request.requester
    assert organization is not None
    if requester.system not in organization.systems and requester.system in question.book.systems:
        question.refuse(NOT_AUTHORIZED)
    if requester.business not in question.book.businesses:
        return
    granted = organization.businesses.get(requester.business)
    if granted is None:
        question.refuse(NOT_AUTHORIZED)
        return
    for asked in question.known:
        if asked.id not in granted:
            asked.reasons.append(NOT_AUTHORIZED)


def judge(case: Case) -> None:
    """ACC-2: the registered person, at the registered branch, within the registered scope.

    Judged of each request, though it does not depend on the person: operators are thousands, and a question that named
    its operator would hardly be asked again (a microsecond here; a question asked for the first time takes 25 more).
    """
    question, requester = case.question, case.request.requester
    if question.organization is None:
        return
    if requester.operator is None:
        if _is_manned(question, requester):
            case.whole.append(OPERATOR_MISMATCH)
        return
    operator = question.book.operators.get(requester.operator)
    if operator is None or operator.organization != requester.organization:
        case.whole.append(OPERATOR_MISMATCH)
        return
    if not _identified(question, requester, operator):
        case.whole.append(OPERATOR_MISMATCH)
    _scope(case, requester, operator)


def in_order(question: Question, requester: Requester) -> bool:
    """Whether ACC-2 finds nothing at all."""
    if question.organization is None:
        return True
    if requester.operator is None:
        return not _is_manned(question, requester)
    operator = question.book.operators.get(requester.operator)
    return (
        operator is not None
        and operator.organization == requester.organization
        and _identified(question, requester, operator)
        and not _out_of_scope(requester, operator)
        and (operator.items is None or operator.items >= question.ids)
    )


def _is_manned(question: Question, requester: Requester) -> bool:
    """Whether a request that names no operator should: only an automatic system's, that names nobody else, need not."""
    book = question.book
    unmanned = requester.system in book.automatic_systems or requester.system not in book.systems
    return not unmanned or requester.branch is not None or requester.authenticated_operator is not None


def _identified(question: Question, requester: Requester, operator: Operator) -> bool:
    return (
        (operator.active_from is None or operator.active_from <= question.day)
        and (operator.active_until is None or question.day <= operator.active_until)
        and requester.authenticated_operator in (None, operator.id)
        and requester.branch == operator.branch
    )


def _scope(case: Case, requester: Requester, operator: Operator) -> None:
    if _out_of_scope(requester, operator):
        case.whole.append(OPERATOR_SCOPE)
    if operator.items is not None:
        for asked in case.question.known:
            if asked.id not in operator.items:
                case.refuse(asked, OPERATOR_SCOPE)


def _out_of_scope(requester: Requester, operator: Operator) -> bool:
    return (operator.businesses is not None and requester.business not in operator.businesses) or (
        operator.systems is not None and requester.system not in operator.systems
    )


def _moratoria(question: Question, request: AccessRequest) -> None:
    """ACC-3: a moratorium on activities stops the request, one on item classes stops those items (JP 4(2)(3))."""
    for moratorium in question.book.moratoria:
        if not _in_force(question, request, moratorium):
            continue
        if moratorium.item_classes is None:
            question.refuse(SUSPENDED)
            continue
        for asked in question.known:
            if asked.item is not None and asked.item.item_class in moratorium.item_classes:
                asked.reasons.append(SUSPENDED)


def _in_force(question: Question, request: AccessRequest, moratorium: Moratorium) -> bool:
    if moratorium.activities is not None and request.activity.kind not in moratorium.activities:
        return False
    if (
        moratorium.organizations is not None
        and request.requester.organization not in moratorium.organizations
    ):
        return False
    if moratorium.systems is not None and request.requester.system not in moratorium.systems:
        return False
    if question.day < moratorium.start or (moratorium.end is not None and question.day > moratorium.end):
        return False
    return moratorium.purposes is None or any(p.id in moratorium.purposes for p in question.purposes)


def _business(question: Question, request: AccessRequest) -> None:
    """ACC-4: who solicits insurance cannot ask under a deposit purpose; anticipated purposes are not bound by it."""
    if request.action == "receive" or (request.action == "provide" and not _to_same_entity(request)):
        return
    purpose = question.book.purposes.get(request.purpose)
    business = request.requester.business
    if purpose is None or purpose.business in (business, COMMON) or business not in question.book.businesses:
        return
    if not question.off("ACC-4"):
        question.refuse(OTHER_BUSINESS)


def _to_same_entity(request: AccessRequest) -> bool:
    recipient = request.recipient
    return recipient is not None and recipient.relation == "same_entity"


def _not_yet_taken_over(question: Question, request: AccessRequest) -> bool:
    """Whether the holder id is of data that a succession will bring: until its day they are the predecessor's (PROV-5)."""
    brought = [
        heir.effective_on
        for heirs in question.book.successions.values()
        for heir in heirs
        if heir.holder == request.holder
    ]
    return bool(brought) and question.day < min(brought)


def _anothers(question: Question, request: AccessRequest) -> None:
    """ACC-5: another's data needs, for each purpose, what the rulebook registers or the person consented to."""
    if request.action == "receive":
        question.refuse(NOT_ENTRUSTED)
        return
    if question.freed and exc.opens(question, request):
        return
    for purpose in question.purposes:
        needing = unopened(question, request, purpose.id)
        question.need(
            Need(
                kinds=OPENING_KINDS,
                purpose=purpose.id,
                asked=tuple(needing),
                own=(NOT_ENTRUSTED,) * len(needing),
                beside=True,
                serves=BY_CONSENT,
                names=request.requester.organization,
                opens=True,
            )
        )


def unopened(question: Question, request: AccessRequest, purpose: str) -> Sequence[Asked]:
    """The items that nothing registered opens to the requester for a purpose."""
    needing = question.known
    for items in _opened(question, request, purpose):
        needing = [asked for asked in needing if asked.id not in items]
    return needing


def excepted(question: Question, request: AccessRequest) -> set[str]:
    """Another's items that are open to the requester by an exception alone: nothing registered opens them."""
    if not (question.foreign_hands and question.freed and exc.opens(question, request)):
        return set()
    return {asked.id for purpose in question.purposes for asked in unopened(question, request, purpose.id)}


def _opened(question: Question, request: AccessRequest, purpose: str) -> list[frozenset[str]]:
    """The items that entrustments (to a registered sub-entrustee too), successions and joint-use notices open for a
    purpose; what was added to a notice since needs the person's consent (PROV-6), so it is not among them."""
    assert question.holder is not None
    holder, taker = question.holder.organization, request.requester.organization
    day, book, asked_for = question.day, question.book, (purpose,)
    opened = [
        relations.entrusted(trust, day, asked_for, holder=holder, giver=trust.trustee, taker=taker)
        for trust in book.entrustments.get((holder, taker), ())
    ]
    opened += [
        relations.succeeded(heir, day, asked_for, holder=holder, taker=taker, items=question.ids)
        for heir in book.successions.get((holder, taker), ())
    ]
    for notice in book.joint_uses.get(taker, ()):
        if relations.notified(notice, day):
            found = relations.shared(notice, day, asked_for, holder=holder, taker=taker)
            opened.append(None if found is None else found.items)
    return [items for items in opened if items is not None]
