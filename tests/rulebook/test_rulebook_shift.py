"""The sample world moved as a whole in time."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.domain.book import Entrustment, Rulebook
from sekisho.rulebook import (
    RulebookError,
    compile_sources,
    days_from_base,
    read_texts,
    sample_path,
    shift_days,
)
from sekisho.rulebook.sources import validate

SAMPLE = read_texts(sample_path())
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
LAW_DAYS = {"statutes.yaml"}


@settings(max_examples=10, deadline=None)
@given(days=st.integers(-3000, 3000))
def test_every_day_of_the_world_moves_by_the_same_and_nothing_else_does(days: int) -> None:
    """Apart from days, the version and days of law, the texts stay byte for byte."""
    moved = shift_days(SAMPLE, days)
    assert moved.keys() == SAMPLE.keys()
    for file, text in SAMPLE.items():
        before, after = DAY.findall(text), DAY.findall(moved[file])
        expected = before
        if file not in LAW_DAYS:
            expected = [(date.fromisoformat(day) + timedelta(days=days)).isoformat() for day in before]
        assert after == expected, file
        if file != "rulebook.yaml":
            assert DAY.sub("", moved[file]) == DAY.sub("", text)


@settings(max_examples=8, deadline=None)
@given(first=st.integers(-500, 500), second=st.integers(-500, 500))
def test_moving_twice_is_moving_by_the_sum(first: int, second: int) -> None:
    """Moves add up, version and all; moving back gives the original texts."""
    assert shift_days(shift_days(SAMPLE, first), second) == shift_days(SAMPLE, first + second)
    assert shift_days(shift_days(SAMPLE, first), -first) == SAMPLE


def test_a_moved_rulebook_says_so(book: Rulebook) -> None:
    """Version and digest differ, everything that is no day is the same."""
    moved = compile_sources(shift_days(SAMPLE, 30)).book
    assert moved.version == "2026.11.1+30d"
    assert compile_sources(shift_days(SAMPLE, -5)).book.version == "2026.11.1+-5d"
    assert moved.digest != book.digest
    assert moved.reasons == book.reasons
    assert moved.specified == book.specified
    apart = {"university"}  # its joint research has a day
    assert {name: each for name, each in moved.organizations.items() if name not in apart} == {
        name: each for name, each in book.organizations.items() if name not in apart
    }


def test_all_kinds_of_days_move(book: Rulebook) -> None:
    """Agreements, moratoria, operators, notices, ended purposes, successions and the base day move together."""
    moved = compile_sources(shift_days(SAMPLE, 100))
    by = timedelta(days=100)
    assert moved.book.moratoria[1].start == book.moratoria[1].start + by
    assert moved.book.operators["op-0999"].active_until == date(2026, 6, 30) + by
    before, after = book.agreements["AG-1"], moved.book.agreements["AG-1"]
    assert isinstance(before, Entrustment)
    assert isinstance(after, Entrustment)
    assert before.valid_until is not None
    assert (after.valid_from, after.valid_until) == (before.valid_from + by, before.valid_until + by)
    assert moved.sources.rulebook.base_day == date(2026, 11, 21) + by
    assert moved.sources.equivalent_systems["ES-1"].reviewed_on == date(2026, 5, 1) + by
    assert moved.sources.opt_outs["OO-2"].open_from == date(2026, 12, 15) + by
    assert moved.sources.related_purposes["REL-1"].published_on == date(2026, 4, 1) + by
    assert moved.sources.dissolved["former-bank"].dissolved_on == date(2025, 10, 1) + by
    assert (
        moved.sources.organizations["university"].joint_research["savings-bank"].since
        == date(2026, 4, 1) + by
    )


def test_days_of_the_law_stay() -> None:
    """Amendments and a rule's time in force are the law's, not the world's."""
    rules = SAMPLE["rules/purp.yaml"].replace(
        "  PURP-7:\n", "  PURP-7:\n    effective_from: 2022-04-01\n    effective_until: 2030-03-31\n"
    )
    moved = validate(shift_days({**SAMPLE, "rules/purp.yaml": rules}, 50)).sources
    assert moved.amendments["APPI-2026"].promulgated_on == date(2026, 7, 17)
    assert moved.rules["PURP-7"].effective_from == date(2022, 4, 1)
    assert moved.rules["PURP-7"].effective_until == date(2030, 3, 31)


def test_quoted_days_move_too() -> None:
    """A day in quotes is the same day."""
    quoted = SAMPLE["moratoria.yaml"].replace("end: 2025-03-31", 'end: "2025-03-31" # lifted 2025-03-31')
    moved = shift_days({**SAMPLE, "moratoria.yaml": quoted}, 1)["moratoria.yaml"]
    assert 'end: "2025-04-01" # lifted 2025-03-31' in moved


def test_a_day_that_cannot_be_moved_is_a_problem() -> None:
    """A day in a block scalar would silently stay; it is named instead."""
    folded = SAMPLE["moratoria.yaml"].replace("end: 2025-03-31", "end: >-\n      2025-03-31")
    with pytest.raises(RulebookError, match="a day that cannot be moved"):
        shift_days({**SAMPLE, "moratoria.yaml": folded}, 1)


def test_days_from_base() -> None:
    """How far the world must be moved for its base day to be a given day."""
    assert days_from_base(SAMPLE, date(2026, 11, 21)) == 0
    assert days_from_base(SAMPLE, date(2027, 11, 21)) == 365
    moved = shift_days(SAMPLE, days_from_base(SAMPLE, date(2030, 2, 28)))
    assert validate(moved).sources.rulebook.base_day == date(2030, 2, 28)
