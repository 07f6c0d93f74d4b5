"""One Markdown page per topic, from its declaration, the messages' schemas and the examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sekisho.contracts.asyncapi import PREFIX, Examples
from sekisho.contracts.json_schemas import json_schema
from sekisho.contracts.topics import TOPICS, TopicSpec

_MADE: Final = "<!-- Written by `python -m sekisho.contracts.generate`; do not edit. -->"


def page(topic: TopicSpec, examples: Examples) -> str:
    """The page of one topic."""
    return "\n".join([*_head(topic), *(line for each in topic.types for line in _message(each, examples))])


def index() -> str:
    """The page that lists the topics."""
    rows = [
        f"| [`{each.full_name(PREFIX)}`](topics/{each.name}.md) | {each.direction} | {each.key} | {each.kept} |"
        for each in TOPICS
    ]
    return "\n".join(
        [
            _MADE,
            "",
            "# The contract",
            "",
            "What goes over the wire: [asyncapi.json](asyncapi.json) (AsyncAPI 3.0), one JSON Schema per message in",
            "[messages/](messages), one page per topic in [topics/](topics), examples in [examples/](examples).",
            "The schemas, the pages and the AsyncAPI document are written by `python -m sekisho.contracts.generate",
            "schemas`; the examples are written by hand and checked against them.",
            "",
            "| topic | direction | key | kept |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _head(topic: TopicSpec) -> Iterator[str]:
    yield from (_MADE, "", f"# {topic.full_name(PREFIX)}", "", topic.description, "")
    partitions = (
        "the same number as all gate topics, never changed; murmur2 of the key modulo their number"
        if topic.gate
        else "any number"
    )
    facts = {
        "direction": "input" if topic.direction == "in" else "output",
        "key": f"{topic.key}, UTF-8",
        "producers": topic.producers,
        "consumers": topic.consumers,
        "kept": topic.kept,
        "cleanup policy": f"`{topic.cleanup_policy}`",
        "timestamps": f"`{topic.timestamp_type}`",
        "partitions": partitions,
        "versions": "v1; a changed meaning is a new version beside it",
        "unknown fields": "refused" if topic.direction == "in" else "to be ignored by readers",
    }
    yield from ("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), "")


def _message(type_: str, examples: Examples) -> Iterator[str]:
    schema = json_schema(type_)
    yield from (f"## {type_}", "", schema["description"], "")
    yield from (f"Schema: [messages/{type_}.json](../messages/{type_}.json)", "")
    yield from ("| field | type | |", "|---|---|---|")
    yield from _rows(schema, schema.get("$defs", {}), "")
    yield ""
    for name, data in examples.get(type_, ()):
        written = json.dumps(data, ensure_ascii=False, indent=2)
        yield from (f"Example: {name.replace('-', ' ')}", "", "```json", written, "```", "")


def _rows(schema: Mapping[str, Any], defs: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema["properties"].items():
        path = f"{prefix}{name}"
        said = field.get("description", "")
        optional = "" if name in required else " · may be absent"
        yield f"| `{path}` | {_type(field, defs)}{optional} | {said} |"
        for inner, listed in _objects(field, defs):
            yield from _rows(inner, defs, f"{path}[]." if listed else f"{path}.")


def _objects(
    field: Mapping[str, Any], defs: Mapping[str, Any], *, listed: bool = False
) -> Iterator[tuple[Mapping[str, Any], bool]]:
    if "$ref" in field:
        yield defs[field["$ref"].rpartition("/")[2]], listed
    for choice in field.get("anyOf", ()):
        yield from _objects(choice, defs, listed=listed)
    if "items" in field:
        yield from _objects(field["items"], defs, listed=True)


def _type(field: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(each, defs) for each in field["anyOf"])
    if "$ref" in field:
        return "object"
    values: Sequence[str] = field.get("enum", ()) or ([field["const"]] if "const" in field else [])
    if values:
        return ", ".join(f"`{each}`" for each in values)
    return _plain_type(field, defs)


def _plain_type(field: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    kind = field["type"]
    if kind == "array":
        most = f", at most {field['maxItems']:,}" if "maxItems" in field else ""
        return f"list of {_type(field['items'], defs)}{most}"
    if kind == "string" and "format" in field:
        return {"date-time": "time (RFC 3339, with its zone)", "date": "day (YYYY-MM-DD)"}[field["format"]]
    if kind == "string" and "maxLength" in field:
        return f"string, at most {field['maxLength']:,}"
    return str(kind)
