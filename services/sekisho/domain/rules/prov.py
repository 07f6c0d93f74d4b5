"""PROV: provision to another (APPI 27; SV 14). Now: third parties in Japan on consent; other relations have no rule yet
and are refused by the guard in `sekisho.domain.decision`."""

from __future__ import annotations

from typing import Final

from sekisho.domain.case import Case
from sekisho.domain.clauses import consult
from sekisho.domain.verdict import Cite

UNPROVEN: Final = Cite("provision.relation_unproven", "PROV-1")
MISSING: Final = Cite("consent.missing", "PROV-1")
REASONS: Final = (UNPROVEN, MISSING)

BY_CONSENT: Final = Cite("basis.consent", "PROV-1")
BASES: Final = (BY_CONSENT,)

_PROVISION: Final = frozenset({"provision"})


def judge(case: Case) -> None:
    """PROV-1: the person's prior consent that named the recipient, the items and the recipient's purpose."""
    request = case.request
    if request.action != "provide":
        return
    if request.recipient is None or request.recipient.relation is None:
        case.refuse(UNPROVEN)
        return
    if not case.third_party() or case.holder is None or request.legal_basis is not None:
        return
    for purpose in case.purposes:
        answers = consult(case, case.known, _PROVISION, purpose.id)
        for asked, nearest in zip(case.known, answers, strict=True):
            if nearest is None:
                asked.bases.append(BY_CONSENT)
            else:
                asked.reasons.extend(nearest or (MISSING,))
