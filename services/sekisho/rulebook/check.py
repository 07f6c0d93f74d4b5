"""What `sekisho rulebook check PATH` finds: problems with file and line, notes, and how much there is of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sekisho.rulebook import (
    check_agreements,
    check_cases,
    check_grounds,
    check_notices,
    check_rules,
    check_texts,
    check_world,
)
from sekisho.rulebook.cases import Case, load_cases
from sekisho.rulebook.compile import NOT_SOURCES, LoadedRulebook, compile_sources, read_texts
from sekisho.rulebook.findings import Findings
from sekisho.rulebook.problems import Problem, RulebookError
from sekisho.rulebook.sources import read

DONE, FOUND_WRONG, USAGE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a check. Notes are worth knowing but nothing wrong; counts and digest stand if nothing is."""

    path: str
    exit_code: int
    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()
    version: str | None = None
    digest: str | None = None
    counts: Mapping[str, int] | None = None

    def text(self) -> str:
        """For a person: `file:line: problem (hint)` a line, then notes, then the summary."""
        lines = [str(problem) for problem in self.problems]
        lines += [f"note: {note}" for note in self.notes]
        if self.problems:
            lines.append(f"{self.path}: {_counted(len(self.problems), 'problem')}")
        else:
            counts = ", ".join(_counted(count, what) for what, count in (self.counts or {}).items())
            lines.append(f"{self.path}: rulebook {self.version} is valid")
            lines += [f"  {counts}", f"  {self.digest}"]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """For a program (`--json`)."""
        return {
            "path": self.path,
            "valid": not self.problems,
            "version": self.version,
            "digest": self.digest,
            "counts": dict(self.counts) if self.counts is not None else None,
            "problems": [problem._asdict() for problem in self.problems],
            "notes": [note._asdict() for note in self.notes],
        }


def check(path: Path) -> Report:
    """Check the rulebook in a folder, and its cases. Exit codes: 0 valid, 1 problems found, 2 no such folder or not readable."""
    try:
        texts = read_texts(path)
    except OSError as error:
        return Report(str(path), USAGE, (Problem(str(path), 1, error.strerror or str(error)),))
    except RulebookError as error:
        return Report(str(path), FOUND_WRONG if path.is_dir() else USAGE, tuple(error.problems))
    problems: list[Problem] = []
    loaded: LoadedRulebook | None = None
    try:
        loaded = compile_sources(texts)
    except RulebookError as error:
        problems += error.problems
    cases, wrong = _cases(path)
    findings = _examined(texts, cases)
    problems += [*wrong, *findings.problems] if findings is not None else wrong
    if problems or loaded is None or findings is None:
        return Report(str(path), FOUND_WRONG, tuple(sorted(set(problems))))
    return Report(
        path=str(path),
        exit_code=DONE,
        notes=tuple(sorted(set(findings.notes))),
        version=loaded.book.version,
        digest=loaded.book.digest,
        counts=_counts(loaded) | ({} if cases is None else {"case": len(cases)}),
    )


def _cases(path: Path) -> tuple[list[Case] | None, list[Problem]]:
    """The cases of a rulebook folder (None: it has none, or they cannot be read), and what is wrong with them."""
    folder = path / NOT_SOURCES
    if not folder.is_dir():
        return None, []
    try:
        return load_cases(folder), []
    except RulebookError as error:
        return None, [problem._replace(file=f"{NOT_SOURCES}/{problem.file}") for problem in error.problems]
    except OSError as error:
        return None, [Problem(NOT_SOURCES, 1, error.strerror or str(error))]


def _examined(texts: Mapping[str, str], cases: list[Case] | None) -> Findings | None:
    """What is found beyond what compiling refuses; None where too little can be read, or an entry had to be left out."""
    draft = read(texts)
    if draft.validated is None or draft.left_out:
        return None
    findings = Findings(draft.validated)
    for room in (check_world, check_agreements, check_notices, check_grounds, check_texts, check_rules):
        room.examine(findings)
    if cases is not None:
        check_cases.examine(findings, cases)
    return findings


def _counts(loaded: LoadedRulebook) -> dict[str, int]:
    book = loaded.book
    return {
        "item": len(book.items),
        "purpose": len(book.purposes),
        "organization": len(book.organizations),
        "operator": len(book.operators),
        "agreement or notice": len(book.agreements),
        "moratorium": len(book.moratoria),
        "rule": len(loaded.sources.rules),
        "reason": len(book.reasons),
    }


def _counted(count: int, what: str) -> str:
    plural = {"moratorium": "moratoria", "agreement or notice": "agreements and notices"}
    return f"{count} {what if count == 1 else plural.get(what, what + 's')}"
