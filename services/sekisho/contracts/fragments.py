"""JSON in pieces: what many documents have in common is written once and kept as bytes (ADR 0014).

The answers to one question differ by ids, times and positions alone; their items, reasons, texts and counterparty are
the same. A whole document put together from kept bytes costs a quarter of one made as a dict and dumped (bench.wire).
Each piece is made by the functions that make the whole document, so the bytes are the same either way (a test holds
them so).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Final, TypeVar

from pydantic_core import to_json

from sekisho.domain.events import Position

MOST: Final = 2048
"""Fragments of one kind that are kept: more than the questions that a lane is asked in a day, mostly."""
LARGEST: Final = 8192
"""Bytes of a kept fragment: 16 MB a kind at the very worst, for senders' own texts stand in them too."""

K = TypeVar("K", bound=Hashable)

quoted = encode_basestring
"""A string as JSON, as pydantic-core writes it (not ASCII only), at half its time."""


class Fragments(dict[K, bytes]):
    """Kept JSON by what it says. When it is full it is emptied: what is asked now is soon kept again."""

    def keep(self, key: K, fragment: bytes) -> bytes:
        """The fragment, which the next `get` finds if it is not too large to be kept."""
        if len(fragment) <= LARGEST:
            if len(self) >= MOST:
                self.clear()
            self[key] = fragment
        return fragment


def fields(**parts: object) -> bytes:
    """Fields of an object, with a comma before the first."""
    return b"," + to_json(parts)[1:-1]


def optional(text: str | None) -> str:
    """A string, or null."""
    return "null" if text is None else quoted(text)


def position(at: Position | None) -> str:
    """As `shared_models.position_document`."""
    if at is None:
        return "null"
    partition, offset = at
    return f'{{"partition":{"null" if partition is None else partition},"offset":{offset}}}'


@lru_cache(maxsize=MOST)
def names(ids: tuple[str, ...]) -> str:
    """A list of the rulebook's own ids (items, clauses): of these there are few, and they are short."""
    return to_json(ids).decode()
