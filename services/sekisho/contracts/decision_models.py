"""A decision as a model: what readers of sekisho-access-decisions see (contract.md, A decision)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sekisho.contracts.fields import Instant, Offset, Output
from sekisho.contracts.shared_models import ConsentPosition, LogPosition, Message, RulebookReference
from sekisho.domain.vocabulary import Effect, ReasonKind, RecordExemption, Role, Severity


class ItemDecision(Output):
    """What one item gets: an allowed item has a basis, a denied one every reason."""

    item: str
    role: Role
    """`selection`: not asked for, but used to choose the persons (REQ-6)."""
    effect: Effect
    basis: tuple[str, ...]
    reasons: tuple[str, ...]


class ReasonGiven(Output):
    """One reason, once per code and rule."""

    code: str
    kind: ReasonKind
    rule: str
    severity: Severity
    citation: str
    """The provision or policy that it rests on, for this requester."""
    message: Message
    remedy: Message
    """What can be done about it."""


class NearMissGiven(Output):
    """A consent that nearly served."""

    consent_id: str
    failed: tuple[str, ...]


class ObligationGiven(Output):
    """What must still be done although the request is allowed."""

    code: str
    rule: str
    message: Message


class ConsentServed(Output):
    """A consent that served."""

    consent_id: str
    position: ConsentPosition
    serves: tuple[str, ...]
    """The items."""


class EngineReference(Output):
    """The software that decided; `format` tells how to reproduce it."""

    version: str
    format: int


class Shadow(Output):
    """What another rulebook, run beside, would have said."""

    rulebook: RulebookReference
    effect: Effect
    items: tuple[ItemDecision, ...]
    reasons: tuple[ReasonGiven, ...]


class Decision(Output):
    """The answer to one access request."""

    decision_id: str
    """UUIDv5 of the request's position."""
    request_id: str
    organization: str | None
    """Null where an invalid request does not tell it."""
    subject_id: str | None
    """Null where an invalid request does not tell it."""
    effect: Effect
    """`allow` only if every item is allowed."""
    decided_at: Instant
    appended_at: Instant | None
    """When the broker appended the request; null under `sekisho decide`."""
    items: tuple[ItemDecision, ...]
    reasons: tuple[ReasonGiven, ...]
    near_misses: Annotated[tuple[NearMissGiven, ...], Field(max_length=20)]
    near_misses_total: Annotated[int, Field(ge=0)]
    obligations: tuple[ObligationGiven, ...]
    consents: tuple[ConsentServed, ...]
    """Those that served."""
    record_id: str | None
    """The provision record that it left."""
    record_exemption: RecordExemption | None
    """Why no record is owed."""
    consent_position: ConsentPosition | None
    """All consent events before it were known."""
    request_position: LogPosition | None
    """Null under `sekisho decide`."""
    request_digest: str
    """`sha256:` of the request's canonical content."""
    rulebook: RulebookReference
    engine: EngineReference
    circumstances: dict[str, Any] | None
    """What else decided: a limit, a duplicate, a hold."""
    shadow: Shadow | None
    duplicate_of: Offset | None
    """The offset of the first request of that id."""
