"""The sample rulebook's cases on the core alone, for the tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from sekisho.domain.book import Rulebook
from sekisho.domain.verdict import Verdict
from sekisho.rulebook import case_run, compile_sources, read_texts, sample_path, shift_days
from sekisho.rulebook.case_run import Read, read
from sekisho.rulebook.cases import Case, load_cases

__all__ = ["Read", "all_cases", "answer", "book", "read", "verdict", "well_formed"]


@cache
def all_cases() -> tuple[Case, ...]:
    """The sample rulebook's cases."""
    return tuple(load_cases(sample_path() / "cases"))


def well_formed() -> list[Case]:
    """The cases whose request follows the contract."""
    return [case for case in all_cases() if not case.malformed]


@cache
def book(days: int = 0) -> Rulebook:
    """The sample rulebook, its world moved by so many days."""
    texts = read_texts(sample_path())
    return compile_sources(shift_days(texts, days) if days else texts).book


def verdict(case: Case, days: int = 0) -> Verdict:
    """What the core says of a case, as the gate and `sekisho decide` ask it."""
    return case_run.verdict(case, book(days))


def answer(case: Case, days: int = 0) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The decision and the record as documents (contract.md)."""
    return case_run.answer(case, book(days))
