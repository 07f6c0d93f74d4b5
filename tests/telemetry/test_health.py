"""Readiness: nothing is ready by default, and what is not says why and since when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sekisho.telemetry.health import Health, UnknownCauseError

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    """The clock of `health`."""
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    """Conditions of one service."""
    return Health(clock)


def test_a_service_without_conditions_is_not_ready(health: Health) -> None:
    """Empty refuses: a service that has said nothing yet is starting."""
    assert not health.ready
    assert health.report() == {"ready": False, "conditions": []}


def test_one_unmet_condition_makes_the_whole_unready(health: Health) -> None:
    """All conditions must hold."""
    health.met("clock")
    health.met("lane-0")
    assert health.ready
    health.unmet("lane-1", "taking", "fencing the last owner")
    assert not health.ready
    health.drop("lane-1")
    assert health.ready


def test_since_tells_when_the_cause_began(health: Health, clock: Clock) -> None:
    """A changed text keeps the time, a changed cause renews it."""
    health.unmet("lane-0", "restoring", "10 of 40 records")
    clock.advance(3)
    health.unmet("lane-0", "restoring", "30 of 40 records")
    assert health.conditions()[0].since == START
    assert health.conditions()[0].why == "30 of 40 records"
    health.unmet("lane-0", "consents_stale", "6 s behind")
    assert health.conditions()[0].since == START + timedelta(seconds=3)
    clock.advance(1)
    health.met("lane-0")
    clock.advance(1)
    health.met("lane-0")
    assert health.conditions()[0].since == START + timedelta(seconds=4)


def test_the_report_puts_what_is_wrong_first(health: Health) -> None:
    """An operator reads the cause at the top; times are UTC."""
    health.met("a-clock")
    health.unmet("lane-0", "partition_held", "consent-events-0 at 41 cannot be decoded")
    assert health.report() == {
        "ready": False,
        "conditions": [
            {
                "name": "lane-0",
                "ready": False,
                "cause": "partition_held",
                "why": "consent-events-0 at 41 cannot be decoded",
                "since": "2026-11-21T01:00:00.000Z",
            },
            {"name": "a-clock", "ready": True, "cause": None, "why": "", "since": "2026-11-21T01:00:00.000Z"},
        ],
    }


def test_an_unknown_cause_is_refused(health: Health) -> None:
    """Causes become label values of a metric, so they are a closed list."""
    with pytest.raises(UnknownCauseError, match="restoring"):
        health.unmet("lane-0", "resting", "")
    assert health.conditions() == ()


def test_dropping_what_is_not_there_is_fine(health: Health) -> None:
    """A lane that never got as far as a condition can be let go all the same."""
    health.drop("lane-9")
    assert health.conditions() == ()
