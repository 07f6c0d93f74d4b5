"""Text as a printed document can show it: what has no shape of its own, or none in the font, stands there as its code point.

Control characters, bidirectional overrides and private-use characters (外字) would vanish, reorder what follows, or
look like something else. A reader must see that they are there.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

import noto_cjk_sans_jp_bold  # type: ignore[import-untyped]
import noto_cjk_sans_jp_regular  # type: ignore[import-untyped]

REGULAR: Final = Path(str(noto_cjk_sans_jp_regular.FONT_PATH))
BOLD: Final = Path(str(noto_cjk_sans_jp_bold.FONT_PATH))
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that show nothing (Unicode, Default_Ignorable_Code_Point, and the blank Braille pattern)."""
_SELECTORS: Final = ((0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
"""Variation selectors (IVS) choose a kanji's form: they belong to the character before them."""


def shown(text: str) -> str:
    """The text with a marker 〔U+202E〕 for each character that has no shape of its own; line breaks stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join([each if _has_shape(each) else _marker(each) for each in _one_break(text)])


def printed(text: str) -> str:
    """As `shown`, and also for each character that the embedded font lacks."""
    if text.isascii() and text.isprintable():
        return text
    return "".join([each if _in_font(each) else _marker(each) for each in _one_break(text)])


def all_printed(text: str) -> bool:
    """Whether a printed document shows every character of a text as it is."""
    return all(_in_font(each) for each in _one_break(text))


def _marker(character: str) -> str:
    return f"〔U+{ord(character):04X}〕"


def _one_break(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\t", " ")


def _has_shape(character: str) -> bool:
    if character in _FILLERS:
        return False
    return character == "\n" or unicodedata.category(character) not in _HIDDEN


def _in_font(character: str) -> bool:
    code = ord(character)
    if character == "\n" or any(first <= code <= last for first, last in _SELECTORS):
        return True
    return _has_shape(character) and code in _covered()


@cache
def _covered() -> frozenset[int]:
    """The characters that both weights of the font have."""
    return covered_by(REGULAR) & covered_by(BOLD)


def covered_by(font: Path) -> frozenset[int]:
    """The characters that an OpenType font has glyphs for, by its segmented-coverage table (OpenType, cmap format 12).

    Raises ValueError if the font has none.
    """
    data = font.read_bytes()
    tables = {data[at : at + 4]: data[at + 8 : at + 12] for at in _steps(12, _u16(data, 4), 16)}
    cmap = struct.unpack(">I", tables[b"cmap"])[0]
    for at in _steps(cmap + 4, _u16(data, cmap + 2), 8):
        subtable = cmap + struct.unpack_from(">I", data, at + 4)[0]
        if _u16(data, subtable) == 12:
            return _segments(data, subtable)
    raise ValueError(f"{font.name} has no character map of format 12")


def _segments(data: bytes, subtable: int) -> frozenset[int]:
    (groups,) = struct.unpack_from(">I", data, subtable + 12)
    found: set[int] = set()
    for at in _steps(subtable + 16, groups, 12):
        first, last, glyph = struct.unpack_from(">III", data, at)
        found.update(range(first + (glyph == 0), last + 1))
    return frozenset(found)


def _steps(start: int, count: int, size: int) -> range:
    return range(start, start + count * size, size)


def _u16(data: bytes, at: int) -> int:
    found: int = struct.unpack_from(">H", data, at)[0]
    return found
