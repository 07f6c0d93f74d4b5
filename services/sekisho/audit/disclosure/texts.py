"""The texts of the notice, the count sheet and the refusals: data files, read when first needed and checked whole.

What is filled in must all be told: a letter with a gap is not written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from sekisho.audit.disclosure.errors import DisclosureError
from sekisho.audit.disclosure.wording import Both, Names, NoticeWording, Refusal, Refusals, SheetWording


@cache
def notice_wording() -> NoticeWording:
    """The notice's texts."""
    return NoticeWording.model_validate(_file("notice"))


@cache
def sheet_wording() -> SheetWording:
    """The sheet's texts."""
    return SheetWording.model_validate(_file("sheet"))


@cache
def names() -> Names:
    """The names of what a record states."""
    return Names.model_validate(_file("names"))


@cache
def refusals() -> Mapping[Refusal, Both]:
    """Why a disclosure is refused."""
    return Refusals(texts=_file("errors")).texts


def refusal(code: Refusal, **told: object) -> DisclosureError:
    """The error of that code, with its texts filled."""
    text = refusals()[code]
    return DisclosureError(code, ja=text.ja.format(**told), en=text.en.format(**told))


def _file(name: str) -> Any:
    text = files("sekisho.audit.disclosure").joinpath(f"data/{name}.yaml").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text)
