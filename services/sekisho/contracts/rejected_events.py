"""sekisho-rejected-events: what was not accepted, and why; never a byte of its payload."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_core import to_json

from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.fields import Instant, Output, written
from sekisho.contracts.reading import read_output
from sekisho.contracts.shared_models import At, Encoded, LogPosition, Message
from sekisho.domain.book import Text
from sekisho.domain.vocabulary import RejectionCause

TYPE: Final = "sekisho.event.rejected.v1"
SOURCE: Final = "urn:sekisho:gate"


class RejectedEvent(Output):
    """One message, or range of messages, that was not accepted."""

    rejected_id: str
    """UUIDv5 of the message's position."""
    position: LogPosition
    payload_hmac: str | None
    """`hmac-sha256:` of the payload, keyed: a plain hash of so little could be guessed. Null: no payload."""
    size: Annotated[int, Field(ge=0)] | None
    """Bytes of the payload; null where it could not be read."""
    cause: RejectionCause
    field: str | None
    """For `invalid`: the contract's own nearest name, never the sender's."""
    message: Message
    rejected_at: Instant
    request_id: str | None
    """Of an access request whose id could be read."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What is told of a message that was not accepted; `payload` is hashed and measured, never told.

    `payload` is None for a tombstone, and where no bytes could be had (an undecodable record, a lost range).
    """

    rejected_id: str
    position: At
    payload: bytes | None
    cause: RejectionCause
    message: Text
    rejected_at: datetime
    field: str | None = None
    request_id: str | None = None


def encode(rejection: Rejection, hmac_key: bytes) -> Encoded:
    """The message of a rejected event."""
    found = document(rejection, hmac_key)
    headers = binary_headers(TYPE, found["rejected_id"], SOURCE, found["rejected_at"])
    return Encoded(headers, to_json(found))


def document(rejection: Rejection, hmac_key: bytes) -> Mapping[str, Any]:
    """A rejected event as contract.md states it."""
    payload = rejection.payload
    return {
        "rejected_id": rejection.rejected_id,
        "position": rejection.position.document(),
        "payload_hmac": None if payload is None else payload_hmac(payload, hmac_key),
        "size": None if payload is None else len(payload),
        "cause": rejection.cause,
        "field": rejection.field,
        "message": {"ja": rejection.message.ja, "en": rejection.message.en},
        "rejected_at": written(rejection.rejected_at),
        "request_id": rejection.request_id,
    }


def payload_hmac(payload: bytes, key: bytes) -> str:
    """`hmac-sha256:` of a payload (RFC 2104), with which its sender's copy can be recognized by who has the key."""
    return "hmac-sha256:" + hmac.new(key, payload, hashlib.sha256).hexdigest()


def decode(data: bytes) -> RejectedEvent:
    """A rejected event as a reader takes it; unknown fields are ignored.

    Raises UnreadableMessageError or InvalidMessageError.
    """
    return read_output(RejectedEvent, data)
