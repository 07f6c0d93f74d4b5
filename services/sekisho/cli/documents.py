"""Files of documents: JSON lines, one JSON value, or YAML documents, each with the line that it begins in.

Nothing is judged here and nothing is lost on the way: numbers stay as written, a key that stands twice stays twice, so
that the contract's own reader (strict) finds in a file what it would find in a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from sekisho.cli.number import Number
from sekisho.cli.outcome import InputError

_DEEPEST: Final = 64
"""Levels of a document: the contract has six."""
_LARGEST: Final = 100_000
"""Values of a document: aliases could make a short YAML file endless."""


class Repeated(dict[str, Any]):
    """An object in which a key stands twice: `pairs` has all of them, the mapping the last of each."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its value (objects are dicts, numbers `Number`), where it begins, and where its parts stand."""

    value: Any
    source: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict)
    """Path (`request.items[0]`) → line, as far as it is known."""

    def at(self, path: str = "") -> str:
        """`file:line` of a path, or of the nearest thing around it whose line is known."""
        while path:
            if path in self.lines:
                return f"{self.source}:{self.lines[path]}"
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return f"{self.source}:{self.line}"


def read_file(file: BinaryIO) -> list[Document]:
    """All documents of an open file or stdin. Raises InputError naming the line at fault."""
    name = getattr(file, "name", None)
    named = isinstance(name, str) and not name.startswith("<")
    return read_documents(str(name) if named else "stdin", file.read())


def read_documents(name: str, data: bytes) -> list[Document]:
    """All documents of a file of that name. Raises InputError naming the line at fault."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{name}:{line}: not UTF-8 text", "Save the file as UTF-8.") from error
    found = list(_documents(name, text))
    if not found:
        raise InputError(f"{name}: no document in it", "Give JSON lines, JSON or YAML documents.")
    return found


def encode(value: Any) -> bytes:
    """A value as JSON, everything as it was written."""
    return "".join(_json(value)).encode()


def _documents(name: str, text: str) -> Iterator[Document]:
    if name.lower().endswith((".yaml", ".yml")) or text.lstrip()[:1] not in ("{", "["):
        return _yaml(name, text)
    try:
        whole = _parse_json(text)
    except json.JSONDecodeError as error:
        first = next(line for line in text.splitlines() if line.strip())
        if _is_json(first):
            return _json_lines(name, text)
        if name.lower().endswith((".json", ".jsonl", ".ndjson")):
            raise _json_error(name, error, 0) from error
        return _yaml(name, text)
    return iter([Document(whole, name, text[: len(text) - len(text.lstrip())].count("\n") + 1)])


def _parse_json(text: str) -> Any:
    return json.loads(
        text, object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=Number
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _is_json(line: str) -> bool:
    try:
        _parse_json(line)
    except json.JSONDecodeError:
        return False
    return True


def _json_lines(name: str, text: str) -> Iterator[Document]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield Document(_parse_json(line), name, number)
        except json.JSONDecodeError as error:
            raise _json_error(name, error, number - 1) from error


def _json_error(name: str, error: json.JSONDecodeError, lines_before: int) -> InputError:
    return InputError(
        f"{name}:{lines_before + error.lineno}: not readable as JSON: {error.msg} (column {error.colno})",
        "A file holds JSON lines (one document a line), one JSON document, or YAML documents.",
    )


def _yaml(name: str, text: str) -> Iterator[Document]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    from sekisho.cli.yamldocument import construct

    try:
        for root in YAML(typ="safe", pure=True).compose_all(text):
            if root is None:
                continue
            lines: dict[str, int] = {}
            value = construct(name, root, lines, deepest=_DEEPEST, largest=_LARGEST)
            if value is not None:
                yield Document(value, name, root.start_mark.line + 1, lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}" if mark is not None else name
        raise InputError(f"{where}: not readable as YAML: {error.problem or error.context}") from error
    except YAMLError as error:
        raise InputError(f"{name}: not readable as YAML: {error}") from error


def _json(value: Any) -> Iterator[str]:
    if isinstance(value, Number):
        yield value
    elif isinstance(value, dict):
        pairs = value.pairs if isinstance(value, Repeated) else value.items()
        yield from _joined("{", ((json.dumps(key) + ":", each) for key, each in pairs), "}")
    elif isinstance(value, list):
        yield from _joined("[", (("", each) for each in value), "]")
    else:
        yield json.dumps(value)


def _joined(begin: str, parts: Iterator[tuple[str, Any]], end: str) -> Iterator[str]:
    yield begin
    for index, (before, each) in enumerate(parts):
        yield ("," if index else "") + before
        yield from _json(each)
    yield end
