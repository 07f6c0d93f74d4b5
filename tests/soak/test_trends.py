"""Slopes over the lives of processes."""

from __future__ import annotations

import pytest

from soak.sampling import Sample, parsed, quantile
from soak.trends import lives, trend


def _line(start: float, base: float, per_second: float, count: int) -> list[tuple[float, float]]:
    return [(start + number, base + per_second * number) for number in range(count)]


def test_a_restart_is_no_growth() -> None:
    """Two lives that each stay flat, at different heights, have no slope between them."""
    found = trend([_line(0, 100, 0, 20), _line(30, 300, 0, 20)], warm_up=0)
    assert found is not None
    assert found.per_hour == 0
    assert found.lives == 2


def test_growth_within_lives_is_found() -> None:
    """Both lives grow by the same: that is the slope, whatever they began with."""
    found = trend([_line(0, 100, 0.5, 20), _line(30, 300, 0.5, 20)], warm_up=5)
    assert found is not None
    assert found.per_hour == pytest.approx(1800)
    assert found.explained == pytest.approx(1)


def test_too_few_points_tell_nothing() -> None:
    """A life that is shorter than the warm-up is no evidence."""
    assert trend([_line(0, 100, 1, 20)], warm_up=30) is None


def test_each_pid_is_a_life() -> None:
    """Samples without a process are left out."""
    samples: list[Sample] = [
        {"t": 0.0, "a_pid": 1, "a_rss_mb": 5.0},
        {"t": 1.0, "a_pid": None, "a_rss_mb": None},
        {"t": 2.0, "a_pid": 2, "a_rss_mb": 6.0},
    ]
    assert lives(samples, "a", "rss_mb") == [[(0.0, 5.0)], [(2.0, 6.0)]]


def test_quantiles_are_values_that_were_seen() -> None:
    """The smallest value that is not exceeded by the part; None of nothing."""
    assert quantile([3, 1, 2, 4], 0.5) == 2
    assert quantile([3, 1, 2, 4], 0.99) == 4
    assert quantile([], 0.5) is None


def test_metrics_are_read_from_their_exposition() -> None:
    """Name, the labels' values, the figure; what is no sample line is left out."""
    text = '# HELP x y\nsekisho_ready 1.0\nsekisho_transactions_total{outcome="aborted"} 3.0\npython_gc 5\n'
    assert parsed(text) == {("sekisho_ready", ""): 1.0, ("sekisho_transactions_total", "aborted"): 3.0}
