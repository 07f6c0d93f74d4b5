"""The metrics of a gate: a registry of its own, and series that refuse a label value outside of their vocabulary.

`GateMetrics(vocabulary)` makes them; `at(*label values, in the order declared)` gives the series, which then counts with
prometheus_client's own `inc`, `set` and `observe`. What is declared stands in definitions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from sekisho.telemetry import definitions as d
from sekisho.telemetry.health import Health

Series = TypeVar("Series", Counter, Gauge, Histogram)


class UnknownLabelError(ValueError):
    """A label value outside of the metric's vocabulary: it would open an unbounded series, or hide a misspelling."""


@dataclass(frozen=True)
class Vocabulary:
    """The label values that are known only at start: the contract's enumerations, the rulebook's codes, the lanes."""

    effects: Collection[str]
    actions: Collection[str]
    reasons: Collection[str]
    causes: Collection[str]
    methods: Collection[str]
    bases: Collection[str]
    partitions: int

    def of(self, label: d.Label) -> frozenset[str] | None:
        """The values that a label may have; None where a process sets the label once, to what it is (build info)."""
        if isinstance(label.values, tuple):
            values: Collection[str] = label.values
        elif label.values == "build":
            return None
        elif label.values == "lanes":
            values = [str(number) for number in range(self.partitions)]
        else:
            values = getattr(self, label.values)
        return (
            frozenset(values)
            | ({d.NONE} if label.or_none else set())
            | ({d.OTHER} if label.or_other else set())
        )


@dataclass
class Checked(Generic[Series]):
    """A metric with labels. `at` is made for the hot path: after the first time it is one look-up."""

    definition: d.Definition
    metric: Series
    allowed: tuple[frozenset[str] | None, ...]
    _series: dict[tuple[str, ...], Series] = field(default_factory=dict)

    def at(self, *values: str) -> Series:
        """The series with these label values. Raises UnknownLabelError for one outside of the vocabulary, unless the
        label counts such values as `other`."""
        found = self._series.get(values)
        if found is None:
            values = self._check(values)  # what was seen as `other` is not kept: there is no bound to it
            found = self._series.get(values)
        if found is None:
            found = self._series[values] = self.metric.labels(*values)
        return found

    def remove(self, *values: str) -> None:
        """Forget a series, so that it is no longer exposed (a lane that was let go). One that is not there is fine."""
        if self._series.pop(values, None) is not None:
            self.metric.remove(*values)

    def clear(self) -> None:
        """Forget every series."""
        self._series.clear()
        self.metric.clear()

    def _check(self, values: tuple[str, ...]) -> tuple[str, ...]:
        labels = self.definition.labels
        if len(values) != len(labels):
            raise UnknownLabelError(
                f"{self.definition.name} has {len(labels)} labels, {len(values)} values given"
            )
        return tuple(map(self._known, labels, values, self.allowed))

    def _known(self, label: d.Label, value: str, allowed: frozenset[str] | None) -> str:
        if allowed is None or value in allowed:
            return value
        if label.or_other:
            return d.OTHER
        raise UnknownLabelError(f"{self.definition.name} has no {label.name} {value!r}")


def observe(histogram: Histogram, value: float, times: int) -> None:
    """Observes one value several times, at the price of once: a turn's decisions mostly have the same age (1.3 µs each).

    prometheus_client has no call for it; these are the parts that its own `observe` counts up.
    """
    histogram._sum.inc(value * times)
    for bound, bucket in zip(histogram._upper_bounds, histogram._buckets, strict=True):
        if value <= bound:
            bucket.inc(times)
            return


class Maker:
    """Makes metrics from their definitions and registers them."""

    def __init__(self, registry: CollectorRegistry, vocabulary: Vocabulary) -> None:
        self._registry = registry
        self._vocabulary = vocabulary

    def _make(self, definition: d.Definition, kind: Callable[..., Series], **more: object) -> Checked[Series]:
        names = [label.name for label in definition.labels]
        metric = kind(definition.name, definition.help, names, registry=self._registry, **more)
        return Checked(definition, metric, tuple(self._vocabulary.of(label) for label in definition.labels))

    def counter(self, definition: d.Definition) -> Checked[Counter]:
        made: Checked[Counter] = self._make(definition, Counter)
        if len(definition.labels) == 1:
            # There from the start with 0: of a series that begins with 1 no rate sees the first.
            for value in sorted(made.allowed[0] or ()):
                made.at(value)
        return made

    def gauge(self, definition: d.Definition) -> Checked[Gauge]:
        return self._make(definition, Gauge)

    def histogram(self, definition: d.Definition) -> Checked[Histogram]:
        return self._make(definition, Histogram, buckets=definition.buckets)


