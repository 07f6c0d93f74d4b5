"""What a request gets: the core's verdict, or the refusal of one that the core cannot be asked about (REQ-2, REQ-4).

`circumstances` tell what decided beside request, consents, rulebook and time, so that a replay can do the same:
`{"kind", "code", …}`, kind one of invalid, routing, id, position, hold, limit, duplicate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from sekisho.contracts.errors import InvalidMessageError, Readable, RejectedMessageError
from sekisho.contracts.ruling import Ruling, refused
from sekisho.contracts.shared_models import Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req
from sekisho.domain.verdict import Cite
from sekisho.gate.intake import Persons, Route
from sekisho.gate.state import IdEntry, IdKey
from sekisho.log.port import Record

DUPLICATE: Final[Mapping[str, Any]] = {"kind": "duplicate"}


class Asked(NamedTuple):
    """One request as read: what it asks, or what is wrong with it."""

    record: Record
    request: AccessRequest | None = None
    digest: str = ""
    key: IdKey | None = None
    content: bytes = b""
    """The digest's 32 bytes."""
    readable: Readable | None = None
    error: RejectedMessageError | None = None
    first: IdEntry | None = None
    """The committed request under the same id, within the window."""


class Knowledge(NamedTuple):
    """Up to where the consents are known ("next offset"), and whether that was not far enough in time."""

    consent_next: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """By what one lane decides. `topic_id` is that of the access requests; times are ms, sizes bytes."""

    partition: int
    topic: str
    topic_id: str
    partitions: int
    book: Rulebook
    engine: Engine
    route: Route
    value_bytes: int
    output_bytes: int
    subject_events: int
    window_ms: int


def refusal(
    asked: Asked, reason: Cite, details: Mapping[str, str] | None = None, **circumstances: object
) -> Ruling:
    """A refusal for that reason alone."""
    return refused(asked.request, reason, details, **circumstances)


def rule(asked: Asked, known: Knowledge, at: datetime, rules: Rules, persons: Persons) -> Ruling:
    """What a request that is no duplicate gets."""
    request = asked.request
    if request is None:
        assert isinstance(asked.error, InvalidMessageError)
        return refusal(asked, req.INVALID, dict(asked.error.details), kind="invalid")
    held = _cannot_ask(asked, request, known, rules)
    if held is not None:
        return held
    events = persons.events(request.subject_id)
    if events is None:
        return refusal(asked, req.TOO_MANY_EVENTS, kind="limit", limit=rules.subject_events)
    return Ruling(decide(request, events, rules.book, at))


def _cannot_ask(asked: Asked, request: AccessRequest, known: Knowledge, rules: Rules) -> Ruling | None:
    right = rules.route(request.subject_id)
    if right != rules.partition:
        told = {"partition": str(right)}
        return refusal(asked, req.MISROUTED, told, kind="routing", partitions=rules.partitions)
    if known.stale:
        return refusal(asked, req.STATE_STALE, kind="hold")
    if request.minimum_consent_position is None:
        return None
    partition, offset = request.minimum_consent_position
    if partition is not None and partition != rules.partition:
        told = {"partition": str(rules.partition)}
        return refusal(asked, req.POSITION_MISROUTED, told, kind="position")
    if offset >= known.consent_next:
        return refusal(asked, req.POSITION_NOT_REACHED, kind="position")
    return None


def too_large(asked: Asked, limit: int | Literal["time"], *, with_items: bool) -> Ruling:
    """The refusal of a request whose answer would be larger than `limit` bytes, or takes longer to make than a turn may
    last ("time")."""
    return refused(asked.request if with_items else None, req.TOO_LARGE, kind="limit", limit=limit)
