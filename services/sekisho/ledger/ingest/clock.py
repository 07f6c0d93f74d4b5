"""Which time a leaf bears: within one log it never goes back, unless an operator has accepted that (ledger6, Times)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sekisho.domain.calendar import tokyo_day


class Clocks(NamedTuple):
    """The two clocks of this process: `wall` gives aware times, `steady` seconds that only grow."""

    wall: Callable[[], datetime]
    steady: Callable[[], float]


class ClockBehindError(Exception):
    """This machine's clock is further behind the log's newest leaf than it may be: nothing is written by it."""


class Accepted(NamedTuple):
    """A `clock` leaf: an operator accepted that the clock stepped back from `was` to `now`."""

    was: datetime
    now: datetime


def ingestion_time(
    now: datetime, last_at: datetime | None, limit_seconds: float, accepted: Accepted | None = None
) -> datetime:
    """When the next leaf of a log is written: now, or the log's last time where the clock is a little behind it.

    Raises ClockBehindError when it is further behind than the limit, unless an accepted step back explains it.
    """
    if last_at is None or now >= last_at:
        return now
    if last_at - now <= timedelta(seconds=limit_seconds):
        return last_at
    if accepted is not None and accepted.was >= last_at and now >= accepted.now:
        return now
    raise ClockBehindError(
        f"this machine's clock is {(last_at - now).total_seconds():.0f} s behind the ledger's newest leaf: set it right; where "
        "the ledger's time was the wrong one, accept the step with `sekisho ledger accept-clock --reason`"
    )


def written(at: datetime) -> str:
    """A time as leaves have it: UTC, microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tokyo_year(at: datetime) -> int:
    """The year of a log: Asia/Tokyo's."""
    return tokyo_day(at).year
