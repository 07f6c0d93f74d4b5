"""sekisho-access-decisions: the answer to each access request (contract.md, A decision).

A verdict has no ids, positions or texts; `document` puts it into its envelope with the rulebook's texts. `encode` writes
the same to the byte without making a document, from kept fragments (ADR 0014).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from sekisho.contracts import fragments, identity
from sekisho.contracts.decision_models import Decision
from sekisho.contracts.envelope import HeadersOf, binary_headers
from sekisho.contracts.fields import written, written_ms
from sekisho.contracts.fragments import Fragments, optional, quoted
from sekisho.contracts.reading import read_output
from sekisho.contracts.shared_models import At, Encoded, Engine, position_document
from sekisho.contracts.texts import filled
from sekisho.domain.book import Obligation, Reason, Rulebook
from sekisho.domain.events import Position
from sekisho.domain.verdict import Cite, ItemVerdict, NearMiss, ServedConsent, Verdict

__all__ = [
    "TYPE", "Decision", "Envelope", "Particulars", "decode", "document", "duplicate", "encode", "encode_document",
    "shadow_document", "write",
]  # fmt: skip

TYPE: Final = "sekisho.access.decided.v1"
SOURCE: Final = "urn:sekisho:gate"
MAX_NEAR_MISSES: Final = 20
"""Near misses told in a decision (runtime.md, Poison); `near_misses_total` counts all."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a decision is beside its verdict: ids, times, positions, and replay's inputs.

    `organization` and `subject_id` are None where an invalid request does not tell them. `consent_position` is the
    offset after the last consent event known. `circumstances` is what else decided: a limit, a duplicate, a hold.
    """

    decision_id: str
    request_id: str
    organization: str | None
    subject_id: str | None
    decided_at: datetime
    appended_at: datetime | None
    consent_position: Position | None
    request_position: At | None
    request_digest: str
    engine: Engine
    circumstances: Mapping[str, Any] | None = None
    shadow: Mapping[str, Any] | None = None
    """Made by `shadow_document`."""

    def record_id(self, verdict: Verdict) -> str | None:
        """The id of the record that the verdict leaves, if it leaves one."""
        return None if verdict.record is None else identity.record_id(self.decision_id)

    def particulars(self, verdict: Verdict) -> Particulars:
        """The same, as it is written."""
        at, appended = self.request_position, self.appended_at
        return Particulars(
            self.decision_id,
            self.record_id(verdict),
            self.request_id,
            self.organization,
            self.subject_id,
            written(self.decided_at),
            "null" if appended is None else f'"{written_ms(appended)}"',
            fragments.position(self.consent_position),
            "null" if at is None else to_json(at.document()).decode(),
            self.request_digest,
            self.engine,
            self.circumstances,
            self.shadow,
        )


class Particulars(NamedTuple):
    """An `Envelope` whose times and positions are written already; those that may be null are whole JSON."""

    decision_id: str
    record_id: str | None
    request_id: str
    organization: str | None
    subject_id: str | None
    decided_at: str
    appended_at: str
    """JSON."""
    consent_position: str
    """JSON."""
    request_position: str
    """JSON."""
    request_digest: str
    engine: Engine
    circumstances: Mapping[str, Any] | None
    shadow: Mapping[str, Any] | None = None


def encode(verdict: Verdict, envelope: Envelope, rulebook: Rulebook) -> Encoded:
    """The message of a decision. Raises KeyError for a reason that the rulebook does not declare."""
    return write(verdict, envelope.particulars(verdict), rulebook)


def write(verdict: Verdict, told: Particulars, rulebook: Rulebook) -> Encoded:
    """As `encode`: the bytes of `document`, put together from fragments. Raises KeyError as `encode`."""
    # unpacked: reading a named tuple's fields one by one costs a tenth of this function
    (
        decision_id, record_id, request_id, organization, subject_id, decided_at, appended_at, consent_position,
        request_position, request_digest, engine, circumstances, shadow,
    ) = told  # fmt: skip
    effect, items, reasons, near_misses, owed, consents, _, exempt, details = verdict
    head = (
        f'{{"decision_id":{quoted(decision_id)},"request_id":{quoted(request_id)}'
        f',"organization":{optional(organization)},"subject_id":{optional(subject_id)},"effect":"{effect}"'
        f',"decided_at":"{decided_at}","appended_at":{appended_at}'
    )
    judged = (rulebook, organization, items, reasons, details)
    middle = _written_near_misses(near_misses) if near_misses else _NO_NEAR_MISSES
    obligations = (rulebook, owed)
    tail = (
        f',"consents":{_written_consents(consents) if consents else "[]"}'
        f',"record_id":{optional(record_id)},"record_exemption":{optional(exempt)}'
        f',"consent_position":{consent_position},"request_position":{request_position}'
        f',"request_digest":{quoted(request_digest)}'
    )
    decider = (rulebook, engine)
    rest = _NO_REST if circumstances is None and shadow is None else _written_rest(circumstances, shadow)
    value = b"".join(
        (
            head.encode(),
            _JUDGED.get(judged) or _written_judgement(judged, verdict),
            middle,
            _OBLIGATIONS.get(obligations) or _written_obligations(obligations),
            tail.encode(),
            _DECIDERS.get(decider) or _written_decider(decider),
            rest,
        )
    )
    return Encoded(_HEADERS.made(decision_id, decided_at), value)


def encode_document(decision: Mapping[str, Any]) -> Encoded:
    """The message of a decision document."""
    headers = binary_headers(TYPE, decision["decision_id"], SOURCE, decision["decided_at"])
    return Encoded(headers, to_json(decision))


def document(verdict: Verdict, envelope: Envelope, rulebook: Rulebook) -> dict[str, Any]:
    """A decision as contract.md states it. Its texts are shared between documents: read it, do not change it."""
    at, appended = envelope.request_position, envelope.appended_at
    return {
        "decision_id": envelope.decision_id,
        "request_id": envelope.request_id,
        "organization": envelope.organization,
        "subject_id": envelope.subject_id,
        "effect": verdict.effect,
        "decided_at": written(envelope.decided_at),
        "appended_at": None if appended is None else written_ms(appended),
        "items": [_item(each) for each in verdict.items],
        "reasons": _reasons(verdict, rulebook, envelope.organization),
        "near_misses": [
            {"consent_id": each.consent_id, "failed": each.failed}
            for each in verdict.near_misses[:MAX_NEAR_MISSES]
        ],
        "near_misses_total": len(verdict.near_misses),
        "obligations": [_obligation(rulebook.obligations[each]) for each in verdict.obligations],
        "consents": [
            {
                "consent_id": each.consent_id,
                "position": position_document(each.position),
                "serves": each.serves,
            }
            for each in verdict.consents
        ],
        "record_id": envelope.record_id(verdict),
        "record_exemption": verdict.record_exemption,
        "consent_position": position_document(envelope.consent_position),
        "request_position": None if at is None else at.document(),
        "request_digest": envelope.request_digest,
        "rulebook": {"version": rulebook.version, "digest": rulebook.digest},
        "engine": {"version": envelope.engine.version, "format": envelope.engine.format},
        "circumstances": envelope.circumstances,
        "shadow": envelope.shadow,
        "duplicate_of": None,
    }


def duplicate(
    first: Mapping[str, Any],
    *,
    request_position: At,
    duplicate_of: int,
    appended_at: datetime,
    circumstances: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The first decision again, for the same request sent twice: with the first's ids and its own position."""
    return {
        **first,
        "appended_at": written_ms(appended_at),
        "request_position": request_position.document(),
        "circumstances": circumstances,
        "duplicate_of": duplicate_of,
    }


