"""SENS: sensitive information (SV 8; APPI 20(2); IBR 53-10, 234(1)(xvii); APPI 27(2))."""

from __future__ import annotations

from typing import Final

from sekisho.domain.question import Question
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Cite

REASONS: Final[tuple[Cite, ...]] = ()
BASES: Final[tuple[Cite, ...]] = ()
OBLIGATIONS: Final[tuple[Cite, ...]] = ()


def ask(question: Question, request: AccessRequest) -> None:
    """Does not stand yet: the guard in `sekisho.domain.decision` refuses what it would judge."""
