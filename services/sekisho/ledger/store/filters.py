"""What is looked for among the records, and what a legal hold names: one form, in SQL and in Python alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from sekisho.ledger.store.errors import BadRowError
from sekisho.ledger.store.rows import Payload, PayloadRow

TOKYO: Final = ZoneInfo("Asia/Tokyo")
_ONE_OF: Final = (
    ("subject_hmacs", "subject_hmac", "bytea"),
    ("record_ids", "record_id", "uuid"),
    ("kinds", "kind", "text"),
    ("methods", "method", "text"),
    ("bases", "basis", "text"),
    ("directions", "direction", "text"),
    ("controllers", "controller", "text"),
    ("counterparties", "counterparty", "text"),
    ("scopes", "scope", "uuid"),
)
_DAYS: Final = ("created_from", "created_until", "provided_from", "provided_until")


def midnight(day: date) -> datetime:
    """When an Asia/Tokyo day begins."""
    return datetime.combine(day, time(), TOKYO)


@dataclass(frozen=True, slots=True)
class Filter:
    """Payloads for which each part that is given holds; an empty part asks for nothing. Days are Asia/Tokyo, both ends included."""

    subject_hmacs: tuple[bytes, ...] = ()
    record_ids: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("record",)
    methods: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    directions: tuple[str, ...] = ()
    controllers: tuple[str, ...] = ()
    counterparties: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    created_from: date | None = None
    created_until: date | None = None
    provided_from: date | None = None
    provided_until: date | None = None

    def matches(self, row: PayloadRow | Payload) -> bool:
        """Whether the payload is one of those looked for: what `where` says in SQL."""
        for wanted, column, _ in _ONE_OF:
            allowed = getattr(self, wanted)
            if allowed and getattr(row, column) not in allowed:
                return False
        created, provided = row.created_at.astimezone(TOKYO).date(), row.provided_on
        return _within(created, self.created_from, self.created_until) and _within(
            provided, self.provided_from, self.provided_until
        )

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on `payload` and its values."""
        parts, values = ["true"], dict[str, Any]()
        for wanted, column, kind in _ONE_OF:
            if allowed := getattr(self, wanted):
                parts.append(f"p.{column} = ANY(%({wanted})s::{kind}[])")
                values[wanted] = list(allowed)
        if self.created_from is not None:
            parts.append("p.created_at >= %(created_from)s")
            values["created_from"] = midnight(self.created_from)
        if self.created_until is not None:
            parts.append("p.created_at < %(created_until)s")
            values["created_until"] = midnight(self.created_until + timedelta(days=1))
        for name, sign in (("provided_from", ">="), ("provided_until", "<=")):
            if (day := getattr(self, name)) is not None:
                parts.append(f"p.provided_on {sign} %({name})s")
                values[name] = day
        return " AND ".join(parts), values

    def to_json(self) -> dict[str, Any]:
        """As a JSON object: keyed hashes as hexadecimal, days as texts, parts not given left out (`kinds` always there)."""
        document: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if name == "kinds" or value not in ((), None):
                document[name] = (
                    [_plain(each) for each in value] if isinstance(value, tuple) else _plain(value)
                )
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """What `to_json` wrote. Raises BadRowError for anything else: an unknown part would widen what is found."""
        unknown = set(document) - {each.name for each in fields(cls)}
        if unknown or "kinds" not in document:
            raise BadRowError(
                f"a filter with unknown or missing parts: {', '.join(sorted(unknown)) or 'kinds'}."
            )
        try:
            return cls(**{name: _part(name, value) for name, value in document.items()})
        except (ValueError, TypeError) as error:
            raise BadRowError(f"a filter that cannot be read: {error}.") from error


def _within(day: date | None, first: date | None, last: date | None) -> bool:
    if first is None and last is None:
        return True
    return day is not None and (first is None or day >= first) and (last is None or day <= last)


def _plain(value: bytes | date | str) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _part(name: str, value: Any) -> Any:
    if name in _DAYS:
        return date.fromisoformat(value)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"{name} is no list of texts")
    return tuple(bytes.fromhex(each) for each in value) if name == "subject_hmacs" else tuple(value)