def shadow_document(verdict: Verdict, rulebook: Rulebook, organization: str | None) -> dict[str, Any]:
    """What another rulebook would have said, for `Envelope.shadow`."""
    return {
        "rulebook": {"version": rulebook.version, "digest": rulebook.digest},
        "effect": verdict.effect,
        "items": [_item(each) for each in verdict.items],
        "reasons": _reasons(verdict, rulebook, organization),
    }


def decode(data: bytes) -> Decision:
    """A decision as a reader takes it; unknown fields are ignored.

    Raises UnreadableMessageError or InvalidMessageError.
    """
    return read_output(Decision, data)


# The fragments: parts of `document`, made by the same functions.

_Judged = tuple[Rulebook, str | None, tuple[ItemVerdict, ...], tuple[Cite, ...], tuple[tuple[str, str], ...]]
_JUDGED: Final[Fragments[_Judged]] = Fragments()
_Owed = tuple[Rulebook, tuple[Cite, ...]]
_OBLIGATIONS: Final[Fragments[_Owed]] = Fragments()
_DECIDERS: Final[Fragments[tuple[Rulebook, Engine]]] = Fragments()
_HEADERS: Final = HeadersOf(TYPE, SOURCE)


def _written_judgement(key: _Judged, verdict: Verdict) -> bytes:
    rulebook, organization, *_ = key
    items = [_item(each) for each in verdict.items]
    fragment = fragments.fields(items=items, reasons=_reasons(verdict, rulebook, organization))
    # what is told of one person's message (a path, a name) does not come again
    return fragment if verdict.details else _JUDGED.added(key, fragment)


