"""The cases together show every rule in each direction and every code; every case is decided by its rule; every sentence
that is cited stands in its source."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from cases.on_the_core import all_cases
from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.domain.vocabulary import RecordBasis, RecordExemption, values
from sekisho.rulebook import compile_sources, read_texts, sample_path
from sekisho.rulebook.case_model import DOCUMENTS, CitedSentence
from sekisho.rulebook.cases import Case
from sekisho.rulebook.coverage import (
    OF_THE_GATE,
    Coded,
    Direction,
    answered_codes,
    codes,
    directions,
    directions_shown,
    is_shown,
    refused_by,
    takes_part,
)
from sekisho.rulebook.families import FAMILIES, in_order
from sekisho.rulebook.record_terms import RECORD_BASES, RECORD_EXEMPTIONS

RULES = compile_sources(read_texts(sample_path())).sources.rules
NUMBERS = {
    "REQ": 6, "ACC": 5, "SUSP": 4, "USE": 1, "SENS": 5, "CRED": 1, "CARD": 1, "WALL": 15, "PURP": 7, "EXC": 7, "PROV": 12,
    "RECV": 4, "REF": 1,
}  # fmt: skip
THE_PAGE = [
    *(f"{family}-{number}" for family, last in NUMBERS.items() for number in range(1, last + 1)),
    *(f"FORN-{number}" for number in range(5)),
]
"""Every rule of the rulebook's page."""
OF_THE_GATE_TESTS = {
    "consent.position_not_reached": "tests/gate",
    "consent.position_misrouted": "tests/gate",
    "consent.state_stale": "tests/gate",
    "request.misrouted": "tests/gate",
    "request.id_reused": "tests/gate",
    "subject.too_many_events": "tests/gate",
    "request.too_large": "tests/gate",
}
"""Reasons that only a gate can give (REQ-4), and what pins them."""
SOURCES = Path(__file__).parents[3] / "shared" / "sources"
FILES = {
    "APPI": ("appi-general-guideline-extract.txt",),
    "ER": ("appi-general-guideline-extract.txt",),
    "GL": ("appi-general-guideline-extract.txt",),
    "IBR": ("insurance-business-regulation-extract.txt",),
    "JP": ("japan-post-cross-sell-consent.txt",),
    "SG": ("insurance-supervision-guidelines-extract.txt", "insurance-supervision-guidelines.txt"),
    "SV": ("servicer-personal-information-rules.txt",),
    "RB": (),
}
"""Where the sentences of each document stand; RB's are the rulebook's own."""


def test_every_rule_of_the_page_stands() -> None:
    """No rule of the rulebook's page is missing in the data, and the data have no other."""
    assert in_order(RULES) == in_order(THE_PAGE)


def test_the_families_are_in_the_rulebooks_order() -> None:
    """Tables and pages are arranged as decisions are."""
    assert in_order(cite.rule for cite in DECLARED) == list(dict.fromkeys(cite.rule for cite in DECLARED))
    assert {rule.partition("-")[0] for rule in THE_PAGE} == set(FAMILIES)


@pytest.mark.parametrize("wanted", directions(RULES), ids=lambda wanted: "-".join(wanted))
def test_every_rule_is_shown_in_each_direction(wanted: Direction) -> None:
    """Each rule lets pass in one case and refuses in another, but where it has no reason to refuse by."""
    assert wanted in directions_shown(all_cases())


@pytest.mark.parametrize("coded", codes(RULES), ids=lambda coded: f"{coded.code}@{coded.rule}")
def test_every_code_stands_in_a_case(coded: Coded) -> None:
    """No reason, basis or obligation that a decision can carry is without a case."""
    assert is_shown(coded, answered_codes(all_cases()))


@pytest.mark.parametrize("code", [*values(RecordBasis), *values(RecordExemption)])
def test_every_record_and_every_exemption_stands_in_a_case(code: str) -> None:
    """Each kind of record is left by some case, and each reason why none is owed is given by one."""
    assert code in answered_codes(all_cases())


def test_records_and_exemptions_are_explained() -> None:
    """Every record basis and exemption has its meaning and its source."""
    assert set(RECORD_BASES) == set(values(RecordBasis))
    assert set(RECORD_EXEMPTIONS) == set(values(RecordExemption))


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_rule_that_a_case_names_decides_it(case: Case) -> None:
    """A denying case is refused by its rule; an allowing one rests on it, or differs by it from the case it is set against."""
    assert takes_part(case, {each.id: each for each in all_cases()}, RULES)


def test_a_case_that_no_rule_decides_is_found() -> None:
    """The check can fail: a case under another rule's name does not pass it."""
    by_id = {case.id: case for case in all_cases()}
    expired = by_id["wall-8-expired"]
    for rule in ("WALL-9", "ACC-3", "EXC-1"):
        assert rule not in refused_by(expired)
        assert not takes_part(_named(expired, rule), by_id, RULES)
    assert not takes_part(_named(by_id["purp-1-specified"], "ACC-3"), by_id, RULES)


def _named(case: Case, rule: str) -> Case:
    return replace(case, rule=rule, against=None)


def test_every_code_is_one_that_a_rule_declares() -> None:
    """Cases name no (code, rule) that no decision could carry."""
    declared = {f"{cite.code} {cite.rule}" for cite in (*DECLARED, *OBLIGATIONS)} | {
        cite.code for cite in BASES
    }
    declared |= {*RECORD_BASES, *RECORD_EXEMPTIONS}
    assert answered_codes(all_cases()) - declared == set()


def test_what_only_a_gate_can_say_is_pinned_there() -> None:
    """REQ-4's reasons are those that a gate's tests pin, and no others."""
    assert {cite.code for cite in DECLARED if cite.rule in OF_THE_GATE} == set(OF_THE_GATE_TESTS)


@cache
def text_of(document: str) -> str:
    """A source's text, its line breaks taken out with the blanks around them: sentences run over lines."""
    texts = [(SOURCES / file).read_text(encoding="utf-8") for file in FILES[document]]
    return "\n".join(re.sub(r"\s*\n\s*", "", text) for text in texts)


def cited() -> list[CitedSentence]:
    """Every sentence that a case cites, once."""
    return list(dict.fromkeys(case.source for case in all_cases()))


def test_every_document_has_its_file() -> None:
    """No document can be cited whose sentences are not looked up."""
    assert set(FILES) == set(DOCUMENTS)


@pytest.mark.skipif(
    not SOURCES.is_dir(), reason=f"the source documents are not there ({SOURCES.name}/): nothing was compared"
)
@pytest.mark.parametrize(
    "sentence", cited(), ids=lambda each: f"{each.document} {each.section} {each.sentence[:12]}"
)
def test_a_cited_sentence_stands_in_its_source(sentence: CitedSentence) -> None:
    """Literally, line breaks apart."""
    if sentence.document != "RB":
        assert sentence.sentence in text_of(sentence.document)
