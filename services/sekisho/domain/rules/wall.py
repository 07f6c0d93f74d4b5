"""WALL: the cross-sell firewall, both ways (保険業法100条の2, 300条; IBR 53-6, 212(2)(i), 234(1)(xviii); JP 1).

It protects persons and corporations. It rules `use`, and `provide` where a purpose is solicitation. The clauses of a
cross-sell consent (WALL-6 to WALL-10, WALL-12) are in `sekisho.domain.clauses`.
"""

from __future__ import annotations

from typing import Final

from sekisho.domain.book import Item, Purpose
from sekisho.domain.case import Case
from sekisho.domain.clauses import WRITTEN_STAGE, is_written
from sekisho.domain.question import Asked, Need, Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import INSURANCE_SOLICITATION, NON_PUBLIC, RESTRICTED_CUSTOMER_CHECK

MISSING_1: Final = Cite("consent.missing", "WALL-1")
MISSING_2: Final = Cite("consent.missing", "WALL-2")
MISSING_3: Final = Cite("consent.missing", "WALL-3")
MISSING_4: Final = Cite("consent.missing", "WALL-4")
MISSING_15: Final = Cite("consent.missing", "WALL-15")
RESTRICTED: Final = Cite("solicitation.restricted_customer", "WALL-13")
UNCHECKED: Final = Cite("solicitation.restriction_unchecked", "WALL-13")
IMPLIED: Final = Cite("activity.implied_solicitation", "WALL-14")

REASONS: Final = (MISSING_1, MISSING_2, MISSING_3, MISSING_4, RESTRICTED, UNCHECKED, IMPLIED, MISSING_15)

CHECK_CARVED_OUT: Final = Cite("basis.restricted_customer_check", "WALL-4")
NOT_NON_PUBLIC: Final = Cite("basis.not_non_public", "WALL-5")
BY_CONSENT: Final = Cite("basis.consent", "PURP-1")
"""A cross-sell consent that covers item and purpose is PURP-1's ground too."""
BASES: Final = (CHECK_CARVED_OUT, NOT_NON_PUBLIC)

SEND_EXPLANATION: Final = Cite("send_written_explanation", "WALL-11")
OBTAIN_WRITTEN: Final = Cite("obtain_written_consent", "WALL-11")
OBLIGATIONS: Final = (SEND_EXPLANATION, OBTAIN_WRITTEN)

_CROSS_SELL: Final = frozenset({"cross_sell"})
_PUBLIC: Final = frozenset({"attribute", "relationship"})
_AGENCY_LINES: Final = frozenset({"deposit", "lending", "investment"})
"""Businesses of bank agency and what is incidental to it (IBR 234(1)(xviii)ロ)."""
_SOLICITING: Final = frozenset(
    {"explanation", "visit_invitation", "list_extraction", "application", "conclusion"}
)


def ask(question: Question, request: AccessRequest) -> None:
    """Every WALL rule that does not depend on the person, and the consents that the others need.

    Law lifts the wall (EXC-1), but what never stood behind it has that basis all the same.
    """
    if request.action == "receive":
        return
    if request.action == "provide" and not question.solicits:
        return
    question.restrictable = _restrictable(question, request)
    non_public = []
    for asked in question.known:
        assert asked.item is not None
        if asked.item.item_class in _PUBLIC:
            asked.bases.append(NOT_NON_PUBLIC)
        elif asked.item.item_class in NON_PUBLIC:
            non_public.append(asked)
    if question.holder is not None:
        for purpose in question.purposes:
            _wall(question, request, non_public, purpose)


def judge(case: Case) -> None:
    """WALL-13: a bank under IBR 212 does not solicit a restricted customer, nor one whose checks are not recorded."""
    if not case.question.restrictable:
        return
    fault = _restriction(case)
    if fault is not None:
        case.whole.append(fault)
        if case.question.implied:
            case.whole.append(IMPLIED)


