"""One person's case: a question, what is known of the person, the time; and what is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sekisho.domain.book import Rulebook
from sekisho.domain.consent import ConsentState
from sekisho.domain.question import Asked, Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite

Candidate = tuple[int, str, tuple[Cite, ...], frozenset[str] | None]
"""A consent examined for a purpose: its place among the grants, its kind, what fails of it, the items of its terms.

A plain tuple: a named one costs a microsecond for every three consents (make bench)."""

Answer = Sequence[Cite] | None
"""For an item in need of consent: None where one serves, else the clauses of the nearest (empty: there is none)."""


class Case:
    """A question put of one person at one time, and the findings so far."""

    __slots__ = (
        "activity", "at", "bases", "book", "candidates", "failures", "missed", "on_consent", "question", "reasons",
        "request", "served", "state", "told", "ungrounded", "whole",
    )  # fmt: skip

    def __init__(self, question: Question, request: AccessRequest, state: ConsentState, at: datetime) -> None:
        self.question = question
        self.request = request
        self.activity = request.activity
        self.state = state
        self.book: Rulebook = question.book
        self.at = at
        self.whole: list[Cite] = question.whole.copy()
        self.reasons: list[list[Cite]] = [asked.reasons.copy() for asked in question.asked]
        """By item, as asked."""
        self.bases: list[list[Cite]] = [asked.bases.copy() for asked in question.asked]
        self.failures: dict[int, tuple[Cite, ...]] = {}
        """By grant: the clauses that fail whatever the purpose and item."""
        self.told: dict[int, tuple[frozenset[str], tuple[Cite, ...]]] = {}
        """By grant: the purposes told with the recipient, and the clauses of what was told that fail whatever the purpose."""
        self.candidates: dict[tuple[str, str | None], tuple[list[Candidate], dict[str, Answer]]] = {}
        """By purpose and the recipient that must be named: the consents examined, and the answers they all gave."""
        self.served: dict[int, list[str]] = {}
        """By grant: the items that it served."""
        self.missed: dict[int, set[Cite]] = {}
        """By grant: the clauses that failed where it was needed and none served."""
        self.on_consent: set[str] = set()
        """Items of another that are open to the requester by the person's consent alone (ACC-5)."""
        self.ungrounded: set[str] = question.ungrounded

    def refuse(self, asked: Asked, reason: Cite) -> None:
        """One item is refused for this reason."""
        self.reasons[asked.place].append(reason)
