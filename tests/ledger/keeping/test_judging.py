"""What is due on a day: records.md's retention table to the day, around midnight in Tokyo, by the least of three clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.domain.calendar import TOKYO
from sekisho.domain.retention import retention
from sekisho.domain.vocabulary import RecordMethod
from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.judging import Kept, due_on, judge, rule

TABLE = [
    ("2023-04-01", "2024-03-31", "2026-03-31", "2026-04-01"),
    ("2023-02-28", "2024-02-27", "2026-02-27", "2026-02-28"),
    ("2023-03-01", "2024-02-29", "2026-02-28", "2026-03-01"),
    ("2024-02-28", "2025-02-27", "2027-02-27", "2027-02-28"),
    ("2024-02-29", "2025-02-28", "2027-02-28", "2027-02-28"),
    ("2025-02-28", "2026-02-27", "2028-02-27", "2028-02-29"),
]
CASES = [
    (method, base, until)
    for base, contract, batch, individual in TABLE
    for method, until in (("contract", contract), ("batch", batch), ("individual", individual))
]
instants = st.integers(1_700_000_000_000_000, 2_000_000_000_000_000).map(
    lambda us: datetime.fromtimestamp(us / 1e6, UTC)
)


def clocks_at(at: datetime) -> Clocks:
    return Clocks(at, at, at)


@pytest.mark.parametrize(("method", "base", "until"), CASES)
def test_due_from_the_first_instant_of_the_day_after_the_last(method: str, base: str, until: str) -> None:
    """At 24:00 in Tokyo of the table's day the period has ended; a microsecond before, nothing may be deleted."""
    day = date.fromisoformat(base)
    stated = retention(cast("RecordMethod", method), day, None if method == "individual" else day).until
    assert stated == date.fromisoformat(until)
    kept = Kept("record", "provision.consent", method, stated)
    midnight = datetime.combine(stated + timedelta(days=1), datetime.min.time(), TOKYO)
    before = clocks_at((midnight - timedelta(microseconds=1)).astimezone(UTC))
    assert judge(kept, before.day) == "not_due"
    assert judge(kept, clocks_at(midnight.astimezone(UTC)).day) == "due"
    assert judge(kept, stated) == "not_due"
    assert judge(kept, stated + timedelta(days=1)) == "due"


def test_without_an_end_it_is_kept() -> None:
    """While a batch or contract goes on, or an insurance period is unknown, no day is late enough."""
    assert judge(Kept("record", "provision.consent", "batch", None), date.max) == "open"
    assert judge(Kept("record", "provision.consent", "batch", date(2020, 1, 1), [None]), date.max) == "open"
    assert judge(Kept("unreadable", None, None, None), date.max) == "open"


def test_a_hold_stops_deletion_and_prolongs_nothing() -> None:
    """What is due under a hold is held; without it, it is due the same day."""
    kept = Kept("record", "provision.consent", "individual", date(2029, 11, 21), (), ("one", "two"))
    assert judge(kept, date(2029, 11, 22)) == "held"
    assert judge(kept._replace(holds=("two",)), date(2029, 11, 22)) == "held"
    assert judge(kept._replace(holds=()), date(2029, 11, 22)) == "due"
    assert judge(kept._replace(holds=()), date(2029, 11, 21)) == "not_due"


def test_due_on_a_day_picks_what_is_due_alone() -> None:
    """Of four rows only the one that ended and is free is due."""
    ended = Kept("record", "provision.consent", "individual", date(2029, 11, 21))
    others = [
        ended._replace(holds=("h",)),
        ended._replace(stated=None),
        ended._replace(extensions=(date(2030, 1, 1),)),
    ]
    assert due_on([*others, ended], date(2029, 12, 1)) == [ended]


@pytest.mark.parametrize(
    ("kind", "basis", "method", "told"),
    [
        ("record", "provision.consent", "individual", "ER 21(iii)"),
        ("record", "provision.foreign_consent", "batch", "ER 21(ii)"),
        ("record", "provision.opt_out", "individual", "ER 21(iii)"),
        ("record", "receipt.private", "contract", "ER 25(i)"),
        ("record", "referable.receipt", "batch", "ER 25(ii)"),
        ("record", "referable.provision", "individual", "ER 29(iii)"),
        ("decision", None, None, "SG Ⅱ-4-2-6-3(5)"),
        ("unreadable", None, None, "-"),
    ],
)
def test_the_rule_that_the_last_day_rests_on(
    kind: str, basis: str | None, method: str | None, told: str
) -> None:
    """ER 21 for what is provided, 25 for what is received, 29 for referable information provided."""
    assert rule(kind, basis, method) == told


@given(instants, instants, instants)
def test_the_least_clock_counts(database_at: datetime, host_at: datetime, checkpoint_at: datetime) -> None:
    """Whichever clock runs ahead, only the day that all three have reached is today."""
    clocks = Clocks(database_at, host_at, checkpoint_at)
    assert clocks.day == min(each.astimezone(TOKYO).date() for each in (database_at, host_at, checkpoint_at))
    assert clocks.by_name[clocks.least] == min(database_at, host_at, checkpoint_at)
    assert clocks.latest_day == max(
        each.astimezone(TOKYO).date() for each in (database_at, host_at, checkpoint_at)
    )


def test_before_the_first_checkpoint_nothing_is_due() -> None:
    """Without a signed checkpoint there is no third clock, so no day at all."""
    clocks = Clocks(datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), None)
    assert clocks.day is None
    assert judge(Kept("record", "provision.consent", "individual", date(2000, 1, 1)), clocks.day) == "not_due"


@given(instants, st.timedeltas(timedelta(0), timedelta(days=5000)))
def test_one_clock_ahead_makes_nothing_due(at: datetime, ahead: timedelta) -> None:
    """Each of the clocks alone, moved forward by whatever, leaves the day as it is."""
    for moved in ("database_at", "host_at", "checkpoint_at"):
        clocks = clocks_at(at)._replace(**{moved: at + ahead})
        assert clocks.day == clocks_at(at).day
        assert clocks.disagree(30) == (ahead > timedelta(seconds=30))
    assert not clocks_at(at)._replace(checkpoint_at=at - ahead).disagree(30)
