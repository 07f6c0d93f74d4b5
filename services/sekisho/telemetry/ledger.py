"""The metrics of a ledger process, made as the gate's are (metrics.py). What is declared stands in definitions.py."""

from __future__ import annotations

from collections.abc import Collection

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from sekisho.telemetry import definitions as d
from sekisho.telemetry.health import Health
from sekisho.telemetry.metrics import Maker, ReadinessCollector, Vocabulary


class LedgerMetrics:
    """All metrics of one ledger process. Metrics without labels are prometheus_client's own, the others are `Checked`."""

    def __init__(self, methods: Collection[str], bases: Collection[str], health: Health) -> None:
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        make = Maker(self.registry, Vocabulary((), (), (), (), methods, bases, 0))
        self.size = make.gauge(d.LEDGER_SIZE)
        self.records = make.counter(d.LEDGER_RECORDS)
        self.lag_seconds = make.gauge(d.LEDGER_LAG_SECONDS)
        self.lag_records = make.gauge(d.LEDGER_LAG_RECORDS)
        self.batch_seconds = make.histogram(d.LEDGER_BATCH_SECONDS)
        self.transactions = make.counter(d.LEDGER_TRANSACTIONS)
        self.unreadable = make.counter(d.LEDGER_UNREADABLE)
        self.outcomes_unmatched = make.counter(d.LEDGER_OUTCOMES_UNMATCHED).metric
        self.decisions_missing = make.counter(d.LEDGER_DECISIONS_MISSING).metric
        self.trimmed_records = make.counter(d.LEDGER_TRIMMED).metric
        self.checkpoint_age_seconds = make.gauge(d.CHECKPOINT_AGE_SECONDS).metric
        self.retention_due = make.gauge(d.RETENTION_DUE).metric
        self.retention_held = make.gauge(d.RETENTION_HELD).metric
        self.purged_records = make.counter(d.PURGED_RECORDS).metric
        self.purge_refusals = make.counter(d.PURGE_REFUSALS)
        self.registry.register(ReadinessCollector(health))
        ProcessCollector(registry=self.registry)

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return prometheus_client.generate_latest(self.registry)
