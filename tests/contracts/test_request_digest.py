"""The digest of a request: the same for a retry, another for another content (runtime.md, State)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from contracts.sample_messages import data, request
from sekisho.contracts import access_requests
from sekisho.contracts.request_content import content


def digest(**changes: Any) -> str:
    return access_requests.digest(access_requests.decode(data(request(**changes))))


def test_the_digest_never_changes() -> None:
    """Decisions keep it for ten years: an engine that computed another would call every retry a reuse."""
    assert digest() == "sha256:6653f7a656921a78955ddf4c57edfbd62d44cbb440b1da38176820e7718a1da3"


def test_the_digest_is_over_sorted_json_without_nulls() -> None:
    """Anybody can compute it: sha256 of the JSON with sorted keys, no blanks, UTF-8."""
    found = content(access_requests.decode(data(request(recipient={"id": "r", "name": "甲"}, list_id="L"))))
    text = json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    expected = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert digest(recipient={"id": "r", "name": "甲"}, list_id="L") == expected
    assert None not in found.values()
    assert "requested_at" not in found


@pytest.mark.parametrize(
    "same",
    [
        {"requested_at": "2026-11-22T09:00:00Z"},
        {"anticipated_purposes": ...},
        {"anticipated_purposes": None},
        {"recipient": ..., "legal_basis": ..., "receipt": ..., "minimum_consent_position": ...},
        {"record": {}},
        {"record": {"method": "individual"}},
        {"record": {"method": None, "agreement": None}},
        {"acquisition": {}},
        {"acquisition": {"improper": False, "by_opt_out": None}},
        {"receipt": {}},
        {"minimum_consent_position": None},
        {"card_number_in_full": " "},
    ],
)
def test_what_is_absent_null_or_a_default_does_not_change_the_digest(same: dict[str, Any]) -> None:
    """A retry may renew `requested_at`, and an upstream library may write nulls and defaults or not."""
    assert digest(**same) == digest()


@pytest.mark.parametrize(
    "other",
    [
        {"items": ["savings.maturity_date", "customer.name"]},
        {"items": ["customer.name"]},
        {"purpose": "savings.administration"},
        {"anticipated_purposes": ["insurance.solicitation"]},
        {"product_provider": None},
        {"subject": {"id": "C-000002", "kind": "individual"}},
        {"subject": {"id": "C-000001", "kind": "corporation"}},
        {"request_id": "another"},
        {"record": {"method": "batch"}},
        {"record": {"agreement": "AG-6"}},
        {"acquisition": {"improper": True}},
        {"recipient": {"id": "r"}},
        {"recipient": {"id": "r", "deletes_unless_awarded": False}},
        {"recipient": {"id": "r", "referable_consent": {"confirmed_at": "2026-01-01T00:00:00Z"}}},
        {"minimum_consent_position": {"partition": 3, "offset": 41}},
        {"minimum_consent_position": {}},
        {"list_id": "L-1"},
    ],
)
def test_another_content_has_another_digest(other: dict[str, Any]) -> None:
    """Each field counts, and so does the order of lists."""
    assert digest(**other) != digest()


def test_everyone_selected_and_not_stated_have_different_digests() -> None:
    """An empty `selected_by` is a statement, not a default."""
    activity = {"kind": "list_extraction", "mode": "mail"}
    assert digest(activity=activity | {"selected_by": []}) != digest(activity=activity)
    assert digest(activity=activity | {"selected_by": None}) == digest(activity=activity)
