"""The cases beside a rulebook: those that name what it does not have, and what of it no case shows."""

from __future__ import annotations

from collections.abc import Sequence

from sekisho.rulebook.cases import Case
from sekisho.rulebook.compile import NOT_SOURCES
from sekisho.rulebook.coverage import (
    answered_codes,
    codes,
    codes_named,
    directions,
    directions_shown,
    is_shown,
    takes_part,
)
from sekisho.rulebook.findings import Findings
from sekisho.rulebook.problems import Problem, nearest


def examine(findings: Findings, cases: Sequence[Case]) -> None:
    """Look at the cases of a rulebook's folder."""
    rules = findings.sources.rules
    known = {code for rule in rules.values() for code in (*rule.reasons, *rule.bases, *rule.obligations)}
    for case in cases:
        if case.rule not in rules:
            findings.problems.append(
                _at(case, f'"{case.rule}" is no rule of this rulebook', nearest(case.rule, rules))
            )
        for code in sorted(codes_named(case) - known):
            findings.problems.append(_at(case, f'"{code}" is no code of this rulebook', nearest(code, known)))
    by_id = {case.id: case for case in cases}
    for case in cases:
        if case.rule in rules and not takes_part(case, by_id, rules):
            hint = "name the rule that does, or the case that differs by it (against)"
            findings.notes.append(_at(case, f"{case.rule} does not decide this case", hint))
    _unshown(findings, cases)


def _unshown(findings: Findings, cases: Sequence[Case]) -> None:
    rules = findings.sources.rules
    shown, answers = directions_shown(cases), answered_codes(cases)
    cased = {case.rule for case in cases}
    for wanted in directions(rules):
        if wanted.rule not in cased:
            if wanted.direction == "allow":
                findings.note(
                    ("rules", wanted.rule),
                    f"{wanted.rule} has no case",
                    "cases/README.md says how to write one",
                )
        elif wanted not in shown:
            said = "lets pass" if wanted.direction == "allow" else "refuses"
            findings.note(("rules", wanted.rule), f"no case shows what {wanted.rule} {said}")
    for coded in codes(rules):
        if coded.rule in cased and not is_shown(coded, answers):
            part = {"reason": "reasons", "basis": "bases", "obligation": "obligations"}[coded.what]
            findings.note(
                ("rules", coded.rule, part, coded.code),
                f"no case shows the {coded.what} {coded.code} of {coded.rule}",
            )


def _at(case: Case, message: str, hint: str) -> Problem:
    file, _, line = case.place.rpartition(":")
    return Problem(f"{NOT_SOURCES}/{file}", int(line), f"{case.id}: {message}", hint)
