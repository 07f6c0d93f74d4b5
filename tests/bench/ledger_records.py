"""Provision records as gates write them, for the ledger's bench: the contract's own encoding of what a real decision leaves.

Some hundred records are encoded in full; persons and ids are put into their bytes, as there are to be a million.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final, NamedTuple

from bench.decision import AT, commons
from sekisho.contracts import provision_records
from sekisho.contracts.access_decisions import Particulars
from sekisho.contracts.fields import written
from sekisho.contracts.routing import partition_of
from sekisho.contracts.shared_models import Engine
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.decision import decide
from sekisho.domain.events import Position
from sekisho.domain.retention import retention
from sekisho.domain.verdict import RecordContent
from sekisho.log.port import Headers
from sekisho.rulebook import load, sample_path

PARTITIONS: Final = 4
PERSONS: Final = 200_000
MONTHS: Final = 40
_VARIETY: Final = 400
_ITEMS: Final = (
    ("savings.balance",),
    ("savings.balance", "savings.maturity_date"),
    ("customer.name", "savings.maturity_date"),
    ("customer.name", "savings.balance", "savings.maturity_date"),
)
TOLD: Final = (
    f"individual provisions on consent (ER 21(iii), three years) of {PERSONS:,} persons over the last {MONTHS} months, 1.2 kB each, as the "
    "contract's own encoder writes them: one in ten is due"
)
_RECORD, _DECISION, _SUBJECT = "@record@", "@decision@", "@subject@"
_NOBODY: Final = Engine("0", 1)


class Sent(NamedTuple):
    """A record's message."""

    partition: int
    key: bytes
    value: bytes
    headers: Headers


class _Form(NamedTuple):
    """An encoded record, open for ids and the person: `value % (record, person, person, person, decision, decision)`."""

    value: bytes
    headers: tuple[tuple[str, bytes | None], ...]


def messages(count: int, *, seed: int, today: date | None = None) -> Iterator[Sent]:
    """So many records under ids of their own, of persons drawn at random."""
    draw = random.Random(seed)
    forms, placed = _forms(today or tokyo_day(datetime.now(UTC))), _placed()
    for _ in range(count):
        form = draw.choice(forms)
        subject, partition = draw.choice(placed)
        record, decision = _uuid(draw, b"5"), _uuid(draw, b"7")
        value = form.value % {b"record": record, b"decision": decision, b"subject": subject}
        headers = [(name, record if told == _RECORD.encode() else told) for name, told in form.headers]
        yield Sent(partition, subject, value, headers)


def _uuid(draw: random.Random, version: bytes) -> bytes:
    text = b"%032x" % draw.getrandbits(128)
    return b"%b-%b-%b%b-8%b-%b" % (text[:8], text[8:12], version, text[13:16], text[17:20], text[20:])


@cache
def _placed() -> list[tuple[bytes, int]]:
    """Every person's id, and partition."""
    names = [f"C-{number:07d}" for number in range(PERSONS)]
    return [(name.encode(), partition_of(name, PARTITIONS)) for name in names]


@cache
def _forms(today: date) -> list[_Form]:
    draw = random.Random(_VARIETY)
    book = load(sample_path()).book
    now = datetime(today.year, today.month, today.day, 1, tzinfo=UTC)
    found = []
    for _ in range(_VARIETY):
        at = now - timedelta(days=draw.randrange(1, MONTHS * 365 // 12), microseconds=draw.randrange(10**9))
        told = _told(draw, at)
        encoded = provision_records.write(_varied(draw, at), told, book, book.record_statement.ja)
        value = encoded.value.replace(b"%", b"%%")
        for mark in (_RECORD, _DECISION, _SUBJECT):
            value = value.replace(mark.encode(), b"%%(%b)b" % mark.strip("@").encode())
        found.append(_Form(value, tuple(encoded.headers)))
    return found


@cache
def _content() -> RecordContent:
    """What the bench's common provision leaves."""
    asked = next(each for each in commons() if "record" in each.name)
    content = decide(asked.request, asked.events, load(sample_path()).book, AT).record
    assert content is not None, "an allowed provision leaves a record"
    return content


def _varied(draw: random.Random, at: datetime) -> RecordContent:
    content, day = _content(), tokyo_day(at)
    served = content.consents[0]._replace(
        consent_id=f"CS-{_SUBJECT}", position=Position(draw.randrange(PARTITIONS), draw.randrange(10**7))
    )
    return content._replace(
        subject_id=_SUBJECT,
        items=draw.choice(_ITEMS),
        consents=(served,),
        provided_on=day,
        retain_until=retention("individual", day, None).until,
    )


def _told(draw: random.Random, at: datetime) -> Particulars:
    where = f'{{"topic":"sekisho-access-requests","partition":{draw.randrange(PARTITIONS)},"offset":{draw.randrange(10**7)}}}'
    return Particulars(
        _DECISION, _RECORD, f"req-{_DECISION}", "savings-bank", _SUBJECT, written(at), "null", "null", where, "",
        _NOBODY, None,
    )  # fmt: skip
