"""Metrics: declared once, bounded labels, a registry of their own."""

from __future__ import annotations

import re

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from sekisho.telemetry.definitions import (
    LANE_STATES,
    TRANSACTION_OUTCOMES,
    UNREADY_CAUSES,
    all_definitions,
)
from sekisho.telemetry.health import Health
from sekisho.telemetry.ledger import LedgerMetrics
from sekisho.telemetry.metrics import GateMetrics, UnknownLabelError, Vocabulary, observe

VOCABULARY = Vocabulary(
    effects=("allow", "deny"),
    actions=("use", "provide", "receive"),
    reasons=("consent.expired", "request.invalid"),
    causes=("invalid", "too_large"),
    methods=("individual",),
    bases=("provision.consent",),
    partitions=4,
)


@pytest.fixture
def health() -> Health:
    """No condition yet."""
    return Health()


@pytest.fixture
def metrics(health: Health) -> GateMetrics:
    """The metrics of a gate with four lanes."""
    return GateMetrics(VOCABULARY, health)


def samples(metrics: GateMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """What a scraper would read: value by name and labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in families
        for one in family.samples
    }


def value(metrics: GateMetrics, name: str, **labels: str) -> float | None:
    """One sample, None where there is none."""
    return samples(metrics).get((name, tuple(sorted(labels.items()))))


def test_the_contracts_metrics_are_there() -> None:
    """The names and labels of contract.md (Watching) that concern a gate exist as they stand there."""
    labels = {one.name: tuple(label.name for label in one.labels) for one in all_definitions()}
    assert labels["sekisho_decisions_total"] == ("effect", "action", "reason")
    assert labels["sekisho_rejected_events_total"] == ("cause",)
    assert labels["sekisho_transactions_total"] == ("outcome",)
    assert labels["sekisho_provision_records_total"] == ("method", "basis")
    assert {"sekisho_decision_seconds", "sekisho_consent_lag_seconds"} <= set(labels)


def test_each_metric_is_declared_once_and_named_by_its_unit() -> None:
    """Names are unique, begin with the prefix, counters end in _total and histograms of time in _seconds."""
    names = [one.name for one in all_definitions()]
    assert len(names) == len(set(names))
    for one in all_definitions():
        assert re.fullmatch(r"sekisho_[a-z]+(_[a-z]+)*", one.name)
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert (one.kind == "histogram") == bool(one.buckets), one.name
        assert one.help.endswith("."), one.name


def test_every_declared_metric_is_served_and_nothing_else(metrics: GateMetrics) -> None:
    """What is declared is what a scraper finds, beside the process's own."""
    served = set(re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE))
    declared = {one.name for one in all_definitions("gate")}
    assert {name for name in served if not name.startswith("process_")} == declared


def test_every_metric_declared_for_the_ledger_is_served_by_it_and_nothing_else(health: Health) -> None:
    """The same for a ledger process, which shares readiness with the gate and nothing else."""
    exposition = LedgerMetrics(("individual",), ("provision.consent",), health).exposition().decode()
    served = set(re.findall(r"^# TYPE (\S+)", exposition, re.MULTILINE))
    declared = {one.name for one in all_definitions("ledger")}
    assert {name for name in served if not name.startswith("process_")} == declared


def test_metrics_of_two_gates_in_one_process_are_apart(metrics: GateMetrics) -> None:
    """Nothing is registered globally."""
    other = GateMetrics(VOCABULARY, Health())
    metrics.duplicates.inc()
    assert value(metrics, "sekisho_duplicates_total") == 1
    assert value(other, "sekisho_duplicates_total") == 0
    assert [name for name in REGISTRY._names_to_collectors if name.startswith("sekisho")] == []


def test_a_decision_is_counted_under_its_labels(metrics: GateMetrics) -> None:
    """The series is named by the labels in the order declared; an allowed one has no reason."""
    metrics.decisions.at("deny", "use", "consent.expired").inc()
    metrics.decisions.at("allow", "use", "none").inc()
    metrics.decisions.at("deny", "none", "request.invalid").inc(2)
    name = "sekisho_decisions_total"
    assert value(metrics, name, effect="deny", action="use", reason="consent.expired") == 1
    assert value(metrics, name, effect="allow", action="use", reason="none") == 1
    assert value(metrics, name, effect="deny", action="none", reason="request.invalid") == 2


@pytest.mark.parametrize(
    "labels",
    [
        ("deny", "C-000001", "consent.expired"),
        ("denied", "use", "consent.expired"),
        ("none", "use", "consent.expired"),
        ("deny", "use"),
        ("deny", "use", "consent.expired", "C-000001"),
    ],
)
def test_a_label_outside_of_its_vocabulary_is_refused(metrics: GateMetrics, labels: tuple[str, ...]) -> None:
    """No value opens a series of its own, and nothing is counted for it."""
    before = samples(metrics).keys()
    with pytest.raises(UnknownLabelError):
        metrics.decisions.at(*labels)
    assert samples(metrics).keys() == before


