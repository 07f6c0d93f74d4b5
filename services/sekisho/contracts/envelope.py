"""CloudEvents 1.0 in Kafka messages (Kafka protocol binding 1.0, sections 3.2 and 3.3; JSON event format).

Both content modes are read, binary is written. A message is in structured mode if its `content-type` starts with
`application/cloudevents`, else in binary mode. Header values are UTF-8, not percent-encoded; header names are compared
without regard to case. Attributes that the contract does not use (extensions, `time`) are passed over.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from sekisho.contracts.errors import InvalidMessageError, UnreadableMessageError
from sekisho.contracts.reading import read_object, refuse_duplicates
from sekisho.domain.book import Text

Headers = Sequence[tuple[str, bytes | None]]
"""Kafka message headers as aiokafka gives them."""

SPECVERSION: Final = "1.0"
JSON: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"

_VERSION: Final = re.compile(r"v[0-9]{1,4}")
_PLAIN: Final = frozenset(
    {
        "ce_specversion",
        "ce_type",
        "ce_id",
        "ce_source",
        "ce_time",
        "content-type",
        "traceparent",
        "tracestate",
    }
)
_REQUIRED: Final = ("id", "source", "specversion", "type")

TOMBSTONE: Final = Text("値のないメッセージ（トゥームストーン）は受け付けません。", "A message without a value (a tombstone) is not accepted.")  # fmt: skip
TOO_LARGE: Final = Text("メッセージが大きすぎます。", "The message is too large.")
NOT_UTF8: Final = Text("メッセージのヘッダーが UTF-8 として読めません。", "A header of the message is not readable as UTF-8.")  # fmt: skip
AMBIGUOUS: Final = Text("CloudEvents のヘッダーが二度書かれています。", "A CloudEvents header stands twice.")
NOT_JSON_DATA: Final = Text("データの形式が JSON ではありません。", "The data's content type is not JSON.")
NO_DATA: Final = Text("CloudEvents のデータがありません。", "The CloudEvent has no data.")
WRONG_TYPE: Final = Text("このトピックの種類（type）のメッセージではありません。", "The message is not of a type that this topic takes.")  # fmt: skip
OTHER_VERSION: Final = Text("このバージョンのメッセージには対応していません。", "This version of the message is not supported.")  # fmt: skip


class Event(NamedTuple):
    """An opened message: its CloudEvents attributes as strings, and the bytes of its JSON data."""

    attributes: Mapping[str, str]
    data: bytes
    whole: bytes | None = None
    """In structured mode, the message that held both."""

    @property
    def type(self) -> str:
        """The CloudEvents type, "" where the message says none."""
        return self.attributes.get("type", "")

    @property
    def bare(self) -> bool:
        """Whether the message has no CloudEvents headers at all (a content type is none). In structured mode it is a
        CloudEvent, whatever its envelope lacks."""
        return self.whole is None and (not self.attributes or self.attributes.keys() == {"datacontenttype"})


def open_message(headers: Headers, value: bytes | None, *, largest: int) -> Event:
    """The event in a message of at most `largest` bytes; no attributes where it has no CloudEvents headers at all.

    Raises UnreadableMessageError (`tombstone`, `too_large`, `unreadable`, `unsupported_version`).
    """
    if value is None:
        raise UnreadableMessageError("tombstone", TOMBSTONE)
    if len(value) > largest:
        raise UnreadableMessageError("too_large", TOO_LARGE)
    attributes = _attributes(headers)
    content_type = attributes.get("datacontenttype", JSON)
    if content_type == JSON:
        return Event(attributes, value)
    if content_type.lower().startswith("application/cloudevents"):
        return _structured(content_type, value)
    _require_json(content_type)
    return Event(attributes, value)


def require(event: Event, types: frozenset[str]) -> str:
    """The event's type, if it is one of `types` and its envelope is whole.

    Raises UnreadableMessageError (`wrong_type`, `unsupported_version`), or InvalidMessageError for a CloudEvent of
    the right type that lacks a required attribute, or in which a field stands twice.
    """
    attributes = event.attributes
    if attributes.get("specversion", SPECVERSION) != SPECVERSION:
        raise UnreadableMessageError("unsupported_version", OTHER_VERSION)
    found = event.type
    if found not in types:
        stem, _, version = found.rpartition(".")
        if _VERSION.fullmatch(version) and any(each.rpartition(".")[0] == stem for each in types):
            raise UnreadableMessageError("unsupported_version", OTHER_VERSION)
        raise UnreadableMessageError("wrong_type", WRONG_TYPE)
    for name in _REQUIRED:
        if not attributes.get(name):
            raise InvalidMessageError("missing_field", f"ce_{name}")
    if event.whole is not None:
        refuse_duplicates(None, event.whole)
    return found


def is_plain(headers: Headers, type_: bytes) -> bool:
    """Whether a message is, by headers as nearly everyone writes them, a whole event of that type in binary mode, or
    has no headers: then its value is its data, and `open_message` and `require` need not be asked (2 → 0.6 µs)."""
    if not headers:
        return True
    found = dict(headers)
    if len(found) != len(headers) or not found.keys() <= _PLAIN:
        return False
    id_, source, time = found.get("ce_id"), found.get("ce_source"), found.get("ce_time", b"-")
    return (
        found.get("ce_type") == type_
        and found.get("ce_specversion") == b"1.0"
        and found.get("content-type", b"application/json") == b"application/json"
        and bool(id_ and source and time and id_.isascii() and source.isascii() and time.isascii())
    )


def require_key(key: bytes | None, value: str, field: str) -> None:
    """Raises InvalidMessageError if a key is there and is not the value of that field; none is fine (runtime.md)."""
    if key is not None and key != value.encode():
        raise InvalidMessageError("key_mismatch", field)


def binary_headers(type_: str, id_: str, source: str, time: str) -> list[tuple[str, bytes]]:
    """The headers of a binary-mode message; `time` is RFC 3339."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", type_.encode()),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]


