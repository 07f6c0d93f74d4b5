"""What a careless world sends to a gate's two inputs: good and bad, to right and wrong partitions, some of it again."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from faults.messages import cases
from fuzz.chance import Chance
from fuzz.message import Message, line_of, message_of
from fuzz.mutating import mutated
from fuzz.samples import all_events, bare, binary, in_structure, whole_request
from sekisho.audit.consents import FIRST_POSITION
from sekisho.contracts import access_requests
from sekisho.contracts.routing import partition_of

PARTITIONS: Final = 4
PERSONS: Final = 40
_REMEMBERED: Final = 50
_LARGEST: Final = 600_000
"""Bytes of a message that is sent: a producer takes no more than a megabyte, and the gate refuses above a quarter."""

Topic = Literal["requests", "consents"]


class Send(NamedTuple):
    """One message and where it goes."""

    topic: Topic
    partition: int
    message: Message


def line_of_send(send: Send) -> str:
    """A send as one line of JSON."""
    where = {"to": send.topic, "partition": send.partition}
    return json.dumps(where | json.loads(line_of(send.message)), ensure_ascii=False)


def send_of(line: str | bytes) -> Send:
    """The send of a line. Raises ValueError, TypeError or KeyError where the line is none of `line_of_send`'s."""
    found = json.loads(line)
    if found["to"] not in ("requests", "consents"):
        raise ValueError(found["to"])
    return Send(found["to"], int(found["partition"]) % PARTITIONS, message_of(line))


@cache
def _requests() -> list[dict[str, Any]]:
    return [whole_request(), *(case.request for case in cases().values())]


@cache
def _events() -> list[tuple[str, dict[str, Any]]]:
    return [
        *all_events(),
        *((each["type"], each["data"]) for case in cases().values() for each in case.events),
    ]


def unforged(send: Send) -> Send:
    """The send without a header that is the router's alone: who forges that one is a finding of the verifier's, rightly."""
    headers = tuple(each for each in send.message.headers if each[0] != FIRST_POSITION)
    return send._replace(message=send.message._replace(headers=headers))


class Senders:
    """A stream of sends by a seed. Ids come again now and then, with the same content or with another."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self._number = 0
        self._sent: list[Send] = []

    def batch(self, count: int) -> list[Send]:
        """The next ones."""
        return [self._next() for _ in range(count)]

    def _next(self) -> Send:
        chance = self.chance
        if self._sent and chance.odds(0.12):
            send = chance.pick(self._sent)
            if chance.odds(0.5):
                send = send._replace(message=mutated(chance, send.message))
        else:
            send = self._new()
        if chance.odds(0.06):
            send = send._replace(partition=chance.below(PARTITIONS))
        send = unforged(send)
        if len(send.message.value or b"") + len(send.message.key or b"") > _LARGEST:
            send = send._replace(message=send.message._replace(key=None, value=None))
        self._sent.append(send)
        del self._sent[:-_REMEMBERED]
        return send

    def _new(self) -> Send:
        chance = self.chance
        self._number += 1
        person = f"C-{chance.below(PERSONS):06d}"
        if chance.odds(0.7):
            topic: Topic = "requests"
            message = self._request(person)
        else:
            topic = "consents"
            message = self._event(person)
        if chance.odds(0.5):
            message = mutated(chance, message)
        return Send(topic, partition_of(person, PARTITIONS), message)

    def _request(self, person: str) -> Message:
        document = deepcopy(self.chance.pick(_requests()))
        document["subject"]["id"] = person
        document["request_id"] = f"R-{self._number}"
        if self.chance.odds(0.8):
            return bare(document)
        type_ = access_requests.TYPE
        return binary(type_, document) if self.chance.odds(0.5) else in_structure(type_, document)

    def _event(self, person: str) -> Message:
        type_, found = self.chance.pick(_events())
        document = found | {"subject_id": person, "event_id": f"E-{self._number}"}
        return binary(type_, document) if self.chance.odds(0.8) else in_structure(type_, document)
