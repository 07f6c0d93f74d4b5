"""Decisions as documents: contract.md's to the letter, with the rulebook's texts, equal to the model that readers use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.sample_verdicts import DENIED, INVALID, PROVIDED, envelope, rulebook
from sekisho.contracts import access_decisions, identity
from sekisho.contracts.access_decisions import Decision
from sekisho.contracts.errors import UnreadableMessageError
from sekisho.contracts.shared_models import At
from sekisho.domain.events import Position
from sekisho.domain.verdict import Cite, NearMiss, Verdict


def test_a_denial_is_the_contracts_document() -> None:
    """Every field of contract.md's example, in its order, times as it writes them."""
    assert access_decisions.document(DENIED, envelope(), rulebook()) == {
        "decision_id": "2b11bda6-8d36-5d43-a04f-901df8bd9c14",
        "request_id": "7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        "organization": "post-office",
        "subject_id": "C-000001",
        "effect": "deny",
        "decided_at": "2026-11-21T01:00:00.123456Z",
        "appended_at": "2026-11-21T01:00:00.101Z",
        "items": [
            {
                "item": "customer.name",
                "role": "requested",
                "effect": "allow",
                "basis": ("basis.not_non_public", "basis.specified_purpose"),
                "reasons": (),
            },
            {
                "item": "savings.maturity_date",
                "role": "requested",
                "effect": "deny",
                "basis": (),
                "reasons": ("consent.expired", "purpose.outside_specified"),
            },
        ],
        "reasons": [
            {
                "code": "consent.expired",
                "kind": "refused",
                "rule": "WALL-8",
                "severity": "duty",
                "citation": "保険業法施行規則第234条第1項第18号イ",
                "message": {"ja": "同意の有効期間が終わっています。", "en": "The consent has expired."},
                "remedy": {"ja": "同意を得る。", "en": "Ask for consent."},
            },
            {
                "code": "purpose.outside_specified",
                "kind": "refused",
                "rule": "PURP-1",
                "severity": "duty",
                "citation": "APPI 18(1)",
                "message": {"ja": "目的外。", "en": "Outside."},
                "remedy": {"ja": "r", "en": "r"},
            },
        ],
        "near_misses": [{"consent_id": "CS-1", "failed": ("consent.expired",)}],
        "near_misses_total": 1,
        "obligations": [],
        "consents": [],
        "record_id": None,
        "record_exemption": None,
        "consent_position": {"partition": 3, "offset": 41},
        "request_position": {"topic": "sekisho-access-requests", "partition": 3, "offset": 977},
        "request_digest": "sha256:11",
        "rulebook": {"version": "2026.11.1", "digest": "sha256:00"},
        "engine": {"version": "0.1.0", "format": 1},
        "circumstances": None,
        "shadow": None,
        "duplicate_of": None,
    }


@pytest.mark.parametrize("verdict", [DENIED, PROVIDED])
def test_what_is_written_is_what_the_model_reads(verdict: Verdict) -> None:
    """Dicts are written for speed, models are read: both hold the same, field by field."""
    shadow = access_decisions.shadow_document(DENIED, rulebook(), "post-office")
    whole = envelope(shadow=shadow, circumstances={"hold": "stale"})
    encoded = access_decisions.encode(verdict, whole, rulebook())
    written = json.loads(encoded.value)
    read = access_decisions.decode(encoded.value)
    dumped = read.model_dump(mode="json")
    dumped["appended_at"] = written["appended_at"]  # milliseconds: the same instant, written shorter
    assert dumped == written
    assert list(written) == list(Decision.model_fields)


def test_a_decision_is_a_cloudevent_of_its_own_id_and_time() -> None:
    """Binary mode: the decision's id is the event's."""
    encoded = access_decisions.encode(DENIED, envelope(), rulebook())
    assert dict(encoded.headers) == {
        "ce_specversion": b"1.0",
        "ce_type": b"sekisho.access.decided.v1",
        "ce_id": b"2b11bda6-8d36-5d43-a04f-901df8bd9c14",
        "ce_source": b"urn:sekisho:gate",
        "ce_time": b"2026-11-21T01:00:00.123456Z",
        "content-type": b"application/json",
    }


def test_a_reason_cites_what_binds_the_requester() -> None:
    """The same code and rule cite the law for one organization and the policy for another."""
    [law, _] = access_decisions.document(DENIED, envelope(), rulebook())["reasons"]
    [policy, _] = access_decisions.document(DENIED, envelope(organization="life-insurer"), rulebook())[
        "reasons"
    ]
    assert (law["severity"], law["citation"]) == ("duty", "保険業法施行規則第234条第1項第18号イ")
    assert (policy["severity"], policy["citation"]) == ("policy", "JP 1(1)")