class GateMetrics:
    """All metrics of one gate process. Metrics without labels are prometheus_client's own, the others are `Checked`."""

    def __init__(self, vocabulary: Vocabulary, health: Health) -> None:
        # No second series beside each counter; prometheus_client has this switch for the whole process only.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        make = Maker(self.registry, vocabulary)
        self.decisions = make.counter(d.DECISIONS)
        self.decision_seconds = make.histogram(d.DECISION_SECONDS).metric
        self.duplicates = make.counter(d.DUPLICATES).metric
        self.rejected_events = make.counter(d.REJECTED_EVENTS)
        self.provision_records = make.counter(d.PROVISION_RECORDS)
        self.transactions = make.counter(d.TRANSACTIONS)
        self.turn_seconds = make.histogram(d.TURN_SECONDS)
        self.turn_requests = make.histogram(d.TURN_REQUESTS).metric
        self.single_record_turns = make.counter(d.SINGLE_RECORD_TURNS).metric
        self.consent_lag_seconds = make.gauge(d.CONSENT_LAG_SECONDS)
        self.consents_applied = make.counter(d.CONSENTS_APPLIED).metric
        self.forwarded_events = make.counter(d.FORWARDED_EVENTS).metric
        self.consent_partition_held = make.gauge(d.CONSENT_PARTITION_HELD)
        self.lane_take_seconds = make.histogram(d.LANE_TAKE_SECONDS).metric
        self.lanes_lost = make.counter(d.LANES_LOST)
        self.restored_records = make.counter(d.RESTORED_RECORDS)
        self.restore_left = make.gauge(d.RESTORE_LEFT)
        self.state_rebuilds = make.counter(d.STATE_REBUILDS)
        self.clock_skew_seconds = make.gauge(d.CLOCK_SKEW_SECONDS).metric
        self._build_info = make.gauge(d.BUILD_INFO)
        self.lanes = LaneStates(
            make.gauge(d.LANE_STATE), make.gauge(d.LANES_HELD).metric, make.gauge(d.LANES_READY).metric
        )
        self.registry.register(ReadinessCollector(health))
        ProcessCollector(registry=self.registry)

    def set_build(self, version: str, rulebook_version: str, rulebook_digest: str) -> None:
        """What this process runs; a rulebook put in place of another replaces the series."""
        self._build_info.clear()
        self._build_info.at(version, rulebook_version, rulebook_digest).set(1)

    def forget_lane(self, lane: int) -> None:
        """A lane was let go: none of its series may be taken for a present state."""
        self.lanes.set(lane, None)
        self.consent_lag_seconds.remove(str(lane))
        self.restore_left.remove(str(lane))
        self.consent_partition_held.remove(str(lane))

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return prometheus_client.generate_latest(self.registry)


class LaneStates:
    """The states of this gate's lanes, and how many it holds and runs: three metrics that always agree."""

    def __init__(self, states: Checked[Gauge], held: Gauge, ready: Gauge) -> None:
        self._states = states
        self._held = held
        self._ready = ready
        self._now: dict[int, str] = {}

    def set(self, lane: int, state: str | None) -> None:
        """The lane is in `state` (of LANE_STATES) now; None: this gate no longer holds it. Raises UnknownLabelError."""
        if state is None:
            self._now.pop(lane, None)
            for each in d.LANE_STATES:
                self._states.remove(str(lane), each)
        else:
            self._states.at(str(lane), state)
            self._now[lane] = state
            for each in d.LANE_STATES:
                self._states.at(str(lane), each).set(each == state)
        self._held.set(len(self._now))
        self._ready.set(sum(each == "running" for each in self._now.values()))

    @property
    def now(self) -> Mapping[int, str]:
        """The states, by lane."""
        return dict(self._now)


class ReadinessCollector(Collector):
    """Readiness as metrics, read from the same conditions as /readyz at the time of the scrape."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def collect(self) -> Iterator[Metric]:
        """`sekisho_ready`, and `sekisho_unready` for every cause (0 too, so that an alert sees it end)."""
        yield GaugeMetricFamily(d.READY.name, d.READY.help, value=self._health.ready)
        unready = GaugeMetricFamily(d.UNREADY.name, d.UNREADY.help, labels=["cause"])
        for cause, count in self._health.unready_by_cause().items():
            unready.add_metric([cause], count)
        yield unready
