"""What holds of every message whatever is in it: each function returns a word for its outcome, or raises.

A failed `assert`, or any exception, is a finding. CPU time is bounded generously: a bound that is hit means work that
grows faster than the message, not a slow machine.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, TypeVar

from cases.on_the_core import book
from contracts.sample_verdicts import envelope as an_envelope
from fuzz.chance import Chance
from fuzz.message import Message
from fuzz.outcomes import AT, LARGEST, Outcome, of_consent, of_request, plain
from fuzz.samples import data_of
from sekisho.contracts import (
    access_decisions,
    access_requests,
    consent_events,
    envelope,
    errors,
    provision_records,
)
from sekisho.contracts.envelope import open_message
from sekisho.contracts.errors import PROBLEMS, InvalidMessageError, RejectedMessageError
from sekisho.contracts.reading import NOT_AN_OBJECT, NOT_JSON, paths
from sekisho.domain.book import Text
from sekisho.domain.decision import decide
from sekisho.domain.events import ConsentEvent, Position
from sekisho.domain.request import AccessRequest

T = TypeVar("T")

SECONDS: Final = 1.0
"""CPU time that one message may take; 256 KB of the worst kind take some 0.1 s."""
_TIME: Final = re.compile(rb'"\d{4}-\d\d-\d\dT[^"]*"')
_KNOWN_EVENTS: Final = 60
_DAYS: Final = (0, -800, 1, 365, 3650, 100_000)

_FIXED: Final = frozenset(
    {
        NOT_JSON, NOT_AN_OBJECT, access_requests.NO_READABLE_ID, envelope.TOMBSTONE, envelope.TOO_LARGE,
        envelope.NOT_UTF8, envelope.AMBIGUOUS, envelope.NOT_JSON_DATA, envelope.NO_DATA, envelope.WRONG_TYPE,
        envelope.OTHER_VERSION,
    }
)  # fmt: skip
"""Every text that tells no field."""


@cache
def _fields(kind: str) -> frozenset[str | None]:
    """Every field that a rejected event may name."""
    models = (access_requests.AccessRequest,) if kind == "request" else tuple(consent_events.MODELS.values())
    known = {path for model in models for path in paths(model)}
    other = {"data", "ce_id", "ce_source", "ce_specversion", "ce_type", "consent_id, controller"}
    return frozenset({*known, *(f"{path}[]" for path in known), *other, None})


@cache
def _texts(kind: str) -> frozenset[Text]:
    """Every text that a rejected event may hold: so none of a sender's."""
    return _FIXED | {
        Text(each.ja.replace("{field}", field), each.en.replace("{field}", field))
        for each in PROBLEMS.values()
        for field in _fields(kind)
        if field is not None
    }


def request_holds(message: Message, known: deque[ConsentEvent]) -> str:
    """Everything that holds of a message on sekisho-access-requests; what is accepted is decided too."""
    outcome = _bounded(lambda: of_request(message))
    _same_by_likeness(message, outcome)
    if outcome.word != "accepted":
        return _refused("request", message, outcome)
    request = access_requests.receive(message.headers, message.key, message.value, largest=LARGEST)
    assert message.key is None or message.key == request.subject_id.encode()
    _same_written_again(request)
    _same_bare(message, request, outcome)
    _same_for_siblings(message, request)
    _bounded(lambda: decides(request, list(known)))
    return outcome.word


def consent_holds(message: Message, known: deque[ConsentEvent]) -> str:
    """Everything that holds of a message on sekisho-consent-events; what is accepted joins the known events."""
    outcome = _bounded(lambda: of_consent(message))
    if outcome.word != "accepted":
        return _refused("consent", message, outcome)
    found = consent_events.receive(message.headers, message.key, message.value, AT, largest=LARGEST)
    assert message.key is None or message.key == found.subject_id.encode()
    event = open_message(message.headers, message.value, largest=LARGEST)
    assert consent_events.fact(event.type, event.data, AT) == found.event
    again = consent_events.decode(event.type, _reordered(event.data), AT)
    assert (again.event, again.digest) == (found.event, found.digest)
    _remember(found.event, known)
    return outcome.word


def _remember(event: ConsentEvent, known: deque[ConsentEvent]) -> None:
    """Ids are distinct and positions too, as the gate's state has them."""
    position = Position(AT.partition, known[-1].position.offset + 1 if known else 0)
    if all(each.event_id != event.event_id for each in known):
        known.append(replace(event, position=position))
    while len(known) > _KNOWN_EVENTS:
        known.popleft()


def modes_agree(message: Message) -> str:
    """What a structured message says is what the same event says in binary mode; without a type it says nothing."""
    if message.value is None:
        return "tombstone"
    try:
        event = open_message(message.headers, message.value, largest=LARGEST)
    except RejectedMessageError as error:
        return error.cause
    if event.whole is None:
        return "binary"
    word = of_request(message).word
    assert event.type or word != "accepted", "a structured message that names no type was accepted"
    if not event.type:
        return word
    headers = [
        (f"ce_{name}", value.encode()) for name, value in event.attributes.items() if name == name.lower()
    ]
    same = Message(tuple(headers), message.key, event.data)
    for of in (of_request, of_consent):
        structured, binary = of(message), of(same)
        if structured.word == "accepted" or (
            binary.word == "accepted" and not structured.word.endswith("_field")
        ):
            assert structured == binary
    return word


