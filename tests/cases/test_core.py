"""Every case on the core, and that the cases together show every rule and every reason."""

from __future__ import annotations

import pytest

from cases.on_the_core import all_cases, answer, book
from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.rulebook.cases import Case, compare, shift

RULES_IN_SCOPE = (
    *(f"REQ-{number}" for number in (1, 2, 3, 5, 6)),
    *(f"ACC-{number}" for number in range(1, 6)),
    *(f"SUSP-{number}" for number in range(1, 4)),
    *(f"WALL-{number}" for number in range(1, 16)),
    *(f"PURP-{number}" for number in (1, 4, 5, 7)),
    *(f"PROV-{number}" for number in range(1, 4)),
)
ONE_SIDED = {
    ("WALL-11", "deny"): "it only adds obligations",
    ("WALL-5", "deny"): "it only lifts the wall",
}
"""(rule, direction) that a rule does not have; see `test_every_rule_is_shown_in_each_direction`."""
OF_THE_GATE = {
    "consent.position_not_reached": "tests/gate",
    "consent.position_misrouted": "tests/gate",
    "consent.state_stale": "tests/gate",
    "request.misrouted": "tests/gate",
    "request.id_reused": "tests/gate",
    "subject.too_many_events": "tests/gate",
    "request.too_large": "tests/gate",
}
"""Reasons that only a gate can give (REQ-4), and the tests that pin them."""
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


@pytest.mark.parametrize("case", all_cases(), ids=named)
def test_the_rule_that_a_case_names_takes_part(case: Case) -> None:
    """A denying case is refused by its rule; an allowing one rests on it, or differs by it from the case it is set against."""
    if case.direction == "deny":
        assert case.rule in refused_by(case)
        return
    assert case.rule not in refused_by(case)
    others = {each.id: each for each in all_cases()}
    assert case.rule in carried_by(case) or (
        case.against is not None
        and case.rule in {*refused_by(others[case.against]), *carried_by(others[case.against])}
    )


@pytest.mark.parametrize("rule", RULES_IN_SCOPE)
def test_every_rule_is_shown_in_each_direction(rule: str) -> None:
    """Each rule in force refuses in one case and lets pass in another, but where it has one direction only."""
    shown = {case.direction for case in all_cases() if case.rule == rule}
    wanted = {direction for direction in ("allow", "deny") if (rule, direction) not in ONE_SIDED}
    assert wanted <= shown


def test_every_reason_stands_in_a_case() -> None:
    """No (code, rule) that a decision can carry is without a case, but those that only a gate can give."""
    shown = {reason for case in all_cases() for reason in case.expected.reasons}
    declared = {f"{cite.code} {cite.rule}" for cite in DECLARED if cite.code not in OF_THE_GATE}
    assert declared - shown == set()
    assert shown - declared == set()


def test_every_reason_of_the_gate_is_declared() -> None:
    """The list of what only a gate can say holds nothing that is not declared."""
    assert {cite.code for cite in DECLARED} >= OF_THE_GATE.keys()


def test_every_basis_and_obligation_stands_in_a_case() -> None:
    """Each basis code and each obligation is given in some case."""
    bases = {
        code
        for case in all_cases()
        for each in case.expected.items
        for item in each.values()
        for code in item.allow or ()
    }
    owed = {code for case in all_cases() for code in case.expected.obligations}
    assert bases == {cite.code for cite in BASES}
    assert owed == {f"{cite.code} {cite.rule}" for cite in OBLIGATIONS}


def test_a_gate_can_run_most_cases() -> None:
    """Most cases are decided on the base day at any hour, so that a gate can run them after one move of the world."""
    ready = [case for case in all_cases() if case.day.isoformat() == "2026-11-21" and case.at_any_hour]
    assert len(ready) > 0.9 * len(all_cases())


def refused_by(case: Case) -> set[str]:
    """The rules that the case expects among its reasons."""
    return {reason.rpartition(" ")[2] for reason in case.expected.reasons}


def carried_by(case: Case) -> set[str]:
    """The rules that an answer rests on: of its bases and obligations, and REQ-5 where a record is written."""
    codes = {code for each in case.expected.items for item in each.values() for code in item.allow or ()}
    rules = {cite.rule for cite in BASES if cite.code in codes}
    rules |= {code.rpartition(" ")[2] for code in case.expected.obligations}
    return rules | ({"REQ-5"} if case.record is not None else set())


def test_the_rulebook_is_the_sample() -> None:
    """The cases are the sample rulebook's own: its version is the one of their world."""
    assert book().version == "2026.11.1"
