"""What operators see of ingestion: metrics, readiness and logs. No personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from sekisho.telemetry.health import Health
from sekisho.telemetry.ledger import LedgerMetrics

LOG_KINDS = {
    "records": "provision-records",
    "outcomes": "solicitation-outcomes",
    "acts": "acts",
    "meta": "meta",
}
"""The store's kinds of logs as the metrics name them."""
_PUBLISHING = {"clock_skew": "clock_skew", "database": "database_unavailable"}


class LedgerReport:
    """Told by the parts of the ledger what happens. Conditions: `service`, `records-3`, `outcomes-0`, `index-2`, `lag`,
    `checkpoints`, `publication` and one for each log that the publisher gave up."""

    def __init__(self, metrics: LedgerMetrics, health: Health, steady: Callable[[], float]) -> None:
        self._metrics = metrics
        self._health = health
        self._steady = steady
        self._signed: dict[str, int] = {}
        self._unsigned_since: dict[str, float] = {}

    def condition(self, name: str, cause: str | None, why: str) -> None:
        """A condition of readiness holds (`cause` None), or does not."""
        if cause is None:
            self._health.met(name)
        else:
            self._health.unmet(name, cause, why)

    def drop(self, name: str) -> None:
        """The condition concerns this process no longer."""
        self._health.drop(name)

    def drop_all(self, kept: str) -> None:
        """Only this condition is left: the process is a standby, or begins anew."""
        for each in self._health.conditions():
            if each.name != kept:
                self._health.drop(each.name)
        self._unsigned_since.clear()

    # ingestion

    def transaction(self, outcome: str) -> None:
        """A transaction ended; one of telemetry's LEDGER_OUTCOMES."""
        self._metrics.transactions.at(outcome).inc()

    def phase(self, name: str, seconds: float) -> None:
        """A batch spent that time so; one of telemetry's BATCH_PHASES."""
        self._metrics.batch_seconds.at(name).observe(max(0.0, seconds))

    def unread(self, topic: str) -> None:
        """A message of that topic could not be read."""
        self._metrics.unreadable.at(topic).inc()

    def recorded(self, counts: Counter[tuple[str, str]]) -> None:
        """Records were committed, by method and basis."""
        for (method, basis), count in counts.items():
            self._metrics.records.at(method, basis).inc(count)

    def unmatched(self) -> None:
        """An outcome found no decision that served it."""
        self._metrics.outcomes_unmatched.inc()

    def decision_missing(self) -> None:
        """A decision that served a policy is no longer in its topic."""
        self._metrics.decisions_missing.inc()

    def trimmed(self, offsets: int) -> None:
        """So many offsets of the records' topic were deleted behind the ledger."""
        self._metrics.trimmed_records.inc(offsets)

    # how far it is

    def lag(self, topic: str, records: int, seconds: float) -> None:
        """What a topic holds that is not taken in."""
        self._metrics.lag_records.at(topic).set(records)
        self._metrics.lag_seconds.at(topic).set(seconds)

    def behind(self, seconds: float, limit: float) -> None:
        """The oldest message that is not taken in has that age."""
        if seconds > limit:
            self._health.unmet("lag", "behind", f"the oldest message not taken in is {seconds:.0f} s old")
        else:
            self._health.met("lag")

    def sizes(self, sizes: Mapping[str, tuple[str, int]], limit_seconds: float) -> None:
        """Every log's kind (the store's) and size, by origin: how much there is, and how long leaves wait for a signature."""
        totals: Counter[str] = Counter()
        now, oldest = self._steady(), 0.0
        for origin, (kind, size) in sizes.items():
            totals[LOG_KINDS[kind]] += size
            if size > self._signed.get(origin, 0):
                oldest = max(oldest, now - self._unsigned_since.setdefault(origin, now))
            else:
                self._unsigned_since.pop(origin, None)
        for kind, total in totals.items():
            self._metrics.size.at(kind).set(total)
        self._metrics.checkpoint_age_seconds.set(oldest)
        if oldest > limit_seconds:
            why = f"leaves have been waiting for a signed checkpoint for {oldest:.0f} s"
            self._health.unmet("checkpoints", "checkpoint_old", why)
        else:
            self._health.met("checkpoints")

    # publication (ledger.publish's events)

    def signed(self, origin: str, kind: str, size: int, at: object) -> None:
        """A log has a new checkpoint."""
        del kind, at
        before = self._signed.get(origin, 0)
        self._signed[origin] = max(size, before)
        if size > before:
            self._unsigned_since.pop(origin, None)

    def stopped(self, origin: str, why: str) -> None:
        """A log was altered: it is signed no more, until an operator has looked."""
        self._health.unmet(f"log {origin}", "failed", why)

    def published(self) -> None:
        """All that could be signed is published."""
        self._health.met("publication")

    def failed(self, cause: str, why: str) -> None:
        """Nothing was published this time."""
        self._health.unmet("publication", _PUBLISHING.get(cause, "failed"), why)

    def stopping(self) -> None:
        """The ledger takes nothing more in."""
        self._health.unmet("service", "stopping", "the ledger is stopping")
