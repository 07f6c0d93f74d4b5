"""REQ: the request itself. REQ-2 and REQ-4 are told by the gate (`sekisho.domain.decision.hold`), REQ-5 by `records`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from sekisho.domain.case import Case
from sekisho.domain.verdict import Cite

UNKNOWN_ITEM: Final = Cite("request.unknown_item", "REQ-1")
UNKNOWN_PURPOSE: Final = Cite("request.unknown_purpose", "REQ-1")
UNKNOWN_HOLDER: Final = Cite("request.unknown_holder", "REQ-1")
UNKNOWN_REQUESTER: Final = Cite("request.unknown_requester", "REQ-1")
UNKNOWN_AGREEMENT: Final = Cite("request.unknown_agreement", "REQ-1")
INVALID: Final = Cite("request.invalid", "REQ-2")
NO_BASIS: Final = Cite("request.no_basis", "REQ-3")
POSITION_NOT_REACHED: Final = Cite("consent.position_not_reached", "REQ-4")
POSITION_MISROUTED: Final = Cite("consent.position_misrouted", "REQ-4")
STATE_STALE: Final = Cite("consent.state_stale", "REQ-4")
MISROUTED: Final = Cite("request.misrouted", "REQ-4")
ID_REUSED: Final = Cite("request.id_reused", "REQ-4")
TOO_MANY_EVENTS: Final = Cite("subject.too_many_events", "REQ-4")
TOO_LARGE: Final = Cite("request.too_large", "REQ-4")
PARTICULARS_MISSING: Final = Cite("record.particulars_missing", "REQ-5")
SELECTION_NOT_STATED: Final = Cite("request.selection_not_stated", "REQ-6")

REASONS: Final = (
    UNKNOWN_ITEM, UNKNOWN_PURPOSE, UNKNOWN_HOLDER, UNKNOWN_REQUESTER, UNKNOWN_AGREEMENT, INVALID, NO_BASIS,
    POSITION_NOT_REACHED, POSITION_MISROUTED, STATE_STALE, MISROUTED, ID_REUSED, TOO_MANY_EVENTS, TOO_LARGE,
    PARTICULARS_MISSING, SELECTION_NOT_STATED,
)  # fmt: skip


def judge(case: Case) -> None:
    """REQ-1 (everything named is in the catalogue) and REQ-6 (a list says by what it was selected)."""
    _known(case)
    activity = case.request.activity
    if activity.kind == "list_extraction" and activity.selected_by is None:
        case.refuse(SELECTION_NOT_STATED)


def _known(case: Case) -> None:
    book, request, requester = case.book, case.request, case.request.requester
    if len(case.known) < len(case.asked):
        unknown = [asked for asked in case.asked if asked.item is None]
        for asked in unknown:
            asked.reasons.append(UNKNOWN_ITEM)
        _detail(case, UNKNOWN_ITEM, [asked.id for asked in unknown], book.items)
    strange = [name for name in (request.purpose, *request.anticipated_purposes) if name not in book.purposes]
    if strange:
        _unknown(case, UNKNOWN_PURPOSE, strange, book.purposes)
    if case.holder is None:
        _unknown(case, UNKNOWN_HOLDER, [request.holder], book.holders)
    if case.organization is None:
        _unknown(case, UNKNOWN_REQUESTER, [requester.organization], book.organizations)
    if requester.business not in book.businesses:
        _unknown(case, UNKNOWN_REQUESTER, [requester.business], book.businesses)
    if requester.system not in book.systems:
        _unknown(case, UNKNOWN_REQUESTER, [requester.system], book.systems)
    if request.recipient is not None or request.record is not None or request.receipt is not None:
        _agreements(case)


def _agreements(case: Case) -> None:
    request = case.request
    claimed = (
        request.recipient.agreement if request.recipient is not None else None,
        request.record.agreement if request.record is not None else None,
        request.receipt.agreement if request.receipt is not None else None,
    )
    known = case.book.agreements
    unknown = [name for name in dict.fromkeys(claimed) if name is not None and name not in known]
    if unknown:
        _unknown(case, UNKNOWN_AGREEMENT, unknown, known)


def _unknown(case: Case, reason: Cite, names: list[str], known: Iterable[str]) -> None:
    case.refuse(reason)
    _detail(case, reason, names, known)


def _detail(case: Case, reason: Cite, names: list[str], known: Iterable[str]) -> None:
    """Which names are unknown, each with the nearest known one, for the remedy's text."""
    candidates = sorted(known)
    told = []
    for name in dict.fromkeys(names):
        near = get_close_matches(name, candidates, n=1)
        told.append(f"{name} (→ {near[0]} ?)" if near else name)
    earlier = case.details.get(reason.code)
    case.details[reason.code] = ", ".join([earlier, *told] if earlier else told)
