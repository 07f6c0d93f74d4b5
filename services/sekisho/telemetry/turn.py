"""The canonical line of a turn: one log line that says everything about one transaction of one lane."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from structlog.typing import FilteringBoundLogger

from sekisho.telemetry.definitions import TRANSACTION_OUTCOMES, TURN_PHASES
from sekisho.telemetry.metrics import GateMetrics


class UnknownPhaseError(ValueError):
    """A phase or an outcome that definitions.py does not list."""


@dataclass
class TurnLine:
    """What happened in one turn, filled in as it goes. Counts are of records; offsets are of the request partition.

    `consent_position` is the next consent offset that the decisions had not seen. `outcome` stays "aborted" until the turn says otherwise,
    so that a turn left by an error is never told as committed.
    """

    lane: int
    requests: int = 0
    allowed: int = 0
    denied: int = 0
    rejected: int = 0
    duplicates: int = 0
    records: int = 0
    consents_applied: int = 0
    consent_position: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    outcome: str = "aborted"
    cause: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to a phase (of TURN_PHASES); also when it is left by an error. Raises UnknownPhaseError."""
        if name not in TURN_PHASES:
            raise UnknownPhaseError(f"{name!r} is no phase of a turn; known: {', '.join(TURN_PHASES)}")
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def tell(self, log: FilteringBoundLogger, metrics: GateMetrics) -> None:
        """Write the line and count the turn (transactions, sizes, times). Raises UnknownPhaseError for an unknown outcome.

        Decisions, records and rejected events are counted by whoever knows their codes, consents by whoever applies them (between
        turns, too).
        """
        if self.outcome not in TRANSACTION_OUTCOMES:
            raise UnknownPhaseError(
                f"{self.outcome!r} is no outcome; known: {', '.join(TRANSACTION_OUTCOMES)}"
            )
        metrics.transactions.at(self.outcome).inc()
        metrics.turn_requests.observe(self.requests)
        for name, seconds in self.seconds.items():
            metrics.turn_seconds.at(name).observe(seconds)
        keys = asdict(self)
        keys["seconds"] = {name: round(seconds, 6) for name, seconds in self.seconds.items()}
        level = log.info if self.outcome == "committed" else log.warning
        level("turn", **keys)
