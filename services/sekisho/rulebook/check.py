"""What `sekisho rulebook check PATH` finds: problems with file and line, notes, and how much there is of what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sekisho.domain.rules import DECLARED
from sekisho.rulebook.compile import LoadedRulebook, compile_sources, read_texts
from sekisho.rulebook.compile_agreements import missing_particulars
from sekisho.rulebook.model import Sources
from sekisho.rulebook.problems import Problem, RulebookError
from sekisho.rulebook.sources import Places, validate

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
    """Check the rulebook in a folder. Exit codes: 0 valid, 1 problems found, 2 no such folder or not readable."""
    try:
        texts = read_texts(path)
    except OSError as error:
        return Report(str(path), USAGE, (Problem(str(path), 1, error.strerror or str(error)),))
    except RulebookError as error:
        return Report(str(path), FOUND_WRONG if path.is_dir() else USAGE, tuple(error.problems))
    try:
        loaded = compile_sources(texts)
    except RulebookError as error:
        return Report(str(path), FOUND_WRONG, tuple(error.problems))
    return Report(
        path=str(path),
        exit_code=DONE,
        notes=tuple(_notes(loaded.sources, validate(texts).places)),
        version=loaded.book.version,
        digest=loaded.book.digest,
        counts=_counts(loaded),
    )


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


def _notes(sources: Sources, places: Places) -> list[Problem]:
    """What a person would want to know although it is allowed: what stands but opens or serves nothing."""
    notes = []
    for name, notice in sources.joint_uses.items():
        lacking = missing_particulars(notice)
        if lacking:
            message = f"the joint-use notice {name} lacks {', '.join(lacking)}"
            notes.append(places.problem(("joint_uses", name), message, "it opens nothing (APPI 27(5)(iii))"))
    used = {purpose.business for purpose in sources.purposes.values()}
    for name in sorted(set(sources.businesses) - used):
        notes.append(places.problem(("businesses", name), f'the business "{name}" has no purpose'))
    standing = {cite.rule.split("-")[0] for cite in DECLARED}
    for rule in sorted(rule for rule in sources.rules if rule.split("-")[0] not in standing):
        notes.append(
            places.problem(("rules", rule), f"this release has no family for {rule}", "it decides nothing")
        )
    return sorted(notes)


def _counted(count: int, what: str) -> str:
    plural = {"moratorium": "moratoria", "agreement or notice": "agreements and notices"}
    return f"{count} {what if count == 1 else plural.get(what, what + 's')}"
