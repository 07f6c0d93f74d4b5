"""CARD: card numbers (SG II-4-5-2(2)③イ). It protects persons and corporations."""

from __future__ import annotations

from typing import Final

from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules.exc import told
from sekisho.domain.verdict import Cite

REASONS: Final[tuple[Cite, ...]] = ()

MASK: Final = Cite("mask_card_number", "CARD-1")
OBLIGATIONS: Final = (MASK,)


def ask(question: Question, request: AccessRequest) -> None:
    """CARD-1: what the rulebook shows only masked is shown or given so, unless the request states the business need."""
    if not question.book.masked.keys().isdisjoint(question.ids) and not told(request.card_number_in_full):
        question.owed.append(MASK)