def test_codes_of_an_older_rulebook_share_one_series(metrics: GateMetrics) -> None:
    """Whatever stands in the place of a reason, there is one more series at most."""
    for code in ("retired.code", "retired.too", "other"):
        metrics.decisions.at("deny", "use", code).inc()
    found = {labels: count for (name, labels), count in samples(metrics).items() if "decisions_total" in name}
    assert found == {(("action", "use"), ("effect", "deny"), ("reason", "other")): 3}


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 1e9])
def test_one_value_observed_many_times_at_once_counts_as_often(health: Health, seconds: float) -> None:
    """The histogram is the same as after so many single observations, in each bucket and in the sum."""
    once, often = GateMetrics(VOCABULARY, health), GateMetrics(VOCABULARY, health)
    observe(once.decision_seconds, seconds, 3)
    for _ in range(3):
        often.decision_seconds.observe(seconds)

    def told(metrics: GateMetrics) -> list[object]:
        (family,) = metrics.decision_seconds.collect()
        return [(sample.name, sample.labels, pytest.approx(sample.value)) for sample in family.samples]

    assert told(once) == told(often)


def test_a_lane_beyond_the_partitions_is_refused(metrics: GateMetrics) -> None:
    """Lanes are the partitions' numbers and nothing else."""
    metrics.consent_lag_seconds.at("3").set(0.5)
    with pytest.raises(UnknownLabelError):
        metrics.consent_lag_seconds.at("4")


def test_outcomes_are_there_before_the_first(metrics: GateMetrics) -> None:
    """A counter with one closed label begins with 0 for each value, so that a rate sees the first."""
    for outcome in TRANSACTION_OUTCOMES:
        assert value(metrics, "sekisho_transactions_total", outcome=outcome) == 0
    assert value(metrics, "sekisho_rejected_events_total", cause="too_large") == 0


def test_a_lane_is_in_one_state(metrics: GateMetrics) -> None:
    """Of a lane's states exactly one is 1, and the counts of lanes agree with the states."""
    metrics.lanes.set(0, "restoring")
    metrics.lanes.set(1, "running")
    metrics.lanes.set(0, "running")
    metrics.lanes.set(1, "holding")
    states = {state: value(metrics, "sekisho_lane_state", lane="0", state=state) for state in LANE_STATES}
    assert states == {**dict.fromkeys(LANE_STATES, 0), "running": 1}
    assert value(metrics, "sekisho_lanes_held") == 2
    assert value(metrics, "sekisho_lanes_ready") == 1
    assert metrics.lanes.now == {0: "running", 1: "holding"}


def test_an_unknown_state_changes_nothing(metrics: GateMetrics) -> None:
    """A misspelt state is refused and the lane keeps its own."""
    metrics.lanes.set(0, "running")
    with pytest.raises(UnknownLabelError):
        metrics.lanes.set(0, "runnning")
    assert metrics.lanes.now == {0: "running"}


def test_a_lane_let_go_leaves_nothing_behind(metrics: GateMetrics) -> None:
    """Once another gate has the lane, this one exposes no series of it."""
    metrics.lanes.set(2, "running")
    metrics.consent_lag_seconds.at("2").set(1)
    metrics.consent_partition_held.at("2").set(1)
    metrics.forget_lane(2)
    assert [name for name, labels in samples(metrics) if ("lane", "2") in labels] == []
    assert value(metrics, "sekisho_lanes_held") == 0
    metrics.forget_lane(2)


def test_build_info_tells_the_rulebook_in_force(metrics: GateMetrics) -> None:
    """A new rulebook replaces the series of the old one."""
    metrics.set_build("0.1.0", "2026.11.1", "sha256:aa")
    metrics.set_build("0.1.0", "2026.12.1", "sha256:bb")
    found = [
        dict(labels)["rulebook_digest"] for name, labels in samples(metrics) if name == "sekisho_build_info"
    ]
    assert found == ["sha256:bb"]


def test_readiness_is_read_at_the_scrape(metrics: GateMetrics, health: Health) -> None:
    """The metrics say what /readyz says at that moment, and every cause has its series."""
    assert value(metrics, "sekisho_ready") == 0
    assert value(metrics, "sekisho_unready", cause="starting") == 1
    health.unmet("lane-0", "restoring", "12 of 40 records")
    health.unmet("lane-1", "restoring", "3 of 40 records")
    health.met("clock")
    assert value(metrics, "sekisho_unready", cause="restoring") == 2
    assert value(metrics, "sekisho_unready", cause="starting") == 0
    health.met("lane-0")
    health.met("lane-1")
    assert value(metrics, "sekisho_ready") == 1
    assert [value(metrics, "sekisho_unready", cause=cause) for cause in UNREADY_CAUSES] == [0] * len(
        UNREADY_CAUSES
    )
