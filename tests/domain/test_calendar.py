"""Periods of the Civil Code, to the day: every row of records.md's table, and an independent formulation."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.domain.calendar import age_reached_on, period_end, tokyo_day
from sekisho.domain.retention import Retention, retention

DAY = timedelta(days=1)
TABLE = [
    ("2023-04-01", "2024-03-31", "2026-03-31", "2026-04-01"),
    ("2023-02-28", "2024-02-27", "2026-02-27", "2026-02-28"),
    ("2023-03-01", "2024-02-29", "2026-02-28", "2026-03-01"),
    ("2024-02-28", "2025-02-27", "2027-02-27", "2027-02-28"),
    ("2024-02-29", "2025-02-28", "2027-02-28", "2027-02-28"),
    ("2025-02-28", "2026-02-27", "2028-02-27", "2028-02-29"),
]
"""records.md, Retention: base day, 起算して 1 year, 起算して 3 years, plain 3 years."""
days = st.dates(date(1950, 1, 1), date(2200, 12, 31))


@pytest.mark.parametrize(("base", "contract", "batch", "individual"), TABLE)
def test_the_table_of_retention(base: str, contract: str, batch: str, individual: str) -> None:
    """Contract and batch count the last provision's day, an individual record not the day of its making."""
    day = date.fromisoformat(base)
    assert retention("contract", day, day) == Retention(date.fromisoformat(contract), "ER 21(i)")
    assert retention("batch", day, day) == Retention(date.fromisoformat(batch), "ER 21(ii)")
    assert retention("individual", day, None) == Retention(date.fromisoformat(individual), "ER 21(iii)")


@given(days, st.sampled_from(["batch", "contract"]))
def test_while_provision_goes_on_there_is_no_end(day: date, method: str) -> None:
    """A batch or a contract with no last provision is kept without end."""
    assert retention("batch" if method == "batch" else "contract", day, None).until is None


@given(days, days)
def test_an_individual_record_does_not_look_at_a_last_provision(day: date, last: date) -> None:
    """Its period runs from its creation."""
    assert retention("individual", day, last) == retention("individual", day, None)


@pytest.mark.parametrize(
    ("article", "rule"), [("provision", "ER 21"), ("receipt", "ER 25"), ("referable", "ER 29")]
)
def test_the_article_follows_the_kind_of_record(article: str, rule: str) -> None:
    """ER 21, 25 and 29 say the same of their own records."""
    kept = retention("individual", date(2026, 11, 21), None, article=article)
    assert kept == Retention(date(2029, 11, 21), f"{rule}(iii)")


def three_years_on(day: date) -> date:
    """Plain three years by the almanac: the same date, but where February ends otherwise."""
    year = day.year + 3
    if (day.month, day.day) == (2, 29):
        return date(year, 2, 28)
    if (day.month, day.day) == (2, 28) and not isleap(day.year) and isleap(year):
        return date(year, 2, 29)
    return day.replace(year=year)


@given(days)
def test_plain_years_end_on_the_same_date(day: date) -> None:
    """Where the first day is not counted, the period ends on the same date three years on (but for February's end)."""
    assert retention("individual", day, None).until == three_years_on(day)


@given(days, st.integers(1, 30))
def test_a_period_that_counts_its_first_day_ends_on_the_eve_of_the_same_date(first: date, years: int) -> None:
    """The day after the end has the first day's date; where that year has none, the period ends with the month."""
    end = period_end(first, years)
    if (first.month, first.day) == (2, 29) and not isleap(first.year + years):
        assert end == date(first.year + years, 2, 28)
    else:
        assert (end + DAY).timetuple()[1:3] == (first.month, first.day)
        assert (end + DAY).year == first.year + years


@given(days, st.integers(1, 30))
def test_periods_end_in_the_order_in_which_they_began(first: date, years: int) -> None:
    """A record made later is never to be deleted earlier."""
    assert period_end(first, years) <= period_end(first + DAY, years)


@pytest.mark.parametrize(
    ("birth", "reached"),
    [
        ("2010-10-01", "2026-10-01"),
        ("2012-02-29", "2028-02-29"),
        ("2008-02-29", "2024-02-29"),
        ("2010-01-01", "2026-01-01"),
    ],
)
def test_sixteen_is_reached_on_the_birthday(birth: str, reached: str) -> None:
    """The day on which a person is sixteen begins at midnight of the birthday (年齢計算ニ関スル法律)."""
    assert age_reached_on(date.fromisoformat(birth), 16) == date.fromisoformat(reached)


def test_a_leap_day_child_comes_of_age_on_the_first_of_march_in_a_common_year() -> None:
    """With no 29 February, the last day of the year of age is the 28th."""
    assert age_reached_on(date(2012, 2, 29), 15) == date(2027, 3, 1)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 20, 14, 59, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 15, 0, tzinfo=UTC), date(2026, 11, 21)),
        (datetime(2026, 12, 31, 15, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_days_are_tokyos(instant: datetime, day: date) -> None:
    """A day begins at 15:00 UTC of the day before."""
    assert tokyo_day(instant) == day
