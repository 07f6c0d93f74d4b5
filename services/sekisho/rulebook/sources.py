"""Source texts → validated sources with places: parse, put the sections together, validate, tell what is wrong."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sekisho.rulebook.model import Sources
from sekisho.rulebook.problems import Place, Problem, RulebookError, nearest
from sekisho.rulebook.yamltree import Data, Path, Tree, parse

_NOWHERE = Place("rulebook.yaml", 1, 1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where keys and values of the merged sources stand; a path is the keys and indexes that lead to them."""

    keys: Mapping[Path, Place]
    values: Mapping[Path, Place]

    def of(self, path: Path) -> Place:
        """The place of a path, or of the nearest thing around it that stands somewhere."""
        for length in range(len(path), 0, -1):
            place = self.keys.get(path[:length]) or self.values.get(path[:length])
            if place is not None:
                return place
        return _NOWHERE

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """A problem at that path."""
        place = self.of(path)
        return Problem(place.file, place.line, message, hint)


@dataclass(frozen=True, slots=True)
class Validated:
    """Sources that follow the models; references between them are not judged yet (`resolve`)."""

    sources: Sources
    places: Places


@dataclass(frozen=True, slots=True)
class Draft:
    """What could be read of a rulebook, so that one slip does not hide the others.

    `validated` is None where too little is left to look further. `left_out` names the entries, as (section, key), that
    have problems of their own and were left out: a reference to one of them is no further problem.
    """

    validated: Validated | None
    problems: tuple[Problem, ...]
    left_out: frozenset[tuple[str, str]] = frozenset()


def validate(texts: Mapping[str, str]) -> Validated:
    """Validate the texts of a rulebook, by relative path. Raises RulebookError with every problem found."""
    draft = read(texts)
    if draft.validated is None or draft.problems:
        raise RulebookError(draft.problems)
    return draft.validated


def read(texts: Mapping[str, str]) -> Draft:
    """Read as much of a rulebook as follows the models, with everything that does not."""
    problems: list[Problem] = []
    merged = _Merged()
    unreadable = False
    for file in sorted(texts):
        tree = parse(file, texts[file])
        unreadable |= not tree.data
        problems += tree.problems
        problems += merged.add(tree)
    places = Places(merged.keys, merged.values)
    if not texts:
        return Draft(None, (Problem(".", 1, "no rulebook file (*.yaml) here"),))
    try:
        whole = Validated(_model(merged.data), places)
        return Draft(None if unreadable else whole, tuple(problems))
    except ValidationError as error:
        details = error.errors(include_url=False)
    if unreadable:
        details = [detail for detail in details if len(detail["loc"]) > 1]
    problems += [_problem(detail, places) for detail in details if not _follows_from_another(detail, details)]
    if unreadable:  # what is missing now most likely stands in the file that could not be read
        return Draft(None, tuple(problems))
    return _without_faulty(merged.data, details, places, tuple(problems))


def _model(data: Mapping[str, Data]) -> Sources:
    return Sources.model_validate_json(json.dumps(data))


def _without_faulty(
    data: Mapping[str, Data], details: Iterable[ErrorDetails], places: Places, problems: tuple[Problem, ...]
) -> Draft:
    """Leave out each faulty entry and look whether the rest follows the models."""
    faulty = {(str(detail["loc"][0]), str(detail["loc"][1])) for detail in details if len(detail["loc"]) > 1}
    unknown = {str(detail["loc"][0]) for detail in details if detail["type"] == "extra_forbidden"}
    rest = {
        section: {key: value for key, value in content.items() if (section, key) not in faulty}
        if isinstance(content, dict)
        else content
        for section, content in data.items()
        if section in Sources.model_fields or section not in unknown
    }
    try:
        validated = Validated(_model(rest), places)
    except ValidationError:  # a fault of a section itself: its problems are told already
        return Draft(None, problems)
    return Draft(validated, problems, frozenset(faulty))


class _Merged:
    """The sections of all files together: a section may be spread over files, an entry may not."""

    def __init__(self) -> None:
        self.data: dict[str, Data] = {}
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}

    def add(self, tree: Tree) -> Iterable[Problem]:
        for section, content in tree.data.items():
            present = self.data.get(section)
            if section not in self.data:
                self.data[section] = dict(content) if isinstance(content, dict) else content
            elif isinstance(present, dict) and isinstance(content, dict):
                yield from self._spread(section, present, content, tree)
            else:
                yield self._twice((section,), tree)
        for path, place in tree.keys.items():
            self.keys.setdefault(path, place)
        for path, place in tree.values.items():
            self.values.setdefault(path, place)

    def _spread(
        self, section: str, present: dict[str, Data], content: dict[str, Data], tree: Tree
    ) -> Iterable[Problem]:
        for key, value in content.items():
            if key in present:
                yield self._twice((section, key), tree)
            else:
                present[key] = value

    def _twice(self, path: Path, tree: Tree) -> Problem:
        first, second = self.keys[path], tree.keys[path]
        return Problem(
            second.file, second.line, f"{_name(path)} stands twice", f"first in {first.file}:{first.line}"
        )


def _name(path: Path) -> str:
    return ".".join(str(step) for step in path)


def _follows_from_another(detail: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """Whether a list is found too short only because its elements have problems of their own."""
    loc = detail["loc"]
    return detail["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in details
    )


def _problem(detail: ErrorDetails, places: Places) -> Problem:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    return places.problem(path, *_wording(detail, path))


def _wording(detail: ErrorDetails, path: Path) -> tuple[str, str]:
    """The message and the hint for one finding of pydantic."""
    last = str(path[-1]) if path else ""
    where = f"{_name(path[:-1])}: " if len(path) > 1 else ""
    if detail["type"] == "extra_forbidden":
        return f'{where}unknown key "{last}"', nearest(last, _keys_at(path[:-1]))
    if detail["type"] == "missing":
        return f'{where}"{last}" is missing', ""
    if detail["type"] in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
        shown = detail["input"]
        return f'{_name(path)}: "{shown}" is not known here', nearest(
            str(shown), known
        ) or f"one of {', '.join(known)}"
    if detail["type"] == "string_pattern_mismatch":
        return f'{_name(path)}: "{detail["input"]}" is not written as such an id is', detail["msg"]
    return f"{_name(path)}: {detail['msg']}", ""


def _keys_at(path: Path) -> Iterable[str]:
    """The keys that the model at a path knows."""
    annotation: Any = Sources
    for step in path:
        annotation = _inside(annotation, step)
    model = _plain(annotation)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return [field.alias or name for name, field in model.model_fields.items()]
    return ()


def _inside(annotation: Any, step: str | int) -> Any:
    kind = _plain(annotation)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step == (field.alias or name):
                return field.annotation
        return None
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    return arguments[0] if get_origin(kind) is tuple else None


def _plain(annotation: Any) -> Any:
    """An annotation without Annotated and without the None of an optional."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        stated = [argument for argument in get_args(annotation) if argument is not type(None)]
        return _plain(stated[0]) if len(stated) == 1 else annotation
    return annotation
