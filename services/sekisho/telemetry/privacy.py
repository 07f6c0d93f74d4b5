"""What a log line may show: never a person's id, a name, or the content of a message (contract.md, Watching).

Three guards, each refusing what it does not know:

* Keys that name persons or contents, or ids that upstream systems choose, are withheld; the line lists them under `withheld`.
  Where an operator needs to find lines about one person together, a keyed hash stands in their place (`subject_id_hmac`).
* Values that are not plain (numbers, short texts, times, paths, lists of such) are told by their type alone.
* Errors are told by type and place; by text only where the text is ours or the operating system's: pydantic's, KeyError's
  and most others quote the data that they failed on. A text under `error` is withheld: hand over the error itself
  (`error=error`, or `exc_info=error` for its places too), never its repr.

Messages are named by position (topic, partition, offset) and by our own derived ids instead.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import traceback
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Final
from uuid import UUID

from structlog.types import EventDict, WrappedLogger

WITHHELD_WORDS: Final = frozenset({
    "subject", "subjects", "customer", "customers", "person", "guardian", "operator", "branch", "representative",
    "requester", "recipient", "counterparty", "holder", "relation", "username",
    "name", "names", "address", "addresses", "phone", "birth",
    "key", "keys", "payload", "payloads", "value", "values", "body", "content", "contents", "data", "headers",
    "evidence", "document", "statement",
    "password", "secret", "token",
})  # fmt: skip
"""A key that has one of these among its words (`subject_id`, `list_name`) is withheld."""

WITHHELD_KEYS: Final = frozenset({"request_id", "event_id", "consent_id", "list_id", "suspension_id"})
"""Ids that upstream systems choose: nothing keeps them from writing a customer number into one."""

ERROR_KEYS: Final = frozenset({"error", "exception", "exc", "failure"})
"""Under these only an error itself is shown: whether its text may be, can no longer be told of a text."""

MEASURES: Final = frozenset({"count", "total", "bytes", "seconds"})
"""A number under a key that ends so (`payload_bytes`) is a measure and shown."""

EVENT: Final = re.compile(r"[a-z][a-z_. -]{0,79}")
"""Event names are constants in small letters. One with digits or capitals has been put together, perhaps with an id."""

TEXT_LIMIT: Final = 500
DEPTH_LIMIT: Final = 4
PSEUDONYM_DIGITS: Final = 12
_SAFE_PACKAGES: Final = ("sekisho", "aiokafka", "kafka", "cimpl", "confluent_kafka")


def is_personal(key: str, value: object) -> bool:
    """Whether the value of this key must not be shown in clear."""
    words = _words(key)
    if words[-1] in MEASURES and isinstance(value, int | float):
        return False
    if key.lower() in ERROR_KEYS and not isinstance(value, BaseException | None):
        return True
    return key.lower() in WITHHELD_KEYS or not WITHHELD_WORDS.isdisjoint(words)


@lru_cache(maxsize=1024)
def _words(key: str) -> tuple[str, ...]:
    """Kept: a turn's line has thirty keys, the same each time, and splitting them took 60 us of its 130."""
    return tuple(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()))


def pseudonym(key: bytes, value: object) -> str:
    """A keyed hash of the value (HMAC-SHA-256, 12 hexadecimal digits): the same person, the same digits; nothing more.

    The hash's text begins with its purpose, so that it never equals the `payload_hmac` of a rejected event.
    """
    return hmac.new(key, b"log\0" + str(value).encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_DIGITS]


class PersonalDataGuard:
    """The structlog processor that enforces this module. `pseudonym_key` None: what is personal is dropped."""

    def __init__(self, pseudonym_key: bytes | None) -> None:
        self._key = pseudonym_key

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        """The line as it may be written."""
        withheld: list[str] = []
        passed = {key: event.pop(key) for key in ("_record", "_from_structlog", "exc_info") if key in event}
        name = event.pop("event", "")
        if not (isinstance(name, str) and EVENT.fullmatch(name)):
            name = "unnamed_event"
            withheld.append("event")
        shown = self._mapping(event, withheld, 1)
        if withheld:
            shown["withheld"] = sorted(withheld)
        return {"event": name, **shown, **passed}

    def _mapping(self, given: Mapping[str, object], withheld: list[str], depth: int) -> dict[str, object]:
        shown: dict[str, object] = {}
        for key, value in given.items():
            if not is_personal(str(key), value):
                shown[str(key)] = self._value(value, withheld, depth)
                continue
            withheld.append(str(key))
            if self._key is not None and key not in ERROR_KEYS and isinstance(value, str | int):
                shown[f"{key}_hmac"] = pseudonym(self._key, value)
        return shown

    def _value(self, value: object, withheld: list[str], depth: int) -> object:
        if isinstance(value, Mapping) and depth < DEPTH_LIMIT:
            return self._mapping(value, withheld, depth + 1)
        if isinstance(value, list | tuple | set | frozenset) and depth < DEPTH_LIMIT:
            parts = sorted(value, key=str) if isinstance(value, set | frozenset) else value
            return [self._value(part, withheld, depth + 1) for part in parts]
        return plain(value)


def plain(value: object) -> object:
    """A value as it may be shown: plain ones as they are, an error by `error_text`, all others by their type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | datetime | date | timedelta | PurePath | UUID | Enum):
        text = str(value.value) if isinstance(value, Enum) else str(value)
        return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text)} characters)"
    if isinstance(value, BaseException):
        return error_text(value)
    return f"<{type(value).__name__}>"


def error_text(error: BaseException) -> str:
    """Type and text; the type alone where the text may quote data."""
    package = type(error).__module__.partition(".")[0]
    known = package in _SAFE_PACKAGES or isinstance(error, OSError | TimeoutError | MemoryError)
    text = str(error)[:TEXT_LIMIT] if known else "(text withheld)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, as a traceback shows them."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)


def error_keys(error: BaseException) -> dict[str, object]:
    """An error as keys of a log line: `error`, its causes, and the innermost places, newest last (no source, no locals)."""
    first, *causes = _chain(error)
    places = [
        f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(first.__traceback__)[-12:]
    ]
    keys: dict[str, object] = {"error": error_text(first), "error_at": places}
    if causes:
        keys["error_causes"] = [error_text(cause) for cause in causes]
    if isinstance(first, BaseExceptionGroup):
        keys["error_parts"] = [error_text(part) for part in first.exceptions]
    return keys
