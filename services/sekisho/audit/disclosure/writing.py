"""Writes a disclosure: the notice as JSON, HTML or PDF for the person, the count sheet as the same for the operator."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from sekisho.audit.disclosure.disclosing import Disclosure
from sekisho.audit.disclosure.letter import letter
from sekisho.audit.disclosure.notice import Notice
from sekisho.audit.disclosure.page import html
from sekisho.audit.disclosure.printing import pdf
from sekisho.audit.disclosure.sheet import Sheet
from sekisho.audit.disclosure.sheet_paper import sheet_paper
from sekisho.audit.disclosure.wording import Language
from sekisho.contracts.json_schemas import DIALECT


def notice_json(disclosure: Disclosure) -> str:
    """The notice as electronic data, as `notice_schema` says."""
    return _json(disclosure.notice)


def notice_html(disclosure: Disclosure) -> str:
    """The notice as one printable HTML file."""
    return html(letter(disclosure.notice))


def notice_pdf(disclosure: Disclosure) -> bytes:
    """The notice as PDF/A-2a and PDF/UA-1, with its fonts."""
    return pdf(letter(disclosure.notice))


def sheet_json(disclosure: Disclosure) -> str:
    """The operator's sheet, as `sheet_schema` says. Not for the person."""
    return _json(disclosure.sheet)


def sheet_html(disclosure: Disclosure, language: Language = "ja") -> str:
    """The operator's sheet as one printable HTML file. Not for the person."""
    return html(sheet_paper(disclosure.sheet, language))


def sheet_pdf(disclosure: Disclosure, language: Language = "ja") -> bytes:
    """The operator's sheet as PDF. Not for the person."""
    return pdf(sheet_paper(disclosure.sheet, language))


def notice_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the notice."""
    return _schema(Notice, "sekisho.disclosure.notice")


def sheet_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the operator's sheet."""
    return _schema(Sheet, "sekisho.disclosure.sheet")


def _json(document: BaseModel) -> str:
    return document.model_dump_json(indent=2) + "\n"


def _schema(model: type[BaseModel], name: str) -> dict[str, Any]:
    schema = model.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, "$id": f"urn:sekisho:schema:{name}", **schema, "title": name}
