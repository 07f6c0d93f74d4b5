"""JSON as the mutators see it: objects as pairs, so that a key can stand twice, and raw text for what JSON cannot say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Node = Any
"""An Object, a list, a Raw, or a plain JSON value."""


class Raw(str):
    """Text that is written as it is: NaN, a number beyond all bounds, an escape that is half a character."""

    __slots__ = ()


@dataclass
class Object:
    """An object's pairs, in order; a key may stand twice."""

    pairs: list[tuple[str, Node]] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Where a value stands: at an index of an object's pairs, or of a list."""

    holder: Object | list[Node]
    index: int

    @property
    def name(self) -> str:
        """The key that it stands under; "" in a list."""
        return self.holder.pairs[self.index][0] if isinstance(self.holder, Object) else ""

    def get(self) -> Node:
        """What stands there."""
        if isinstance(self.holder, Object):
            return self.holder.pairs[self.index][1]
        return self.holder[self.index]

    def put(self, value: Node) -> None:
        """Sets it."""
        if isinstance(self.holder, Object):
            self.holder.pairs[self.index] = (self.name, value)
        else:
            self.holder[self.index] = value

    def drop(self) -> None:
        """Takes it out."""
        del (self.holder.pairs if isinstance(self.holder, Object) else self.holder)[self.index]


def parsed(value: bytes) -> Node:
    """The tree of some JSON, read as leniently as Python does. Raises ValueError or RecursionError."""
    return json.loads(value, object_pairs_hook=lambda pairs: Object(list(pairs)))


def tree_of(document: Any) -> Node:
    """A document as a tree."""
    if isinstance(document, dict):
        return Object([(name, tree_of(value)) for name, value in document.items()])
    if isinstance(document, list | tuple):
        return [tree_of(each) for each in document]
    return document


def places(node: Node) -> list[Place]:
    """Every place in a tree."""
    return list(_places(node))


def _places(node: Node) -> Iterator[Place]:
    count = len(node.pairs) if isinstance(node, Object) else len(node) if isinstance(node, list) else 0
    for index in range(count):
        place = Place(node, index)
        yield place
        yield from _places(place.get())


def objects(node: Node) -> list[Object]:
    """Every object in a tree, itself included."""
    found = [place.get() for place in places(node)]
    return [each for each in [node, *found] if isinstance(each, Object)]


def written(node: Node, *, ascii_only: bool = False, spaced: bool = False) -> bytes:
    """A tree as JSON text; what has no UTF-8 (half a surrogate pair) is written as its escape."""
    text = _text(node, ascii_only, ": " if spaced else ":", ", " if spaced else ",")
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _text(node, True, ":", ",").encode(errors="replace")


def _text(node: Node, ascii_only: bool, colon: str, comma: str) -> str:
    if isinstance(node, Raw):
        return str(node)
    if isinstance(node, Object):
        pairs = (
            (name if isinstance(name, Raw) else json.dumps(name, ensure_ascii=ascii_only))
            + colon
            + _text(value, ascii_only, colon, comma)
            for name, value in node.pairs
        )
        return "{" + comma.join(pairs) + "}"
    if isinstance(node, list):
        return "[" + comma.join(_text(each, ascii_only, colon, comma) for each in node) + "]"
    return json.dumps(node, ensure_ascii=ascii_only)
