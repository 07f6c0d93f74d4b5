"""What operators see of the gate: metrics, readiness, and one canonical log line per turn. No personal data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from sekisho.gate.clock import ClockGuard
from sekisho.gate.decided import Decided
from sekisho.log.port import CommitUnknownError, FencedError, LogError
from sekisho.telemetry.health import Health
from sekisho.telemetry.metrics import GateMetrics, observe
from sekisho.telemetry.turn import TurnLine

_log = structlog.get_logger(__name__)


@contextmanager
def _contained(lane: int) -> Iterator[None]:
    """A defect of the metrics is reported, and no more than that."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, the turn is committed
        _log.error("turn_not_counted", lane=lane, exc_info=error)


class Report:
    """Told by the lanes what happens; `lane-3` is the readiness condition of the lane of partition 3."""

    def __init__(self, metrics: GateMetrics, health: Health, wall: Callable[[], float]) -> None:
        self._metrics = metrics
        self._health = health
        self._wall = wall

    def for_router(self) -> RouterReport:
        """What the router's lanes tell it to."""
        return RouterReport(self._health)

    # lanes

    def phase(self, partition: int, state: str) -> None:
        """A lane is in one of telemetry's LANE_STATES now."""
        self._metrics.lanes.set(partition, state)
        if state == "running":
            self._metrics.restore_left.remove(str(partition))
            self._health.met(f"lane-{partition}")
        else:
            cause = {"taking": "taking", "restoring": "restoring"}.get(state, "partition_held")
            self._health.unmet(f"lane-{partition}", cause, f"the lane is {state}")

    def stopped(self, partition: int, why: str) -> None:
        """A lane stands still until an operator acts."""
        self._metrics.lanes.set(partition, "holding")
        self._health.unmet(f"lane-{partition}", "failed", why)

    def let_go(self, partition: int, why: str) -> None:
        """A lane failed: it is taken again soon, here or elsewhere."""
        self.stopped(partition, why)

    def recovered(self, partition: int) -> None:
        """Nothing to tell: the lane's phases and its consents' lag were told all along."""

    def lost(self, partition: int, cause: str) -> None:
        """A lane was let go; `cause` is one of telemetry's LANE_ENDS."""
        self._metrics.lanes_lost.at(cause).inc()
        self._metrics.forget_lane(partition)
        self._health.drop(f"lane-{partition}")

    def taken(self, seconds: float) -> None:
        """A lane runs, so long after it was assigned."""
        self._metrics.lane_take_seconds.observe(seconds)

    def restoring(self, partition: int, source: str, left: int) -> None:
        """A restore goes on: so many offsets of the topic that it reads are left."""
        self._metrics.restore_left.at(str(partition)).set(left)
        self._health.unmet(
            f"lane-{partition}", "restoring", f"the lane is restoring, {left:,} records of {source} are left"
        )
        _log.info("lane_restoring", partition=partition, source=source, left=left)

    def restored(self, outputs: int, consents: int) -> None:
        """A lane has folded so many output records and so much of its consent partition."""
        self._metrics.restored_records.at("decisions").inc(outputs)
        self._metrics.restored_records.at("consents").inc(consents)

    def rebuilt(self, cause: str) -> None:
        """A local state is built anew; `cause` is one of telemetry's REBUILD_CAUSES."""
        self._metrics.state_rebuilds.at(cause).inc()

    # the world

    def assigned(self) -> None:
        """The group has given this gate its lanes, none perhaps."""
        self._health.met("group")

    def unassigned(self, why: str) -> None:
        """The group has given nothing yet."""
        self._health.unmet("group", "unassigned", why)

    def halted(self, why: str) -> None:
        """The topics are not what they were."""
        self._health.unmet("topics", "topics_changed", why)

    def log_reachable(self, why: str | None) -> None:
        """Whether the log answers; `why` not."""
        if why is None:
            self._health.met("log")
        else:
            self._health.unmet("log", "log_unavailable", why)

    def clock(self, guard: ClockGuard) -> None:
        """How far this machine's clock is off, and whether that pauses the gate."""
        off = guard.off_seconds()
        self._metrics.clock_skew_seconds.set(off)
        if guard.is_off():
            self._health.unmet(
                "clock", "clock_skew", f"the clock is {off:.1f} s off the brokers' append times"
            )
        else:
            self._health.met("clock")

    def consents(self, partition: int, *, lag_seconds: float, limit_seconds: float, blocked: bool) -> None:
        """How long acknowledged consent events have been waiting, and whether one that cannot be read holds them."""
        lane = str(partition)
        self._metrics.consent_lag_seconds.at(lane).set(lag_seconds)
        self._metrics.consent_partition_held.at(lane).set(blocked)
        name = f"lane-{partition}"
        if blocked:
            self._metrics.lanes.set(partition, "holding")
            self._health.unmet(
                name, "partition_held", "a consent event cannot be decoded: `sekisho gate skip`"
            )
        elif lag_seconds > limit_seconds:
            self._health.unmet(name, "consents_stale", "consent events are not read in time")
        else:
            self.phase(partition, "running")

    def consents_applied(self, count: int) -> None:
        """Consent events were folded into a running lane's state."""
        self._metrics.consents_applied.inc(count)

    def forwarded(self, count: int) -> None:
        """Misrouted consent events were forwarded."""
        self._metrics.forwarded_events.inc(count)
        _log.error(
            "consent_events_misrouted", forwarded=count, remedy="correct the upstream system's partitioner"
        )

    # turns

    def transaction(self, outcome: str) -> None:
        """A transaction ended; `outcome` is one of telemetry's TRANSACTION_OUTCOMES."""
        self._metrics.transactions.at(outcome).inc()

    def aborted(self, line: TurnLine) -> None:
        """A turn grew too old and will be done anew."""
        line.cause = "too_old"
        line.tell(_log, self._metrics)

    def failed(self, line: TurnLine, error: LogError) -> None:
        """A turn failed: its lane is let go."""
        if isinstance(error, FencedError):
            line.outcome = "fenced"
        elif isinstance(error, CommitUnknownError):
            line.outcome = "unknown"
        line.cause = type(error).__name__
        line.tell(_log, self._metrics)

    def single(self) -> None:
        """A turn of one record, because turns with it have failed."""
        self._metrics.single_record_turns.inc()

    def rejected(self, causes: Sequence[str]) -> None:
        """Rejected events were committed."""
        for cause in causes:
            self._metrics.rejected_events.at(cause).inc()

    def committed(self, line: TurnLine, decided: Decided) -> None:
        """A turn was committed: everything about it is counted, and told in one line.

        Never raises: what is committed is committed, a fault in counting it must not take the lane down.
        """
        line.outcome = "committed"
        line.allowed = sum(count for tally, count in decided.tallies.items() if tally.effect == "allow")
        line.denied = decided.tallies.total() - line.allowed
        line.duplicates = decided.duplicates
        line.rejected = len(decided.causes)
        line.records = decided.recorded.total()
        with _contained(line.lane):
            self._count(decided)
        with _contained(line.lane):
            line.tell(_log, self._metrics)

    def _count(self, decided: Decided) -> None:
        metrics, now = self._metrics, self._wall()
        self.rejected(decided.causes)
        for tally, count in decided.tallies.items():
            metrics.decisions.at(*tally).inc(count)
        for appended, count in decided.appended_ms.items():
            observe(metrics.decision_seconds, max(0.0, now - appended / 1000), count)
        for recorded, count in decided.recorded.items():
            metrics.provision_records.at(*recorded).inc(count)
        metrics.duplicates.inc(decided.duplicates)

    def stopping(self) -> None:
        """The gate takes no more work."""
        self._health.unmet("gate", "stopping", "the gate is stopping")


