"""What the decoding says of a message, in full and independent of how it is programmed: values, texts, causes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

from fuzz.message import Message
from sekisho.contracts import access_requests, consent_events
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError
from sekisho.domain.events import Position

LARGEST = 262_144
AT = Position(3, 41)


class Outcome(NamedTuple):
    """A short word for people ("accepted", or cause, field and problem), and everything that is told."""

    word: str
    whole: Any

    @property
    def digest(self) -> str:
        """A hash over everything."""
        text = json.dumps([self.word, self.whole], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """A value of the domain as JSON: named tuples and data classes by field, sets sorted, times and days in ISO 8601."""
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if dataclasses.is_dataclass(value):
        # what is noted on a fact is not of it
        return {
            each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.compare
        }
    if isinstance(value, frozenset | set):
        return {"set": sorted(plain(each) for each in value)}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value.isoformat() if isinstance(value, date) else value


def of_request(message: Message) -> Outcome:
    """What the reading of access requests says: the request, its digest and its content, or the error."""
    return _outcome(lambda: _request(message))


def of_consent(message: Message) -> Outcome:
    """What the reading of consent events says: the event and its digest, or the error."""
    return _outcome(lambda: _consent(message))


def _request(message: Message) -> Any:
    request = access_requests.receive(message.headers, message.key, message.value, largest=LARGEST)
    return [plain(request), access_requests.digest(request), access_requests.document(request)]


def _consent(message: Message) -> Any:
    found = consent_events.receive(message.headers, message.key, message.value, AT, largest=LARGEST)
    return [found.subject_id, type(found.event).__name__, plain(found.event), found.digest]


def _outcome(read: Callable[[], Any]) -> Outcome:
    try:
        return Outcome("accepted", read())
    except InvalidMessageError as error:
        told = [error.problem, error.where, error.nearest, plain(error.readable), error.details]
        return Outcome(f"{error.cause} {error.field} {error.problem}", [*_told(error), *told])
    except RejectedMessageError as error:
        return Outcome(f"{error.cause} {error.field or ''}".rstrip(), _told(error))


def _told(error: RejectedMessageError) -> list[Any]:
    return [type(error).__name__, error.cause, error.field, error.message.ja, error.message.en, str(error)]
