"""Asia/Tokyo days and periods of the Civil Code, as pure functions.

Japan has had no summer time since 1952, so Asia/Tokyo is a fixed nine hours ahead of UTC; the core needs no time-zone
database.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

TOKYO: Final = timezone(timedelta(hours=9), "Asia/Tokyo")
_AHEAD: Final = timedelta(hours=9)
_ONE_DAY: Final = timedelta(days=1)


def tokyo_day(at: datetime) -> date:
    """The Asia/Tokyo calendar day of an instant. `at` must be aware."""
    return (at + _AHEAD).date() if at.tzinfo is UTC else at.astimezone(TOKYO).date()


def corresponding_day(base: date, years: int) -> date | None:
    """The day that corresponds to `base` that many years later (Civil Code 143(2)); None where there is none."""
    try:
        return base.replace(year=base.year + years)
    except ValueError:  # only 29 February in a common year
        return None


def period_end(first: date, years: int) -> date:
    """The last day of a period of years whose first counted day is `first` (Civil Code 143(2)).

    It ends with the day before the corresponding day, or with the month's last day where there is none.
    """
    corresponding = corresponding_day(first, years)
    if corresponding is None:
        return date(first.year + years, first.month, 28)
    return corresponding - _ONE_DAY


def age_reached_on(birth: date, years: int) -> date:
    """The first day on which a person born on `birth` is `years` old.

    A person reaches an age at 24:00 of the day on which the period ends (年齢計算ニ関スル法律; Civil Code 143).
    """
    return period_end(birth, years) + _ONE_DAY


def months_end(base: date, months: int) -> date:
    """The last day of a period of months after `base`, that day not counted (Civil Code 140, 143(2)).

    It begins on the day after, and ends with the eve of the corresponding day, or with the month's last day where there is
    none: after 28 February 2027, twelve months end on 29 February 2028.
    """
    first = base + _ONE_DAY
    years, month = divmod(first.month - 1 + months, 12)
    year, month = first.year + years, month + 1
    try:
        return date(year, month, first.day) - _ONE_DAY
    except ValueError:
        return date(year + month // 12, month % 12 + 1, 1) - _ONE_DAY
