"""Verdicts, records and rejections by chance, and the messages that are written of them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, get_args

from contracts.sample_verdicts import BASES, EXPIRED, INVALID, OUTSIDE, RECORD, STATEMENT, envelope, rulebook
from fuzz.chance import Chance
from fuzz.outcomes import Outcome
from sekisho.contracts import access_decisions, provision_records, rejected_events
from sekisho.contracts.access_decisions import Envelope
from sekisho.contracts.errors import PROBLEMS
from sekisho.contracts.shared_models import At, Encoded, Engine
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
from sekisho.domain.vocabulary import RecordBasis, RecordExemption, RecordMethod, RejectionCause

BOOK: Final = rulebook()
HMAC_KEY: Final = b"golden" * 6
TEXTS: Final = (
    "CS-1", "", " ", '"', "\\", '\\"', "\n\t\r\b\f", "\0", "\x1f\x7f\x80", "\u2028\u2029", "\ufeff", "\uffff", "</script>",
    "満期のお客さま 11月", "e\u0301", "\U0001f3e0", "\U0010ffff", "a" * 257, "窓口" * 200, "{field}", "{consents}", "%s", "/",
)  # fmt: skip
CITES: Final = (EXPIRED, OUTSIDE, INVALID)


def _text(chance: Chance) -> str:
    return chance.pick(TEXTS) + chance.pick(("", "-1", "満期"))


def _id(chance: Chance) -> str:
    """As the contract's ids: never empty."""
    return _text(chance) or "-"


def _maybe(chance: Chance) -> str | None:
    return _text(chance) if chance.odds(0.7) else None


def _number(chance: Chance) -> int:
    return chance.pick((0, 1, 41, 2**31, 2**53 + 1, 2**63 - 1))


def _time(chance: Chance) -> datetime:
    step = chance.pick(
        (timedelta(), timedelta(microseconds=1), timedelta(milliseconds=101), timedelta(days=100_000))
    )
    return datetime(2026, 11, 21, 1, 0, tzinfo=UTC) + step * chance.below(3)


def _day(chance: Chance) -> date:
    return chance.pick((date(2026, 11, 21), date(1900, 1, 1), date(2028, 2, 29), date(9999, 12, 31)))


def _item(chance: Chance) -> ItemVerdict:
    if chance.odds(0.5):
        bases = tuple(chance.some((*BASES, "basis.consent"), 0.6))
        return ItemVerdict(_id(chance), "requested", "allow", bases, ())
    reasons = tuple(cite.code for cite in chance.some(CITES, 0.6))
    return ItemVerdict(_id(chance), chance.pick(("requested", "selection")), "deny", (), reasons)


def _served(chance: Chance) -> ServedConsent:
    position = Position(chance.pick((None, 0, 3)), _number(chance))
    return ServedConsent(_id(chance), position, tuple(_id(chance) for _ in range(chance.below(3))))


def _record(chance: Chance) -> RecordContent:
    other = Counterparty(
        _text(chance), _maybe(chance), _maybe(chance), _maybe(chance), _maybe(chance), chance.odds(0.2)
    )
    return RECORD._replace(
        basis=chance.pick(get_args(RecordBasis)),
        method=chance.pick(get_args(RecordMethod)),
        provided_on=_day(chance),
        counterparty=other,
        subject_id=_id(chance),
        subject_kind=chance.pick(("individual", "corporation")),
        items=tuple(_id(chance) for _ in range(chance.below(4))),
        consents=tuple(_served(chance) for _ in range(chance.below(4))),
        first_provision=_day(chance) if chance.odds(0.3) else None,
        last_provision=_day(chance) if chance.odds(0.3) else None,
        agreement=_maybe(chance),
        document=_maybe(chance),
        retain_until=_day(chance) if chance.odds(0.7) else None,
    )


def _details(chance: Chance) -> tuple[tuple[str, str], ...]:
    names = chance.some(("field", "nearest", "problem", "detail", EXPIRED.code), 0.6)
    return tuple((name, _text(chance)) for name in names) if chance.odds(0.4) else ()


def _verdict(chance: Chance) -> Verdict:
    cites: list[Cite] = chance.some(CITES, 0.5)
    misses = (
        NearMiss(_id(chance), tuple(cite.code for cite in cites))
        for _ in range(chance.pick((0, 0, 1, 3, 20, 21, 30)))
    )
    return Verdict(
        chance.pick(("allow", "deny")),
        tuple(_item(chance) for _ in range(chance.pick((0, 1, 2, 5, 40)))),
        tuple(cites),
        tuple(misses),
        tuple(chance.some(tuple(Cite(*each) for each in BOOK.obligations), 0.3)),
        tuple(_served(chance) for _ in range(chance.below(3))),
        _record(chance) if chance.odds(0.4) else None,
        chance.pick((None, *get_args(RecordExemption))),
        _details(chance),
    )


def _envelope(chance: Chance) -> Envelope:
    circumstances: Any = {"kind": "limit", "code": _text(chance), "limit": _number(chance)}
    shadow = access_decisions.shadow_document(_verdict(chance), BOOK, _maybe(chance))
    return envelope(
        request_id=_id(chance),
        organization=chance.pick((None, "post-office", "life-insurer", _text(chance))),
        subject_id=_maybe(chance),
        decided_at=_time(chance),
        appended_at=_time(chance) if chance.odds(0.8) else None,
        consent_position=Position(chance.pick((None, 3)), _number(chance)) if chance.odds(0.8) else None,
        request_position=At("t-access-requests", 3, _number(chance)) if chance.odds(0.8) else None,
        engine=Engine(_text(chance), 1),
        circumstances=circumstances if chance.odds(0.3) else None,
        shadow=shadow if chance.odds(0.2) else None,
    )


def _rejection(chance: Chance) -> rejected_events.Rejection:
    return rejected_events.Rejection(
        rejected_id="2b11bda6-8d36-5d43-a04f-901df8bd9c14",
        position=At("t-consent-events", chance.below(12), _number(chance)),
        payload=chance.pick((None, b"", b"\xff\0", b"x" * 300)),
        cause=chance.pick(get_args(RejectionCause)),
        message=chance.pick(list(PROBLEMS.values())),
        rejected_at=_time(chance),
        field=_maybe(chance),
        request_id=_maybe(chance),
    )


def of_outputs(seed: int) -> Outcome:
    """The messages of one verdict (decision, record, the decision sent twice) and of one rejection."""
    chance = Chance(seed)
    verdict, around = _verdict(chance), _envelope(chance)
    first = access_decisions.document(verdict, around, BOOK)
    again = access_decisions.duplicate(
        first,
        request_position=At("t-access-requests", 3, 1000),
        duplicate_of=977,
        appended_at=_time(chance),
        circumstances={"kind": "duplicate"},
    )
    found = (
        access_decisions.encode(verdict, around, BOOK),
        provision_records.encode(verdict, around, BOOK, STATEMENT),
        access_decisions.encode_document(again),
        rejected_events.encode(_rejection(chance), HMAC_KEY),
    )
    return Outcome("written", [_told(each) for each in found])


def _told(encoded: Encoded | None) -> Any:
    if encoded is None:
        return None
    headers = [[name, base64.b64encode(value).decode()] for name, value in encoded.headers]
    return [headers, encoded.value.decode(), json.loads(encoded.value)]
