"""An access request as JSON again: what a sender writes, and the canonical content that its digest is taken of.

Canonical: keys sorted, nothing absent or null, defaults left out (no anticipated purpose, method individual, an
acquisition without fault), no `requested_at` (a retry may renew it), times in UTC; the order of lists counts
(runtime.md, State). The digest must never change for a request once decided: it is stored in decisions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Final

from pydantic_core import to_json

from sekisho.contracts.fields import written
from sekisho.domain import request as domain


def digest(request: domain.AccessRequest) -> str:
    """`sha256:` over the canonical content."""
    return "sha256:" + hashlib.sha256(to_json(content(request))).hexdigest()


def digest_of_invalid(sent: dict[str, Any]) -> str:
    """As `digest`, for content that is no valid request: sorted, without nulls and `requested_at`."""
    kept = {name: value for name, value in sent.items() if name != "requested_at"}
    text = json.dumps(_without_nulls(kept), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def document(request: domain.AccessRequest) -> dict[str, Any]:
    """The request as a sender writes it (data of sekisho.access.requested.v1), without what is null."""
    return {**content(request), "requested_at": written(request.requested_at)}


def content(request: domain.AccessRequest) -> dict[str, Any]:
    """The canonical content; keys are sorted by being written in order (a test holds them so)."""
    demanded = request.minimum_consent_position
    found: dict[str, Any] = {
        "acquisition": _acquisition(request.acquisition),
        "action": request.action,
        "activity": _part(request.activity, _ACTIVITY, _values_of_activity),
        "anticipated_purposes": request.anticipated_purposes or None,
        "card_number_in_full": request.card_number_in_full,
        "consent_sought": request.consent_sought,
        "holder": request.holder,
        "items": request.items,
        "legal_basis": request.legal_basis and _nested(request.legal_basis),
        "list_id": request.list_id,
        "minimum_consent_position": demanded and _position(demanded),
        "product_provider": request.product_provider,
        "purpose": request.purpose,
        "receipt": request.receipt and _nested(request.receipt),
        "recipient": request.recipient and _nested(request.recipient),
        "record": request.record and _record(request.record),
        "request_id": request.request_id,
        "requester": _part(request.requester, _REQUESTER, _values_of_requester),
        "subject": {"id": request.subject_id, "kind": request.subject_kind},
    }
    return {name: value for name, value in found.items() if value is not None}


_ACTIVITY: Final = ("kind", "list_name", "mode", "selected_by")
_REQUESTER: Final = ("authenticated_operator", "branch", "business", "operator", "organization", "system")
_NAMES: Final[Mapping[type, tuple[str, ...]]] = {
    part: tuple(sorted(part.__annotations__))
    for part in (
        domain.Recipient,
        domain.ReferableConsent,
        domain.LegalBasis,
        domain.Receipt,
        domain.Provider,
        domain.RecordRequest,
    )
}
_values_of_activity = attrgetter(*_ACTIVITY)
_values_of_requester = attrgetter(*_REQUESTER)


def _part(part: object, names: tuple[str, ...], values_of: attrgetter[Any]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values_of(part), strict=True) if value is not None}


def _nested(part: object) -> dict[str, Any] | None:
    """Any part, sorted; None where nothing is stated in it."""
    found: dict[str, Any] = {}
    for name in _NAMES[type(part)]:
        value = getattr(part, name)
        if type(value) in _NAMES:
            value = _nested(value)
        if value is not None:
            found[name] = _plain(value)
    return found or None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return written(value)
    return value.isoformat() if isinstance(value, date) else value


def _record(record: domain.RecordRequest) -> dict[str, Any] | None:
    found = _nested(record) or {}
    if record.method == "individual":
        found.pop("method", None)
    return found or None


def _acquisition(acquisition: domain.Acquisition | None) -> dict[str, Any] | None:
    if acquisition is None:
        return None
    return {name: True for name in ("by_opt_out", "improper") if getattr(acquisition, name)} or None


def _position(demanded: tuple[int | None, int]) -> dict[str, int]:
    partition, offset = demanded
    return {"offset": offset} if partition is None else {"offset": offset, "partition": partition}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value