def test_a_reason_that_no_rule_declares_is_a_defect() -> None:
    """A text is never made up."""
    made_up = Verdict("deny", (), (Cite("made.up", "WALL-99"),))
    with pytest.raises(KeyError):
        access_decisions.document(made_up, envelope(), rulebook())


def told(details: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    verdict = Verdict("deny", (), (INVALID,), details=details)
    [reason] = access_decisions.document(verdict, envelope(organization=None), rulebook())["reasons"]
    assert isinstance(reason, dict)
    return reason


def test_placeholders_are_filled_from_the_verdicts_details() -> None:
    """The answer to a misspelt field names it and the nearest known one."""
    reason = told((("field", "activity.list_nmae"), ("nearest", "activity.list_name")))
    assert reason["message"] == {
        "ja": "「activity.list_nmae」が契約に合いません。",
        "en": 'The field "activity.list_nmae" does not follow the contract.',
    }
    assert reason["remedy"]["ja"] == "直す（最も近い名前：activity.list_name）。"


def test_a_placeholder_of_which_nothing_is_told_is_left_out() -> None:
    """With its brackets where it has some, else as an ellipsis; never as `{field}`, never an error."""
    reason = told(())
    assert reason["message"] == {
        "ja": "「…」が契約に合いません。",
        "en": 'The field "…" does not follow the contract.',
    }
    assert reason["remedy"] == {"ja": "直す。", "en": "Correct it."}


def test_what_a_sender_wrote_is_not_read_as_a_placeholder() -> None:
    """A field named `{nearest}` stays as it is."""
    reason = told((("field", "{nearest}"), ("nearest", "items")))
    assert reason["message"]["en"] == 'The field "{nearest}" does not follow the contract.'


def test_twenty_near_misses_are_told_and_all_are_counted() -> None:
    """runtime.md, Poison: near misses ≤ 20 and a count."""
    many = tuple(NearMiss(f"CS-{number}", ("consent.expired",)) for number in range(50))
    found = access_decisions.document(DENIED._replace(near_misses=many), envelope(), rulebook())
    assert [each["consent_id"] for each in found["near_misses"]] == [f"CS-{n}" for n in range(20)]
    assert found["near_misses_total"] == 50


def test_an_allowed_provision_tells_consents_obligations_and_its_records_id() -> None:
    """The record's id derives from the decision's; a decision without a record has none."""
    found = access_decisions.document(PROVIDED, envelope(), rulebook())
    assert found["record_id"] == identity.record_id("2b11bda6-8d36-5d43-a04f-901df8bd9c14")
    assert found["consents"] == [
        {"consent_id": "CS-1", "position": {"partition": 3, "offset": 41}, "serves": ("savings.balance",)}
    ]
    assert found["obligations"] == [
        {
            "code": "send_written_explanation",
            "rule": "WALL-11",
            "message": {"ja": "説明書を送る。", "en": "Send the explanation."},
        }
    ]


def test_without_a_log_positions_are_null() -> None:
    """`sekisho decide`: the request position is null, the consent position counts the events given."""
    bare = envelope(request_position=None, appended_at=None, consent_position=Position(None, 2))
    found = access_decisions.document(DENIED, bare, rulebook())
    assert (found["request_position"], found["appended_at"]) == (None, None)
    assert found["consent_position"] == {"partition": None, "offset": 2}
    assert access_decisions.decode(json.dumps(found).encode()).request_position is None


def test_a_duplicate_is_the_first_decision_at_its_own_position() -> None:
    """contract.md: the first's ids, its own request position, the first's offset in `duplicate_of`."""
    first = access_decisions.document(PROVIDED, envelope(), rulebook())
    again = access_decisions.duplicate(
        first,
        request_position=At("sekisho-access-requests", 3, 990),
        duplicate_of=977,
        appended_at=datetime(2026, 11, 22, tzinfo=UTC),
        circumstances={"duplicate": True},
    )
    changed = {name for name in first if first[name] != again[name]}
    assert changed == {"appended_at", "request_position", "duplicate_of", "circumstances"}
    assert again["request_position"]["offset"] == 990
    assert again["duplicate_of"] == 977
    assert list(again) == list(first)
    assert access_decisions.decode(access_decisions.encode_document(again).value).duplicate_of == 977


def test_readers_pass_over_fields_that_they_do_not_know() -> None:
    """The contract may grow; a reader of today reads tomorrow's decision."""
    found = access_decisions.document(DENIED, envelope(), rulebook())
    grown = found | {"new": {"deep": [1]}, "engine": {**found["engine"], "build": "x"}}
    assert access_decisions.decode(json.dumps(grown).encode()) == access_decisions.decode(
        json.dumps(found).encode()
    )


def test_what_is_no_json_is_no_decision() -> None:
    """Readers get the same typed error."""
    with pytest.raises(UnreadableMessageError):
        access_decisions.decode(b"{")
