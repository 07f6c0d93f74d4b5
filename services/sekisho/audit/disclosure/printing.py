"""Writes a paper as PDF, through Typst: tagged, archivable (PDF/A-2a) and accessible (PDF/UA-1), its fonts embedded.

The template is fixed; the paper goes into it as JSON data, never as markup, so no text of a record can be anything but
text. No font of the system is used and no package is fetched; the same paper gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, time
from functools import cache
from importlib.resources import files
from typing import Any, Final

import typst

from sekisho.audit.disclosure.paper import Paper
from sekisho.audit.disclosure.visible import BOLD, REGULAR, printed
from sekisho.domain.calendar import TOKYO

_STANDARDS: Final[list[Any]] = ["a-2a", "ua-1"]


def pdf(paper: Paper) -> bytes:
    """The whole document; its creation time is the start of the day of issue (Asia/Tokyo)."""
    document = _printed(asdict(paper) | {"issued_on": _day(paper)})
    issued = datetime.combine(paper.issued_on, time(), TOKYO)
    return typst.compile(
        _template(),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"paper": json.dumps(document, ensure_ascii=False)},
        pdf_standards=_STANDARDS,
        timestamp=int(issued.astimezone(UTC).timestamp()),
    )


def _day(paper: Paper) -> list[int]:
    return [paper.issued_on.year, paper.issued_on.month, paper.issued_on.day]


def _printed(value: Any) -> Any:
    """The same document, every text of it as the font can show it: PDF/A allows no character without a glyph."""
    if isinstance(value, str):
        return printed(value)
    if isinstance(value, dict):
        return {name: _printed(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_printed(each) for each in value]
    return value


@cache
def _template() -> bytes:
    return files("sekisho.audit.disclosure").joinpath("data/document.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """The two weights of Noto Sans CJK JP, from their wheels."""
    folders = [str(REGULAR.parent), str(BOLD.parent)]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
