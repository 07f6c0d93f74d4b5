"""Verdicts, a small rulebook and an envelope for the tests of what Sekisho writes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.shared_models import At, Engine
from sekisho.domain.book import Obligation, Reason, Rulebook, Text
from sekisho.domain.events import Position
from sekisho.domain.verdict import (
    Cite,
    Counterparty,
    ItemVerdict,
    NearMiss,
    RecordContent,
    ServedConsent,
    Verdict,
)

BASES = ("basis.not_non_public", "basis.specified_purpose")
EXPIRED = Cite("consent.expired", "WALL-8")
OUTSIDE = Cite("purpose.outside_specified", "PURP-1")
INVALID = Cite("request.invalid", "REQ-2")

DENIED = Verdict(
    "deny",
    (
        ItemVerdict("customer.name", "requested", "allow", BASES, ()),
        ItemVerdict("savings.maturity_date", "requested", "deny", (), (EXPIRED.code, OUTSIDE.code)),
    ),
    (EXPIRED, OUTSIDE),
    (NearMiss("CS-1", (EXPIRED.code,)),),
)
SERVED = ServedConsent("CS-1", Position(3, 41), ("savings.balance",))
RECORD = RecordContent(
    basis="provision.consent",
    method="individual",
    provided_on=date(2026, 11, 21),
    controller="savings-bank",
    direction="provision",
    counterparty=Counterparty("life-insurer", "ライフ 株式会社", "東京都", "代表 太郎", "JP"),
    subject_id="C-000001",
    subject_kind="individual",
    items=("savings.balance",),
    consents=(SERVED,),
    first_provision=None,
    last_provision=None,
    agreement=None,
    document=None,
    retain_until=date(2029, 11, 21),
    retention_rule="ER 21(iii)",
)
PROVIDED = Verdict(
    "allow",
    (ItemVerdict("savings.balance", "requested", "allow", ("basis.consent",), ()),),
    (),
    obligations=(Cite("send_written_explanation", "WALL-11"),),
    consents=(SERVED,),
    record=RECORD,
)
STATEMENT = "本人の同意を得ている（同意番号 {consents}）"


def rulebook() -> Rulebook:
    """A rulebook that knows nothing but these reasons' and obligations' texts."""
    law = Reason(
        EXPIRED.code, "refused", EXPIRED.rule, "duty", "保険業法施行規則第234条第1項第18号イ",
        Text("同意の有効期間が終わっています。", "The consent has expired."), Text("同意を得る。", "Ask for consent."),
    )  # fmt: skip
    policy = replace(law, severity="policy", citation="JP 1(1)")
    invalid = Reason(
        INVALID.code, "invalid", INVALID.rule, "policy", "契約",
        Text("「{field}」が契約に合いません。", 'The field "{field}" does not follow the contract.'),
        Text("直す（最も近い名前：{nearest}）。", "Correct it (nearest: {nearest})."),
    )  # fmt: skip
    outside = Reason(
        OUTSIDE.code, "refused", OUTSIDE.rule, "duty", "APPI 18(1)", Text("目的外。", "Outside."), Text("r", "r")
    )  # fmt: skip
    told = Obligation("send_written_explanation", "WALL-11", Text("説明書を送る。", "Send the explanation."))
    known: dict[str, Any] = {each.name: {} for each in fields(Rulebook)}
    known |= {
        "version": "2026.11.1",
        "digest": "sha256:00",
        "reasons": {
            EXPIRED: {None: law, "life-insurer": policy},
            OUTSIDE: {None: outside},
            INVALID: {None: invalid},
        },
        "obligations": {(told.code, told.rule): told},
    }
    return Rulebook(**known)


def envelope(**changes: Any) -> Envelope:
    """The envelope of contract.md's decision."""
    known: dict[str, Any] = {
        "decision_id": "2b11bda6-8d36-5d43-a04f-901df8bd9c14",
        "request_id": "7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        "organization": "post-office",
        "subject_id": "C-000001",
        "decided_at": datetime(2026, 11, 21, 1, 0, 0, 123456, tzinfo=UTC),
        "appended_at": datetime(2026, 11, 21, 1, 0, 0, 101000, tzinfo=UTC),
        "consent_position": Position(3, 41),
        "request_position": At("sekisho-access-requests", 3, 977),
        "request_digest": "sha256:11",
        "engine": Engine("0.1.0", 1),
    }
    return Envelope(**(known | changes))
