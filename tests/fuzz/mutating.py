"""Changes of a whole message: its headers, its key, its bytes, its mode; and, by mutating_json, its JSON."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final

from fuzz.chance import Chance
from fuzz.message import Header, Message
from fuzz.mutating_json import json_changed
from fuzz.tree import Node, Object, Raw, parsed, written

HEADER_NAMES: Final = ("ce_type", "ce_id", "ce_source", "ce_specversion", "ce_time", "content-type", "CE_Type",
                       "Content-Type", "ce_", "ce_datacontenttype", "ce_dataschema", "sekisho_first_position", "x", "")  # fmt: skip
HEADER_VALUES: Final[tuple[bytes | None, ...]] = (
    None, b"", b" ", b"1.0", b"0.3", b"1", "\u00e9".encode(), b"\xff\xfe", b"\xed\xa0\x80", b"\0", b"a" * 5000,
    b"application/json", b"application/json; charset=utf-8", b"APPLICATION/JSON", b"text/json", b"text/plain",
    b"application/xml", b"application/cloudevents+json", b"application/cloudevents+json; charset=UTF-8",
    b"application/cloudevents-batch+json", b"application/cloudevents+avro", b"application/vnd.x+json",
    b"sekisho.access.requested.v1", b"sekisho.access.requested.v2", b"sekisho.access.requested.v99999",
    b"sekisho.access.requested", b"sekisho.consent.granted.v1", b"sekisho.consent.granted.v2",
    b"sekisho.consent.withdrawn.v1", b"sekisho.suspension.ordered.v1", b"sekisho.subject.status.v1",
    b"SEKISHO.CONSENT.GRANTED.V1", b"sekisho.access.decided.v1",
)  # fmt: skip
KEYS: Final = (
    None, b"", b"C-000001", b"C-000002", b"c-000001", b"C-000001 ", b"C-000001\0", b"\xff", b"\xef\xbb\xbfC-000001",
    b"k" * 1024, b"k" * 100_000, "\u00e9".encode(), "e\u0301".encode(),
)  # fmt: skip
BYTES: Final = (
    b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe3\x81", b"\xef\xbb\xbf", b'"', b"\\", b"{",
    b"}", b"[", b"]", b",", b":", b"\n", b"  ", b"\r", b"0", b"e9", b"-", b"\\u0000", b"\\ud800", b'":"', b"null",
)  # fmt: skip
DEEPEST: Final = 150
"""What is nested more deeply is changed as bytes, not as JSON: the mutators recurse."""
_BRACKET: Final = re.compile(rb"[\[\]{}]")
ENCODINGS: Final = ("utf-16", "utf-16-le", "utf-32", "shift_jis", "euc_jp", "utf-7", "utf-8-sig")


def changed(chance: Chance, message: Message) -> Message:
    """The message with one change. Half of all changes are made in its JSON."""
    kind = chance.below(20)
    if kind < 12:
        return _json(chance, message)
    if kind < 15:
        return _bytes(chance, message)
    if kind < 17:
        return message._replace(headers=_headers(chance, message.headers))
    if kind < 18:
        return message._replace(key=chance.pick(KEYS))
    return _mode(chance, message)


def _json(chance: Chance, message: Message) -> Message:
    tree = _tree(message.value)
    if tree is None:
        return _bytes(chance, message)
    inner = _inner(tree) if chance.odds(0.7) else None
    if inner is None:
        tree = json_changed(chance, tree)
    else:
        inner.pairs[:] = [
            (name, json_changed(chance, value) if name == "data" else value) for name, value in inner.pairs
        ]
    spaced = chance.odds(0.1)
    return message._replace(value=written(tree, ascii_only=chance.odds(0.2), spaced=spaced))


def _tree(value: bytes | None) -> Node | None:
    if value is None or len(value) > 400_000 or _depth(value) > DEEPEST:
        return None
    try:
        return parsed(value)
    except ValueError:
        return None


def _depth(value: bytes) -> int:
    """How deeply brackets are nested, at least. Known beforehand, so that no stack's height decides on a change."""
    if value.count(b"[") + value.count(b"{") <= DEEPEST:
        return 0
    depth = deepest = 0
    for found in _BRACKET.finditer(value):
        depth += 1 if found[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _inner(tree: Node) -> Object | None:
    """The envelope, where a message is in structured mode: its data is then what is mostly changed."""
    if isinstance(tree, Object) and {"specversion", "data"} <= {name for name, _ in tree.pairs}:
        return tree
    return None


def _bytes(chance: Chance, message: Message) -> Message:
    if message.value is None:
        return message._replace(value=chance.pick((b"", b"{}", b"null", b"[]", b'""', b" ")))
    return message._replace(value=chance.pick(BYTE_CHANGES)(chance, message.value))


def _cut(chance: Chance, value: bytes) -> bytes:
    return value[: chance.below(len(value) + 1)]


def _flipped(chance: Chance, value: bytes) -> bytes:
    at = chance.below(max(1, len(value)))
    return value[:at] + bytes(each ^ 1 << chance.below(8) for each in value[at : at + 1]) + value[at + 1 :]


def _inserted(chance: Chance, value: bytes) -> bytes:
    at = chance.below(len(value) + 1)
    return value[:at] + chance.pick(BYTES) + value[at:]


def _overwritten(chance: Chance, value: bytes) -> bytes:
    at, new = chance.below(len(value) + 1), chance.pick(BYTES)
    return value[:at] + new + value[at + len(new) :]


def _doubled(chance: Chance, value: bytes) -> bytes:
    first = chance.below(len(value) + 1)
    last = first + chance.below(64)
    return value[:last] + value[first:last] + value[last:]


def _taken_out(chance: Chance, value: bytes) -> bytes:
    first = chance.below(len(value) + 1)
    return value[:first] + value[first + chance.below(16) :]


def _around(chance: Chance, value: bytes) -> bytes:
    before = chance.pick((b"", b" ", b"\n\t", b"\xef\xbb\xbf", b"\0", b" " * 5000))
    return before + value + chance.pick((b"", b" ", b"\n", b"\0", b"x", b"{}", b"," + value, b" " * 300_000))


def _encoded(chance: Chance, value: bytes) -> bytes:
    return value.decode(errors="replace").encode(chance.pick(ENCODINGS), errors="replace")


BYTE_CHANGES: Final[tuple[Callable[[Chance, bytes], bytes], ...]] = (
    _cut, _flipped, _flipped, _inserted, _inserted, _overwritten, _doubled, _taken_out, _around, _encoded,
)  # fmt: skip


def _headers(chance: Chance, headers: tuple[Header, ...]) -> tuple[Header, ...]:
    kind = chance.below(6)
    at = chance.below(len(headers) + 1)
    if kind == 0:
        return headers[:at] + headers[at + 1 :]
    if kind == 1 and headers:
        name = chance.pick(headers)[0]
        return (*headers[:at], (name, chance.pick(HEADER_VALUES)), *headers[at:])
    if kind == 2 and headers:
        at = chance.below(len(headers))
        return (*headers[:at], (headers[at][0], chance.pick(HEADER_VALUES)), *headers[at + 1 :])
    if kind == 3:
        return (*headers, (chance.pick(HEADER_NAMES), chance.pick(HEADER_VALUES)))
    if kind == 4:
        return tuple((name.upper(), value) for name, value in headers)
    return ()


def _mode(chance: Chance, message: Message) -> Message:
    """The message in structured mode, its data as JSON, as text or in base64; or without a value."""
    if message.value is None or chance.odds(0.1):
        return message._replace(value=None)
    told = {name: (value or b"").decode(errors="replace") for name, value in message.headers}
    attributes: list[tuple[str, Node]] = [
        (name.removeprefix("ce_"), value) for name, value in told.items() if name.startswith("ce_")
    ]
    if not attributes and chance.odds(0.9):
        attributes = [
            ("specversion", "1.0"),
            ("type", "sekisho.access.requested.v1"),
            ("id", "1"),
            ("source", "urn:x"),
        ]
    attributes.append(_data(chance, message.value))
    if chance.odds(0.2):
        attributes.append(chance.pick((("datacontenttype", "application/json"), ("datacontenttype", "text/plain"),
                                       ("data", Raw("1")), ("data_base64", "e30="), ("specversion", Raw("1.0")),
                                       ("extension", Raw("9" * 4400)), ("extension", None))))  # fmt: skip
    value = written(Object(attributes))
    return Message((("content-type", b"application/cloudevents+json"),), message.key, value)


def _data(chance: Chance, value: bytes) -> tuple[str, Node]:
    kind = chance.below(10)
    if kind < 7:
        tree = _tree(value)
        return "data", Raw(value.decode(errors="replace")) if tree is None or kind < 2 else tree
    if kind < 9:
        encoded = base64.b64encode(value).decode()
        return "data_base64", encoded if chance.odds(0.8) else encoded[: chance.below(len(encoded) + 1)]
    return "data", value.decode(errors="replace")


def mutated(chance: Chance, message: Message, most: int = 4) -> Message:
    """The message with up to so many changes, mostly few; sometimes none."""
    count = chance.below(most + 1) if chance.odds(0.5) else 1
    for _ in range(count):
        message = changed(chance, message)
    return message
