"""One document `{at, events, request}` → the decision and the record that a gate would give, without a log.

As in the gate: a bad consent event is rejected and the others count, the first of an event id wins, a malformed request
is refused by `request.invalid`, an unreadable one gets no decision. There is no log, so positions have no partition and
an event's offset is its place in the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from sekisho import __version__
from sekisho.cli.documents import Document, encode
from sekisho.cli.outcome import InputError
from sekisho.contracts import access_decisions, access_requests, consent_events, identity, provision_records
from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.envelope import TOO_LARGE
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError, UnreadableMessageError
from sekisho.contracts.fields import Instant
from sekisho.contracts.ruling import Ruling, refused
from sekisho.contracts.shared_models import Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.events import ConsentEvent, Position
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import req

ENGINE: Final = Engine(__version__, 1)
_KEYS: Final = ("at", "events", "request")
_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)


class Limits(NamedTuple):
    """The gate's limits that bear on one decision (settings, GateSettings)."""

    value_bytes: int
    subject_events: int
    output_bytes: int


class Who(NamedTuple):
    """Whom an answer is addressed to, as far as the request tells it."""

    request_id: str
    organization: str | None
    subject_id: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Question:
    """A document whose form is right: what its request and events say is judged later."""

    document: Document
    at: datetime
    events: tuple[tuple[str, bytes], ...]
    """Type and data of each."""
    request: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The decision (None: the request was not readable), its record, and what was rejected on the way, in words."""

    decision: Mapping[str, Any] | None
    record: Mapping[str, Any] | None
    rejected: tuple[str, ...]


def question(document: Document) -> Question:
    """Reads the form of a document. Raises InputError naming the line at fault."""
    content = document.value
    if not isinstance(content, dict):
        raise InputError(
            f"{document.at()}: a document is an object {{at, events, request}}",
            "Give one document a line (JSON lines), or YAML documents with `---` between them.",
        )
    for name in content:
        if name not in _KEYS:
            near = get_close_matches(name, _KEYS, n=1)
            raise InputError(
                f'{document.at(name)}: unknown key "{name}"',
                f"The nearest known one is `{near[0]}`." if near else "Known are at, events and request.",
            )
    for name in ("at", "request"):
        if name not in content:
            raise InputError(f'{document.at()}: "{name}" is missing', "A document is {at, events, request}.")
    return Question(document, _at(document), tuple(_events(document)), encode(content["request"]))


def _at(document: Document) -> datetime:
    try:
        return _INSTANT.validate_python(document.value["at"], strict=True)
    except ValidationError as error:
        raise InputError(
            f'{document.at("at")}: "at" is no RFC 3339 time with its time zone',
            "For example 2026-11-21T10:00:00+09:00; it is the time at which is decided.",
        ) from error


def _events(document: Document) -> Iterator[tuple[str, bytes]]:
    events = document.value.get("events") or []
    if not isinstance(events, list):
        raise InputError(f'{document.at("events")}: "events" is a list, oldest first')
    for index, event in enumerate(events):
        whole = isinstance(event, dict) and set(event) == {"type", "data"} and type(event["type"]) is str
        if not whole:
            raise InputError(
                f"{document.at(f'events[{index}]')}: an event is an object {{type, data}}, as in the topics"
            )
        yield event["type"], encode(event["data"])


def answer(asked: Question, index: int, book: Rulebook, limits: Limits) -> Answer:
    """Judges one document, the `index`-th of its file (from 0: its ids derive from it)."""
    try:
        request = _read(asked.request, limits)
    except InvalidMessageError as error:
        if error.readable is None:
            return Answer(None, None, (_said(asked, "request", error),))
        told = error.readable
        who = Who(told.request_id, told.organization, told.subject_id, told.digest)
        ruling = refused(None, req.INVALID, dict(error.details), kind="invalid")
        return Answer(*_documents(ruling, _envelope(asked, index, who), book), ())
    except RejectedMessageError as error:
        return Answer(None, None, (_said(asked, "request", error),))
    events, rejected = _known(asked, request.subject_id, limits)
    who = Who(
        request.request_id,
        request.requester.organization,
        request.subject_id,
        access_requests.digest(request),
    )
    envelope = _envelope(asked, index, who)
    for ruling in _rulings(request, events, book, asked, limits):
        decision, record = _documents(ruling, envelope, book)
        if len(to_json(decision)) <= limits.output_bytes:
            break
    return Answer(decision, record, rejected)


def _read(data: bytes, limits: Limits) -> AccessRequest:
    if len(data) > limits.value_bytes:
        raise UnreadableMessageError("too_large", TOO_LARGE)
    return access_requests.decode(data)


def _known(
    asked: Question, subject_id: str, limits: Limits
) -> tuple[Sequence[ConsentEvent], tuple[str, ...]]:
    """The person's events as a gate would know them, and what it would have rejected."""
    found: dict[tuple[str, str], consent_events.ConsentMessage] = {}
    rejected: list[str] = []
    for index, (type_, data) in enumerate(asked.events):
        place = f"events[{index}]"
        try:
            message = _event(type_, data, index, limits)
        except RejectedMessageError as error:
            rejected.append(_said(asked, place, error))
            continue
        first = found.setdefault((message.subject_id, message.event.event_id), message)
        if first.digest != message.digest:
            rejected.append(
                f"{asked.document.at(place)}: rejected, id_reused: its event_id was used with another content"
            )
    return [each.event for each in found.values() if each.subject_id == subject_id], tuple(rejected)


