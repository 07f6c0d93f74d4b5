"""A printed document, as a value: what stands on it and in what order, not how it looks.

`page.py` writes it as one HTML file, `printing.py` as PDF. Every string is plain text: none is markup in either. It knows
nothing of disclosure, so other reports can be written with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

LONG: Final = 900
"""Characters from which a card may break across pages: it might not fit on one."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text; `tone`: leading introduces what follows, quiet is small print, strong and boxed stand out."""

    text: str
    tone: Literal["plain", "leading", "quiet", "strong", "boxed"] = "plain"
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's heading."""

    text: str
    kind: Literal["heading"] = "heading"


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled row of facts: its lines, and remarks that stand apart from them."""

    label: str
    lines: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    number: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Labelled facts under two column headings."""

    caption: str
    columns: tuple[str, str]
    rows: tuple[Row, ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column headings; `widths` are the columns' shares, `ends` the columns set to the right (numbers).

    The caption is for those who do not see the heading above it, unless it is `captioned`.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    ends: tuple[int, ...] = ()
    captioned: bool = False
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Card:
    """One thing of many, told in full: a title, what kind it is, its numbered rows, and small print under them."""

    title: str
    tag: str
    columns: tuple[str, str]
    rows: tuple[Row, ...]
    small: tuple[tuple[str, str], ...]
    long: bool
    kind: Literal["card"] = "card"


Block = Paragraph | Heading | Facts | Table | Card


@dataclass(frozen=True, slots=True)
class Paper:
    """A whole document: `top` are the lines at its head, on the right; addressee and sender are a letter's."""

    language: Literal["ja", "en"]
    title: str
    issued_on: date
    author: str
    footer: str
    blocks: tuple[Block, ...]
    top: tuple[str, ...] = ()
    addressee: tuple[str, ...] = ()
    sender: tuple[str, ...] = ()
    end: str = ""


def is_long(rows: Iterable[Row]) -> bool:
    """Whether a card with these rows may need more than a page."""
    return sum(len(line) for row in rows for line in (row.label, *row.lines, *row.remarks)) > LONG
