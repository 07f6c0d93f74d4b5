"""SENS: sensitive information (SV 8; APPI 20(2), 27(2); IBR 53-10, 234(1)(xvii)). It protects living individuals, beside PURP,
PROV, FORN and SUSP, and abroad as at home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sekisho.domain.book import Ground
from sekisho.domain.question import Asked, Need, Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite

NOT_PERMITTED: Final = Cite("sensitive.not_permitted", "SENS-1")
BEYOND_GROUND: Final = Cite("sensitive.beyond_ground", "SENS-2")
CONSENT_MISSING: Final = Cite("sensitive.consent_missing", "SENS-3")
NEVER_BY_OPT_OUT: Final = Cite("provision.opt_out_forbidden", "SENS-4")
REASONS: Final = (NOT_PERMITTED, BEYOND_GROUND, CONSENT_MISSING, NEVER_BY_OPT_OUT)

STRICT_HANDLING: Final = Cite("strict_handling", "SENS-5")
OBLIGATIONS: Final = (STRICT_HANDLING,)

BY_CONSENT: Final = Cite("basis.consent", "PURP-1")
"""A consent of kind `sensitive` that covers item and purpose is PURP-1's ground too."""

_CONSENT: Final = frozenset({"sensitive"})
_REGISTERED_DOMICILE: Final = "sensitive.registered_domicile"
"""本籍地, which SV 8 (注5) names."""
_HANDED_OVER: Final = frozenset({"subject", "on_behalf_of_subject"})
"""Receipts from the person, or from one acting for the person: to hand it over is to consent (SV 7 注4, 8 注3, 注4)."""
_CONSENTED: Final = _HANDED_OVER | {"consent"}
"""Receipts for which the consent to acquisition was given, to the receiver or its provider (SV 7 注4, 注5)."""
_NOT_THIRD_PARTIES: Final = frozenset({"entrustment", "succession", "joint_use"})
"""APPI 27(5): 政令9条2号 lifts the consent to acquisition."""


def ask(question: Question, request: AccessRequest) -> None:
    """SENS-1 to SENS-5, by item."""
    if not question.individual:
        return
    sensitive = [
        asked for asked in question.known if asked.item is not None and asked.item.item_class == "sensitive"
    ]
    if not sensitive:
        return
    if question.organization is not None:
        _on_ground(question, request, sensitive)
    if request.action == "receive":
        _acquisition(question, request, sensitive)
    if (
        request.recipient is not None
        and request.action == "provide"
        and request.recipient.relation == "opt_out"
    ):
        for asked in sensitive:
            asked.reasons.append(NEVER_BY_OPT_OUT)
    if _REGISTERED_DOMICILE in question.ids:
        question.owed.append(STRICT_HANDLING)


def ground_of(question: Question, request: AccessRequest) -> Ground | None:
    """The ground that is claimed, where the requester's type of organization has it (SENS-1)."""
    if request.legal_basis is None or question.organization is None:
        return None
    grounds = question.book.sensitive_grounds.get(question.organization.type)
    return None if grounds is None else grounds.get(request.legal_basis.kind)


def covers(question: Question, request: AccessRequest, ground: Ground, item: str) -> bool:
    """Whether a ground reaches an item (SENS-2)."""
    if ground.items is not None and item not in ground.items:
        return False
    if not ground.specified_purpose:
        return True
    found = question.book.specified.get((request.holder, item))
    return found is not None and bool(found.purposes or found.by_provider or found.on_ground)


def is_on_ground(question: Question, request: AccessRequest, item: str) -> bool:
    """Whether the claimed ground covers a sensitive item, so that purposes specified on a ground alone are (PURP-1)."""
    ground = ground_of(question, request)
    return ground is not None and covers(question, request, ground, item)


def _on_ground(question: Question, request: AccessRequest, sensitive: Sequence[Asked]) -> None:
    """SENS-1 and SENS-2: a ground of the requester's regime, and what it covers."""
    ground = ground_of(question, request)
    if ground is None:
        for asked in sensitive:
            asked.reasons.append(NOT_PERMITTED)
        return
    within = [asked for asked in sensitive if covers(question, request, ground, asked.id)]
    for asked in sensitive:
        if asked not in within:
            asked.reasons.append(BEYOND_GROUND)
    if ground.consent and not _comes_by(request, _HANDED_OVER):
        _need(question, within, NOT_PERMITTED)


def _acquisition(question: Question, request: AccessRequest, sensitive: Sequence[Asked]) -> None:
    """SENS-3: acquiring 要配慮個人情報 needs prior consent, unless APPI 20(2) says otherwise."""
    if question.lifted is not None or question.proven in _NOT_THIRD_PARTIES or _comes_by(request, _CONSENTED):
        return
    special = [asked for asked in sensitive if asked.item is not None and asked.item.special_care]
    _need(question, special, CONSENT_MISSING)


def _comes_by(request: AccessRequest, bases: frozenset[str]) -> bool:
    return request.action == "receive" and request.receipt is not None and request.receipt.basis in bases


def _need(question: Question, items: Sequence[Asked], own: Cite) -> None:
    """The person's consent of kind `sensitive`, for each purpose."""
    if question.holder is None:
        return
    for purpose in question.purposes:
        question.need(
            Need(
                kinds=_CONSENT,
                purpose=purpose.id,
                asked=tuple(items),
                own=(own,) * len(items),
                beside=True,
                serves=BY_CONSENT,
            )
        )