class HeadersOf:
    """`binary_headers` of one type and source: all but the id and the time is made once (2.1 → 0.3 µs)."""

    def __init__(self, type_: str, source: str) -> None:
        self._version, self._type, _, self._source, _, self._content = binary_headers(type_, "", source, "")

    def made(self, id_: str, time: str) -> list[tuple[str, bytes]]:
        """The headers of one message."""
        return [
            self._version,
            self._type,
            ("ce_id", id_.encode()),
            self._source,
            ("ce_time", time.encode()),
            self._content,
        ]


def structured(
    type_: str, id_: str, source: str, time: str, data: object
) -> tuple[list[tuple[str, bytes]], bytes]:
    """The same event in structured mode, for systems that cannot write headers: (headers, value)."""
    event = {
        "specversion": SPECVERSION,
        "type": type_,
        "id": id_,
        "source": source,
        "time": time,
        "datacontenttype": JSON,
        "data": data,
    }
    return [("content-type", STRUCTURED.encode())], to_json(event)


def _attributes(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        if lower == "content-type":
            attribute = "datacontenttype"
        elif lower.startswith("ce_"):
            attribute = lower[3:]
        else:
            continue
        try:
            text = (value or b"").decode()
        except UnicodeDecodeError as error:
            raise UnreadableMessageError("unreadable", NOT_UTF8) from error
        if found.setdefault(attribute, text) != text:
            raise UnreadableMessageError("unreadable", AMBIGUOUS)
    return found


def _structured(content_type: str, value: bytes) -> Event:
    if content_type.partition(";")[0].strip().lower() != STRUCTURED:
        raise UnreadableMessageError("unreadable", NOT_JSON_DATA)
    content = read_object(value)
    attributes = {name: each for name, each in content.items() if isinstance(each, str) and name != "data"}
    _require_json(attributes.get("datacontenttype", JSON))
    return Event(attributes, _data(content), value)


def _data(content: dict[str, Any]) -> bytes:
    if ("data" in content) == ("data_base64" in content):
        raise UnreadableMessageError("unreadable", NO_DATA)
    if "data" in content:
        return to_json(content["data"])
    try:
        return base64.b64decode(content["data_base64"], validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnreadableMessageError("unreadable", NOT_JSON_DATA) from error


def _require_json(content_type: str) -> None:
    media = content_type.partition(";")[0].strip().lower()
    if media not in (JSON, "text/json", "") and not media.endswith("+json"):
        raise UnreadableMessageError("unreadable", NOT_JSON_DATA)
