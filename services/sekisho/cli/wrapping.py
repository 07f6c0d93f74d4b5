"""Lines of a given width from text that mixes Japanese (two columns a character, no spaces) and English.

A line may break at a space and between any two characters of which one is wide, but never before closing punctuation
nor after an opening bracket (禁則処理, the usual rule of Japanese typesetting; JIS X 4051).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len, chop_cells

_NEVER_FIRST: Final = frozenset(
    "、。，．・：；！？」』）］｝〉》】〕ー…々ゃゅょっャュョッぁぃぅぇぉァィゥェォ,.:;!?)]}%"
)
_NEVER_LAST: Final = frozenset("「『（［｛〈《【〔([{")


def wrap(text: str, width: int) -> list[str]:
    """The lines of `text` (its own line ends are spaces), none wider than `width` columns (2 at least)."""
    lines: list[str] = []
    line, used = "", 0
    for unit in _units(" ".join(text.split())):
        size = cell_len(unit)
        if used and used + cell_len(unit.rstrip()) > width:
            lines.append(line.rstrip())
            line, used = "", 0
            unit = unit.lstrip()
            size = cell_len(unit)
        for piece in _pieces(unit, width):
            if piece is not unit and line:
                lines.append(line)
                line = ""
            line += piece
        used = cell_len(line) if size > width else used + size
    if line.strip():
        lines.append(line.rstrip())
    return lines or [""]


def _units(text: str) -> Iterator[str]:
    """The parts of a text that stay on one line, each with the space that follows it."""
    unit = ""
    for index, char in enumerate(text):
        unit += char
        after = text[index + 1 : index + 2]
        if after and _may_break(char, after):
            yield unit
            unit = ""
    if unit:
        yield unit


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in _NEVER_FIRST or before in _NEVER_LAST:
        return False
    return before == " " or cell_len(before) == 2 or cell_len(after) == 2


def _pieces(unit: str, width: int) -> Iterator[str]:
    """A unit wider than a line (a long id) in pieces of the width; others as they are."""
    if cell_len(unit.rstrip()) <= width:
        yield unit
        return
    yield from chop_cells(unit.rstrip(), width)
