"""Days and numbers as a Japanese letter writes them."""

from __future__ import annotations

from datetime import date
from typing import Final

_DIGITS: Final = "〇一二三四五六七八九"


def day(of: date) -> str:
    """2026年11月22日."""
    return f"{of.year}年{of.month}月{of.day}日"


def kanji(number: int) -> str:
    """一, 二, …, 十, 十一, …, 九十九. Raises ValueError beyond."""
    if not 1 <= number <= 99:
        raise ValueError(f"{number} is not between 1 and 99")
    tens, ones = divmod(number, 10)
    return ("" if tens < 2 else _DIGITS[tens]) + ("十" if tens else "") + (_DIGITS[ones] if ones else "")
