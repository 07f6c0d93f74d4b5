"""Messages that the contract tests share: the contract's own examples, as a sender writes them."""

from __future__ import annotations

import json
from typing import Any

LARGEST = 262_144
Header = tuple[str, bytes | None]


def request(**changes: Any) -> dict[str, Any]:
    """The access request of contract.md, with top-level fields changed; a field set to `...` is left out."""
    found: dict[str, Any] = {
        "request_id": "7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        "requested_at": "2026-11-21T10:00:00+09:00",
        "requester": {
            "organization": "post-office",
            "business": "insurance_solicitation",
            "system": "savings-crm",
            "operator": "op-0123",
            "branch": "br-0456",
            "authenticated_operator": "op-0123",
        },
        "subject": {"id": "C-000001", "kind": "individual"},
        "action": "use",
        "holder": "savings-bank",
        "items": ["customer.name", "savings.maturity_date"],
        "purpose": "insurance.solicitation",
        "anticipated_purposes": [],
        "product_provider": "life-insurer",
        "consent_sought": None,
        "activity": {
            "kind": "list_extraction",
            "mode": "face_to_face",
            "list_name": "満期のお客さま 11月",
            "selected_by": ["savings.maturity_date"],
        },
        "recipient": None,
        "legal_basis": None,
        "receipt": None,
        "minimum_consent_position": None,
    }
    return _changed(found, changes)


def granted(**changes: Any) -> dict[str, Any]:
    """The granted consent of contract.md, with top-level fields changed; a field set to `...` is left out."""
    found: dict[str, Any] = {
        "event_id": "EV-1",
        "consent_id": "CS-1",
        "subject_id": "C-000001",
        "kind": "cross_sell",
        "controller": "savings-bank",
        "given_at": "2026-10-01T09:30:00+09:00",
        "recorded_at": "2026-10-01T09:31:00+09:00",
        "method": "written",
        "mode": "face_to_face",
        "explained": {"method": "written", "at": "2026-10-01T09:20:00+09:00"},
        "terms": {
            "valid_from": "2026-10-01",
            "valid_until": "2028-09-30",
            "withdrawal": "窓口・電話・郵送",
            "modes": ["face_to_face", "mail"],
            "items": ["savings.maturity_date", "savings.balance"],
        },
        "purposes": ["insurance.solicitation"],
        "recipients": [],
        "bundled": False,
        "coerced": False,
        "electronic_acceptance": None,
        "guardian": None,
        "evidence": {"document": "DOC-9", "sha256": "9f86d081884c7d65"},
        "foreign": None,
    }
    return _changed(found, changes)


def data(document: Any) -> bytes:
    """A document as its JSON bytes."""
    return json.dumps(document, ensure_ascii=False).encode()


def envelope(type_: str, **changes: bytes | None) -> list[Header]:
    """The binary-mode headers of a CloudEvent of that type; a header changed to None is left out."""
    found: dict[str, bytes | None] = {
        "ce_specversion": b"1.0",
        "ce_type": type_.encode(),
        "ce_id": b"1",
        "ce_source": b"urn:test",
        "content-type": b"application/json",
    }
    found |= {name.replace("content_type", "content-type"): value for name, value in changes.items()}
    return [(name, value) for name, value in found.items() if value is not None]


def _changed(found: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (found | changes).items() if value is not ...}
