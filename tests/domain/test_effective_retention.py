"""The day that counts when retention was extended: prolonged, never shortened (records.md, Retention)."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from sekisho.domain.retention import effective

EARLY, LATE = date(2029, 11, 21), date(2031, 2, 28)
maybe_days = st.none() | st.dates()


def test_without_an_extension_what_was_stated_counts() -> None:
    """A date, or that no end is known."""
    assert effective(EARLY, []) == EARLY
    assert effective(None, []) is None


def test_an_end_that_becomes_known_counts_from_then_on() -> None:
    """A batch ends, an insurance period becomes known."""
    assert effective(None, [EARLY]) == EARLY


def test_a_date_only_moves_forward() -> None:
    """An earlier day shortens nothing, in whatever order the days come."""
    assert effective(LATE, [EARLY]) == LATE
    assert effective(EARLY, [LATE, EARLY]) == LATE


def test_what_goes_on_again_has_no_end_until_the_next_one_is_stated() -> None:
    """And the new end is not before an earlier one."""
    assert effective(EARLY, [None]) is None
    assert effective(LATE, [None, EARLY]) == LATE


@given(maybe_days, st.lists(maybe_days), st.dates())
def test_one_more_day_never_shortens(stated: date | None, before: list[date | None], more: date) -> None:
    """Whatever came before: a further day gives an end at or after every day that was ever stated."""
    until = effective(stated, [*before, more])
    assert until is not None
    assert all(until >= day for day in (stated, *before, more) if day is not None)
