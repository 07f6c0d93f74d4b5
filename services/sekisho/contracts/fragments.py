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
from sekisho.domain.memory import Memory, size_of

MOST: Final = 2048
"""Fragments of one kind that are kept: more than the questions that a lane is asked in a day, mostly."""
LARGEST: Final = 32 * 2**10
"""Bytes of a kept fragment with its key: senders' own texts stand in them too."""
MOST_BYTES: Final = 16 * 2**20
"""Bytes of all fragments of a kind with their keys, which may take more than they: a verdict of an item 600, its JSON 100."""

K = TypeVar("K", bound=Hashable)

quoted = encode_basestring
"""A string as JSON, as pydantic-core writes it (not ASCII only), at half its time."""


class Fragments(Memory[K, bytes]):
    """Kept JSON by what it says."""

    def __init__(self) -> None:
        super().__init__(most=MOST, most_bytes=MOST_BYTES, largest=LARGEST)

    def added(self, key: K, fragment: bytes) -> bytes:
        """The fragment, which the next `get` finds if it is not too large to be kept."""
        if len(fragment) <= LARGEST:
            self.keep(key, fragment, len(fragment) + size_of(key))
        return fragment


def fields(**parts: object) -> bytes:
    """Fields of an object, with a comma before the first."""
    return b"," + to_json(parts)[1:-1]


def value(part: object) -> str:
    """Any part of a document."""
    return to_json(part).decode()


def optional(text: str | None) -> str:
    """A string, or null."""
    return "null" if text is None else quoted(text)


def position(at: Position | None) -> str:
    """As `shared_models.position_document`."""
    if at is None:
        return "null"
    partition, offset = at
    return f'{{"partition":{"null" if partition is None else partition},"offset":{offset}}}'


@lru_cache(maxsize=512)
def names(ids: tuple[str, ...]) -> str:
    """A list of the rulebook's own ids (items, clauses). Mostly there are few; 512 lists of the sample's whole catalogue take
    3 MB, of one of 500 items 30."""
    return to_json(ids).decode()
