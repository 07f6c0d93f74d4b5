"""USE: improper use (APPI 19; SV 6). It protects persons and corporations, whatever the consent or the exception."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite

PROHIBITED: Final = Cite("recipient.prohibited", "USE-1")
REASONS: Final = (PROHIBITED,)


def ask(question: Question, request: AccessRequest) -> None:
    """USE-1: nobody on the prohibited list asks, is given data or gives them."""
    organizations = question.book.organizations
    for name in _parties(question, request):
        known = organizations.get(name)
        if known is not None and known.prohibited:
            question.refuse(PROHIBITED)
            return


def _parties(question: Question, request: AccessRequest) -> Iterator[str]:
    """Everyone who takes part: requester, recipient, provider, and the holder, from whom another's data come."""
    yield request.requester.organization
    if request.recipient is not None:
        yield request.recipient.id
    if request.receipt is not None and request.receipt.provider is not None:
        yield request.receipt.provider.id
    if question.holder is not None:
        yield question.holder.organization
