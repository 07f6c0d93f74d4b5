"""What a compiled rulebook says apart from its words, as plain data, and what of it two rulebooks have otherwise.

The compiled form is compared, not the files: `customer.*` and its items written out mean the same, and an item added to
the catalogue is seen in every agreement that covers it. Words (texts, citations) are compared by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from typing import Any, Final, Literal

from sekisho.domain.book import Reason, Rulebook, Text
from sekisho.rulebook.model import Sources

Facts = dict[str, dict[str, Any]]
"""Section → entry → what it says."""

_NO_FACT: Final = frozenset(
    {
        "version",
        "digest",
        "record_statement",
        "record_statements",
        "bases",
        "obligations",
        "switched_off",
        "spans",
        "reasons",
    }
)
"""Names, words, and what is told in a way of its own."""
_INDEXES: Final = frozenset({"entrustments", "successions", "joint_uses", "opt_outs", "equivalent_systems"})
"""The agreements again, by those who look for them."""
_NAMES: Final = {
    "specified": "specified_purposes",
    "related": "related_purposes",
    "presumed": "presumed_consents",
    "ended": "ended_purposes",
    "masked": "display",
}
"""Fields whose section of a rulebook is called otherwise."""
_WORDS: Final = frozenset({"ja", "en", "citation", "otherwise"})
_ALWAYS: Final = "always"


@dataclass(frozen=True)
class Change:
    """An entry that one rulebook has and the other has not, or has otherwise; `details` say how."""

    section: str
    entry: str
    how: Literal["added", "removed", "changed"]
    details: tuple[str, ...] = ()


def facts(book: Rulebook) -> Facts:
    """Everything that a decision can depend on, by section and entry."""
    found: Facts = {}
    for field in fields(book):
        if field.name in _NO_FACT | _INDEXES:
            continue
        found[_NAMES.get(field.name, field.name)] = _section(getattr(book, field.name))
    found["rules"] = {
        rule: {} for rule in {rule for _, rule in (*book.reasons, *book.bases, *book.obligations)}
    }
    found["switched_off"] = {f"{rule} for {organization}": {} for rule, organization in book.switched_off}
    for rule, span in book.spans.items():
        found["rules"].setdefault(rule, {})["in_force"] = [each and each.isoformat() for each in span]
    found["bases"] = {f"{code} {rule}": {} for code, rule in book.bases}
    found["obligations"] = {f"{code} {rule}": {} for code, rule in book.obligations}
    found["reasons"] = {
        f"{code} {rule}": {name or "others": _weight(said) for name, said in by_organization.items()}
        for (code, rule), by_organization in book.reasons.items()
    }
    return found


def changes(before: Rulebook, after: Rulebook) -> list[Change]:
    """What the second says otherwise than the first, by section and entry."""
    old, new = facts(before), facts(after)
    shared = {"others", *before.organizations} & {"others", *after.organizations}
    for told in (old, new):  # an organization that is new is told once, not at every reason
        told["reasons"] = {
            code: {name: said for name, said in by_organization.items() if name in shared}
            for code, by_organization in told["reasons"].items()
        }
    found: list[Change] = []
    for section in sorted({*old, *new}):
        found += _changed(section, old.get(section, {}), new.get(section, {}))
    return found


def words(before: Sources, after: Sources) -> list[tuple[str, str | None, str | None]]:
    """The texts and citations that differ: (where, before, after); where one rulebook has no such entry, None."""
    old, new = dict(_words(_dumped(before), "")), dict(_words(_dumped(after), ""))
    return [
        (path, old.get(path), new.get(path))
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    ]


def _dumped(sources: Sources) -> Any:
    return sources.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _words(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}" if path else str(name)
            if name in _WORDS and isinstance(inner, str):
                yield below, inner
            else:
                yield from _words(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            step = inner.get("binds", index) if isinstance(inner, dict) else index
            yield from _words(inner, f"{path}[{step}]")


def _weight(said: Reason) -> str:
    return f"{said.kind}, {said.severity}"


def _section(value: Any) -> dict[str, Any]:
    """A field of the compiled rulebook as entries: a mapping's, those of the things with ids in it, or single values."""
    if isinstance(value, Mapping):
        with_ids = [each for inner in value.values() if isinstance(inner, tuple) for each in inner]
        if with_ids and all(hasattr(each, "id") for each in with_ids):
            return {each.id: _plain(each) for each in with_ids}
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, frozenset)):
        if all(hasattr(each, "id") for each in value):
            return {each.id: _plain(each) for each in value}
        return {str(each): {} for each in value}
    return {_ALWAYS: _plain(value)}


def _key(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _plain(value: Any) -> Any:
    """Dataclasses and named tuples as mappings of what is no text, sets as sorted lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return _fields({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _fields(value._asdict())
    if isinstance(value, Mapping):
        return {_key(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(map(str, value))
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def _fields(named: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(value) for name, value in named.items() if not isinstance(value, Text) and name != "id"
    }


def _changed(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for entry in sorted({*old, *new}):
        if entry not in new:
            yield Change(section, entry, "removed")
        elif entry not in old:
            yield Change(section, entry, "added")
        elif old[entry] != new[entry]:
            yield Change(section, entry, "changed", tuple(_details("", old[entry], new[entry])))


def _details(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                yield from _details(f"{path}.{name}" if path else name, old.get(name), new.get(name))
    elif (
        isinstance(old, list)
        and isinstance(new, list)
        and all(isinstance(each, str) for each in (*old, *new))
    ):
        apart = [f"-{each}" for each in old if each not in new] + [
            f"+{each}" for each in new if each not in old
        ]
        yield f"{path}: {' '.join(apart)}".removeprefix(": ")
    else:
        yield f"{path}: {_shown(old)} → {_shown(new)}".removeprefix(": ")


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items()) + "}"
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list) else str(value)


def grouped(found: Iterable[Change]) -> list[tuple[str, str, list[str], tuple[str, ...]]]:
    """Changes that say the same of several entries put together: (section, how, entries, details)."""
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for change in found:
        together.setdefault((change.section, change.how, change.details), []).append(change.entry)
    return [(section, how, entries, details) for (section, how, details), entries in together.items()]
