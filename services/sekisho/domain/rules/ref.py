"""REF: personally referable information (APPI 31; SV 18)."""

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
