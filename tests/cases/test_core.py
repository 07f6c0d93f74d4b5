"""Every case on the core, and that the cases together show every rule and every reason."""

from __future__ import annotations

import pytest

from cases.on_the_core import all_cases, answer, book
from sekisho.rulebook.cases import Case, compare, shift

MOVES = (1, 100, 466, -300)
"""Days by which the world is moved: 466 leads the base day to 1 March 2028, just past a leap day."""


def named(case: Case) -> str:
    """The name of a case's test."""
    return case.id


@pytest.mark.parametrize("case", all_cases(), ids=named)
def test_the_core_answers_as_the_case_expects(case: Case) -> None:
    """Effect, items, reasons, near misses, obligations, consents and record are exactly those that the case pins."""
    assert compare(case, *answer(case)) == []


@pytest.mark.parametrize("days", MOVES)
def test_a_moved_world_gets_the_same_answers(days: int) -> None:
    """Cases and rulebook moved by the same number of days agree as before, retention counted anew."""
    moved = [shift(case, days) for case in all_cases()]
    told = {case.id: compare(case, *answer(case, days)) for case in moved}
    assert {case_id: lines for case_id, lines in told.items() if lines} == {}


def test_a_gate_can_run_most_cases() -> None:
    """Most cases are decided on the base day at any hour, so that a gate can run them after one move of the world."""
    ready = [case for case in all_cases() if case.day.isoformat() == "2026-11-21" and case.at_any_hour]
    assert len(ready) > 0.9 * len(all_cases())


def test_the_rulebook_is_the_sample() -> None:
    """The cases are the sample rulebook's own: its version is the one of their world."""
    assert book().version == "2026.11.1"
