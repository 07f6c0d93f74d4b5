"""What `sekisho rulebook test PATH` tells: every case of a rulebook folder run on the core, counted by rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sekisho.rulebook.case_run import Result, run
from sekisho.rulebook.cases import Case, load_cases
from sekisho.rulebook.compile import NOT_SOURCES, load
from sekisho.rulebook.families import family_of, in_order
from sekisho.rulebook.problems import nearest


class NoCasesError(Exception):
    """There is nothing to run; the text says what is missing, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Tally:
    """One rule's cases: how many show it in each direction, and how they went."""

    rule: str
    allow: int
    deny: int
    passed: int
    failed: int


@dataclass(frozen=True)
class TestReport:
    """How the cases went; `place` of a failure is `cases/file:line` in the rulebook's folder."""

    __test__ = False  # pytest would take it for a test

    path: str
    version: str
    digest: str
    results: tuple[Result, ...]
    tallies: tuple[Tally, ...]

    @property
    def failures(self) -> list[Result]:
        """The cases that were answered otherwise than they expect."""
        return [result for result in self.results if not result.passed]

    def as_dict(self) -> dict[str, Any]:
        """For a program (`--json`)."""
        return {
            "path": self.path,
            "version": self.version,
            "digest": self.digest,
            "cases": len(self.results),
            "passed": len(self.results) - len(self.failures),
            "failed": len(self.failures),
            "rules": [
                {
                    "rule": each.rule,
                    "allow": each.allow,
                    "deny": each.deny,
                    "passed": each.passed,
                    "failed": each.failed,
                }
                for each in self.tallies
            ],
            "failures": [failure(each) for each in self.failures],
        }


def failure(result: Result) -> dict[str, Any]:
    """A failed case as plain data."""
    case = result.case
    file, _, line = case.place.rpartition(":")
    return {
        "case": case.id,
        "rule": case.rule,
        "direction": case.direction,
        "title": {"ja": case.title.ja, "en": case.title.en},
        "file": f"{NOT_SOURCES}/{file}",
        "line": int(line),
        "differences": list(result.differences),
    }


def run_cases(path: Path, only: Sequence[str] = ()) -> TestReport:
    """Run the cases of the rulebook in a folder: all, or those of rules, families or ids named in `only`.

    Raises NoCasesError where there are none, RulebookError for what is wrong with rulebook or cases, OSError.
    """
    folder = path / NOT_SOURCES
    if not folder.is_dir():
        raise NoCasesError(
            f"{path}: no cases: there is no folder {folder}",
            "Write cases into it (deploy/rulebook/cases/README.md says how), or copy and adapt the sample's.",
        )
    loaded = load(path)
    cases = load_cases(folder)
    if not cases:
        raise NoCasesError(
            f"{folder}: no case in it",
            "A file of cases has a section `cases:` (deploy/rulebook/cases/README.md).",
        )
    rules = in_order([*loaded.sources.rules, *(case.rule for case in cases)])
    chosen = _chosen(cases, rules, only)
    results = run(chosen, loaded.book)
    shown = rules if not only else in_order({case.rule for case in chosen} | ({*only} & {*rules}))
    return TestReport(
        str(path), loaded.book.version, loaded.book.digest, tuple(results), tuple(_tallies(results, shown))
    )


def _chosen(cases: Sequence[Case], rules: Sequence[str], only: Sequence[str]) -> list[Case]:
    known = {*rules, *(family_of(rule) for rule in rules), *(case.id for case in cases)}
    for name in only:
        if name not in known:
            raise NoCasesError(f'no rule, family or case is called "{name}"', unknown(name, known))
    if not only:
        return list(cases)
    return [case for case in cases if not {case.id, case.rule, family_of(case.rule)}.isdisjoint(only)]


def unknown(name: str, known: Iterable[str]) -> str:
    """What to do about a name that nothing bears."""
    near = nearest(name, known) or nearest(name.upper(), known)
    return near[:1].upper() + near[1:] if near else "Name a rule (WALL-8), a family (WALL) or a case."


def _tallies(results: Iterable[Result], rules: Iterable[str]) -> Iterable[Tally]:
    results = list(results)
    for rule in rules:
        own = [result for result in results if result.case.rule == rule]
        denying = sum(result.case.direction == "deny" for result in own)
        passed = sum(result.passed for result in own)
        yield Tally(rule, len(own) - denying, denying, passed, len(own) - passed)
