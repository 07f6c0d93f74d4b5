"""The review period of an equivalent-measures system, to the day (FORN-2; ER 18(1)(i))."""

from __future__ import annotations

from datetime import date

import pytest

from cases.on_the_core import book
from sekisho.domain.question import equivalent_system
from sekisho.domain.request import Recipient


@pytest.mark.parametrize(
    ("recipient", "day", "in_order"),
    [
        ("overseas-ops-sg", date(2026, 4, 30), False),
        ("overseas-ops-sg", date(2026, 5, 1), True),
        ("overseas-ops-sg", date(2027, 5, 1), True),
        ("overseas-ops-sg", date(2027, 5, 2), False),
        ("overseas-ops-in", date(2026, 8, 31), True),
        ("overseas-ops-in", date(2026, 9, 1), False),
        ("overseas-ops-th", date(2026, 11, 21), False),
        ("overseas-ops-us", date(2026, 11, 21), False),
    ],
)
def test_a_system_is_in_order_from_its_review_until_the_next_is_due(
    recipient: str, day: date, in_order: bool
) -> None:
    """Twelve months after the day of the review, its last day included; an impairment ends it on its first day."""
    assert (equivalent_system(Recipient(recipient), book(), day) is not None) == in_order
