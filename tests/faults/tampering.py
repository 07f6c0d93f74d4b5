"""What a gate that is wrong would write instead of what the core says: for controls only."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from faults.unsafe_controls import Tamper
from gate.world import World
from sekisho.log.port import Outgoing, Partition

Change = Callable[[dict[str, Any]], None]
Rewrite = Callable[[Sequence[Outgoing]], Sequence[Outgoing]]


class Tampering(NamedTuple):
    """What becomes of the records of one topic: `topic` is a field of TopicNames, `found` what the verifier must say."""

    topic: str
    rewrite: Rewrite
    found: str

    def on(self, world: World) -> Tamper:
        """For a world's topics."""
        name = getattr(world.names, self.topic)
        assert name in world.names

        def tamper(at: Partition, records: Sequence[Outgoing]) -> Sequence[Outgoing]:
            return self.rewrite(records) if at.topic == name else records

        return tamper


def altered(change: Change) -> Rewrite:
    """Changes the JSON of the last record of a batch."""

    def rewrite(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
        data = json.loads(records[-1].value or b"{}")
        change(data)
        return [*records[:-1], records[-1]._replace(value=json.dumps(data).encode())]

    return rewrite


def replaced(**changes: Any) -> Rewrite:
    """Changes key, value or headers of the last record of a batch."""
    return lambda records: [*records[:-1], records[-1]._replace(**changes)]


def headed(name: str, value: bytes) -> Rewrite:
    """Writes another value in one header of the last record of a batch."""

    def rewrite(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
        headers = [(each, value if each == name else told) for each, told in records[-1].headers]
        return [*records[:-1], records[-1]._replace(headers=headers)]

    return rewrite


def twice(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """Writes the last record of a batch once more."""
    return [*records, records[-1]]


def left_out(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """Leaves the last record of a batch out."""
    return records[:-1]


def backwards(records: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """Writes a batch in another order."""
    return list(reversed(records))


def _allow(data: dict[str, Any]) -> None:
    data["effect"] = "deny" if data["effect"] == "allow" else "allow"


def _to_the_past(data: dict[str, Any]) -> None:
    data["decided_at"] = "2020-01-01T00:00:00.000000Z"


def _to_the_future(data: dict[str, Any]) -> None:
    data["decided_at"] = "2099-01-01T00:00:00.000000Z"


def _knows_less(data: dict[str, Any]) -> None:
    data["consent_position"]["offset"] = 0


def _other_items(data: dict[str, Any]) -> None:
    data["items"] = [*data["items"], "customer.address"]


def _other_payload(data: dict[str, Any]) -> None:
    data["payload_hmac"] = "hmac-sha256:" + "0" * 64


def _too_large(data: dict[str, Any]) -> None:
    data["circumstances"] = {"kind": "limit", "code": "request.too_large", "limit": 262_144}


def _other_id(data: dict[str, Any]) -> None:
    data["decision_id"] = "00000000-0000-5000-8000-000000000000"


TAMPERINGS: dict[str, Tampering] = {
    "each decision is written once": Tampering("decisions", twice, "decision.doubled"),
    "no decision is left out": Tampering("decisions", left_out, "request.lost"),
    "decisions are in the order of their requests": Tampering("decisions", backwards, "decision.order"),
    "the effect is the core's": Tampering("decisions", altered(_allow), "decision.verdict"),
    "decision ids are derived": Tampering("decisions", altered(_other_id), "decision.id"),
    "time does not go back": Tampering("decisions", altered(_to_the_past), "decision.time_back"),
    "no decision comes from the future": Tampering("decisions", altered(_to_the_future), "decision.not_yet"),
    "a decision knows what came before its request": Tampering(
        "decisions", altered(_knows_less), "decision.stale_consents"
    ),
    "outputs have their person's key": Tampering("decisions", replaced(key=b"C-999999"), "decision.headers"),
    "outputs are CloudEvents of their type": Tampering("decisions", replaced(headers=()), "decision.headers"),
    "outputs tell that they are a gate's": Tampering(
        "decisions", headed("ce_source", b"urn:another"), "decision.headers"
    ),
    "outputs tell in their headers when they were made": Tampering(
        "decisions", headed("ce_time", b"2020-01-01T00:00:00.000000Z"), "decision.headers"
    ),
    "a refusal as too large is of an answer that is too large": Tampering(
        "decisions", altered(_too_large), "decision.envelope"
    ),
    "each provision leaves one record, not two": Tampering("records", twice, "record.doubled"),
    "no record is left out": Tampering("records", left_out, "record.missing"),
    "records are in the order of their requests": Tampering("records", backwards, "record.order"),
    "a record's particulars are the core's": Tampering("records", altered(_other_items), "record.altered"),
    "no rejected event is left out": Tampering("rejected", left_out, "rejected.missing"),
    "each rejected event is written once": Tampering("rejected", twice, "rejected.doubled"),
    "a rejected event is about its message": Tampering(
        "rejected", altered(_other_payload), "rejected.altered"
    ),
    "a misrouted consent event is forwarded": Tampering("consents", left_out, "consent.not_forwarded"),
    "a misrouted consent event is forwarded once": Tampering("consents", twice, "consent.forwarded_twice"),
    "a forwarded event is what it was": Tampering(
        "consents", altered(lambda data: data.update(kind="use")), "consent.forward_false"
    ),
    "a rulebook is published before its first use": Tampering(
        "rulebooks", replaced(value=None), "rulebook.unknown"
    ),
    "a published rulebook is the one of its digest": Tampering(
        "rulebooks", altered(lambda data: data["sources"].popitem()), "rulebook.altered"
    ),
}
"""By the guarantee that is taken away."""
