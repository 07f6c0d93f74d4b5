"""PROV: provision to another (APPI 27; SV 14). Now: third parties in Japan on consent; other relations have no rule yet
and are refused by the guard in `sekisho.domain.decision`."""

from __future__ import annotations

from typing import Final

from sekisho.domain.question import Need, Question, in_japan
from sekisho.domain.request import AccessRequest, Recipient
from sekisho.domain.verdict import Cite

UNPROVEN: Final = Cite("provision.relation_unproven", "PROV-1")
MISSING: Final = Cite("consent.missing", "PROV-1")
REASONS: Final = (UNPROVEN, MISSING)

BY_CONSENT: Final = Cite("basis.consent", "PROV-1")
BASES: Final = (BY_CONSENT,)

_PROVISION: Final = frozenset({"provision"})


def ask(question: Question, request: AccessRequest) -> None:
    """PROV-1: the person's prior consent that named the recipient, the items and the recipient's purpose."""
    if request.action != "provide":
        return
    if request.recipient is None or request.recipient.relation is None:
        question.refuse(UNPROVEN)
        return
    if request.recipient.relation == "third_party" and _is_holder(question, request.recipient):
        question.refuse(UNPROVEN)
    if request.recipient.relation != "third_party" or not in_japan(request.recipient, question.book):
        return
    if question.holder is None or question.lifted is not None:
        return
    known = tuple(question.known)
    for purpose in question.purposes:
        question.need(Need(_PROVISION, purpose.id, known, (MISSING,) * len(known), False, BY_CONSENT))


def _is_holder(question: Question, recipient: Recipient) -> bool:
    """Whether the third party claimed is the holder's own organization, which is none (PROV-11)."""
    return question.holder is not None and recipient.id == question.holder.organization
