"""The rulebook's cases: request and consent events → the whole answer, pinned (deploy/rulebook/cases/README.md).

A case runs on the core, through `sekisho decide` and through a gate on a real log; `expand` gives the document that each
of them takes, `shift` moves a case in time together with the sample world, `compare` tells what is different.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.retention import retention
from sekisho.domain.vocabulary import Effect
from sekisho.rulebook.case_compare import differences
from sekisho.rulebook.case_files import ReadFile, Templates, read_files
from sekisho.rulebook.case_model import (
    CaseSource,
    CitedSentence,
    EventPatch,
    Expected,
    Patch,
    Undecided,
)
from sekisho.rulebook.model_base import Bilingual
from sekisho.rulebook.problems import Problem, RulebookError, nearest

Json = dict[str, Any]

USUAL_TIME: Final = "2026-11-21T10:00:00+09:00"
"""When a case is decided that does not say: on the sample world's base day."""
_IDS: Final = UUID("a4c9b4f0-2f0e-5a57-8a0e-0f6f4f1c5e01")
_TYPE_PREFIX: Final = "sekisho."
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}))")


@dataclass(frozen=True)
class Case:
    """One case, complete: nothing is left to templates. `at` is as written; `record` is the record expected, or None."""

    id: str
    rule: str
    direction: Effect
    title: Bilingual
    source: CitedSentence
    against: str | None
    malformed: bool
    """The request does not follow the contract (REQ-2): it cannot be read into the core's types."""
    at: str
    events: tuple[Json, ...]
    request: Json
    expected: Expected
    record: Json | None
    place: str
    """file:line."""

    @property
    def day(self) -> date:
        """The Asia/Tokyo day of the decision."""
        return tokyo_day(datetime.fromisoformat(self.at))

    @property
    def at_any_hour(self) -> bool:
        """Whether no event, and no time that the request tells, lies on the day of the decision: then its hour does not
        matter."""
        told = {name: value for name, value in self.request.items() if name != "requested_at"}
        instants = (
            instant
            for each in (told, *(event["data"] for event in self.events))
            for instant in _instants(each)
        )
        return all(tokyo_day(instant) != self.day for instant in instants)


def load_cases(folder: Path) -> list[Case]:
    """Every case of a folder, by file and place. Raises RulebookError (file, line), OSError."""
    read, problems = read_files(folder)
    templates = Templates()
    for file in read:
        problems += templates.add(file)
    cases: list[Case] = []
    for file in read:
        cases += _of_file(file, templates, problems)
    problems += _among_each_other(cases)
    if problems:
        raise RulebookError(problems)
    return cases


def load_undecided(folder: Path) -> list[Undecided]:
    """The places in the sources that a folder's files say no request is decided by. Raises RulebookError, OSError."""
    read, problems = read_files(folder)
    if problems:
        raise RulebookError(problems)
    return [each for file in read for each in file.content.undecided]


def expand(case: Case) -> Json:
    """The document that `sekisho decide` takes: `{at, events, request}`."""
    return deepcopy({"at": case.at, "events": list(case.events), "request": case.request})


def shift(case: Case, days: int) -> Case:
    """The same case that many days later, as in a rulebook whose world is moved as far (`shift_days`).

    Every day and time of events, request and expectations moves; the end of retention is counted anew, for years are
    not equally long.
    """
    by = timedelta(days=days)
    return replace(
        case,
        at=_moved(case.at, by),
        events=tuple(_moved(event, by) for event in case.events),
        request=_moved(case.request, by),
        record=None if case.record is None else _moved_record(case.record, by),
    )


def compare(case: Case, decision: Mapping[str, Any], record: Mapping[str, Any] | None) -> list[str]:
    """What of a decision document, and of the record document that it left, is not as the case expects; readable lines."""
    return differences(case.expected, case.record, decision, record)


def _of_file(file: ReadFile, templates: Templates, problems: list[Problem]) -> Iterator[Case]:
    for index, source in enumerate(file.content.cases):
        line = file.line(("cases", index, "id"))
        try:
            yield _case(source, templates, f"{file.name}:{line}")
        except _CaseError as error:
            problems.append(Problem(file.name, line, f"{source.id}: {error}", error.hint))


