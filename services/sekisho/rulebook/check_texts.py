"""Texts: a message in the wrong language, placeholders that differ or are never filled in, a statement without its consent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from sekisho.rulebook.findings import Findings
from sekisho.rulebook.model_base import Bilingual
from sekisho.rulebook.problems import nearest
from sekisho.rulebook.yamltree import Path

_JAPANESE: Final = re.compile("[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff々]")
_LATIN: Final = re.compile("[A-Za-z]")
_PLACEHOLDER: Final = re.compile(r"\{([^}]*)\}")
_CONSENTS: Final = "consents"
_OF_STATEMENTS: Final = frozenset({_CONSENTS, "how"})
"""What the statements of records fill in: the consents' ids, and how consent was confirmed."""
_NAMING_CONSENTS: Final = ("record_statement", "foreign")
"""Statements of a consent that is held: they say which (ER 20(1)(ii)イ)."""


def examine(findings: Findings) -> None:
    """Look at every text in two languages."""
    for path, text in _texts(findings.sources, ()):
        _languages(findings, path, text)
        _placeholders(findings, path, text)


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, Bilingual]]:
    """Every text below a value, with its path in the sources."""
    if isinstance(value, Bilingual):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _texts(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, tuple):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))


def _languages(findings: Findings, path: Path, text: Bilingual) -> None:
    told = (
        findings.problem if path[0] == "rules" else findings.note
    )  # a name may be the same in both languages
    if not _JAPANESE.search(text.ja):
        told((*path, "ja"), f"no Japanese text: {_begin(text.ja)}", "kana or kanji are expected under ja")
    japanese, latin = len(_JAPANESE.findall(text.en)), len(_LATIN.findall(text.en))
    if japanese > latin or not latin:
        told((*path, "en"), f"no English text: {_begin(text.en)}", "Latin letters are expected under en")


def _begin(text: str) -> str:
    return f'"{text[:30]}…"' if len(text) > 30 else f'"{text}"'


def _placeholders(findings: Findings, path: Path, text: Bilingual) -> None:
    ja, en = ({*_PLACEHOLDER.findall(each)} for each in (text.ja, text.en))
    for name in sorted(ja ^ en):
        lacking = "en" if name in ja else "ja"
        hint = nearest(name, (ja | en) - {name})
        findings.problem((*path, lacking), f"{{{name}}} stands in one language alone", hint)
    if path[0] == "rules" and path[2:3] == ("reasons",):
        return  # compiling looks at these
    fills_in = _OF_STATEMENTS if str(path[1]).startswith("record_statement") else frozenset()
    for name in sorted((ja | en) - fills_in):
        hint = (
            nearest(name, fills_in) if fills_in else "only messages and remedies of reasons have placeholders"
        )
        findings.problem(path, f"{{{name}}} is never filled in here", hint)
    if fills_in and path[-1] in _NAMING_CONSENTS and _CONSENTS not in ja & en:
        findings.problem(
            path, "the statement does not name the consents", f"{{{_CONSENTS}}} stands for their ids"
        )
