"""Where the fuzzing starts from: the contract's examples, messages with every field, and the sample rulebook's cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from cases.on_the_core import all_cases
from contracts.sample_messages import envelope, granted, request
from fuzz.message import Message
from sekisho.contracts import access_requests
from sekisho.contracts.envelope import structured
from sekisho.rulebook.cases import expand

Json = dict[str, Any]
PERSON = "C-000001"
TIME = "2026-11-21T10:00:00+09:00"


def data_of(document: Any) -> bytes:
    """A document as a sender writes it."""
    return json.dumps(document, ensure_ascii=False).encode()


def whole_request() -> Json:
    """An access request that states everything that can be stated."""
    return request(
        action="provide",
        anticipated_purposes=["savings.solicitation"],
        consent_sought="provision",
        recipient={
            "id": "life-insurer", "name": "ライフ", "address": "東京都", "representative": "代表 太郎",
            "relation": "third_party", "country": "JP", "agreement": "AG-1", "contact": "03-0000-0000",
            "referable_consent": {"confirmed_at": TIME, "how": "書面", "foreign_information": "なし"},
            "deletes_unless_awarded": True,
        },
        legal_basis={
            "kind": "law", "reference": "民法 第1条", "consent_difficult": "d", "would_hinder": "h", "necessity": "n",
            "reasonableness": "r", "body": "tax-office", "no_undue_harm": "none",
        },
        receipt={
            "provider": {"id": "p", "name": "n", "address": "a", "representative": "r"}, "acquisition": "a",
            "document": "d", "unlawful_suspected": False, "basis": "consent", "agreement": "AG-2",
            "ppc_publication": "p",
        },
        record={
            "method": "batch", "agreement": "AG-3", "document": "DOC-1", "first_provision": "2026-11-01",
            "last_provision": "2026-11-30",
        },
        acquisition={"improper": True, "by_opt_out": True},
        card_number_in_full="照会",
        minimum_consent_position={"partition": 3, "offset": 41},
        list_id="L-1",
    )  # fmt: skip


def whole_consent() -> Json:
    """A granted consent that states everything that can be stated."""
    return granted(
        recipients=[
            {"id": "life-insurer", "name": "n", "contact": "c", "purpose": "insurance.solicitation", "partners": ["b"], "members": True},
            {"id": "other"},
        ],
        electronic_acceptance={"accepted_at": TIME, "refused_at": TIME},
        guardian={"relation": "parent", "document": "DOC-1"},
        foreign={"country": "US", "system_information": "s", "recipient_measures": "m", "unknown_reason": "u"},
    )  # fmt: skip


def other_events() -> Iterator[tuple[str, Json]]:
    """One consent event, at least, of each type but the granted one: (type, data)."""
    who = {"event_id": "EV-2", "subject_id": PERSON}
    evidence = {"document": "DOC-9", "sha256": "9f86"}
    suspended = {"suspension_id": "S-1", "kind": "use", "controller": "savings-bank", "ordered_at": TIME}
    check = {"declared_on": "2026-11-01", "matched_on": "2026-11-02", "special_circumstances": "none"}
    found: list[tuple[str, Json]] = [
        ("consent.confirmed", {"consent_id": "CS-1", "method": "written", "confirmed_at": TIME, "evidence": evidence}),
        ("consent.withdrawn", {"consent_id": "CS-1", "withdrawn_at": TIME}),
        ("consent.withdrawn", {"controller": "savings-bank", "withdrawn_at": TIME}),
        ("consent.refused", {"controller": "savings-bank", "purposes": ["insurance.solicitation"], "refused_at": TIME}),
        ("consent.refused", {"controller": "c", "recipients": ["a", {"id": "b", "name": "n"}], "refused_at": TIME}),
        ("suspension.ordered", suspended),
        ("suspension.ordered", suspended | {"kind": "provision", "items": ["savings.balance"], "purposes": ["p"]}),
        ("suspension.lifted", {"suspension_id": "S-1", "lifted_at": TIME}),
        ("optout.registered", {"controller": "savings-bank", "items": ["savings.balance"], "registered_at": TIME}),
        ("optout.cancelled", {"controller": "savings-bank", "items": None, "cancelled_at": TIME}),
        ("subject.status", {"status_at": TIME, "birth_date": "1960-04-01", "capacity": "full",
                            "restricted_customer": False, "restriction_check": check}),
        ("subject.status", {"status_at": TIME, "restricted_customer": None}),
    ]  # fmt: skip
    return ((f"sekisho.{stem}.v1", who | data) for stem, data in found)


def bare(document: Json) -> Message:
    """A request as bare data."""
    return Message((), document["subject"]["id"].encode(), data_of(document))


def binary(type_: str, document: Json) -> Message:
    """An event in binary mode."""
    return Message(tuple(envelope(type_)), _person(document), data_of(document))


def in_structure(type_: str, document: Json) -> Message:
    """An event in structured mode."""
    headers, value = structured(type_, "1", "urn:test", TIME, document)
    return Message(tuple(headers), _person(document), value)


def _person(document: Json) -> bytes:
    found: str = document["subject_id"] if "subject_id" in document else document["subject"]["id"]
    return found.encode()


def all_events() -> list[tuple[str, Json]]:
    """The contract's consent events, of all types."""
    kind = "sekisho.consent.granted.v1"
    return [(kind, granted()), (kind, whole_consent()), *other_events()]


@cache
def request_samples() -> tuple[Message, ...]:
    """Access requests, all well made but those of the cases that are malformed: bare, binary and structured."""
    documents = [request(), whole_request(), *(case.request for case in all_cases())]
    some = documents[:: len(documents) // 40]
    type_ = access_requests.TYPE
    return (
        *map(bare, documents),
        *(binary(type_, each) for each in some),
        *(in_structure(type_, each) for each in some),
    )


@cache
def consent_samples() -> tuple[Message, ...]:
    """Consent events, all well made: binary, and some structured."""
    known = [(each["type"], each["data"]) for case in all_cases() for each in expand(case)["events"]]
    events = [*all_events() * 8, *known]
    some = [*all_events(), *events[:: len(events) // 20]]
    return (*(binary(*each) for each in events), *(in_structure(*each) for each in some))
