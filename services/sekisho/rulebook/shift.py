"""Moving a rulebook's whole world in time: every day of the world by the same number of days, nothing else.

What moves is marked `WorldDay` in the models: agreements, notices, registrations, moratoria, reviews, operators' active
periods, ended purposes, dissolutions, joint research and the base day. What does not: days of the law (a rule's
`effective_from` and `effective_until`, amendments), ids and texts that happen to hold a year, and comments. Periods
(months, years) stay as long as they are; whole days are moved, so a world may span a leap day that it did not before.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from sekisho.rulebook.model_base import MovesWithTheWorld
from sekisho.rulebook.problems import Place, Problem, RulebookError
from sekisho.rulebook.sources import validate
from sekisho.rulebook.yamltree import Path

_SUFFIX: Final = re.compile(r"\+(-?\d+)d$")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_VERSION: Final = re.compile(r"\d{4}\.\d{1,2}\.\d+(\+-?\d+d)?")


def shift_days(texts: Mapping[str, str], days: int) -> dict[str, str]:
    """The texts of the same rulebook with its world moved by so many days (negative: back).

    The version says so (`2026.11.1+30d`), and the digest follows. Moving by a and then by b is moving by a + b.
    Raises RulebookError if the texts are no valid rulebook, OverflowError if a day leaves the calendar.
    """
    validated = validate(texts)
    edits: dict[Place, str] = {}
    for path, day in _world_days(validated.sources, ()):
        edits[validated.places.values[path]] = (day + datetime.timedelta(days=days)).isoformat()
    version_at = validated.places.values["rulebook", "version"]
    edits[version_at] = _moved_version(validated.sources.rulebook.version, days)
    return {file: _edited(text, file, edits) for file, text in texts.items()}


def days_from_base(texts: Mapping[str, str], day: datetime.date) -> int:
    """By how many days to move a rulebook so that its base day becomes the given day."""
    return (day - validate(texts).sources.rulebook.base_day).days


def _moved_version(version: str, days: int) -> str:
    already = _SUFFIX.search(version)
    total = days + (int(already[1]) if already else 0)
    plain = _SUFFIX.sub("", version)
    return f"{plain}+{total}d" if total else plain


def _world_days(value: Any, path: Path) -> Iterator[tuple[Path, datetime.date]]:
    """Every stated day of the world below a value, with its path in the sources."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner, step = getattr(value, name), (*path, field.alias or name)
            if isinstance(inner, datetime.date):
                if _moves(field.annotation, field.metadata):
                    yield step, inner
            else:
                yield from _world_days(inner, step)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _world_days(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _world_days(inner, (*path, index))


def _moves(annotation: Any, metadata: Iterable[Any]) -> bool:
    """Whether a field is a WorldDay, optional or not."""
    if any(isinstance(mark, MovesWithTheWorld) for mark in metadata):
        return True
    return any(
        _moves(get_args(argument)[0], argument.__metadata__)
        for argument in get_args(annotation)
        if get_origin(argument) is not None and hasattr(argument, "__metadata__")
    )


def _edited(text: str, file: str, edits: Mapping[Place, str]) -> str:
    """The text with each scalar that stands at an edit's place replaced; everything else stays byte for byte."""
    lines = text.splitlines(keepends=True)
    for place, new in sorted(edits.items(), reverse=True):
        if place.file == file:
            line, start = lines[place.line - 1], place.column - 1
            pattern = _DAY if _DAY.fullmatch(new) else _VERSION
            moved, found = pattern.subn(new, line[start:], count=1)
            if not found:
                raise RulebookError(
                    [Problem(file, place.line, "a day that cannot be moved", "write it on one line")]
                )
            lines[place.line - 1] = line[:start] + moved
    return "".join(lines)
