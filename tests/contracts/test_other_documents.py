"""Records, rejected events, rulebooks, and the view in which decisions from different places are compared."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.sample_verdicts import (
    DENIED,
    PROVIDED,
    RECORD,
    SERVED,
    STATEMENT,
    envelope,
    rulebook,
)
from sekisho.contracts import access_decisions, identity, provision_records, rejected_events, rulebooks
from sekisho.contracts.provision_records import ProvisionRecord
from sekisho.contracts.rejected_events import RejectedEvent, Rejection
from sekisho.contracts.shared_models import At
from sekisho.contracts.verdict_view import verdict_view
from sekisho.domain.book import Text
from sekisho.domain.events import Position
from sekisho.domain.verdict import ServedConsent, Verdict

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)


def test_a_record_is_the_contracts_document() -> None:
    """Every field of contract.md's example, in its order."""
    found = provision_records.document(PROVIDED, envelope(), rulebook(), STATEMENT)
    assert found == {
        "record_id": identity.record_id("2b11bda6-8d36-5d43-a04f-901df8bd9c14"),
        "basis": "provision.consent",
        "method": "individual",
        "created_at": "2026-11-21T01:00:00.123456Z",
        "provided_on": "2026-11-21",
        "first_provision": None,
        "last_provision": None,
        "controller": "savings-bank",
        "direction": "provision",
        "counterparty": {
            "id": "life-insurer",
            "name": "ライフ 株式会社",
            "address": "東京都",
            "representative": "代表 太郎",
            "country": "JP",
            "unspecified_many": False,
        },
        "subject": {"id": "C-000001", "kind": "individual"},
        "items": ("savings.balance",),
        "consent": {
            "statement": "本人の同意を得ている（同意番号 CS-1）",
            "consent_id": "CS-1",
            "position": {"partition": 3, "offset": 41},
        },
        "acquisition": None,
        "ppc_publication": None,
        "foreign": None,
        "agreement": None,
        "document": None,
        "refers_to": None,
        "retain_until": "2029-11-21",
        "retention_rule": "ER 21(iii)",
        "decision_id": "2b11bda6-8d36-5d43-a04f-901df8bd9c14",
        "request_id": "7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        "request_position": {"topic": "sekisho-access-requests", "partition": 3, "offset": 977},
        "rulebook": {"version": "2026.11.1", "digest": "sha256:00"},
    }
    assert list(found) == list(ProvisionRecord.model_fields)


def test_a_written_record_is_what_the_model_reads() -> None:
    """Also one that goes on, with days instead of an end."""
    going_on = RECORD._replace(
        method="batch", first_provision=date(2026, 10, 1), retain_until=None, agreement="AG-6"
    )
    for content in (RECORD, going_on):
        encoded = provision_records.encode(
            PROVIDED._replace(record=content), envelope(), rulebook(), STATEMENT
        )
        assert encoded is not None
        assert dict(encoded.headers)["ce_type"] == b"sekisho.provision.recorded.v1"
        dumped = provision_records.decode(encoded.value).model_dump(mode="json")
        assert dumped["consent"].pop("others") == []
        assert dumped == json.loads(encoded.value)


def test_no_record_is_left_where_none_is_owed() -> None:
    """A denied request leaves its decision only."""
    assert provision_records.document(DENIED, envelope(), rulebook(), STATEMENT) is None
    assert provision_records.encode(DENIED, envelope(), rulebook(), STATEMENT) is None


def test_a_record_names_all_consents_that_it_rests_on() -> None:
    """Where one consent does not cover all items, the others stand beside it and in the statement."""
    second = ServedConsent("CS-2", Position(3, 7), ("savings.maturity_date",))
    verdict = PROVIDED._replace(record=RECORD._replace(consents=(SERVED, second)))
    found = provision_records.document(verdict, envelope(), rulebook(), STATEMENT)
    assert found is not None
    assert found["consent"] == {
        "statement": "本人の同意を得ている（同意番号 CS-1、CS-2）",
        "consent_id": "CS-1",
        "position": {"partition": 3, "offset": 41},
        "others": [{"consent_id": "CS-2", "position": {"partition": 3, "offset": 7}}],
    }


def rejection(**changes: Any) -> Rejection:
    known: dict[str, Any] = {
        "rejected_id": identity.rejected_id("topic-id", 3, 977),
        "position": At("sekisho-access-requests", 3, 977),
        "payload": b'{"secret": "4111111111111111"}',
        "cause": "invalid",
        "message": Text("項目 items がありません。", "The field items is missing."),
        "rejected_at": NOW,
        "field": "items",
        "request_id": "r-1",
    }
    return Rejection(**(known | changes))


