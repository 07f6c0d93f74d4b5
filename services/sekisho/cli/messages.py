"""Documents as messages: which topic, which key, which headers; and what the contract says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from sekisho.cli.documents import Document, encode
from sekisho.contracts import access_requests, consent_events
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError
from sekisho.contracts.fields import written
from sekisho.contracts.topics import ACCESS_REQUESTS, CONSENT_EVENTS, TopicSpec
from sekisho.domain.events import Position
from sekisho.log.port import Headers, Outgoing

SOURCE: Final = "urn:sekisho:cli"
_TAKEN: Final[Mapping[str, TopicSpec]] = {
    access_requests.TYPE: ACCESS_REQUESTS,
    **dict.fromkeys(consent_events.MODELS, CONSENT_EVENTS),
}


@dataclass(frozen=True, slots=True)
class Message:
    """A document ready to be sent; `wrong` says what the gate would find wrong with it, empty if nothing."""

    document: Document
    topic: TopicSpec
    type: str
    subject_id: str | None
    id: str
    data: bytes
    wrong: str = ""

    def outgoing(self, now: datetime) -> Outgoing:
        """As it goes over the wire: CloudEvents in binary mode, keyed by the person."""
        headers: Headers = binary_headers(self.type, self.id, SOURCE, written(now))
        return Outgoing(None if self.subject_id is None else self.subject_id.encode(), self.data, headers)


def messages(documents: Sequence[Document]) -> list[Message]:
    """Each document as a message; nothing is refused here."""
    return [_message(each) for each in documents]


def _message(document: Document) -> Message:
    content = document.value
    wrapped = isinstance(content, dict) and "type" in content
    type_ = str(content["type"]) if wrapped else access_requests.TYPE
    body = content.get("data") if wrapped else content
    topic = _TAKEN.get(type_)
    data = encode(body)
    subject_id, id_ = _named(body)
    wrong = _wrong(document, type_, data, "data" if wrapped else "", wrapped)
    return Message(document, topic or ACCESS_REQUESTS, type_, subject_id, id_ or str(uuid4()), data, wrong)


def _named(body: Any) -> tuple[str | None, str | None]:
    """Subject id and the message's own id, as far as they can be read."""
    if not isinstance(body, dict):
        return None, None
    subject = body.get("subject")
    found = body.get("subject_id") if not isinstance(subject, dict) else subject.get("id")
    own = body.get("event_id", body.get("request_id"))
    return found if type(found) is str and found else None, own if type(own) is str and own else None


def _wrong(document: Document, type_: str, data: bytes, prefix: str, wrapped: bool) -> str:
    if wrapped and (extra := sorted(set(document.value) - {"type", "data"})):
        return f'{document.at(extra[0])}: unknown key "{extra[0]}" beside type and data'
    if type_ not in _TAKEN:
        return (
            f'{document.at("type")}: no gate reads the type "{type_}"; known are {", ".join(sorted(_TAKEN))}'
        )
    try:
        if type_ == access_requests.TYPE:
            access_requests.decode(data)
        else:
            consent_events.decode(type_, data, Position(None, 0))
    except RejectedMessageError as error:
        return explained(document, error, prefix)
    return ""


def explained(document: Document, error: RejectedMessageError, prefix: str = "") -> str:
    """What is wrong with a message, with its line in the file and the nearest known name."""
    if not isinstance(error, InvalidMessageError):
        return f"{document.at(prefix)}: {error.message.en}"
    path = f"{prefix}.{error.where}" if prefix else error.where
    said = f'"{error.where}": ' if error.where != error.field else ""
    near = f" (nearest known: {error.nearest})" if error.nearest and error.nearest != error.field else ""
    return f"{document.at(path)}: {said}{error.message.en}{near}"


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)
