"""The drawing of faults: the same for the same seed, and of all kinds."""

from __future__ import annotations

from soak.plan import GUEST, RESTARTED, STEADY, Kind, draw

_ENDING = {Kind.KILL, Kind.TERMINATE, Kind.FORGET, Kind.FORGET_RESTORING, Kind.LEAVE}


def test_the_same_seed_draws_the_same_faults() -> None:
    """A failure is run again by its seed: the plan depends on nothing else."""
    assert draw(7, 600, 5) == draw(7, 600, 5)
    assert draw(7, 600, 5) != draw(8, 600, 5)


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    """What a run of an hour met after a minute, a run of a minute meets too."""
    short, long = draw(3, 60, 5), draw(3, 3600, 5)
    assert long[: len(short)] == short


def test_faults_come_in_order_within_the_run() -> None:
    """One every so many seconds on the average, none before the start or after the end."""
    plan = draw(1, 3600, 10)
    times = [fault.at for fault in plan]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 3600
    assert 250 < len(plan) < 470


def test_every_kind_comes_once_a_bag() -> None:
    """A bag holds every kind: forty faults meet all of them."""
    assert {fault.kind for fault in draw(11, 10_000, 10)[:40]} == set(Kind)


def test_the_steady_gate_is_never_ended() -> None:
    """Its memory is watched over the whole run."""
    plan = draw(5, 10_000, 5)
    assert {fault.target for fault in plan if fault.kind in _ENDING} == set(RESTARTED)
    assert {fault.target for fault in plan if fault.kind is Kind.JOIN} == {GUEST}
    assert STEADY in {fault.target for fault in plan if fault.kind is Kind.PAUSE_LONG}
