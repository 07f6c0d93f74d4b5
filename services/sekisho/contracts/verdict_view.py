"""A decision and its record reduced to the verdict: all but ids, positions and times.

The core, `sekisho decide` and a gate on a real log must agree on it, also when the whole world has been moved in time
(issue: Cases). Days are therefore told by their distance from the day of the provision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

_SAID_OF_A_REASON: Final = ("code", "rule", "kind", "severity", "citation", "message", "remedy")
_RECORD_CONTENT: Final = (
    "basis", "method", "controller", "direction", "counterparty", "items", "acquisition", "ppc_publication",
    "foreign", "agreement", "document", "refers_to", "retention_rule",
)  # fmt: skip


def verdict_view(decision: Mapping[str, Any], record: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is comparable of a decision document and the record document that it left (None: none)."""
    return {
        "effect": decision["effect"],
        "items": [_listed(each) for each in decision["items"]],
        "reasons": [{name: each[name] for name in _SAID_OF_A_REASON} for each in decision["reasons"]],
        "near_misses": [list(each["failed"]) for each in decision["near_misses"]],
        "near_misses_total": decision["near_misses_total"],
        "obligations": [dict(each) for each in decision["obligations"]],
        "consents": [list(each["serves"]) for each in decision["consents"]],
        "record_exemption": decision["record_exemption"],
        "record": None if record is None else _record(record),
    }


def _record(record: Mapping[str, Any]) -> dict[str, Any]:
    provided = date.fromisoformat(record["provided_on"])
    consent, subject = record["consent"], record["subject"]
    return {
        **{name: _plain(record[name]) for name in _RECORD_CONTENT},
        "subject": None if subject is None else subject["kind"],
        "consent_stated": consent is not None and bool(consent["statement"]),
        "first_provision": _days_from(provided, record["first_provision"]),
        "last_provision": _days_from(provided, record["last_provision"]),
        "open_ended": record["retain_until"] is None,
    }


def _days_from(provided: date, day: str | None) -> int | None:
    return None if day is None else (date.fromisoformat(day) - provided).days


def _listed(part: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in part.items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
