"""docs/examples.md tells which case shows which example of the sources; it and the cases name the same ones."""

from __future__ import annotations

import re
from pathlib import Path

from cases.on_the_core import all_cases
from sekisho.rulebook.handbook import open_handbook
from sekisho.rulebook.packaged import sample_path
from sekisho.rulebook.wanted import Wanted

PAGE = Path(__file__).parents[2] / "docs" / "examples.md"
FOLDER = sample_path()
OF_THE_DOCUMENTS = ("gl-", "sg-", "jp-", "ibr-")
"""How the ids of cases begin that are there for an example of a document."""


def named() -> set[str]:
    """The cases that the page names."""
    return set(re.findall(r"`((?:gl|sg|jp|ibr)-[a-z0-9-]+)`", PAGE.read_text(encoding="utf-8")))


def test_every_case_that_the_page_names_is_there() -> None:
    """No line of the page leads to a case that is gone."""
    assert named() - {case.id for case in all_cases()} == set()


def test_every_example_shown_is_on_the_page() -> None:
    """No case of an example is missing on the page."""
    assert {case.id for case in all_cases() if case.id.startswith(OF_THE_DOCUMENTS)} - named() == set()


def test_every_line_of_the_page_has_a_case_or_a_reason() -> None:
    """An example that no case shows says why."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()[10:]]
    assert len(rows) > 150
    assert [row for row in rows if len(row) < 2 or not row[-1].strip()] == []


def test_what_no_request_is_decided_by_says_why() -> None:
    """Every place that is listed as undecided is found by its section, with its reason in both languages."""
    book = open_handbook(FOLDER)
    assert len(book.undecided) > 30
    for each in book.undecided:
        for section in each.sections:
            found = book.find_source(f"{each.document} {section}")
            assert found is not None
            assert each in found.undecided
        assert each.why.ja
        assert each.why.en


def test_a_place_that_a_case_cites_is_not_undecided() -> None:
    """No sentence that a case rests on stands in a section of which nothing is decided."""
    undecided = [
        (each.document, section) for each in open_handbook(FOLDER).undecided for section in each.sections
    ]
    wrong = [
        (case.id, section)
        for case in all_cases()
        for document, section in undecided
        if Wanted.read(f"{document} {section}").carries(case.source)
    ]
    assert wrong == []
