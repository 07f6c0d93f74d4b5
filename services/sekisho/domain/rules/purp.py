"""PURP: purpose limitation (APPI 17, 18; SV 4, 5). It protects living individuals; for a corporation its grounds still
give the basis, and where none holds, silence refuses (REQ-3)."""

from __future__ import annotations

from typing import Final

from sekisho.domain.book import Specified
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
    kinds = _OWN if case.recipient is None else _WITH_RECIPIENT
    known = case.known
    for purpose in case.purposes:
        if purpose.id == CONSENT_ACQUISITION:
            for asked in known:
                _acquisition(case, asked)
        else:
            _purpose(case, known, purpose.id, kinds)
    if case.individual and case.third_party():
        _provision(case, known)
    if case.individual and case.request.holder in case.book.ended:
        _ended(case)


def _purpose(case: Case, known: list[Asked], purpose: str, kinds: frozenset[str]) -> None:
    """PURP-1: specified for this holder and item, or the person's consent for it."""
    specified, holder = case.book.specified, case.request.holder
    needing = []
    for asked in known:
        found = specified.get((holder, asked.id))
        if found is not None and (purpose in found.purposes or _for_provider(case, found, purpose)):
            asked.bases.append(SPECIFIED)
        else:
            needing.append(asked)
    if not needing:
        return
    for asked in needing:
        if asked.item is not None and asked.item.item_class == "sensitive":
            kinds |= _SENSITIVE
    for asked, nearest in zip(needing, consult(case, needing, kinds, purpose), strict=True):
        if nearest is None:
            asked.bases.append(BY_CONSENT)
        elif case.individual:
            asked.reasons.append(OUTSIDE)
            asked.reasons.extend(nearest)
            if case.implied and purpose == INSURANCE_SOLICITATION:
                asked.reasons.append(IMPLIED)
        else:
            case.ungrounded.add(asked.id)


def _for_provider(case: Case, found: Specified, purpose: str) -> bool:
    """A purpose specified for one product provider alone (a multi-insurer agent's; null is in doubt: outside)."""
    provider = case.request.product_provider
    return provider is not None and purpose in found.by_provider.get(provider, ())


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
        case.ungrounded.add(asked.id)


def _provision(case: Case, known: list[Asked]) -> None:
    """PURP-5: provision must itself be among the specified purposes; a provision consent satisfies it (SV 4(2))."""
    specified, holder = case.book.specified, case.request.holder
    needing = [
        asked
        for asked in known
        if not ((found := specified.get((holder, asked.id))) is not None and found.provision)
    ]
    if not needing:
        return
    unserved: dict[str, Asked] = {}
    for purpose in case.purposes:
        answers = consult(case, needing, _PROVISION, purpose.id)
        unserved.update(
            {asked.id: asked for asked, nearest in zip(needing, answers, strict=True) if nearest is not None}
        )
    for asked in unserved.values():
        asked.reasons.append(PROVISION_NOT_SPECIFIED)


def _ended(case: Case) -> None:
    """PURP-7: the rulebook has closed the purpose for the holder's items, its purpose being achieved (SV 10(4))."""
    for ended in case.book.ended[case.request.holder]:
        if case.day < ended.since or not any(purpose.id in ended.purposes for purpose in case.purposes):
            continue
        for asked in case.known:
            if ended.items is None or asked.id in ended.items:
                asked.reasons.append(ENDED)
