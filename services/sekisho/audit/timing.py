"""When and knowing what a decision was made: its time, its consent position, and what came before its request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sekisho.audit.comparing import Answered
from sekisho.audit.config import CheckConfig
from sekisho.audit.core import Told, appended_at
from sekisho.audit.findings import Findings
from sekisho.audit.knowledge import Appended
from sekisho.audit.questions import Question
from sekisho.contracts.fields import written
from sekisho.domain.rules import req
from sekisho.log.port import Partition

_WITHOUT_CONSENTS: Final = (req.INVALID, req.ID_REUSED, req.MISROUTED)
"""Refusals that rest on no consents and come before a hold: in a batch whose wait is over they stand among the holds, made
with the same knowledge."""


class Timing:
    """Follows the decisions of one partition, duplicates' answers left out: those repeat an earlier one."""

    def __init__(
        self, config: CheckConfig, decisions: Partition, appended: Appended | None, consents_end: int,
        findings: Findings,
    ) -> None:  # fmt: skip
        self._config = config
        self._at = decisions
        self._appended = appended
        """None where the append times are not the brokers'."""
        self._consents_end = consents_end
        self._findings = findings
        self._clock = timedelta(milliseconds=config.clock_ms)
        self._now = datetime.now(UTC)
        """All that is looked at was read before."""
        self._latest: datetime | None = None
        self._furthest = 0

    def take(self, asked: Question, answered: Answered, told: Told) -> None:
        """Looks at one decision."""
        self._time(asked, answered)
        self._position(answered)
        if told.claims(req.STATE_STALE):
            self._hold(asked, answered)
        elif not (any(map(told.claims, _WITHOUT_CONSENTS)) and self._waited(asked, answered)):
            self._freshness(asked, answered, told)

    def take_repeated(self, answered: Answered, told: Told, earliest_ms: int) -> None:
        """Looks at an answer that repeats a decision that is kept no longer, on a request appended at `earliest_ms` or
        later: it was not made before, and it knew what had come before."""
        decided, earliest = answered.decision.decided_at, appended_at(earliest_ms)
        if decided < earliest:
            detail = f"decided {written(decided)}, its request came after {written(earliest)}"
            self._add("decision.before_request", answered, detail)
        if decided > self._now + self._clock:
            self._add("decision.not_yet", answered, f"decided {written(decided)}, now {written(self._now)}")
        self._not_before(answered, told.consents_before)
        self._knowledge(answered, told, earliest_ms)

    def _add(self, kind: str, answered: Answered, detail: str) -> None:
        self._findings.add(kind, *self._at, answered.output.offset, detail)

    def _time(self, asked: Question, answered: Answered) -> None:
        decided, appended = answered.decision.decided_at, appended_at(asked.record.timestamp)
        if decided < appended:
            detail = f"decided {written(decided)}, appended {written(appended)}"
            self._add("decision.before_request", answered, detail)
        if decided > self._now + self._clock:
            self._add("decision.not_yet", answered, f"decided {written(decided)}, now {written(self._now)}")
        if self._latest is not None and decided < self._latest:
            detail = f"decided {written(decided)}, one before it {written(self._latest)}"
            self._add("decision.time_back", answered, detail)
        self._latest = decided if self._latest is None else max(decided, self._latest)

    def _position(self, answered: Answered) -> None:
        position = answered.decision.consent_position
        if position is None or position.partition != self._at.partition:
            self._add("decision.consent_position", answered, "it is of no such partition")
            return
        if position.offset > self._consents_end:
            detail = f"{position.offset}, but the events end at {self._consents_end}"
            self._add("decision.consent_position", answered, detail)
        self._not_before(answered, position.offset)
        if position.offset < self._furthest:
            detail = f"{position.offset}, but an earlier decision knew those before {self._furthest}"
            self._add("decision.consent_position", answered, detail)
        self._furthest = max(self._furthest, position.offset)

    def _not_before(self, answered: Answered, position: int) -> None:
        """A decision cannot know an event that was appended after it was made."""
        latest = None if self._appended is None else self._appended.time_before(position)
        decided = answered.decision.decided_at
        if latest is not None and appended_at(latest) > decided + self._clock:
            detail = (
                f"decided {written(decided)}, but it claims an event appended {written(appended_at(latest))}"
            )
            self._add("decision.consent_position", answered, detail)

    def _waited(self, asked: Question, answered: Answered) -> bool:
        """Whether the wait for consents was over."""
        waited = answered.decision.decided_at - appended_at(asked.record.timestamp)
        return waited >= timedelta(milliseconds=self._config.freshness_ms)

    def _hold(self, asked: Question, answered: Answered) -> None:
        waited = answered.decision.decided_at - appended_at(asked.record.timestamp)
        if not self._waited(asked, answered):
            detail = f"after {waited.total_seconds()} s of {self._config.freshness_ms / 1000} s"
            self._add("decision.hold_unjustified", answered, detail)

    def _freshness(self, asked: Question, answered: Answered, told: Told) -> None:
        """Every consent event appended before the request must have been known (runtime.md, Freshness)."""
        self._knowledge(answered, told, asked.record.timestamp)

    def _knowledge(self, answered: Answered, told: Told, appended_ms: int) -> None:
        if self._appended is None:
            return
        known_by = self._appended.known_by(appended_ms - self._config.tolerance_ms)
        if told.consents_before < known_by:
            detail = f"it knew those before {told.consents_before}; those before {known_by} were there"
            self._add("decision.stale_consents", answered, detail)
