"""Reads JSON into strict models and turns what is wrong into the contract's own words, with the nearest known name."""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from sekisho.contracts.errors import (
    InvalidMessageError,
    Problem,
    RejectedMessageError,
    UnreadableMessageError,
)
from sekisho.domain.book import Text

M = TypeVar("M", bound=BaseModel)

NOT_JSON: Final = Text("メッセージが JSON として読めません。", "The message is not readable as JSON.")
NOT_AN_OBJECT: Final = Text(
    "メッセージが JSON のオブジェクトではありません。", "The message is not a JSON object."
)

_PROBLEM_OF: Final[Mapping[str, Problem]] = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "literal_error": "unknown_value",
    "missing_time_zone": "missing_time_zone",
    "not_a_time": "not_a_time",
    "not_a_date": "not_a_date",
    "out_of_range": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "too_short": "too_few",
    "string_pattern_mismatch": "forbidden_character",
    "exclusive_fields": "exclusive_fields",
    "missing_field": "missing_field",
}
_RANK: Final[Mapping[Problem, int]] = {"unknown_field": 0, "unknown_value": 1, "missing_field": 2}
"""A misspelt name also leaves the right one missing: the misspelling is what helps."""

_COMPARED: Final = 64
"""Characters of a sender's name or value that are compared with the known ones: difflib is quadratic."""
_SHOWN: Final = 256
"""Characters of a sender's path that are told back to the sender."""


def read(model: type[M], data: bytes) -> M:
    """The input that `data` holds. Raises UnreadableMessageError (no JSON object) or InvalidMessageError."""
    message = read_output(model, data)
    # Each key is followed by a colon: as many as there are fields, so none stands twice. Only where a text
    # happens to hold the same bytes are the keys looked at one by one.
    if data.translate(None, b" \t\r\n").count(b'":') != _fields(message):
        refuse_duplicates(model, data)
    return message


def read_output(model: type[M], data: bytes) -> M:
    """The output that `data` holds: as `read`, but what is not known, or stands twice, is passed over."""
    try:
        message: M = model.__pydantic_validator__.validate_json(data)
    except ValidationError as error:
        # without its cause: a ValidationError quotes the sender
        raise _translated(model, error, data) from None
    return message


def read_object(data: bytes) -> dict[str, Any]:
    """Any JSON object, as an output's reader takes it. Raises UnreadableMessageError."""
    try:
        found = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise UnreadableMessageError("unreadable", NOT_JSON) from error
    if not isinstance(found, dict):
        raise UnreadableMessageError("unreadable", NOT_AN_OBJECT)
    return found


def refuse_duplicates(model: type[BaseModel] | None, data: bytes) -> None:
    """Raises InvalidMessageError if a key stands twice in an object: readers would differ on which one counts."""
    json.loads(data, object_pairs_hook=lambda pairs: _once(model, pairs))


