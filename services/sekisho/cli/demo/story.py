"""The day as data: scenes of steps, each a message to send and what is expected of the gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from sekisho.cli.demo.moving import moved
from sekisho.cli.documents import encode, read_documents
from sekisho.domain.book import Text

_DAY: Final = "day.yaml"
_EXPECTED: Final = frozenset(
    {
        "effect",
        "reasons",
        "consents",
        "near_misses",
        "obligations",
        "record",
        "exemption",
        "rejected",
        "duplicate",
    }
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the gate should answer; empty: nothing is said of it."""

    effect: str = ""
    reasons: tuple[str, ...] = ()
    """Codes that stand among the reasons."""
    consents: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    record: str = ""
    """The basis of the record that is left."""
    exemption: str = ""
    """Why no record is owed."""
    rejected: str = ""
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One message: an event (`type`), a request, or raw bytes that are neither."""

    say: Text | None
    type: str | None
    data: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    subject_id: str = ""
    misrouted: bool = False
    again: bool = False
    """The request before, sent once more as it was."""
    expected: Expected = Expected()


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps under a title."""

    title: Text
    steps: tuple[Step, ...]


def the_day(days: int) -> tuple[Scene, ...]:
    """The scenes, moved by `days` from the sample world's base day."""
    text = resources.files(__package__).joinpath(_DAY).read_bytes()
    (document,) = read_documents(_DAY, text)
    scenes = moved(document.value["scenes"], days)
    return tuple(
        Scene(Text(**scene["title"]), tuple(_step(each) for each in scene["steps"])) for scene in scenes
    )


def _step(found: Mapping[str, Any]) -> Step:
    say = Text(**found["say"]) if "say" in found else None
    common = {
        "misrouted": found.get("misrouted", False),
        "again": found.get("again", False),
        "expected": _expected(found.get("expect", {})),
    }
    if "raw" in found:
        return Step(say, None, raw=found["raw"].encode(), subject_id=found["subject"], **common)
    data = found.get("data", found.get("request", {}))
    subject_id = data.get("subject_id") or data.get("subject", {}).get("id", "")
    return Step(say, found.get("event"), data, subject_id=subject_id, **common)


def _expected(found: Mapping[str, Any]) -> Expected:
    unknown = set(found) - _EXPECTED
    if unknown:
        raise ValueError(f"{_DAY}: unknown expectation {sorted(unknown)}")
    values: dict[str, Any] = {}
    for name, each in found.items():
        values[name] = tuple(each) if isinstance(each, list) else each
    return Expected(**values)


def encoded(data: Mapping[str, Any]) -> bytes:
    """A message's data as JSON."""
    return encode(dict(data))
