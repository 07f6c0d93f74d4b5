"""Random documents of a JSON Schema, as far as the contract's schemas go, for property tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Json = Any
_ID_CHARACTERS: Final = st.characters(exclude_categories=["Cs", "Cc"])
_TEXT_CHARACTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_MANY: Final = 3

JSON_VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def documents(schema: Mapping[str, Any]) -> SearchStrategy[Json]:
    """Documents that are valid under a whole schema of the contract."""
    return _values(schema, schema.get("$defs", {}))


def _values(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> SearchStrategy[Json]:
    if "$ref" in schema:
        return _values(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema and "properties" not in schema:
        return st.one_of([_values(each, defs) for each in schema["anyOf"]])
    return _of_type(schema, defs)


def _of_type(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> SearchStrategy[Json]:
    kind = schema["type"]
    if kind == "object":
        return _objects(schema, defs)
    if kind == "array":
        least = schema.get("minItems", 0)
        return st.lists(_values(schema["items"], defs), min_size=least, max_size=least + _MANY)
    if kind == "string":
        return _strings(schema)
    if kind == "integer":
        return st.integers(schema.get("minimum", -10), schema.get("maximum", 2**40))
    return {"boolean": st.booleans(), "null": st.none()}[kind]


def _objects(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> SearchStrategy[Json]:
    if "properties" not in schema:
        values = (
            _values(schema["additionalProperties"], defs)
            if schema.get("additionalProperties") is not True
            else JSON_VALUES
        )
        return st.dictionaries(st.text(_ID_CHARACTERS, max_size=8), values, max_size=_MANY)
    required = schema.get("required", ())
    fields = {name: _values(each, defs) for name, each in schema["properties"].items()}
    return st.fixed_dictionaries(
        {name: each for name, each in fields.items() if name in required},
        optional={name: each for name, each in fields.items() if name not in required},
    )


def _strings(schema: Mapping[str, Any]) -> SearchStrategy[str]:
    match schema.get("format"):
        case "date-time":
            times = st.datetimes(datetime(1901, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis wants naive bounds
            return times.map(lambda each: each.isoformat())
        case "date":
            return st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(date.isoformat)
    if schema.get("minLength"):
        return st.text(_ID_CHARACTERS, min_size=1, max_size=12)
    return st.text(_TEXT_CHARACTERS, max_size=12)
