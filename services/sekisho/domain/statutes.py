"""References to statutes as they are written in Japanese: a registered name, then 第N条 (EXC-1).

`刑事訴訟法第197条第2項`, `弁護士法 第23条の2`, `民事訴訟法（平成八年法律第百九号）第百八十六条` are read; widths, spaces and the kind of numerals
do not matter. A name counts only as a whole: 民法 is not named by 民法施行法.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

Article = tuple[int, ...]
"""第23条の2 is (23, 2)."""

_NUMBER: Final = "[0-9〇零一二三四五六七八九十百千]{1,8}"
_ARTICLE: Final = re.compile(f"第({_NUMBER})条((?:の{_NUMBER})*)")
_LAW_NUMBER: Final = re.compile(rf"\((?:明治|大正|昭和|平成|令和)(?:元|{_NUMBER})年[^()]*第{_NUMBER}号\)")
"""The number that a law is often written with, right after its name."""
_DIGITS: Final = {digit: place for place, digit in enumerate("〇一二三四五六七八九")} | {"零": 0}
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}


class Named(NamedTuple):
    """What a reference names: a registered statute, and its articles in order (none: it does not say which)."""

    statute: str
    articles: tuple[Article, ...]


def read(reference: str, registered: Iterable[str]) -> Named | None:
    """The registered statute that a reference begins with, and what it names of it; None: it names none of them."""
    text = plain(reference)
    for statute in registered:
        name = plain(statute)
        if not text.startswith(name):
            continue
        rest = text[len(name) :]
        law_number = _LAW_NUMBER.match(rest)
        if law_number is not None:
            rest = rest[law_number.end() :]
        first = _ARTICLE.match(rest)
        if first is not None and _article(first)[0] > 0:
            return Named(statute, articles(rest))
        if not rest or rest[0] == "第" or not rest[0].isalpha():
            return Named(statute, ())
    return None


def articles(text: str) -> tuple[Article, ...]:
    """Every article that a text names, in order."""
    return tuple([_article(found) for found in _ARTICLE.finditer(plain(text))])


def permits(named: Named, permitting: Mapping[str, Iterable[str]]) -> bool:
    """Whether one of the articles named, or what it is a branch of, only permits and does not oblige."""
    only = {article for written in permitting.get(named.statute, ()) for article in articles(written)}
    return any(article[: len(each)] == each for article in named.articles for each in only)


def plain(text: str) -> str:
    """A text without differences of width, and without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _article(found: re.Match[str]) -> Article:
    branches = found.group(2).split("の")[1:]
    return (_number(found.group(1)), *[_number(branch) for branch in branches])


def _number(written: str) -> int:
    """百九十七, 一九七 and 197 are the same number."""
    if written.isascii():
        return int(written)
    if not any(sign in _UNITS for sign in written):
        return int("".join(str(_DIGITS.get(sign, sign)) for sign in written))
    total, pending = 0, 0
    for sign in written:
        if sign in _UNITS:
            total += (pending or 1) * _UNITS[sign]
            pending = 0
        else:
            pending = pending * 10 + int(_DIGITS.get(sign, sign))
    return total + pending
