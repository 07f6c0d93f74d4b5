"""A granted consent from data that was checked before it was stored: parsed and taken over, not validated again.

Each person whose request is decided has one or more of them, and the lane reads them from its state: 15 → 7 µs each
(bench.wire). The other kinds of event are few, and are read by their models (`consent_events.fact`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from sekisho.domain import events

_NOTHING: Final[Mapping[str, Any]] = {}


def granted(told: Mapping[str, Any], position: events.Position) -> events.ConsentGranted:
    """As `consent_models.ConsentGranted.fact`, of the data of a message that this model has accepted."""
    get = told.get
    explained = get("explained") or _NOTHING
    acceptance = get("electronic_acceptance") or _NOTHING
    guardian = get("guardian") or _NOTHING
    terms, recipients, foreign = get("terms"), get("recipients"), get("foreign")
    given_at, recorded_at, explained_at = get("given_at"), get("recorded_at"), explained.get("at")
    accepted_at, refused_at = acceptance.get("accepted_at"), acceptance.get("refused_at")
    return events.ConsentGranted(
        told["event_id"],
        told["consent_id"],
        told["kind"],
        told["controller"],
        position,
        None if given_at is None else _instant(given_at),
        None if recorded_at is None else _instant(recorded_at),
        get("method"),
        get("mode"),
        explained.get("method"),
        None if explained_at is None else _instant(explained_at),
        None if terms is None else _terms(terms),
        frozenset(get("purposes") or ()),
        tuple([_recipient(each) for each in recipients]) if recipients else (),
        get("bundled"),
        get("coerced"),
        None if accepted_at is None else _instant(accepted_at),
        None if refused_at is None else _instant(refused_at),
        _text(guardian.get("relation")),
        _text(guardian.get("document")),
        _text((get("evidence") or _NOTHING).get("document")),
        None if foreign is None else _foreign(foreign),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(value: str | None) -> str | None:
    """A blank text states nothing."""
    return value if value is not None and value.strip() else None


def _terms(told: Mapping[str, Any]) -> events.Terms:
    get = told.get
    first, last, modes, items = get("valid_from"), get("valid_until"), get("modes"), get("items")
    return events.Terms(
        None if first is None else date.fromisoformat(first),
        None if last is None else date.fromisoformat(last),
        _text(get("withdrawal")),
        None if modes is None else frozenset(modes),
        None if items is None else frozenset(items),
    )


def _recipient(told: Mapping[str, Any]) -> events.ConsentRecipient:
    get = told.get
    partners = tuple(get("partners") or ())
    return events.ConsentRecipient(
        told["id"], _text(get("name")), _text(get("contact")), get("purpose"), partners, get("members")
    )


def _foreign(told: Mapping[str, Any]) -> events.ForeignInformation:
    get = told.get
    return events.ForeignInformation(
        get("country"),
        _text(get("system_information")),
        _text(get("recipient_measures")),
        _text(get("unknown_reason")),
    )
