"""One Kafka message as the fuzzers make it, and as it stands in the corpus: one line of JSON."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

Header = tuple[str, bytes | None]


class Message(NamedTuple):
    """Headers, key and value, before any log has seen them."""

    headers: tuple[Header, ...]
    key: bytes | None
    value: bytes | None


def line_of(message: Message) -> str:
    """A message as one line: texts as they are, what is no UTF-8 as base64."""
    headers = [[name, _told(value)] for name, value in message.headers]
    found = {"headers": headers, "key": _told(message.key), "value": _told(message.value)}
    return json.dumps(found, ensure_ascii=False)


def message_of(line: str | bytes) -> Message:
    """The message of a line. Raises ValueError, TypeError or KeyError where the line is none of `line_of`'s."""
    found = json.loads(line)
    headers = tuple((str(name), _bytes(value)) for name, value in found["headers"])
    return Message(headers, _bytes(found["key"]), _bytes(found["value"]))


def _told(value: bytes | None) -> Any:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(told: Any) -> bytes | None:
    if told is None:
        return None
    if isinstance(told, str):
        return told.encode()
    return base64.b64decode(told["base64"])
