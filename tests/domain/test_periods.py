"""Periods of the Civil Code by counting day for day, and retention by it: nothing is shared with the calendar's arithmetic.

Civil Code 140: the first day is not counted, unless the period begins at midnight (「から起算して」 makes it so). 141: a period
ends with the end of its last day. 143(1): it is counted by the calendar; 143(2): where it does not begin with a year, it
ends on the eve of the day that corresponds to its first, and where there is none, with the last day of the month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Final

import pytest

from sekisho.domain.calendar import age_reached_on, corresponding_day, months_end, period_end
from sekisho.domain.retention import Retention, retention
from sekisho.domain.vocabulary import RecordMethod

FIRST_YEAR, LAST_YEAR = 1900, 2200
LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
Day = tuple[int, int, int]


def is_leap(year: int) -> bool:
    """明治31年勅令第90号: by four; of those by a hundred, only those whose hundreds are by four."""
    return year % 4 == 0 and (year % 100 != 0 or (year // 100) % 4 == 0)


def length(year: int, month: int) -> int:
    """Days of a month."""
    return 29 if month == 2 and is_leap(year) else LENGTHS[month - 1]


@cache
def almanac() -> tuple[list[Day], dict[Day, int]]:
    """Every day in order, with its place: made by writing down months, not by adding to dates."""
    days = [
        (year, month, day)
        for year in range(FIRST_YEAR, LAST_YEAR + 40)
        for month in range(1, 13)
        for day in range(1, length(year, month) + 1)
    ]
    return days, {day: place for place, day in enumerate(days)}


def last_day(first: Day, years: int) -> Day:
    """The last day of so many years whose first counted day is that one: from the beginning of the month in which they
    end, day for day, until the corresponding day is come to, or passed since there is none: the eve is the last."""
    days, places = almanac()
    place = places[first[0] + years, first[1], 1]
    while days[place][1:] < first[1:]:
        place += 1
    return days[place - 1]


def next_day(day: Day) -> Day:
    """The day after."""
    days, places = almanac()
    return days[places[day] + 1]


def days_of(first: int, last: int) -> Iterator[Day]:
    """Every day of those years."""
    return (day for day in almanac()[0] if first <= day[0] <= last)


def plain(day: Day) -> date:
    """As the code knows it."""
    return date(*day)


def kept(method: RecordMethod, day: Day) -> Day:
    """ER 21, 25, 29 in their own words: 起算して1年, 起算して3年, and the plain 3年 from the creation."""
    if method == "contract":
        return last_day(day, 1)
    return last_day(day, 3) if method == "batch" else last_day(next_day(day), 3)


RULES: Final[dict[RecordMethod, str]] = {
    "contract": "ER 21(i)",
    "batch": "ER 21(ii)",
    "individual": "ER 21(iii)",
}


@pytest.mark.parametrize("method", RULES)
def test_retention_of_every_day_of_three_centuries(method: RecordMethod) -> None:
    """For each day from 1900 to 2200, the day found by arithmetic is the day found by counting."""
    for day in days_of(FIRST_YEAR, LAST_YEAR):
        found = retention.__wrapped__(method, plain(day), None if method == "individual" else plain(day))
        assert found == Retention(plain(kept(method, day)), RULES[method]), day


@pytest.mark.parametrize("years", [1, 2, 3, 4, 16, 18])
def test_periods_of_every_day_around_the_leap_years(years: int) -> None:
    """1896 to 1904 and 2096 to 2104 hold a century without a leap day, 1996 to 2004 one with it."""
    for first, last in ((1900, 1904), (1996, 2004), (2096, 2104)):
        for day in days_of(first, last):
            assert period_end(plain(day), years) == plain(last_day(day, years)), day
            assert age_reached_on(plain(day), years) == plain(next_day(last_day(day, years))), day


def test_only_a_leap_day_has_no_corresponding_day() -> None:
    """143(2)ただし書: in every other case the day of the same date is there."""
    for day in days_of(2023, 2033):
        year, month, number = day
        expected = None if number > length(year + 3, month) else date(year + 3, month, number)
        assert corresponding_day(plain(day), 3) == expected


def test_the_lawful_day_of_deletion_is_never_before_the_law_allows() -> None:
    """A record made a day later is never to be deleted a day earlier, whatever the method."""
    for method in RULES:
        ends = [plain(kept(method, day)) for day in days_of(2020, 2060)]
        assert ends == sorted(ends)


def months_on(first: Day, months: int) -> Day:
    """As `last_day`, for months: the year and the month in which they end are counted on one by one."""
    days, places = almanac()
    year, month = first[0], first[1]
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    place = places[year, month, 1]
    while days[place][1] == month and days[place][2] < first[2]:
        place += 1
    return days[place - 1]


@pytest.mark.parametrize("months", [1, 6, 11, 12, 13, 24])
def test_periods_of_months_of_every_day_of_nine_years(months: int) -> None:
    """A review period (FORN-2) counts from the day after the review, to the eve of the corresponding day."""
    for day in days_of(2023, 2031):
        assert months_end(plain(day), months) == plain(months_on(next_day(day), months)), day
    assert months_end(date(2026, 5, 1), 12) == date(2027, 5, 1)
    assert months_end(date(2027, 2, 28), 12) == date(2028, 2, 29)
    assert months_end(date(2026, 1, 30), 1) == date(2026, 2, 28)
