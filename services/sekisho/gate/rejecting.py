"""Rejected events: what is told of a message that was not accepted, and how one waits in the state to be written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final

from pydantic_core import from_json

from sekisho.contracts import identity, rejected_events
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.errors import RejectedMessageError
from sekisho.contracts.routing import key_of_output
from sekisho.contracts.shared_models import At
from sekisho.domain.book import Text
from sekisho.domain.vocabulary import RejectionCause
from sekisho.log.port import Outgoing, Record

UNDECODABLE: Final = Text(
    "メッセージをログから読み出せません（形式または圧縮方式が不明）。",
    "The log cannot give the message (its format or its compression is not known).",
)
DEFECT: Final = Text(
    "メッセージの処理中に予期しない誤りが起きたため、受け付けません。",
    "An unexpected error happened over this message; it is not accepted.",
)
EVENT_REUSED: Final = Text(
    "この event_id は、内容の異なる別のイベントですでに使われています。",
    "This event_id has already been used for an event with another content.",
)
MISROUTED_TWICE: Final = Text(
    "転送後も、この方を担当しない区画に届きました。",
    "Forwarded once, it has come to a partition that is not this person's again.",
)
_KEY: Final = struct.Struct(">i")
_NO_KEY: Final = -1


def told_key(record: Record) -> bytes | None:
    """The key of an output about this input."""
    return key_of_output(record.key)


class Rejecter:
    """Makes the rejected events of one input topic's partition."""

    def __init__(
        self, topic: str, topic_id: str, partition: int, hmac_key: bytes, now: Callable[[], datetime]
    ) -> None:
        self._topic = topic
        self._topic_id = topic_id
        self._partition = partition
        self._hmac_key = hmac_key
        self._now = now

    def reject(
        self,
        offset: int,
        cause: RejectionCause,
        message: Text,
        *,
        record: Record | None = None,
        field: str | None = None,
        request_id: str | None = None,
        at: datetime | None = None,
    ) -> Outgoing:
        """The rejected event about the message at `offset`; `record` is None where there are no bytes of it."""
        rejection = rejected_events.Rejection(
            rejected_id=identity.rejected_id(self._topic_id, self._partition, offset),
            position=At(self._topic, self._partition, offset),
            payload=None if record is None else record.value,
            cause=cause,
            message=message,
            rejected_at=self._now() if at is None else at,
            field=field,
            request_id=request_id,
        )
        encoded = rejected_events.encode(rejection, self._hmac_key)
        return Outgoing(None if record is None else told_key(record), encoded.value, encoded.headers)

    def refuse(
        self,
        record: Record,
        error: RejectedMessageError,
        *,
        request_id: str | None = None,
        at: datetime | None = None,
    ) -> Outgoing:
        """The rejected event of a message that was found bad."""
        return self.reject(
            record.offset,
            error.cause,
            error.message,
            record=record,
            field=error.field,
            request_id=request_id,
            at=at,
        )


def packed(rejected: Outgoing) -> bytes:
    """A rejected event as the state keeps it until it is written."""
    key = rejected.key
    assert rejected.value is not None
    return _KEY.pack(_NO_KEY if key is None else len(key)) + (key or b"") + rejected.value


def unpacked(raw: bytes) -> Outgoing:
    """The rejected event that `packed` gave."""
    (length,) = _KEY.unpack_from(raw)
    start = _KEY.size + max(length, 0)
    key = None if length == _NO_KEY else raw[_KEY.size : start]
    value = raw[start:]
    data = from_json(value)
    headers = binary_headers(
        rejected_events.TYPE, data["rejected_id"], rejected_events.SOURCE, data["rejected_at"]
    )
    return Outgoing(key, value, headers)


def cause_of(rejected: Outgoing) -> str:
    """The cause that a rejected event tells."""
    return str(from_json(rejected.value or b"{}")["cause"])