def _event(type_: str, data: bytes, index: int, limits: Limits) -> consent_events.ConsentMessage:
    if len(data) > limits.value_bytes:
        raise UnreadableMessageError("too_large", TOO_LARGE)
    if type_ not in consent_events.TYPES:
        raise _unknown_type(type_)
    return consent_events.decode(type_, data, Position(None, index))


def _unknown_type(type_: str) -> RejectedMessageError:
    near = get_close_matches(type_, consent_events.TYPES, n=1, cutoff=0.0)[0]
    return InvalidMessageError("unknown_value", "type", nearest=near)


def _said(asked: Question, place: str, error: RejectedMessageError) -> str:
    """What a gate would tell in a rejected event, with the line in the file."""
    path = f"{place}.data" if place.startswith("events") else place
    near = ""
    if isinstance(error, InvalidMessageError):
        path = f"{path}.{error.where}"
        near = f" (nearest known: {error.nearest})" if error.nearest else ""
    return f"{asked.document.at(path)}: {place} rejected, {error.cause}: {error.message.en}{near}"


def _rulings(
    request: AccessRequest, events: Sequence[ConsentEvent], book: Rulebook, asked: Question, limits: Limits
) -> Iterator[Ruling]:
    """What the request gets; then what it gets where that is too large an answer, and where that is too."""
    demanded = request.minimum_consent_position
    if demanded is not None and demanded[1] >= len(asked.events):
        yield refused(request, req.POSITION_NOT_REACHED, kind="position")
    elif len(events) > limits.subject_events:
        yield refused(request, req.TOO_MANY_EVENTS, kind="limit", limit=limits.subject_events)
    else:
        yield Ruling(decide(request, events, book, asked.at))
    for told in (request, None):
        yield refused(told, req.TOO_LARGE, kind="limit", limit=limits.output_bytes)


def _envelope(asked: Question, index: int, who: Who) -> Envelope:
    return Envelope(
        decision_id=identity.decision_id_without_log(index, who.digest),
        request_id=who.request_id,
        organization=who.organization,
        subject_id=who.subject_id,
        decided_at=asked.at,
        appended_at=None,
        consent_position=Position(None, len(asked.events)),
        request_position=None,
        request_digest=who.digest,
        engine=ENGINE,
    )


def _documents(
    ruling: Ruling, envelope: Envelope, book: Rulebook
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    whole = replace(envelope, circumstances=ruling.circumstances)
    decision = access_decisions.document(ruling.verdict, whole, book)
    return decision, provision_records.document(ruling.verdict, whole, book, book.record_statement.ja)
