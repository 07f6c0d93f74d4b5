"""The files of a `cases` folder read one by one, and what cases start from and cite put together from all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sekisho.rulebook.case_model import CaseFile, CaseSource, CitedSentence, EventPatch, Expected, Patch
from sekisho.rulebook.problems import Place, Problem, nearest
from sekisho.rulebook.yamltree import Path as YamlPath
from sekisho.rulebook.yamltree import Tree, parse

NAMED: Final = ("sources", "requests", "events", "records")
"""The sections whose names are one name space over all files."""
_KNOWN: Final = tuple(
    sorted({name for model in (CaseFile, CaseSource, Expected, EventPatch) for name in model.model_fields})
)


@dataclass(frozen=True)
class ReadFile:
    """One file that could be read, and where what stands in it."""

    name: str
    content: CaseFile
    tree: Tree

    def line(self, path: YamlPath) -> int:
        """The line of a path, or of the nearest thing around it."""
        return _line(self.tree, path)


@dataclass
class Templates:
    """What all files together name: documents to start from, and sentences to cite."""

    sources: dict[str, CitedSentence] = field(default_factory=dict)
    requests: dict[str, Patch] = field(default_factory=dict)
    events: dict[str, EventPatch] = field(default_factory=dict)
    records: dict[str, Patch] = field(default_factory=dict)
    _first: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, file: ReadFile) -> Iterator[Problem]:
        """Add what a file names. A name that stands already is a problem that tells both places."""
        for section in NAMED:
            for name, named in getattr(file.content, section).items():
                line = file.line((section, name))
                first = self._first.setdefault((section, name), f"{file.name}:{line}")
                if first != f"{file.name}:{line}":
                    yield Problem(file.name, line, f"{section}.{name} stands twice", f"first in {first}")
                    continue
                getattr(self, section)[name] = named


def read_files(folder: Path) -> tuple[list[ReadFile], list[Problem]]:
    """Every file of a folder (by name) that follows the model, and what is wrong with the others. Raises OSError."""
    read: list[ReadFile] = []
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            problems.append(Problem(path.name, 1, f"not UTF-8: {error.reason} at byte {error.start}"))
            continue
        found = _read(path.name, text, problems)
        read += [found] if found is not None else []
    return read, problems


def _read(file: str, text: str, problems: list[Problem]) -> ReadFile | None:
    tree = parse(file, text)
    problems += tree.problems
    if tree.problems:
        return None
    try:
        content = CaseFile.model_validate_json(json.dumps(tree.data))
    except ValidationError as error:
        problems += [_problem(file, tree, detail) for detail in error.errors(include_url=False)]
        return None
    return ReadFile(file, content, tree)


def _problem(file: str, tree: Tree, detail: ErrorDetails) -> Problem:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    known = _KNOWN if detail["type"] == "extra_forbidden" else ()
    where = ".".join(str(step) for step in path)
    return Problem(
        file, _line(tree, path), f"{where}: {detail['msg']}", nearest(str(path[-1]), known) if known else ""
    )


def _line(tree: Tree, path: YamlPath) -> int:
    for length in range(len(path), 0, -1):
        place: Place | None = tree.keys.get(path[:length]) or tree.values.get(path[:length])
        if place is not None:
            return place.line
    return 1
