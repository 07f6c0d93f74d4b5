"""sekisho-solicitation-outcomes: contracts concluded and visits made, what the monitoring compares with."""

from __future__ import annotations

from typing import Final

from sekisho.contracts.fields import Day, Id, Input, Instant
from sekisho.contracts.reading import read

TYPE: Final = "sekisho.solicitation.concluded.v1"


class SolicitationOutcome(Input):
    """One outcome."""

    event_id: Id
    subject_id: Id
    """Also the message's key."""
    concluded_at: Instant
    organization: Id
    operator: Id | None = None
    branch: Id | None = None
    product: Id | None = None
    insurance_until: Day | None = None
    """The last day of insurance; null: not known yet."""
    consent_id: Id | None = None
    """The consent that it rests on, as the organization says."""


def decode(data: bytes) -> SolicitationOutcome:
    """The outcome that `data` holds. Raises UnreadableMessageError or InvalidMessageError."""
    return read(SolicitationOutcome, data)
