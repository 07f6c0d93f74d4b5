"""Provision records as gates write them, for the ledger's bench: real encodings of what a real decision leaves.

A few decisions are made, their records varied over persons, days and ids, and written by the contract's own encoder.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from bench.decision import AT, commons
from sekisho.contracts import provision_records
from sekisho.contracts.access_decisions import Particulars
from sekisho.contracts.fields import written
from sekisho.contracts.identity import record_id
from sekisho.contracts.routing import partition_of
from sekisho.contracts.shared_models import Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.events import Position
from sekisho.domain.verdict import RecordContent
from sekisho.log.port import Headers
from sekisho.rulebook import load, sample_path

PARTITIONS: Final = 4
_ENGINE: Final = Engine("0", 1)
PERSONS: Final = 200_000
_ITEMS: Final = (
    ("savings.balance",),
    ("savings.balance", "savings.maturity_date"),
    ("customer.name", "savings.maturity_date"),
    ("customer.name", "savings.balance", "savings.maturity_date"),
)
TOLD: Final = (
    f"records of provisions on consent (ER 21(iii)), 1 to 3 items, of {PERSONS:,} persons, about 1.3 kB each, as the contract's own "
    "encoder writes them; the last days stand in 24 months"
)


class Sent(NamedTuple):
    """A record's message."""

    partition: int
    key: bytes
    value: bytes
    headers: Headers


@cache
def _book() -> tuple[Rulebook, str]:
    book = load(sample_path()).book
    return book, book.record_statement.ja


@cache
def _content() -> RecordContent:
    """What the bench's common provision leaves."""
    asked = next(each for each in commons() if "record" in each.name)
    content = decide(asked.request, asked.events, _book()[0], AT).record
    assert content is not None, "an allowed provision leaves a record"
    return content


def messages(count: int, *, seed: int, last_day: date | None = None) -> Iterator[Sent]:
    """So many records under ids of their own, of persons drawn at random. `last_day`: all are kept until then."""
    draw = random.Random(seed)
    book, statement = _book()
    for number in range(count):
        subject = f"C-{draw.randrange(PERSONS):07d}"
        at = AT - timedelta(days=draw.randrange(700), microseconds=draw.randrange(10**9))
        encoded = provision_records.write(
            _varied(draw, subject, at, last_day), _told(draw, number, at, subject), book, statement
        )
        yield Sent(partition_of(subject, PARTITIONS), subject.encode(), encoded.value, encoded.headers)


def _varied(draw: random.Random, subject: str, at: datetime, last_day: date | None) -> RecordContent:
    content = _content()
    day = at.astimezone(UTC).date()
    served = content.consents[0]._replace(
        consent_id=f"CS-{subject[2:]}", position=Position(draw.randrange(PARTITIONS), draw.randrange(10**7))
    )
    return content._replace(
        subject_id=subject,
        items=draw.choice(_ITEMS),
        consents=(served,),
        provided_on=day,
        retain_until=last_day or day.replace(year=day.year + 3, day=min(day.day, 28)),
    )


def _told(draw: random.Random, number: int, at: datetime, subject: str) -> Particulars:
    decision = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    where = f'{{"topic":"sekisho-access-requests","partition":{partition_of(subject, PARTITIONS)},"offset":{number}}}'
    return Particulars(
        decision, record_id(decision), f"req-{decision[:18]}-{number}", "savings-bank", subject, written(at), "null",
        "null", where, "", _ENGINE, None,
    )  # fmt: skip