class _CaseError(Exception):
    """A case that cannot be put together; the text says why, `hint` what was meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _case(source: CaseSource, templates: Templates, place: str) -> Case:
    if source.source not in templates.sources:
        raise _CaseError(
            f'no source "{source.source}" in any file', nearest(source.source, templates.sources)
        )
    at = source.at or USUAL_TIME
    subject = f"C-{source.id}"
    request: Json = {
        "request_id": str(uuid5(_IDS, source.id)),
        "requested_at": at,
        "subject": {"id": subject, "kind": "individual"},
    }
    _merge(request, _patched(source.request, templates.requests, "request"))
    record = None
    if source.expect.record is not None:
        record = _patched(source.expect.record, templates.records, "record")
    return Case(
        source.id, source.rule, source.direction, source.title, templates.sources[source.source], source.against,
        source.malformed, at, tuple(_events(source, templates, subject)), request, source.expect, record, place,
    )  # fmt: skip


def _events(source: CaseSource, templates: Templates, subject: str) -> Iterator[Json]:
    for index, patch in enumerate(source.events):
        kind = patch.type
        base: EventPatch | None = patch
        while kind is None and base is not None and base.base is not None:
            base = templates.events.get(base.base)
            kind = base.type if base is not None else None
        if kind is None:
            raise _CaseError(f"event {index + 1} has no type, or no such base")
        data: Json = {"event_id": str(uuid5(_IDS, f"{source.id}#{index}")), "subject_id": subject}
        _merge(data, _patched(patch, templates.events, "event"))
        yield {"type": kind if kind.startswith(_TYPE_PREFIX) else _TYPE_PREFIX + kind, "data": data}


def _patched(patch: Patch, templates: Mapping[str, Patch], what: str, depth: int = 0) -> Json:
    document: Json = {}
    if patch.base is not None:
        base = templates.get(patch.base)
        if base is None or depth > len(templates):
            raise _CaseError(f'no {what} "{patch.base}" in any file', nearest(patch.base, templates))
        document = _patched(base, templates, what, depth + 1)
    _merge(document, deepcopy(patch.set))
    for path in patch.remove:
        _remove(document, path)
    return document


def _merge(into: Json, other: Mapping[str, Any]) -> None:
    """Objects are merged field by field; anything else, null and lists too, replaces what was there."""
    for name, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _remove(document: Json, path: str) -> None:
    *inside, last = path.split(".")
    found: Any = document
    for step in inside:
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, dict) or last not in found:
        raise _CaseError(f'nothing at "{path}" to remove')
    del found[last]


def _among_each_other(cases: list[Case]) -> Iterator[Problem]:
    known: dict[str, Case] = {}
    for case in cases:
        if case.id in known:
            yield _problem(case, f"{case.id} stands twice (first in {known[case.id].place})")
        known.setdefault(case.id, case)
    for case in cases:
        other = known.get(case.against or "")
        if case.against is not None and (other is None or other is case):
            yield _problem(case, f"{case.id}: against names no other case: {case.against}")


def _problem(case: Case, message: str) -> Problem:
    file, _, line = case.place.rpartition(":")
    return Problem(file, int(line), message)


def _instants(value: Any) -> Iterator[datetime]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _instants(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _instants(inner)
    elif isinstance(value, str) and _TIME.fullmatch(value):
        yield datetime.fromisoformat(value)


def _moved(value: Any, by: timedelta) -> Any:
    """A document with every day and time in it moved; a text that only holds a day somewhere stays."""
    if isinstance(value, dict):
        return {name: _moved(inner, by) for name, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, by) for inner in value]
    if not isinstance(value, str):
        return value
    if _DAY.fullmatch(value):
        return (date.fromisoformat(value) + by).isoformat()
    time = _TIME.fullmatch(value)
    return value if time is None else (date.fromisoformat(time[1]) + by).isoformat() + time[2]


def _moved_record(record: Json, by: timedelta) -> Json:
    moved: Json = _moved(record, by)
    if moved["retain_until"] is not None:
        last = moved.get("last_provision")
        kept = retention(
            moved["method"],
            date.fromisoformat(moved["provided_on"]),
            None if last is None else date.fromisoformat(last),
        )
        moved["retain_until"] = None if kept.until is None else kept.until.isoformat()
    return moved
