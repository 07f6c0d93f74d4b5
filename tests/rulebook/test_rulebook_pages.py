"""The handbook and the pages of docs/rules: from a sentence of a source to rule, data, case and answer."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from sekisho.reference import outdated, write
from sekisho.rulebook import sample_path
from sekisho.rulebook.handbook import Handbook, natural, open_handbook
from sekisho.rulebook.model import Sources
from sekisho.rulebook.record_terms import RECORD_BASES, RECORD_EXEMPTIONS
from sekisho.rulebook.rule_data import RULE_DATA
from sekisho.rulebook.rule_pages import pages

ROOT = Path(__file__).parents[2]


@cache
def book() -> Handbook:
    """The sample's handbook."""
    return open_handbook(sample_path())


@cache
def written() -> dict[str, str]:
    """Its pages."""
    return pages(book())


def test_every_rule_stands_on_its_familys_page_in_both_languages() -> None:
    """What it says, its citations, its codes with message and remedy, and each of its cases with the answer."""
    for rule, stated in book().rules.items():
        page = written()[f"rules/{rule.partition('-')[0].lower()}.md"]
        part = page[page.index(f"## {rule}\n") :].split("\n## ")[0]
        told = [stated.says.ja, stated.says.en, *(source.citation for source in stated.sources)]
        for entry in book().entries(rule):
            told += [f"`{entry.code}`", entry.message.ja, entry.message.en]
            told += [] if entry.remedy is None else [entry.remedy.ja, entry.remedy.en]
        for case in book().cases_of(rule):
            told += [f"[{case.id}](", case.title.ja, case.title.en, f"**{case.expected.effect}**"]
        for each in told:
            assert each in part, (rule, each)


def test_every_sentence_leads_to_its_rules_and_cases() -> None:
    """By source: each cited sentence stands once, with each case that rests on it."""
    page = written()["rules/sources.md"]
    for case in book().cases:
        assert page.count(f"> {case.source.sentence}\n") == len(
            {each.source for each in book().cases if each.source.sentence == case.source.sentence}
        )
        sentence = page[page.index(f"> {case.source.sentence}\n") :]
        assert f"[{case.id}](" in sentence


def test_every_record_and_exemption_stands_with_its_cases() -> None:
    """The page of records tells each, its source and the cases that leave or owe it."""
    page = written()["rules/records.md"]
    for code, term in {**RECORD_BASES, **RECORD_EXEMPTIONS}.items():
        part = page[page.index(f"### `{code}`") :].split("\n### ")[0]
        assert term.citation in part
        for case in book().cases_with(code):
            assert f"[{case.id}](" in part


def test_every_link_leads_somewhere() -> None:
    """To a page, to a heading or an anchor of it, or to a line of a file that is there."""
    anchors = {
        name.partition("/")[2]: {
            each.lower() for each in re.findall(r"^## ([A-Z]+-\d+)$", page, re.MULTILINE)
        }
        | set(re.findall(r'<a id="([^"]+)"', page))
        for name, page in written().items()
    }
    for name, page in written().items():
        for target in set(re.findall(r"\]\(([^)]+)\)", page)):
            file, _, anchor = target.partition("#")
            if file in anchors:
                assert not anchor or anchor in anchors[file], (name, target)
                continue
            path = (ROOT / "docs" / "rules" / file).resolve()
            assert path.is_file(), (name, target)
            lines = path.read_text("utf-8").count("\n") + 1
            assert not anchor or 1 <= int(anchor.removeprefix("L")) <= lines, (name, target)


def test_an_anchor_stands_once() -> None:
    """Two sentences never share a place on the page."""
    anchors = re.findall(r'<a id="([^"]+)"', written()["rules/sources.md"])
    assert len(anchors) == len(set(anchors)) == len({case.source for case in book().cases})


def test_rules_name_sections_that_there_are() -> None:
    """The data of a rule are sections of the rulebook, and rules that are in it."""
    for rule, sections in RULE_DATA.items():
        assert rule in book().rules
        assert set(sections) <= set(Sources.model_fields), rule


def test_pages_are_written_and_those_of_no_rule_go(tmp_path: Path) -> None:
    """What is out of date is told; a page that is written no more is deleted."""
    write(tmp_path)
    assert outdated(tmp_path) == {}
    (tmp_path / "rules" / "old.md").write_text("# OLD\n", "utf-8")
    page = tmp_path / "rules" / "wall.md"
    page.write_text(page.read_text("utf-8").replace("## WALL-8", "## WALL-88"), "utf-8")
    told = outdated(tmp_path)
    assert set(told) == {"rules/old.md", "rules/wall.md"}
    assert "-## WALL-88" in told["rules/wall.md"]
    write(tmp_path)
    assert outdated(tmp_path) == {}
    assert not (tmp_path / "rules" / "old.md").exists()


@pytest.mark.parametrize(
    ("wanted", "rule", "case"),
    [
        ("APPI 27(1)", "PROV-1", "prov-1-no-consent"),
        ("APPI 第27条第1項", "PROV-1", "prov-1-no-consent"),
        ("個人情報の保護に関する法律 第27条第1項", "PROV-1", "prov-1-no-consent"),
        ("IBR 53-6(2)", "WALL-12", None),
        ("SG II-4-2-6-2(1)", "WALL-8", "wall-8-expired"),
        ("SG Ⅱ−4−2−6−2（１）", "WALL-8", "wall-8-expired"),
        ("ER 20(1)(ii)", "REQ-5", None),
        ("JP 2", "WALL-1", "wall-1-invitation-anticipated"),
        ("来局誘致", "WALL-1", "wall-1-invitation-anticipated"),
        (
            "…ために、主な用件の後に保険募集を行う可能性を認識しつつ来局誘致 を行った…",
            "WALL-1",
            "wall-1-invitation-anticipated",
        ),
        ("保険業法施行規則第234条第1項第18号イ", "WALL-1", None),
    ],
)
def test_a_sentence_or_its_place_leads_to_rules_and_cases(wanted: str, rule: str, case: str | None) -> None:
    """As a compliance officer writes it: in short or in full, by place or by words."""
    found = book().find_source(wanted)
    assert found is not None
    assert rule in found.rules
    assert case is None or case in {each.id for each in found.cases}


@pytest.mark.parametrize(
    "wanted", ["SV 33", "APPI 2", "SV 140", "APPI 第2条", "保険", "", "IBR", "存在しない文である"]
)
def test_a_place_on_which_nothing_rests_is_not_found(wanted: str) -> None:
    """A number is not the beginning of a longer one, and what is too short means nothing."""
    assert book().find_source(wanted) is None


def test_section_1_is_not_the_beginning_of_section_14() -> None:
    """Of a place that is told to be undecided, nothing is shown that stands at a longer number."""
    found = book().find_source("SV 1")
    assert found is not None
    assert (found.rules, found.cases, len(found.undecided)) == ((), (), 1)


def test_sections_are_in_the_order_of_numbers() -> None:
    """第2項 comes before 第10項."""
    sections = ["第10条", "第2条第10項", "第2条第2項", "第2条"]
    assert sorted(sections, key=natural) == ["第2条", "第2条第2項", "第2条第10項", "第10条"]
