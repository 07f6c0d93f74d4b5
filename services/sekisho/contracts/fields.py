"""The building blocks of every message: strict objects, bounded strings, aware times, days.

Strings are refused when too long, never cut. Ids hold no control characters (the gate's state is keyed by
`subject\\0event_id`). A text that is blank states nothing and is read as null: a blank withdrawal method was not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

MAX_ID: Final = 256
MAX_TEXT: Final = 20_000
"""Characters of a text: room for the information on a country abroad (ER 17)."""
MAX_MANY: Final = 500
"""Elements of any list but a list request's subjects: contract.md bounds `items`, the others follow."""
MAX_OFFSET: Final = 2**63 - 1
"""Kafka's largest offset."""

_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:\d{2}(\.\d{1,9})?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?", re.ASCII
)
"""RFC 3339, 5.6. Hours and offsets are bounded here: Pythons differ on 24:00 and on +00:99."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
_DAY_PATTERN: Final = r"^\d{4}-\d{2}-\d{2}$"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1900, 2999
"""Times lie within these years, so that no time zone or retention period leads out of Python's calendar."""


class Input(BaseModel):
    """A message, or a part of one, that is read strictly."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Output(BaseModel):
    """A message, or a part of one, that Sekisho writes: its readers ignore fields that they do not know."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)


def instant(value: str) -> datetime:
    """The RFC 3339 time that a text states, in UTC. Raises PydanticCustomError, as in a model."""
    found = _TIME.fullmatch(value)
    if found is None:
        raise PydanticCustomError("not_a_time", "no RFC 3339 time")
    if found[2] is None:
        raise PydanticCustomError("missing_time_zone", "no time zone")
    try:
        found_at = datetime.fromisoformat(value)
    except ValueError as error:  # a 13th month, a 61st second
        raise PydanticCustomError("not_a_time", "no such time") from error
    if _FIRST_YEAR <= found_at.year <= _LAST_YEAR:
        in_utc = found_at.astimezone(UTC)
        if _FIRST_YEAR <= in_utc.year <= _LAST_YEAR:  # it is written in UTC, and read again
            return in_utc
    raise PydanticCustomError("out_of_range", "year out of range")


def _day(value: str) -> date:
    if _DAY.fullmatch(value) is None:
        raise PydanticCustomError("not_a_date", "no date")
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PydanticCustomError("not_a_date", "no such day") from error


def _near_day(value: str) -> date:
    day = _day(value)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise PydanticCustomError("out_of_range", "year out of range")
    return day


def _not_blank(value: str | None) -> str | None:
    return value if value is not None and value.strip() else None


def written(instant: datetime) -> str:
    """An aware time as it is written: RFC 3339, UTC, microseconds."""
    since = instant - _EPOCH
    return f"{_to_the_second(since.days, since.seconds)}.{since.microseconds:06}Z"


@lru_cache(maxsize=16)
def written_ms(instant: datetime) -> str:
    """As `written`, in milliseconds: the broker's append times have no more, and a batch has one (0.44 → 0.06 µs)."""
    since = instant - _EPOCH
    return f"{_to_the_second(since.days, since.seconds)}.{since.microseconds // 1000:03}Z"


@lru_cache(maxsize=1024)
def _to_the_second(days: int, seconds: int) -> str:
    """A time since the epoch, written. The times of a turn lie within one second or two: 1.2 → 0.4 µs a time."""
    return (_EPOCH + timedelta(days, seconds)).isoformat()[:-6]


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID, pattern=r"^[^\u0000-\u001f\u007f]*$"),
]
"""An id, of the sender's or of a catalogue (whether the catalogue knows it is REQ-1's question)."""

FreeText = Annotated[
    str | None,
    Field(max_length=MAX_TEXT, pattern=r"^[^\u0000]*$"),
    AfterValidator(_not_blank),
]
"""A text that may be null; blank is read as null."""


class _Parsed:
    """A string that is read by one of the functions above and written again by another."""

    def __init__(
        self, read: Callable[[str], date], write: Callable[..., str], form: str, pattern: str
    ) -> None:
        self._read, self._write, self._form, self._pattern = read, write, form, pattern

    def __get_pydantic_core_schema__(
        self, _source: object, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._read,
            core_schema.str_schema(strict=True),
            serialization=core_schema.plain_serializer_function_ser_schema(self._write, when_used="json"),
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "format": self._form, "pattern": self._pattern}


Instant = Annotated[datetime, _Parsed(instant, written, "date-time", _TIME_PATTERN)]
"""An RFC 3339 time with its time zone; in UTC once read."""

Day = Annotated[date, _Parsed(_day, date.isoformat, "date", _DAY_PATTERN)]
"""A calendar day (Asia/Tokyo), any year: `9999-12-31` is a customary "no end"."""

NearDay = Annotated[date, _Parsed(_near_day, date.isoformat, "date", _DAY_PATTERN)]
"""A calendar day that periods of years are counted from."""

Offset = Annotated[int, Field(ge=0, le=MAX_OFFSET)]
Partition = Annotated[int, Field(ge=0, le=2**31 - 1)]
Ids = Annotated[tuple[Id, ...], Field(max_length=MAX_MANY)]
