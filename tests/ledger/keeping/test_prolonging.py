"""What an operator may extend: later, never sooner."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.domain.retention import effective
from sekisho.domain.vocabulary import RecordMethod
from sekisho.ledger.keeping.prolonging import ShorteningError, ended, prolonged

days = st.dates(date(2025, 1, 1), date(2045, 1, 1))
maybe = st.none() | days
DAY = date(2029, 11, 21)


@given(maybe, st.lists(maybe, max_size=5), maybe)
def test_an_extension_never_ends_anything_sooner(
    stated: date | None, extensions: list[date | None], until: date | None
) -> None:
    """Either it is refused, or it is kept longer than before and to the wanted day at least; open stays open."""
    now = effective(stated, extensions)
    try:
        new = effective(stated, [*extensions, *prolonged(stated, extensions, until)])
    except ShorteningError:
        floor = max((day for day in (stated, *extensions) if day is not None), default=date.min)
        assert (now is None and (until is None or until <= floor)) or (
            now is not None and until is not None and until <= now
        )
        return
    assert new is None if now is None or until is None else new is not None and new == until > now


@given(days, days)
def test_a_day_given_to_what_is_open_is_a_floor(until: date, end: date) -> None:
    """Once the batch ends it is kept to the later of both days."""
    extensions = prolonged(None, [], until)
    assert effective(None, extensions) is None
    assert effective(None, [*extensions, end]) == max(until, end)


@pytest.mark.parametrize("method", ["batch", "contract"])
def test_the_end_of_an_agreement_is_the_laws(method: RecordMethod) -> None:
    """Three years, of a contract one, counted from and with the day of the last provision."""
    new = ended(
        None, [], method=method, last_provision=date(2026, 11, 22), newest_provision=date(2026, 11, 22)
    )
    assert new == [date(2029, 11, 21) if method == "batch" else date(2027, 11, 21)]


def test_no_agreement_ends_before_its_newest_provision() -> None:
    """A last provision before one that the ledger holds is refused, and so is an end of what has ended."""
    with pytest.raises(ShorteningError, match="2026-11-22"):
        ended(
            None,
            [],
            method="batch",
            last_provision=DAY - timedelta(days=5000),
            newest_provision=date(2026, 11, 22),
        )
    with pytest.raises(ShorteningError, match="ended already"):
        ended(DAY, [], method="batch", last_provision=DAY, newest_provision=None)
    with pytest.raises(ShorteningError, match="one provision"):
        ended(None, [], method="individual", last_provision=DAY, newest_provision=None)