def _wall(question: Question, request: AccessRequest, non_public: list[Asked], purpose: Purpose) -> None:
    """The non-public items for one purpose: which need consent, and by which rule."""
    needing: list[Asked] = []
    missing: list[Cite] = []
    named = purpose.id
    for asked in non_public:
        assert asked.item is not None
        if purpose.id == RESTRICTED_CUSTOMER_CHECK and asked.item.item_class == "npfi":
            if _regime(question) == "bank":
                asked.bases.append(CHECK_CARVED_OUT)
                continue
            rule: Cite | None = MISSING_4
            named = INSURANCE_SOLICITATION
        else:
            rule = _needs_consent(question, request, asked.item, purpose)
        if rule is not None:
            needing.append(asked)
            missing.append(rule)
    implied = IMPLIED if question.implied and named == INSURANCE_SOLICITATION else None
    if not question.by_law:
        question.need(Need(_CROSS_SELL, named, tuple(needing), tuple(missing), False, BY_CONSENT, implied))


def _regime(question: Question) -> str | None:
    return None if question.organization is None else question.organization.regime


def _needs_consent(question: Question, request: AccessRequest, item: Item, purpose: Purpose) -> Cite | None:
    """The first rule by which this use of a non-public item needs the customer's prior consent."""
    if item.item_class == "npfi" and purpose.id == INSURANCE_SOLICITATION and not question.off("WALL-1"):
        return MISSING_1
    if item.item_class == "npii" and _leaves_insurance(question, purpose) and not question.off("WALL-2"):
        return MISSING_2
    if purpose.solicits is None:
        return None
    if _anothers_product(question, request) and not question.off("WALL-3"):
        return MISSING_3
    if _other_line(question, item, purpose) and not question.off("WALL-15"):
        return MISSING_15
    return None


def _leaves_insurance(question: Question, purpose: Purpose) -> bool:
    """WALL-2: a soliciting bank leaves it with any other business, a bank agent with bank business."""
    regime = _regime(question)
    if regime == "bank":
        return purpose.business != "insurance_solicitation"
    return regime == "bank_agent" and purpose.business in _AGENCY_LINES


def _anothers_product(question: Question, request: AccessRequest) -> bool:
    """WALL-3: the product is neither the holder's nor that of the one the data was obtained for (null: no other)."""
    provider, holder = request.product_provider, question.holder
    return (
        provider is not None
        and holder is not None
        and provider not in (holder.organization, holder.obtained_for)
    )


def _other_line(question: Question, item: Item, purpose: Purpose) -> bool:
    """WALL-15: within the group, proposing a product of a business other than the one the item belongs to."""
    return (
        question.organization is not None
        and question.organization.group
        and item.product_line is not None
        and item.product_line != purpose.solicits
    )


def _restrictable(question: Question, request: AccessRequest) -> bool:
    """Whether WALL-13 looks at the person: a soliciting bank, a soliciting activity, insurance among the purposes."""
    return (
        not question.by_law
        and _regime(question) == "bank"
        and request.activity.kind in _SOLICITING
        and any(purpose.id == INSURANCE_SOLICITATION for purpose in question.purposes)
        and not question.off("WALL-13")
    )


def _restriction(case: Case) -> Cite | None:
    restricted = case.state.restricted_customer(case.at)
    if restricted:
        return RESTRICTED
    check = case.state.restriction_check(case.at)
    asked = check is not None and check.declared_on is not None and check.declared_on <= case.question.day
    matched = check is not None and check.matched_on is not None and check.matched_on <= case.question.day
    special = restricted is None and check is not None and bool(check.special_circumstances)
    matching_due = case.activity.kind in WRITTEN_STAGE
    return UNCHECKED if not asked or special or (matching_due and not matched) else None


def owed(case: Case) -> tuple[Cite, ...]:
    """WALL-11: what must still follow where all that serves an item was explained only orally, or is not in writing."""
    if not case.served:
        return ()
    serving = [
        (grant, items, is_written(case, grant))
        for index, items in case.served.items()
        if (grant := case.state.grants[index]).kind == "cross_sell"
    ]
    if all(written and grant.explained_method != "oral" for grant, _, written in serving):
        return ()
    served = {item for _, items, _ in serving for item in items}
    follows: list[Cite] = []
    if served.difference(*[items for grant, items, _ in serving if grant.explained_method != "oral"]):
        follows.append(SEND_EXPLANATION)
    if case.activity.kind not in WRITTEN_STAGE and served.difference(
        *[items for _, items, written in serving if written]
    ):
        follows.append(OBTAIN_WRITTEN)
    return tuple(follows)