def _written_obligations(key: _Owed) -> bytes:
    rulebook, owed = key
    told = [_obligation(rulebook.obligations[each]) for each in owed]
    return _OBLIGATIONS.added(key, fragments.fields(obligations=told))


def _written_decider(key: tuple[Rulebook, Engine]) -> bytes:
    rulebook, (version, format_) = key
    used = {"version": rulebook.version, "digest": rulebook.digest}
    return _DECIDERS.added(
        key, fragments.fields(rulebook=used, engine={"version": version, "format": format_})
    )


def _written_rest(circumstances: Mapping[str, Any] | None, shadow: Mapping[str, Any] | None) -> bytes:
    return fragments.fields(circumstances=circumstances, shadow=shadow, duplicate_of=None) + b"}"


def _written_near_misses(near_misses: tuple[NearMiss, ...]) -> bytes:
    told = [
        f'{{"consent_id":{quoted(consent_id)},"failed":{fragments.names(failed)}}}'
        for consent_id, failed in near_misses[:MAX_NEAR_MISSES]
    ]
    return f',"near_misses":[{",".join(told)}],"near_misses_total":{len(near_misses)}'.encode()


def _written_consents(consents: tuple[ServedConsent, ...]) -> str:
    told = [
        f'{{"consent_id":{quoted(consent_id)},"position":{fragments.position(at)}'
        f',"serves":{fragments.names(serves)}}}'
        for consent_id, at, serves in consents
    ]
    return f"[{','.join(told)}]"


_NO_NEAR_MISSES: Final = _written_near_misses(())
_NO_REST: Final = _written_rest(None, None)


def _item(item: ItemVerdict) -> dict[str, Any]:
    return {
        "item": item.item,
        "role": item.role,
        "effect": item.effect,
        "basis": item.basis,
        "reasons": item.reasons,
    }


def _reasons(verdict: Verdict, rulebook: Rulebook, organization: str | None) -> list[dict[str, Any]]:
    return [_reason(rulebook, each, organization, verdict.details) for each in verdict.reasons]


def _reason(
    rulebook: Rulebook, cite: Cite, organization: str | None, details: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    reason = rulebook.reason(cite.code, cite.rule, organization)
    return _told_reason(reason, details) if details else _plain_reason(reason)


@lru_cache(maxsize=4096)
def _plain_reason(reason: Reason) -> dict[str, Any]:
    return _told_reason(reason, ())


def _told_reason(reason: Reason, details: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    told = dict(details)
    # what a rule tells stands under its reason's code; the reason's own text calls it {detail}
    told.setdefault("detail", told.get(reason.code, ""))
    return {
        "code": reason.code,
        "kind": reason.kind,
        "rule": reason.rule,
        "severity": reason.severity,
        "citation": reason.citation,
        "message": filled(reason.message, told),
        "remedy": filled(reason.remedy, told),
    }


@lru_cache(maxsize=256)
def _obligation(obligation: Obligation) -> dict[str, Any]:
    return {
        "code": obligation.code,
        "rule": obligation.rule,
        "message": filled(obligation.message, {}),
    }
