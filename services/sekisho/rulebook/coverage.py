"""What the cases of a rulebook must show, and what of it they do not: every rule in each direction, every code.

`sekisho rulebook check` notes what is missing; the tests of the sample rulebook fail for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sekisho.domain.vocabulary import Effect
from sekisho.rulebook.cases import Case
from sekisho.rulebook.families import in_order
from sekisho.rulebook.model_rules import Rule

OF_THE_GATE: Final = frozenset({"REQ-4"})
"""Rules that only a gate on a log can decide by: no case can show them (tests/gate does)."""
WITHOUT_CASES: Final = {
    **dict.fromkeys(OF_THE_GATE, "a gate alone decides by it"),
    "SUSP-4": "it decides no request: what is kept stays",
}
"""Rules that no case can show, and why."""
RECORDS: Final = "REQ-5"
"""The rule by which an allowed provision or receipt leaves its record."""


class Direction(NamedTuple):
    """A rule in one direction."""

    rule: str
    direction: Effect


class Coded(NamedTuple):
    """A code as a rule has it; `what` is reason, basis or obligation."""

    what: str
    code: str
    rule: str


def directions(rules: Mapping[str, Rule]) -> list[Direction]:
    """What must be shown of the rules: that each lets pass, and, where it has reasons, that it refuses."""
    wanted = []
    for rule in in_order(rules):
        if rule in WITHOUT_CASES:
            continue
        wanted.append(Direction(rule, "allow"))
        if rules[rule].reasons:
            wanted.append(Direction(rule, "deny"))
    return wanted


def directions_shown(cases: Iterable[Case]) -> set[Direction]:
    """The rules that cases are there for, by direction."""
    return {Direction(case.rule, case.direction) for case in cases}


def codes(rules: Mapping[str, Rule]) -> list[Coded]:
    """Every code that a case can show: with its rule for reasons and obligations."""
    wanted = []
    for rule in in_order(rules):
        if rule in OF_THE_GATE:
            continue
        wanted += [Coded("reason", code, rule) for code in rules[rule].reasons]
        wanted += [Coded("basis", code, rule) for code in rules[rule].bases]
        wanted += [Coded("obligation", code, rule) for code in rules[rule].obligations]
    return wanted


def is_shown(coded: Coded, answers: set[str]) -> bool:
    """Whether a code stands among the cases' answers (`answered_codes`): a basis is told without its rule."""
    return (coded.code if coded.what == "basis" else f"{coded.code} {coded.rule}") in answers


def answered_codes(cases: Iterable[Case]) -> set[str]:
    """`code RULE` of every reason and obligation, the code of every basis, record basis and exemption, in any answer."""
    found: set[str] = set()
    for case in cases:
        expected = case.expected
        found |= {*expected.reasons, *expected.obligations}
        found |= {code for each in expected.items for item in each.values() for code in item.allow or ()}
        if case.record is not None:
            found.add(str(case.record.get("basis")))
        if expected.record_exemption is not None:
            found.add(expected.record_exemption)
    return found


def codes_named(case: Case) -> set[str]:
    """Every code that a case's expectation names, whatever it stands for."""
    expected = case.expected
    named = {each.partition(" ")[0] for each in (*expected.reasons, *expected.obligations)}
    named |= {
        code
        for each in expected.items
        for item in each.values()
        for code in (*(item.allow or ()), *(item.deny or ()))
    }
    return named | {clause for each in expected.near_misses for failed in each.values() for clause in failed}


def refused_by(case: Case) -> set[str]:
    """The rules that a case expects among its reasons."""
    return {reason.rpartition(" ")[2] for reason in case.expected.reasons}


def carried_by(case: Case, rules: Mapping[str, Rule]) -> set[str]:
    """The rules that an answer rests on: of its bases and obligations, and REQ-5 where a record is written."""
    codes = {code for each in case.expected.items for item in each.values() for code in item.allow or ()}
    found = {rule for rule, stated in rules.items() if codes & stated.bases.keys()}
    found |= {code.rpartition(" ")[2] for code in case.expected.obligations}
    return found | ({RECORDS} if case.record is not None else set())


def takes_part(case: Case, by_id: Mapping[str, Case], rules: Mapping[str, Rule]) -> bool:
    """Whether the rule that a case is there for decides it.

    A denying case is refused by its rule; an allowing one rests on it, or differs by it from the case that it is set
    against. A rule that has no code of its own decides where the answer differs from that case's.
    """
    stated = rules.get(case.rule)
    against = None if case.against is None else by_id[case.against]
    if stated is not None and not (stated.reasons or stated.bases or stated.obligations):
        return against is not None and against.expected != case.expected
    refused = refused_by(case)
    if case.direction == "deny":
        return case.rule in refused
    if case.rule in refused:
        return False
    return case.rule in carried_by(case, rules) or (
        against is not None and case.rule in refused_by(against) | carried_by(against, rules)
    )
