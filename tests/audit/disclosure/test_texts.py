"""The texts are data, complete, used, and fill with what they are given."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from sekisho.audit import disclosure
from sekisho.audit.disclosure import notice_schema, sheet_schema, texts
from sekisho.audit.disclosure.given import Capacity, ExcludedKind, Ground, Method, Particular
from sekisho.audit.disclosure.wording import (
    Both,
    Category,
    DisclosedBasis,
    NoticeWording,
    Outcome,
    Refusal,
    SheetWording,
    Wording,
)
from sekisho.domain.vocabulary import RecordBasis, values

SOURCES = "\n".join(
    each.read_text(encoding="utf-8")
    for each in sorted(Path(str(files(disclosure))).glob("*.py"))
    if each.name != "wording.py"
)


def loaded(name: str) -> Any:
    """A text file as it is."""
    return YAML(typ="safe", pure=True).load(
        files(disclosure).joinpath(f"data/{name}.yaml").read_text(encoding="utf-8")
    )


def leaves(value: object) -> list[str]:
    """All texts in a part of a wording."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Wording):
        return [text for name in type(value).model_fields for text in leaves(getattr(value, name))]
    if isinstance(value, dict):
        return [text for each in value.values() for text in leaves(each)]
    assert isinstance(value, tuple)
    return [text for each in value for text in leaves(each)]


WORDINGS = (texts.notice_wording(), texts.sheet_wording(), texts.names(), *texts.refusals().values())


def test_no_text_is_empty() -> None:
    """Every text says something."""
    assert all(text.strip() for wording in WORDINGS for text in leaves(wording))


def test_japanese_is_japanese_and_english_english() -> None:
    """The Japanese texts are written in Japanese, the English ones in letters."""
    both = [
        each for wording in (texts.sheet_wording(), *texts.refusals().values()) for each in pairs(wording)
    ]
    assert len(both) > 90
    for each in both:
        assert re.search(r"[ぁ-んァ-ヶ一-龠]", each.ja) or not re.search(
            r"[a-z]{3}", re.sub(r"\{\w+\}", "", each.ja)
        )
        assert not re.search(r"[ぁ-んァ-ヶ一-龠]", each.en)
    for text in leaves(texts.notice_wording()):
        assert not re.search(r"[a-z]{3}", re.sub(r"\{\w+\}", "", text))


def pairs(value: object) -> list[Both]:
    """All texts in both languages."""
    if isinstance(value, Both):
        return [value]
    if isinstance(value, Wording):
        return [each for name in type(value).model_fields for each in pairs(getattr(value, name))]
    if isinstance(value, dict):
        return [each for one in value.values() for each in pairs(one)]
    return [each for one in value for each in pairs(one)] if isinstance(value, tuple) else []


def test_both_languages_are_filled_alike() -> None:
    """Japanese and English of a text name the same placeholders."""
    for wording in (texts.sheet_wording(), *texts.refusals().values()):
        for each in pairs(wording):
            assert set(re.findall(r"\{\w+\}", each.ja)) == set(re.findall(r"\{\w+\}", each.en))


@pytest.mark.parametrize("model", [NoticeWording, SheetWording])
def test_every_text_is_used(model: type[Wording]) -> None:
    """No text is an orphan: each field's name is used by the code."""
    unused = [name for name in fields(model) if not re.search(rf"\.{name}\b|\"{name}\"", SOURCES)]
    assert unused == []


def fields(model: type[Wording]) -> list[str]:
    """The names of all fields of a wording and its parts."""
    found = []
    for name, field in model.model_fields.items():
        part = field.annotation
        found.append(name)
        if isinstance(part, type) and issubclass(part, Wording) and part is not Both:
            found += fields(part)
    return found


def test_refusals_are_all_raised() -> None:
    """Each refusal is one that the code can raise."""
    assert [code for code in values(Refusal) if f'"{code}"' not in SOURCES] == []


def test_missing_or_strange_text_is_refused() -> None:
    """A file that lacks a text, tells of no member of an enumeration, or holds one that nobody knows, is not read."""
    whole = loaded("sheet")
    for change in (
        {"title": None},
        {"strange": {"ja": "あ", "en": "a"}},
        {"grounds": {"harm": {"ja": "あ", "en": "a"}}},
    ):
        with pytest.raises(ValidationError):
            SheetWording.model_validate(whole | change)


def test_basis_of_disclosure_is_all_but_referable_provision() -> None:
    """Every basis of the contract is a record for disclosure, but the one that has no person."""
    assert {*values(DisclosedBasis), "referable.provision"} == set(values(RecordBasis))


def test_vocabularies_are_the_laws() -> None:
    """Three grounds (APPI 33(2)), four kinds (Cabinet Order 11), three methods (ER 30), and who may ask (APPI 37(3))."""
    assert [len(values(each)) for each in (Ground, ExcludedKind, Method, Capacity)] == [3, 4, 3, 3]
    assert len(values(Particular)) == 10
    assert len(values(Category)) == 10
    assert len(values(Outcome)) == 4


def test_schemas_are_documented() -> None:
    """Every part of both documents says what it is."""
    for schema in (notice_schema(), sheet_schema()):
        parts = [schema, *schema["$defs"].values()]
        assert all(each.get("description") for each in parts if each["type"] == "object")
        told = [field for part in parts for field in part["properties"].values() if "description" in field]
        assert len(told) >= 6
