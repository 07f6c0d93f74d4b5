"""CRED: information from a credit bureau (IBR 53-9). It protects living individuals."""

from __future__ import annotations

from typing import Final

from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite

REPAYMENT_ONLY: Final = Cite("credit.repayment_only", "CRED-1")
REASONS: Final = (REPAYMENT_ONLY,)

_SCREENING: Final = "lending.screening"
"""資金需要者の返済能力の調査."""


def ask(question: Question, request: AccessRequest) -> None:  # noqa: ARG001  every family is asked so
    """CRED-1: for the screening of repayment capacity alone, whatever the action; no exception and no consent lifts it."""
    if not question.individual or all(purpose.id == _SCREENING for purpose in question.purposes):
        return
    for asked in question.known:
        if asked.item is not None and asked.item.item_class == "credit":
            asked.reasons.append(REPAYMENT_ONLY)
