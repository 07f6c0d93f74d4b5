"""What operators see of committed turns: counted within the vocabulary, and never the cause of a lane's end."""

from __future__ import annotations

from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gate.world import PARTITIONS, World, request, rulebook, subject_in, suspension
from sekisho.bootstrap import gate_vocabulary
from sekisho.gate.decided import Decided, Tally
from sekisho.gate.report import Report
from sekisho.telemetry.definitions import TURN_PHASES
from sekisho.telemetry.health import Health
from sekisho.telemetry.metrics import GateMetrics
from sekisho.telemetry.turn import TurnLine


def counted(metrics: GateMetrics, name: str, **labels: str) -> float:
    """The sum of a counter's series with these labels."""
    return sum(
        one.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for one in family.samples
        if one.name == name and labels.items() <= one.labels.items()
    )


@pytest.fixture
def metrics() -> GateMetrics:
    """The metrics of a gate with the sample rulebook."""
    return GateMetrics(gate_vocabulary(rulebook(), PARTITIONS), Health())


@pytest.fixture
def report(metrics: GateMetrics) -> Report:
    """What a lane tells."""
    return Report(metrics, Health(), lambda: 1000.0)


def test_a_repeated_decision_may_name_a_code_of_an_older_rulebook(
    metrics: GateMetrics, report: Report
) -> None:
    """Codes that the present book does not have count as `other`, all in one series."""
    tallies = Counter([Tally("deny", "use", "retired.code"), Tally("deny", "use", "retired.too")])
    report.committed(TurnLine(1), Decided(None, None, tallies=tallies, duplicates=2))
    assert counted(metrics, "sekisho_decisions_total", reason="other") == 2
    assert counted(metrics, "sekisho_duplicates_total") == 2
    assert counted(metrics, "sekisho_transactions_total", outcome="committed") == 1


def test_a_fault_of_the_metrics_does_not_undo_a_committed_turn(metrics: GateMetrics, report: Report) -> None:
    """What cannot be counted is logged; the turn's line is told all the same and the lane goes on."""
    report.committed(
        TurnLine(1), Decided(None, None, recorded=Counter([("no such method", "no such basis")]))
    )
    assert counted(metrics, "sekisho_transactions_total", outcome="committed") == 1


async def test_consent_events_applied_by_running_lanes_are_counted(world: World) -> None:
    """Each one once, by the lane that it belongs to; those of a restore are counted as restored."""
    await world.tell(suspension(subject_in(1)))
    gate = await world.gate()
    metrics = world.metrics[id(gate)]
    assert counted(metrics, "sekisho_consents_applied_total") == 0
    await world.tell(suspension(subject_in(2)))
    await world.tell(suspension(subject_in(3)))
    await world.until(lambda: counted(metrics, "sekisho_consents_applied_total") >= 2)
    assert counted(metrics, "sekisho_consents_applied_total") == 2


async def test_a_turn_tells_where_its_time_went(world: World) -> None:
    """Every phase is told of a committed turn, those that only wait too."""
    gate = await world.gate()
    await world.ask(request(subject_in(0)))
    await world.decisions(1)
    metrics = world.metrics[id(gate)]
    await world.until(lambda: counted(metrics, "sekisho_transactions_total", outcome="committed") == 1)
    for phase in TURN_PHASES:
        assert counted(metrics, "sekisho_turn_seconds_count", phase=phase) == 1, phase