def _once(model: type[BaseModel] | None, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
    raise InvalidMessageError("duplicate_field", _field_among(list(found), twice, model))


def _field_among(names: Sequence[str], name: str, model: type[BaseModel] | None) -> str:
    """The known path of a field by the fields that stand beside it; `data` where none is known by that name."""
    known = frozenset(paths(model)) if model is not None else frozenset()
    prefixes = [path.removesuffix(name) for path in known if f".{path}".endswith(f".{name}")]
    if not prefixes:
        return "data"
    return max(sorted(prefixes), key=lambda prefix: sum(prefix + each in known for each in names)) + name


def _fields(message: BaseModel) -> int:
    """How many fields were given, in all objects of a message together."""
    count = len(message.__pydantic_fields_set__)
    given = message.__dict__
    for name in _nesting(type(message)):
        value = given[name]
        if value is None:
            continue
        if type(value) is tuple:
            count += sum(_fields(each) for each in value if isinstance(each, BaseModel))
        elif isinstance(value, BaseModel):
            count += _fields(value)
    return count


@cache
def _nesting(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a model that may hold objects."""
    return tuple(name for name, field in model.model_fields.items() if any(parts(field.annotation)))


def _translated(model: type[BaseModel], error: ValidationError, data: bytes) -> RejectedMessageError:
    found = error.errors(include_url=False)
    if found[0]["type"] == "json_invalid":
        return UnreadableMessageError("unreadable", NOT_JSON)
    if any(not each["loc"] and each["type"] == "model_type" for each in found):
        return UnreadableMessageError("unreadable", NOT_AN_OBJECT)
    read_object(data)  # NaN and the like pass the validator's parser where they are errors anyway
    chosen = min(found, key=lambda each: _RANK.get(_problem(each), 3))
    return _described(model, chosen)


def _problem(error: ErrorDetails) -> Problem:
    found = _PROBLEM_OF.get(error["type"])
    if found is not None:
        return found
    return "wrong_type" if error["type"].endswith("_type") else "not_allowed"


def _described(model: type[BaseModel], error: ErrorDetails) -> InvalidMessageError:
    problem = _problem(error)
    known = paths(model)
    steps = tuple(error["loc"])
    if problem == "unknown_field":
        inside = _path(model, steps[:-1])
        field = _nearest_field(inside, str(steps[-1]), known)
        return InvalidMessageError(problem, field, where=_shown(steps), nearest=field)
    if "fields" in error.get("ctx", {}):  # a rule over several fields names them itself
        return InvalidMessageError(problem, str(error["ctx"]["fields"]))
    field = _path(model, steps)
    where = _shown(steps) if problem != "missing_field" else field
    nearest = None
    if problem == "unknown_value":
        listed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        nearest = _nearest(str(error["input"]), listed)
    return InvalidMessageError(problem, field, where=where, nearest=nearest)


def _shown(steps: Sequence[int | str]) -> str:
    """The sender's own path, for the sender: bounded, without control characters."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
    plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:_SHOWN])
    return plain + ("…" if len(text) > _SHOWN else "")


def _nearest_field(inside: str, name: str, known: Sequence[str]) -> str:
    """The known path that a misspelt name most likely means: a close sibling, one misplaced, a likely one, any sibling."""
    prefix = f"{inside}." if inside else ""
    siblings = [path for path in known if path.startswith(prefix) and "." not in path[len(prefix) :]]
    return (
        _nearest(name, siblings, leaf=True, cutoff=0.85)
        or _nearest(name, known, leaf=True, cutoff=1.0)
        or _nearest(name, siblings, leaf=True, cutoff=0.6)
        or _nearest(name, known, leaf=True, cutoff=0.75)
        or _nearest(name, siblings, leaf=True)
        or inside
    )


def _nearest(name: str, known: Sequence[str], *, leaf: bool = False, cutoff: float = 0.0) -> str | None:
    by_leaf: dict[str, str] = {}
    for path in known:
        by_leaf.setdefault(path.rpartition(".")[2].removesuffix("[]") if leaf else path, path)
    close = difflib.get_close_matches(name[:_COMPARED], by_leaf, n=1, cutoff=cutoff)
    return by_leaf[close[0]] if close else None


def _path(model: type[BaseModel], steps: Sequence[int | str]) -> str:
    """The contract's own path of a place, as far as the contract knows it: `recipients[].name`."""
    known = frozenset(paths(model))
    path = ""
    for step in steps:
        longer = f"{path}[]" if isinstance(step, int) else f"{path}.{step}" if path else step
        if isinstance(step, str) and longer not in known and f"{longer}[]" not in known:
            continue  # the name of a union's branch, not of a field
        path = longer
    return path


@cache
def paths(model: type[BaseModel]) -> tuple[str, ...]:
    """Every field of a message by its path, lists as `name` and what is in them as `name[].inner`."""
    return tuple(_paths(model, ""))


def _paths(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        yield path
        for part, listed in parts(field.annotation):
            yield from _paths(part, f"{path}[]." if listed else f"{path}.")


def parts(annotation: object, *, listed: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models within an annotation, and whether each stands in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, listed
        return
    is_list = listed or getattr(annotation, "__origin__", None) is tuple
    for inner in get_args(annotation):
        yield from parts(inner, listed=is_list)
