"""sekisho-consent-events: what a person consented to, refused, withdrew, stopped; and what is known of the person.

The evidence and the changelog of the consent state (contract.md, A consent event), kept for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

from sekisho.contracts.consent_facts import granted
from sekisho.contracts.consent_models import (
    ConsentConfirmed,
    ConsentEventData,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OptOutCancelled,
    OptOutRegistered,
    SubjectStatus,
    SuspensionLifted,
    SuspensionOrdered,
)
from sekisho.contracts.envelope import Headers, is_plain, open_message, require, require_key
from sekisho.contracts.reading import read
from sekisho.domain.events import ConsentEvent, Position

MODELS: Final[Mapping[str, type[ConsentEventData]]] = {
    "sekisho.consent.granted.v1": ConsentGranted,
    "sekisho.consent.confirmed.v1": ConsentConfirmed,
    "sekisho.consent.withdrawn.v1": ConsentWithdrawn,
    "sekisho.consent.refused.v1": ConsentRefused,
    "sekisho.suspension.ordered.v1": SuspensionOrdered,
    "sekisho.suspension.lifted.v1": SuspensionLifted,
    "sekisho.optout.registered.v1": OptOutRegistered,
    "sekisho.optout.cancelled.v1": OptOutCancelled,
    "sekisho.subject.status.v1": SubjectStatus,
}
"""The message of each type."""
TYPES: Final = frozenset(MODELS)
_TYPE_OF: Final = {name.encode(): name for name in MODELS}
_GRANTED: Final = "sekisho.consent.granted.v1"


class ConsentMessage(NamedTuple):
    """A consent event as the gate stores it: whose it is, what it says, and the digest of its content."""

    subject_id: str
    event: ConsentEvent
    digest: str
    """`sha256:` over the canonical content: the same event id with another one is refused."""


class CheckedEvent(NamedTuple):
    """A consent event that follows the contract, as its message held it: what its fact and its digest can be made of
    later, since a fold of a million events needs neither (45 of 62 µs an event)."""

    subject_id: str
    event_id: str
    type: str
    data: bytes


def decode(type_: str, data: bytes, position: Position) -> ConsentMessage:
    """The event of that type that `data` holds. Raises KeyError for a type that is none of TYPES.

    Raises UnreadableMessageError (no JSON object) or InvalidMessageError (it does not follow the contract).
    """
    message = read(MODELS[type_], data)
    return ConsentMessage(message.subject_id, message.fact(position), digest(type_, message))


def fact(type_: str, data: bytes, position: Position) -> ConsentEvent:
    """As `decode`, the event alone: for data that was decoded before it was stored, without digesting it again.

    Data that was not may raise anything, or be taken for what it is not.
    """
    if type_ == _GRANTED:
        return granted(from_json(data), position)
    message: ConsentEventData = MODELS[type_].__pydantic_validator__.validate_json(data)
    return message.fact(position)


def receive(
    headers: Headers, key: bytes | None, value: bytes | None, position: Position, *, largest: int
) -> ConsentMessage:
    """The event in a Kafka message of at most `largest` bytes.

    Raises as `decode`; UnreadableMessageError for what is no message of this topic (tombstone, size, type, version),
    InvalidMessageError also for a key that is not the subject id.
    """
    type_, _, message = _opened(headers, key, value, largest)
    return ConsentMessage(message.subject_id, message.fact(position), digest(type_, message))


def check(headers: Headers, key: bytes | None, value: bytes | None, *, largest: int) -> CheckedEvent:
    """As `receive`, the message checked alone: neither its fact nor its digest is made."""
    type_, data, message = _opened(headers, key, value, largest)
    return CheckedEvent(message.subject_id, message.event_id, type_, data)


def _opened(
    headers: Headers, key: bytes | None, value: bytes | None, largest: int
) -> tuple[str, bytes, ConsentEventData]:
    type_, data = _type_and_data(headers, value, largest)
    message = read(MODELS[type_], data)
    require_key(key, message.subject_id, "subject_id")
    return type_, data, message


def _type_and_data(headers: Headers, value: bytes | None, largest: int) -> tuple[str, bytes]:
    """By a look at the headers alone where they are as nearly everyone writes them (2.1 → 0.7 µs)."""
    told = next((told for name, told in headers if name == "ce_type"), None) or b""
    type_ = _TYPE_OF.get(told)
    if type_ is not None and value is not None and len(value) <= largest and is_plain(headers, told):
        return type_, value
    event = open_message(headers, value, largest=largest)
    return require(event, TYPES), event.data


def content_digest(type_: str, data: bytes) -> str:
    """The digest of an event's content: of data that was checked before, as `fact`."""
    message: ConsentEventData = MODELS[type_].__pydantic_validator__.validate_json(data)
    return digest(type_, message)


def digest(type_: str, message: ConsentEventData) -> str:
    """`sha256:` over type and content: keys sorted, times in UTC, nothing null, but a status's told nulls."""
    content = message.model_dump(mode="json", exclude_unset=True)
    if not isinstance(message, SubjectStatus):
        content = _without_nulls(content)
    text = json.dumps([type_, content], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _without_nulls(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, {})}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