class RouterReport:
    """The router's lanes: one that stands still makes the gate unready too, misrouted suspensions wait for it."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._failing: set[int] = set()
        """Let go after a failure, and not proven since: one that fails again and again must not look ready between."""

    def assigned(self) -> None:
        """Nothing to tell."""

    def phase(self, partition: int, state: str) -> None:
        """A lane that runs is no obstacle any more, unless it has failed and is yet to prove itself."""
        if state == "running" and partition not in self._failing:
            self._health.drop(f"router-{partition}")

    def taken(self, seconds: float) -> None:
        """Nothing to tell."""

    def stopped(self, partition: int, why: str) -> None:
        """A lane stands still until an operator acts."""
        self._health.unmet(f"router-{partition}", "failed", why)

    def let_go(self, partition: int, why: str) -> None:
        """A lane failed: it is taken again soon, here or elsewhere."""
        self._failing.add(partition)
        self.stopped(partition, why)

    def recovered(self, partition: int) -> None:
        """A lane that failed has committed, has run for a while, or is another gate's now."""
        self._failing.discard(partition)
        self._health.drop(f"router-{partition}")

    def lost(self, partition: int, cause: str) -> None:
        """The lane is another gate's now, or about to be taken again."""
        _log.debug("router_lane_lost", partition=partition, cause=cause)
        if partition not in self._failing:
            self._health.drop(f"router-{partition}")

    def log_reachable(self, why: str | None) -> None:
        """Told by the deciding lanes, which read the same log."""

    def halted(self, why: str) -> None:
        """Told by the deciding lanes, which are halted with it."""
