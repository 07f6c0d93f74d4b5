"""Outcomes of solicitation, read, and the bodies of the `decision` leaves that they cause (records.md, Retention).

The decisions that served a concluded policy are kept until its insurance period ends, and are not deleted while that is
unknown (SG II-4-2-6-3(5), carried over by choice).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from pydantic_core import from_json

from sekisho.contracts import envelope, solicitation_outcomes
from sekisho.contracts.fields import written
from sekisho.contracts.solicitation_outcomes import SolicitationOutcome
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.ingest.reading import LARGEST
from sekisho.ledger.merkle.canonical import CanonicalError, canonical
from sekisho.log.port import Record

_TYPES: Final = frozenset({solicitation_outcomes.TYPE})
Why = Literal["expired", "unreadable"]


class Policy(NamedTuple):
    """An outcome, and the keyed hashes that it is known by."""

    outcome: SolicitationOutcome
    data: Mapping[str, Any]
    """As it was sent."""
    scope_key: bytes
    subject: bytes
    consent: bytes | None


class Position(NamedTuple):
    """Where a decision stands, and when it was made."""

    topic_id: str
    partition: int
    offset: int
    decided_at: datetime


class Missing(NamedTuple):
    """A decision that served and that cannot be had any more: what is known of it."""

    at: Position
    why: Why

    def document(self) -> dict[str, Any]:
        """As the body tells it."""
        return {
            "topic_id": self.at.topic_id,
            "partition": self.at.partition,
            "offset": self.at.offset,
            "decided_at": written(self.at.decided_at),
            "why": self.why,
        }


def read_policy(record: Record, pseudonyms: Pseudonyms) -> Policy:
    """The policy that a message tells of. Raises RejectedMessageError."""
    event = envelope.open_message(record.headers, record.value, largest=LARGEST)
    if not event.bare:
        envelope.require(event, _TYPES)
    outcome = solicitation_outcomes.decode(event.data)
    envelope.require_key(record.key, outcome.subject_id, "subject_id")
    key = pseudonyms.policy(
        outcome.subject_id, outcome.organization, outcome.product, written(outcome.concluded_at)
    )
    consent = None if outcome.consent_id is None else pseudonyms.consent(outcome.consent_id)
    return Policy(outcome, from_json(event.data), key, pseudonyms.subject(outcome.subject_id), consent)


def decision_of(record: Record) -> Mapping[str, Any] | None:
    """The decision's data; None where it is outside of what a canonical body can hold (the gate writes none such)."""
    try:
        told: Mapping[str, Any] = from_json(record.value or b"")
        canonical(told)
    except (ValueError, CanonicalError):
        return None
    return told


def body(policy: Policy, decisions: Sequence[Mapping[str, Any]], missing: Sequence[Missing]) -> bytes:
    """The body of the policy's leaf. Raises CanonicalError where the outcome itself cannot be canonical."""
    return canonical(
        {
            "outcome": dict(policy.data),
            "decisions": [dict(each) for each in decisions],
            "missing": [each.document() for each in missing],
        }
    )


def held_in(bodies: Sequence[bytes]) -> frozenset[str]:
    """The ids of the decisions that earlier leaves of the same policy hold."""
    return frozenset(each["decision_id"] for told in bodies for each in from_json(told)["decisions"])


def missed_in(bodies: Sequence[bytes]) -> frozenset[tuple[str, int, int]]:
    """Where the decisions stood that earlier leaves of the same policy told as missing."""
    return frozenset(
        (each["topic_id"], each["partition"], each["offset"])
        for told in bodies
        for each in from_json(told)["missing"]
    )
