"""PURP: purpose limitation (APPI 17, 18; SV 4, 5). It protects living individuals; for a corporation its grounds still
give the basis, and where none holds, silence refuses (REQ-3)."""

from __future__ import annotations

from typing import Final

from sekisho.domain.book import Purpose, Specified
from sekisho.domain.case import Asked, Case
from sekisho.domain.clauses import consult
from sekisho.domain.rules.wall import IMPLIED
from sekisho.domain.verdict import Cite
from sekisho.domain.vocabulary import CONSENT_ACQUISITION, INSURANCE_SOLICITATION, NON_PUBLIC

OUTSIDE: Final = Cite("purpose.outside_specified", "PURP-1")
ACQUISITION_SCOPE: Final = Cite("purpose.consent_acquisition_scope", "PURP-4")
PROVISION_NOT_SPECIFIED: Final = Cite("purpose.provision_not_specified", "PURP-5")
ENDED: Final = Cite("purpose.ended", "PURP-7")

REASONS: Final = (OUTSIDE, ACQUISITION_SCOPE, PROVISION_NOT_SPECIFIED, ENDED)

SPECIFIED: Final = Cite("basis.specified_purpose", "PURP-1")
BY_CONSENT: Final = Cite("basis.consent", "PURP-1")
ACQUISITION: Final = Cite("basis.consent_acquisition", "PURP-4")
BASES: Final = (SPECIFIED, BY_CONSENT, ACQUISITION)

_OWN: Final = frozenset({"purpose", "cross_sell"})
_WITH_RECIPIENT: Final = frozenset({"purpose", "cross_sell", "provision"})
_SENSITIVE: Final = frozenset({"sensitive"})
_PROVISION: Final = frozenset({"provision"})
_PUBLIC: Final = frozenset({"attribute", "relationship"})


def judge(case: Case) -> None:
    """PURP-1 and PURP-4 for each item and purpose, PURP-5 for a provision, PURP-7 for what has ended."""
    if case.holder is None or case.request.legal_basis is not None:
        return
    recipient = _recipient(case)
    kinds = _OWN if recipient is None else _WITH_RECIPIENT
    for asked in case.asked:
        if asked.item is None:
            continue
        specified = case.book.specified.get((case.request.holder, asked.id))
        for purpose in case.purposes:
            if purpose.id == CONSENT_ACQUISITION:
                _acquisition(case, asked)
            else:
                _purpose(case, asked, purpose, specified, kinds, recipient)
        if case.individual and case.third_party():
            _provision(case, asked, specified)
    if case.individual and case.request.holder in case.book.ended:
        _ended(case)


def _recipient(case: Case) -> str | None:
    """Whom a provision consent would have to name: the recipient, or who uses another's data."""
    if case.request.action == "provide":
        return None if case.request.recipient is None else case.request.recipient.id
    return case.request.requester.organization if case.foreign_hands else None


def _purpose(
    case: Case, asked: Asked, purpose: Purpose, specified: Specified | None, kinds: frozenset[str],
    recipient: str | None,
) -> None:  # fmt: skip
    """PURP-1: specified for this holder and item, or the person's consent for it."""
    if specified is not None and _within(case, specified, purpose.id):
        asked.bases.append(SPECIFIED)
        return
    assert asked.item is not None
    if asked.item.item_class == "sensitive":
        kinds |= _SENSITIVE
    nearest = consult(case, asked, kinds, purpose.id, recipient)
    if nearest is None:
        asked.bases.append(BY_CONSENT)
    elif not case.individual:
        asked.grounded = False
    else:
        asked.reasons.append(OUTSIDE)
        asked.reasons.extend(nearest)
        if case.implied and purpose.id == INSURANCE_SOLICITATION:
            asked.reasons.append(IMPLIED)


def _within(case: Case, specified: Specified, purpose: str) -> bool:
    if purpose in specified.purposes:
        return True
    provider = case.request.product_provider
    return provider is not None and purpose in specified.by_provider.get(provider, ())


def _acquisition(case: Case, asked: Asked) -> None:
    """PURP-4: asking for consent is never outside purpose, but choosing whom to ask by their savings is the use."""
    assert asked.item is not None
    item_class = asked.item.item_class
    sought = case.request.consent_sought or "cross_sell"
    if item_class in _PUBLIC or (item_class in NON_PUBLIC and sought != "cross_sell"):
        asked.bases.append(ACQUISITION)
    elif case.individual:
        asked.reasons.append(ACQUISITION_SCOPE)
    else:
        asked.grounded = False


def _provision(case: Case, asked: Asked, specified: Specified | None) -> None:
    """PURP-5: provision must itself be among the specified purposes; a provision consent satisfies it (SV 4(2))."""
    if specified is not None and specified.provision:
        return
    assert case.request.recipient is not None
    for purpose in case.purposes:
        if consult(case, asked, _PROVISION, purpose.id, case.request.recipient.id) is not None:
            asked.reasons.append(PROVISION_NOT_SPECIFIED)
            return


def _ended(case: Case) -> None:
    """PURP-7: the rulebook has closed the purpose for the holder's items, its purpose being achieved (SV 10(4))."""
    for ended in case.book.ended[case.request.holder]:
        if case.day < ended.since or not any(purpose.id in ended.purposes for purpose in case.purposes):
            continue
        for asked in case.asked:
            if asked.item is not None and (ended.items is None or asked.id in ended.items):
                asked.reasons.append(ENDED)
