"""The canonical line of a turn."""

from __future__ import annotations

import pytest
from structlog.testing import CapturingLogger

from sekisho.telemetry.health import Health
from sekisho.telemetry.metrics import GateMetrics, Vocabulary
from sekisho.telemetry.turn import TurnLine, UnknownPhaseError


@pytest.fixture
def metrics() -> GateMetrics:
    """Metrics whose only use here is to be counted in."""
    return GateMetrics(Vocabulary((), (), (), (), (), (), 4), Health())


def sample(metrics: GateMetrics, name: str, **labels: str) -> float | None:
    """One value as a scraper sees it."""
    return metrics.registry.get_sample_value(name, labels)


def test_a_committed_turn_is_one_line_and_counted(metrics: GateMetrics) -> None:
    """One info line with everything, and the transaction, its size and its times in the metrics."""
    log = CapturingLogger()
    line = TurnLine(
        lane=3, requests=2, allowed=1, denied=1, consents_applied=4, consent_position=41, first_offset=976
    )
    line.last_offset = 977
    with line.phase("decide"):
        pass
    line.outcome = "committed"
    line.tell(log, metrics)
    (call,) = log.calls
    assert (call.method_name, call.args) == ("info", ("turn",))
    assert call.kwargs["seconds"].keys() == {"decide"}
    del call.kwargs["seconds"]
    assert call.kwargs == {
        "lane": 3, "requests": 2, "allowed": 1, "denied": 1, "rejected": 0, "duplicates": 0, "records": 0, "consents_applied": 4,
        "consent_position": 41, "first_offset": 976, "last_offset": 977, "outcome": "committed", "cause": None,
    }  # fmt: skip
    assert sample(metrics, "sekisho_transactions_total", outcome="committed") == 1
    assert sample(metrics, "sekisho_turn_requests_sum") == 2
    assert sample(metrics, "sekisho_turn_seconds_count", phase="decide") == 1


def test_a_turn_left_by_an_error_is_told_as_aborted(metrics: GateMetrics) -> None:
    """Nobody has to remember to say that a turn failed; the time until then is told."""
    log, line = CapturingLogger(), TurnLine(lane=0)
    with pytest.raises(OSError, match="gone"), line.phase("send"):
        raise OSError("gone")
    line.tell(log, metrics)
    assert log.calls[0].method_name == "warning"
    assert log.calls[0].kwargs["outcome"] == "aborted"
    assert "send" in log.calls[0].kwargs["seconds"]
    assert sample(metrics, "sekisho_transactions_total", outcome="aborted") == 1


def test_a_phase_entered_twice_adds_up() -> None:
    """A turn that waits twice for consents tells the sum."""
    line = TurnLine(lane=0, seconds={"freshness": 5.0})
    with line.phase("freshness"):
        pass
    assert line.seconds["freshness"] > 5.0


def test_unknown_phases_and_outcomes_are_refused(metrics: GateMetrics) -> None:
    """Both become label values, so both are closed lists."""
    line = TurnLine(lane=0, outcome="commited")
    with pytest.raises(UnknownPhaseError), line.phase("dream"):
        pass
    with pytest.raises(UnknownPhaseError):
        line.tell(CapturingLogger(), metrics)
