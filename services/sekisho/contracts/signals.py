"""sekisho-signals: what monitoring found (contract.md, Outcomes and signals)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from sekisho.contracts.fields import Instant, Output
from sekisho.contracts.reading import read_output
from sekisho.contracts.shared_models import Message

TYPE: Final = "sekisho.signal.raised.v1"

SignalKind = Literal[
    "purpose_switched", "sale_after_access", "sale_without_consent", "ambiguous_list_name", "moratorium_attempt",
    "unusual_volume", "suspended_access",
]  # fmt: skip


class Period(Output):
    """The time in which it was found."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    from_: Annotated[Instant, Field(alias="from")]
    until: Instant


class Signal(Output):
    """One finding; raised twice, it is one signal."""

    signal_id: str
    """Derived: the same finding has the same id."""
    kind: SignalKind
    organization: str
    """Also the message's key."""
    branch: str | None
    operator: str | None
    period: Period
    count: Annotated[int, Field(ge=0)]
    evidence: Annotated[tuple[str, ...], Field(max_length=100)]
    """Ids of decisions or events."""
    message: Message


def decode(data: bytes) -> Signal:
    """A signal as a reader takes it. Raises UnreadableMessageError or InvalidMessageError."""
    return read_output(Signal, data)
