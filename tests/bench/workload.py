"""What the gate is asked in the bench: many persons, operators and questions, so that no memory sees one of them only.

The bytes of requests and consent events are made quickly from one encoded message per question.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from faults import messages
from sekisho.contracts.envelope import binary_headers
from sekisho.contracts.routing import partition_of
from sekisho.rulebook import LoadedRulebook, compile_sources

PARTITIONS: Final = 4
PERSONS: Final = 10_000
OPERATORS: Final = 500
BRANCHES: Final = 40
CONSENTED: Final = (
    "savings.balance", "savings.maturity_date", "savings.deposit_type", "savings.transactions", "customer.name",
    "customer.address",
)  # fmt: skip
_LISTS: Final = (None, "満期のお客さま", "11月のご案内", "新宿支店の窓口", "定期の書替", "住所変更")
_ITEMS: Final = (
    CONSENTED[:1], CONSENTED[:2], CONSENTED[1:3], CONSENTED[3:4], CONSENTED[4:], (CONSENTED[0], CONSENTED[4]),
)  # fmt: skip
_SUBJECT, _REQUEST, _EVENT, _OPERATOR, _BRANCH = "@subject@", "@request@", "@event@", "@operator@", "@branch@"


class Message(NamedTuple):
    """A message as its system sends it."""

    partition: int
    key: bytes
    value: bytes


@dataclass(frozen=True)
class Mix:
    """A mix of requests: `name` and what it is made of, in words; `records` a request."""

    name: str
    told: str
    records: int


PROVISIONS: Final = Mix(
    "provisions",
    f"each request is an allowed provision that leaves a record (1 in, 2 out): {OPERATORS} operators of {BRANCHES} branches x 30 "
    f"questions (6 sets of items x 5 list names), over {PERSONS:,} persons with a consent each",
    1,
)
USES: Final = Mix(
    "uses",
    f"uses by the bank itself, more than half allowed, the others denied for want of a consent (1 in, 1 out): {OPERATORS} operators of {BRANCHES} branches "
    f"x 30 questions, over the same persons",
    0,
)


def operator(number: int) -> tuple[str, str]:
    """An operator's id and branch."""
    return f"op-b{number:04d}", f"br-b{number % BRANCHES:03d}"


@cache
def rulebook() -> LoadedRulebook:
    """The sample rulebook of today with the bench's operators registered."""
    texts = dict(messages.rulebook().texts)
    lines = [
        f"  {name}: {{organization: savings-bank, branch: {branch}}}"
        for name, branch in map(operator, range(OPERATORS))
    ]
    texts["operators.yaml"] = "\n".join([texts["operators.yaml"].rstrip(), *lines, ""])
    return compile_sources(texts)


def person(number: int) -> str:
    """A person's id."""
    return f"C-{number:07d}"


@cache
def _placed(persons: int) -> list[tuple[bytes, int]]:
    """Every person's id as bytes, and partition."""
    return [(person(number).encode(), partition_of(person(number), PARTITIONS)) for number in range(persons)]


def requests(mix: Mix, count: int, *, seed: int, persons: int = PERSONS) -> Iterator[Message]:
    """So many requests under ids of their own, of persons drawn at random."""
    draw = random.Random(seed)
    questions, placed = _questions(mix.name), _placed(persons)
    ids = uuid.UUID(int=draw.getrandbits(128)).hex[:20].encode()
    for number in range(count):
        subject, partition = draw.choice(placed)
        before, between, after = draw.choice(questions)
        yield Message(partition, subject, b"%s%s-%08d%s%s%s" % (before, ids, number, between, subject, after))


@cache
def _questions(mix: str) -> list[tuple[bytes, bytes, bytes]]:
    """Each question of a mix as JSON, open for the request's and the person's id."""
    asked = [
        _question(mix, items, listed) for items in range(len(_ITEMS)) for listed in range(1, len(_LISTS))
    ]
    return [_opened(each, *operator(who)) for each in asked for who in range(OPERATORS)]


def _question(mix: str, items: int, listed: int) -> str:
    asked = messages.request(_SUBJECT, request_id=_REQUEST, items=list(_ITEMS[items]))
    asked["requester"] |= {"operator": _OPERATOR, "branch": _BRANCH, "authenticated_operator": _OPERATOR}
    asked["activity"] |= {"list_name": _LISTS[listed]}
    if mix == USES.name:
        # maintaining deposits needs no consent; proposing investments does, and none of the persons has given it
        del asked["recipient"]
        asked |= {"action": "use", "purpose": "savings.administration"}
        if (items + listed) % 2:
            asked |= {"purpose": "investment.solicitation"}
            asked["requester"] |= {"business": "investment"}
    # the request's id comes first, then the person's
    ordered = {"request_id": asked.pop("request_id"), "subject": asked.pop("subject")} | asked
    return json.dumps(ordered)


def _opened(asked: str, name: str, branch: str) -> tuple[bytes, bytes, bytes]:
    whole = asked.replace(_OPERATOR, name).replace(_BRANCH, branch).encode()
    before, rest = whole.split(_REQUEST.encode())
    between, after = rest.split(_SUBJECT.encode())
    return before, between, after


def consents(persons: int) -> Iterator[tuple[Message, list[tuple[str, bytes | None]]]]:
    """One consent to the provision for each person, with its headers."""
    ((type_, data),) = messages.consents(_SUBJECT)
    data["terms"]["items"] = list(CONSENTED)
    data["event_id"], headers = (
        _EVENT,
        list(binary_headers(type_, _EVENT, "urn:bench", "2026-01-01T00:00:00Z")),
    )
    whole = json.dumps(
        {"event_id": data.pop("event_id"), "subject_id": data.pop("subject_id")} | data
    ).encode()
    before, rest = whole.split(_EVENT.encode())
    between, after = rest.split(_SUBJECT.encode())
    for subject, partition in _placed(persons):
        event = b"E-%s" % subject
        told: list[tuple[str, bytes | None]] = [
            (name, event if value == _EVENT.encode() else value) for name, value in headers
        ]
        yield Message(partition, subject, before + event + between + subject + after), told