def test_a_rejected_event_is_the_contracts_document_without_a_byte_of_the_payload() -> None:
    """Its payload is measured and hashed with a key, and tells nothing."""
    encoded = rejected_events.encode(rejection(), b"key")
    payload = b'{"secret": "4111111111111111"}'
    assert json.loads(encoded.value) == {
        "rejected_id": identity.rejected_id("topic-id", 3, 977),
        "position": {"topic": "sekisho-access-requests", "partition": 3, "offset": 977},
        "payload_hmac": "hmac-sha256:" + hmac.new(b"key", payload, hashlib.sha256).hexdigest(),
        "size": 30,
        "cause": "invalid",
        "field": "items",
        "message": {"ja": "項目 items がありません。", "en": "The field items is missing."},
        "rejected_at": "2026-11-21T01:00:00.000000Z",
        "request_id": "r-1",
    }
    assert b"4111" not in encoded.value
    assert dict(encoded.headers)["ce_id"].decode() == identity.rejected_id("topic-id", 3, 977)
    read = rejected_events.decode(encoded.value)
    assert read.model_dump(mode="json") == json.loads(encoded.value)
    assert list(json.loads(encoded.value)) == list(RejectedEvent.model_fields)


def test_the_payloads_hash_depends_on_the_key() -> None:
    """A plain hash of so little could be guessed."""
    one, other = (rejected_events.payload_hmac(b"payload", key) for key in (b"one", b"other"))
    assert one != other


def test_a_message_without_bytes_has_no_hash_and_no_size() -> None:
    """A tombstone, an undecodable record, a lost range."""
    found = rejected_events.document(rejection(payload=None, cause="tombstone"), b"key")
    assert (found["payload_hmac"], found["size"]) == (None, None)


def test_a_rulebook_message_holds_its_sources() -> None:
    """Version, digest, every file, and the engine that compiled it; read back as it was written."""
    encoded = rulebooks.encode(
        "2026.11.1", "sha256:00", {"b.yaml": "b: 1\n", "a.yaml": "a: 二\n"}, engine="0.1.0", at=NOW
    )
    read = rulebooks.decode(encoded.value)
    assert (read.version, read.digest, read.engine) == ("2026.11.1", "sha256:00", "0.1.0")
    assert list(read.sources.items()) == [("a.yaml", "a: 二\n"), ("b.yaml", "b: 1\n")]
    assert dict(encoded.headers)["ce_type"] == b"sekisho.rulebook.published.v1"


def documents(verdict: Verdict, **changes: Any) -> tuple[dict[str, Any], dict[str, Any] | None]:
    whole = envelope(**changes)
    return (
        json.loads(access_decisions.encode(verdict, whole, rulebook()).value),
        provision_records.document(verdict, whole, rulebook(), STATEMENT),
    )


def test_the_view_is_blind_to_ids_positions_and_times() -> None:
    """The same verdict from the core, from `sekisho decide` and from a gate looks the same."""
    elsewhere = PROVIDED._replace(
        consents=(ServedConsent("CS-9", Position(None, 0), ("savings.balance",)),),
        record=RECORD._replace(
            subject_id="T-9",
            consents=(ServedConsent("CS-9", Position(None, 0), ("savings.balance",)),),
            provided_on=date(2027, 1, 5),
            retain_until=date(2030, 1, 5),
        ),
    )
    one = documents(PROVIDED)
    two = documents(
        elsewhere,
        decision_id="another",
        request_id="another",
        subject_id="T-9",
        decided_at=datetime(2027, 1, 5, tzinfo=UTC),
        appended_at=None,
        consent_position=Position(None, 1),
        request_position=None,
        request_digest="sha256:22",
    )
    assert verdict_view(*one) == verdict_view(*two)


@pytest.mark.parametrize(
    "changed",
    [
        PROVIDED._replace(effect="deny"),
        PROVIDED._replace(obligations=()),
        PROVIDED._replace(consents=()),
        PROVIDED._replace(record_exemption="law"),
        PROVIDED._replace(record=None),
        PROVIDED._replace(record=RECORD._replace(items=())),
        PROVIDED._replace(record=RECORD._replace(retain_until=None)),
        PROVIDED._replace(record=RECORD._replace(first_provision=date(2026, 11, 20))),
        PROVIDED._replace(record=RECORD._replace(retention_rule="ER 21(ii)")),
        PROVIDED._replace(record=RECORD._replace(consents=())),
        PROVIDED._replace(reasons=DENIED.reasons),
        PROVIDED._replace(near_misses=DENIED.near_misses),
        PROVIDED._replace(items=DENIED.items),
    ],
)
def test_the_view_sees_every_other_difference(changed: Verdict) -> None:
    """Effect, items, reasons with their texts, near misses, obligations, consents, record, exemption."""
    assert verdict_view(*documents(changed)) != verdict_view(*documents(PROVIDED))


def test_the_view_of_a_document_equals_the_view_of_what_was_read_from_the_log() -> None:
    """Tuples of a document and lists from JSON look the same."""
    document = access_decisions.document(PROVIDED, envelope(), rulebook())
    record = provision_records.document(PROVIDED, envelope(), rulebook(), STATEMENT)
    read = json.loads(access_decisions.encode_document(document).value)
    assert verdict_view(document, record) == verdict_view(read, json.loads(json.dumps(record)))
