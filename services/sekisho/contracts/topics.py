"""Every topic, declared once: direction, key, what is kept, and the configuration that keeps it (contract.md, Topics)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, NamedTuple

from sekisho.contracts import (
    access_decisions,
    access_requests,
    consent_events,
    list_decisions,
    list_requests,
    provision_records,
    rejected_events,
    rulebooks,
    signals,
    solicitation_outcomes,
)

Direction = Literal["in", "out"]
CleanupPolicy = Literal["delete", "compact"]
TimestampType = Literal["LogAppendTime", "CreateTime"]
AUDIT: Final = "audit"
"""Kept for the audit period, the setting `SEKISHO_AUDIT_RETENTION_YEARS`."""
Retention = Literal["audit"] | timedelta | None
"""How long messages are kept: the audit period, a time of the contract's own, None for ever."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic; `name` is without the deployment's prefix.

    `gate`: it has the same number of partitions as the others of the gate, and a gate
    writes to the partition of the number that it reads.
    """

    name: str
    direction: Direction
    key: str
    kept: str
    retention: Retention
    types: tuple[str, ...]
    description: str
    producers: str
    consumers: str
    gate: bool
    cleanup_policy: CleanupPolicy = "delete"
    tells_time: bool = False
    """A gate reads back when the brokers appended what it wrote: their clock, to compare its own with."""

    @property
    def timestamp_type(self) -> TimestampType:
        """LogAppendTime for inputs: an old timestamp would make the broker delete at once (runtime.md, State)."""
        return "LogAppendTime" if self.direction == "in" or self.tells_time else "CreateTime"

    @property
    def compacted(self) -> bool:
        """Whether the newest message of each key is kept for ever, and not each message."""
        return self.cleanup_policy == "compact"

    def full_name(self, prefix: str) -> str:
        """The topic's name on the broker."""
        return prefix + self.name

    def configuration(self, *, audit_years: int) -> dict[str, str]:
        """The broker's topic configuration that this asks for; a year counts 366 days, so that nothing ends early."""
        return {
            "cleanup.policy": self.cleanup_policy,
            "retention.ms": str(self._retention_ms(audit_years)),
            "retention.bytes": "-1",
            "message.timestamp.type": self.timestamp_type,
        }

    def _retention_ms(self, audit_years: int) -> int:
        if self.retention is None:
            return -1
        kept = timedelta(days=366 * audit_years) if self.retention == AUDIT else self.retention
        return kept // timedelta(milliseconds=1)


ACCESS_REQUESTS: Final = TopicSpec(
    "access-requests", "in", "subject id",
    "as long as the decisions: replay needs them", AUDIT,
    (access_requests.TYPE,),
    "One organization asks for one person's items.",
    "upstream systems; watch, for the subjects of a list", "gate; audit (replay)", gate=True,
)  # fmt: skip
CONSENT_EVENTS: Final = TopicSpec(
    "consent-events", "in", "subject id",
    "for ever, never compacted or trimmed: it is the evidence and the changelog of the consent state", None,
    tuple(consent_events.MODELS),
    "What a person consented to, refused, withdrew or stopped, and what became known of the person.",
    "the consent system; gate, which forwards what was routed wrongly", "gate; audit", gate=True,
)  # fmt: skip
ACCESS_DECISIONS: Final = TopicSpec(
    "access-decisions", "out", "subject id",
    "the audit period (default 10 years; tiered storage where offered)", AUDIT,
    (access_decisions.TYPE,),
    "The answer to each access request, with its reasons.",
    "gate", "upstream systems; gate (request ids); watch; ledger; audit", gate=True,
)  # fmt: skip
PROVISION_RECORDS: Final = TopicSpec(
    "provision-records", "out", "subject id",
    "until the ledger has taken them, then trimmed by it", None,
    (provision_records.TYPE,),
    "The third-party-provision records that allowed provisions leave.",
    "gate", "ledger; audit", gate=True,
)  # fmt: skip
REJECTED_EVENTS: Final = TopicSpec(
    "rejected-events", "out", "the input's key",
    "as the decisions; the reason, the position and a keyed hash of the payload, never the payload",
    AUDIT,
    (rejected_events.TYPE,),
    "What was not accepted, and why.",
    "gate", "operators; ledger; audit", gate=True,
)  # fmt: skip
LIST_REQUESTS: Final = TopicSpec(
    "list-requests", "in", "list id", "90 days", timedelta(days=90),
    (list_requests.TYPE,),
    "One organization asks for the same items of many persons, in parts.",
    "upstream systems", "watch", gate=False,
)  # fmt: skip
LIST_DECISIONS: Final = TopicSpec(
    "list-decisions", "out", "list id", "as the decisions", AUDIT,
    (list_decisions.TYPE,),
    "The one answer to a list, in parts.",
    "watch", "upstream systems; ledger; audit", gate=False,
)  # fmt: skip
SOLICITATION_OUTCOMES: Final = TopicSpec(
    "solicitation-outcomes", "in", "subject id", "the audit period", AUDIT,
    (solicitation_outcomes.TYPE,),
    "Contracts concluded, visits made: what the monitoring compares with.",
    "upstream systems", "watch; ledger (retention)", gate=False,
)  # fmt: skip
SIGNALS: Final = TopicSpec(
    "signals", "out", "organization", "the audit period", AUDIT,
    (signals.TYPE,),
    "What monitoring found.",
    "watch", "compliance staff; ledger; audit", gate=False,
)  # fmt: skip
RULEBOOKS: Final = TopicSpec(
    "rulebooks", "out", "digest",
    "compacted, for ever: the sources of every rulebook that a gate has decided with", None,
    (rulebooks.TYPE,),
    "The sources of rulebooks, so that a replay years later has them.",
    "gate", "gate; audit", gate=False, cleanup_policy="compact", tells_time=True,
)  # fmt: skip

TOPICS: Final = (
    ACCESS_REQUESTS, CONSENT_EVENTS, ACCESS_DECISIONS, PROVISION_RECORDS, REJECTED_EVENTS,
    LIST_REQUESTS, LIST_DECISIONS, SOLICITATION_OUTCOMES, SIGNALS, RULEBOOKS,
)  # fmt: skip
"""All of them, in the contract's order."""
GATE_TOPICS: Final = tuple(each for each in TOPICS if each.gate)
"""Those that have the same number of partitions, checked at start, never changed."""


class TopicNames(NamedTuple):
    """The full names of what gates read and write, and the verifier looks at."""

    requests: str
    consents: str
    decisions: str
    records: str
    rejected: str
    rulebooks: str

    @classmethod
    def prefixed(cls, prefix: str) -> TopicNames:
        """Those of a deployment."""
        declared = (
            ACCESS_REQUESTS, CONSENT_EVENTS, ACCESS_DECISIONS, PROVISION_RECORDS, REJECTED_EVENTS, RULEBOOKS,
        )  # fmt: skip
        return cls(*(each.full_name(prefix) for each in declared))

    @property
    def shared(self) -> tuple[str, ...]:
        """Those that have the same partitions: an output goes to its input's partition number."""
        return self[:5]

    @property
    def outputs(self) -> tuple[str, str, str]:
        """What gates alone write, decisions first."""
        return (self.decisions, self.records, self.rejected)