def _refused(kind: str, message: Message, outcome: Outcome) -> str:
    """The answer holds the contract's words only; what the sender wrote stands in `where` alone, bounded."""
    error = _error(kind, message)
    assert error is not None, "refused once, accepted the second time"
    assert error.field in _fields(kind), error.field
    assert error.message in _texts(kind), error.message
    assert str(error) == error.message.en
    if isinstance(error, InvalidMessageError):
        assert len(error.where) <= 257
        assert error.where.isprintable()
        assert error.nearest is None or len(error.nearest) < 100
        assert (error.readable is not None) == (kind == "request")
        _readable_is_bounded(error.readable)
    return outcome.word


def _error(kind: str, message: Message) -> RejectedMessageError | None:
    try:
        if kind == "request":
            access_requests.receive(message.headers, message.key, message.value, largest=LARGEST)
        else:
            consent_events.receive(message.headers, message.key, message.value, AT, largest=LARGEST)
    except RejectedMessageError as error:
        return error
    return None


def _readable_is_bounded(readable: errors.Readable | None) -> None:
    if readable is None:
        return
    for each in (readable.request_id, readable.organization, readable.subject_id):
        assert each is None or 1 <= len(each) <= 256
        assert each is None or each.encode()
    assert readable.digest.startswith("sha256:")


def _same_written_again(request: AccessRequest) -> None:
    written = data_of(access_requests.document(request))
    again = access_requests.decode(written)
    assert access_requests.digest(again) == access_requests.digest(request)
    assert access_requests.document(again) == access_requests.document(request)
    for name in (
        "request_id",
        "requested_at",
        "requester",
        "subject_id",
        "subject_kind",
        "items",
        "activity",
    ):
        assert getattr(again, name) == getattr(request, name), name


def _same_bare(message: Message, request: AccessRequest, outcome: Outcome) -> None:
    """In whatever mode it came, its data alone is the same request; so are its keys in another order."""
    event = open_message(message.headers, message.value, largest=LARGEST)
    assert plain(access_requests.decode(event.data)) == outcome.whole[0]
    again = access_requests.decode(_reordered(event.data))
    assert access_requests.digest(again) == access_requests.digest(request)


SIBLINGS: Final = (
    b'"R-2"', b'""', b'"\xff"', b'"\xed\xa0\x80"', b'"a\x7f"', b'"\\u0041"', b'"\\""', b'"\x00"', b'"\xc2\x80"', b'"\xe2\x80\xa8"',
    b'"' + b"a" * 256 + b'"', b'"' + b"a" * 257 + b'"', b'"' + "窓".encode() * 256 + b'"', b'" "', b"null", b"1", b"{}",
    b'"a","x":"b"', b'"a","request_id":"b"', b'"a" ', b'"2026-11-21T10:00:00+09:00"', b'"2026-11-21T10:00:00"',
    b'"2026-02-30T10:00:00Z"', b'"1900-01-01T00:00:00+23:59"', b'"\xef\xbc\x92026-11-21T10:00:00Z"', b'"\xef\xbb\xbfR"',
)  # fmt: skip
"""What may stand in place of an id or a time: messages that differ from a known one in nothing else."""


def _same_for_siblings(message: Message, request: AccessRequest) -> None:
    """A message like one that was read is read as if it had come alone."""
    value, chance = message.value or b"", Chance(len(message.value or b""))
    for own in (request.request_id, request.subject_id):
        found = json.dumps(own, ensure_ascii=False).encode()
        sibling = message._replace(value=value.replace(found, chance.pick(SIBLINGS), 1))
        _same_by_likeness(sibling, of_request(sibling))
    time_ = _TIME.sub(lambda _: chance.pick(SIBLINGS), value, count=1)
    sibling = message._replace(value=time_)
    _same_by_likeness(sibling, of_request(sibling))


def _same_by_likeness(message: Message, outcome: Outcome) -> None:
    """As the gate reads it, by what was read before: again and again, the same."""
    for _ in range(2):
        try:
            found = access_requests.receive_digested(
                message.headers, message.key, message.value, largest=LARGEST
            )
        except RejectedMessageError:
            word, told = "refused", None
        else:
            word, told = "accepted", [plain(found.request), found.digest]
            assert found.digest == "sha256:" + found.digest_bytes.hex()
        assert (word == "accepted") == (outcome.word == "accepted")
        assert told is None or told == outcome.whole[:2]


def _reordered(data: bytes) -> bytes:
    return data_of(_turned(json.loads(data)))


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turned(value[name]) for name in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value


def decides(request: AccessRequest, events: list[ConsentEvent]) -> str:
    """A decision is made, and written and read again, whatever is asked, known, and whenever."""
    chance = Chance(len(request.request_id) * 31 + len(events))
    at = datetime(2026, 11, 21, 1, 0, tzinfo=UTC) + timedelta(days=chance.pick(_DAYS))
    some = chance.some(events, chance.pick((0.05, 0.3, 1.0)))
    verdict = decide(request, some, book(), at)
    assert verdict == decide(request, some[::-1], book(), at)
    around = an_envelope(
        request_id=request.request_id,
        organization=request.requester.organization,
        subject_id=request.subject_id,
        decided_at=at,
    )
    decision = access_decisions.encode(verdict, around, book())
    told = access_decisions.decode(decision.value)
    assert (told.effect, told.subject_id, len(told.items)) == (
        verdict.effect,
        request.subject_id,
        len(verdict.items),
    )
    record = provision_records.encode(verdict, around, book(), book().record_statement.ja)
    assert (record is None) == (verdict.record is None)
    if record is not None:
        assert provision_records.decode(record.value).record_id == told.record_id
    return verdict.effect


def _bounded(work: Callable[[], T]) -> T:
    begun = time.process_time()
    found = work()
    spent = time.process_time() - begun
    assert spent < SECONDS, f"{spent:.1f} s of CPU for one message"
    return found
