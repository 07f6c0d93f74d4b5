"""What the law's table asks of batches whose records come late, out of order, or are referred to (ER 20(2), 21, 25, 29)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from ledger.ingest.lodging import Lodging, record
from ledger.ingest.test_caused import batch, effective_days
from sekisho.domain.retention import effective
from sekisho.ledger.ingest.scopes import ScopeState, Stated, after_all, change

NOON = datetime(2026, 11, 21, 3, tzinfo=UTC)


def day_after(arrivals: tuple[Stated, ...]) -> date | None:
    """The scope's last day once these records have come one by one, with what the database would tell before each."""
    extensions: list[date | None] = []
    for number, each in enumerate(arrivals):
        before = arrivals[:number]
        days = [one.until for one in before if one.until is not None]
        ended = [one.created_at for one in before if one.until is not None and one.created_at is not None]
        opened = [one.created_at for one in before if one.until is None and one.created_at is not None]
        stated = max(days, default=None) if extensions or not before else before[0].until
        state = ScopeState(
            bool(before),
            stated,
            tuple(extensions),
            max(ended, default=None),
            max(opened, default=None),
        )
        needed = change(state, [each])
        extensions += [] if needed is None else [needed.until]
    return effective(arrivals[0].until, extensions)


def test_in_whatever_order_records_come_the_one_created_last_says_whether_there_is_an_end() -> None:
    """Provision that went on after an end was stated keeps the batch open, also where the end is read after it."""
    goes_on, ends = Stated(None, NOON), Stated(date(2029, 11, 20), NOON - timedelta(hours=1))
    first = Stated(None, NOON - timedelta(hours=2))
    for arrivals in permutations((first, ends, goes_on)):
        assert day_after(arrivals) is None, arrivals
    ended = Stated(date(2030, 1, 1), NOON + timedelta(hours=1))
    for arrivals in permutations((first, ends, goes_on, ended)):
        assert day_after(arrivals) == date(2030, 1, 1), arrivals


@pytest.mark.database
async def test_an_end_that_is_read_late_ends_no_batch_that_went_on(lodging: Lodging) -> None:
    """Two partitions: the newer record without an end comes first, the older one with an end after it."""
    await lodging.ledger()
    await lodging.records(batch(1, None, created_at="2026-11-21T02:00:00.123456Z"))
    await lodging.until_taken(1)
    await lodging.records(batch(2, "2029-11-20", created_at="2026-11-21T01:00:00.123456Z"), partition=1)
    await lodging.until_taken(2)
    assert await effective_days(lodging) == [None, None]
    await lodging.records(batch(3, "2030-11-20", created_at="2026-11-21T03:00:00.123456Z"))
    await lodging.until_taken(3)
    assert await effective_days(lodging) == ["2030-11-20"] * 3


@pytest.mark.database
@pytest.mark.parametrize("together", [True, False])
async def test_a_new_part_with_an_end_ends_no_batch_that_goes_on(lodging: Lodging, together: bool) -> None:
    """The old part is of an open batch: it stays open, and once that ends it is kept as long as the new part at least."""
    old = batch(1, None)
    part = record(2, refers_to=old["record_id"], retain_until="2029-11-21")
    await lodging.ledger()
    if together:
        await lodging.records(old, part)
    else:
        await lodging.records(old)
        await lodging.until_taken(1)
        await lodging.records(part)
    await lodging.until_taken(2)
    assert await effective_days(lodging) == [None, "2029-11-21"]
    await lodging.records(batch(3, "2029-10-01", created_at="2026-11-22T01:00:00.123456Z"))
    await lodging.until_taken(3)
    assert await effective_days(lodging) == ["2029-11-21", "2029-11-21", "2029-10-01"]


def test_an_extension_comes_after_those_that_it_knows_of() -> None:
    """They count by their time: a clock set back a little between two lanes must not turn them round."""
    little, much = NOON + timedelta(seconds=3), NOON + timedelta(days=1)
    new_year = datetime(2026, 12, 31, 14, 59, 59, tzinfo=UTC)
    assert after_all(NOON, [ScopeState(extended_at=little), ScopeState()], 5) == little + timedelta(
        microseconds=1
    )
    assert after_all(NOON, [ScopeState(extended_at=NOON)], 5) == NOON + timedelta(microseconds=1)
    assert after_all(NOON, [ScopeState(extended_at=NOON - timedelta(hours=1))], 5) == NOON
    assert after_all(NOON, [ScopeState(extended_at=much)], 5) == NOON
    assert after_all(new_year, [ScopeState(extended_at=new_year + timedelta(seconds=2))], 5) == new_year


@pytest.mark.database
async def test_a_clock_set_back_between_two_partitions_turns_no_extension_round(lodging: Lodging) -> None:
    """One lane ends the batch, the clock steps back within the skew, another lane opens it again: it is open."""
    await lodging.ledger()
    await lodging.records(batch(1, "2029-11-20"), batch(2, "2029-11-21"))
    await lodging.until_taken(2)
    lodging.clock.off = -3
    await lodging.records(batch(3, None, created_at="2026-11-22T01:00:00.123456Z"), partition=1)
    await lodging.until_taken(3)
    assert await effective_days(lodging) == [None] * 3


@pytest.mark.database
async def test_a_record_that_states_too_early_a_day_is_kept_as_long_as_its_method_wants(
    lodging: Lodging,
) -> None:
    """ER 21: the day is counted anew where the record is taken in; a later one that it states is kept."""
    await lodging.ledger()
    await lodging.records(record(1, retain_until="2027-01-01"), record(2, retain_until="2035-01-01"))
    await lodging.records(record(3, method="batch", agreement="AG-9", retain_until="2027-01-01"))
    await lodging.until_taken(3)
    assert await effective_days(lodging) == ["2029-11-21", "2035-01-01", None]
