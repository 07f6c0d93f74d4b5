"""sekisho-list-decisions: the one answer to a list, in parts of the same size as the request's."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from sekisho.contracts.fields import Output
from sekisho.contracts.list_requests import MAX_SUBJECTS
from sekisho.contracts.reading import read_output
from sekisho.domain.vocabulary import Effect

TYPE: Final = "sekisho.list.decided.v1"


class AnswerPart(Output):
    """Which part of how many."""

    number: int
    of: int


class Totals(Output):
    """Over the whole list."""

    subjects: int
    allowed: int
    denied: int


class SubjectAnswer(Output):
    """What one person's request got."""

    id: str
    effect: Effect
    decision_id: str
    reasons: tuple[str, ...]


class ListDecision(Output):
    """One part of the answer."""

    list_id: str
    """Also the message's key."""
    part: AnswerPart
    effect: Effect
    """`allow` if all are allowed, or if `narrow` was set and at least one is: then the allowed are the list."""
    totals: Totals
    by_reason: dict[str, int]
    """Persons refused, by reason code."""
    subjects: Annotated[tuple[SubjectAnswer, ...], Field(max_length=MAX_SUBJECTS)]


def decode(data: bytes) -> ListDecision:
    """An answer as a reader takes it. Raises UnreadableMessageError or InvalidMessageError."""
    return read_output(ListDecision, data)
