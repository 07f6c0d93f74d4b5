"""Situations for the property tests: a request, what is known of the person, and the time; all families are reached.

They start from the rulebook's own cases, which show every rule in both directions, and from the chance requests of `worlds`;
then a part is another case's, or missing, and events are more, fewer or others. So whatever family gets a case is in the
generators too, and most situations nearly are allowed, or nearly refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final, NamedTuple, get_args

from hypothesis import strategies as st

from cases.on_the_core import read, well_formed
from domain import worlds
from domain.worlds import drawn
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.events import (
    ConsentEvent,
    ConsentGranted,
    ConsentRecipient,
    ForeignInformation,
    Position,
    Terms,
)
from sekisho.domain.request import AccessRequest
from sekisho.domain.vocabulary import ConsentKind, Mode, RecordMethod, Relation


class Situation(NamedTuple):
    """All that a decision depends on, beside the rulebook."""

    request: AccessRequest
    events: tuple[ConsentEvent, ...]
    at: datetime


@cache
def from_cases() -> tuple[Situation, ...]:
    """Every case whose request can be read."""
    return tuple(
        Situation(found.request, tuple(found.events), found.at) for found in map(read, well_formed())
    )


def fitting_consent(chance: Random, request: AccessRequest, at: datetime) -> ConsentGranted:
    """A consent of any kind that passes every clause for what the request asks."""
    given = at - timedelta(days=50)
    purposes = frozenset((request.purpose, *request.anticipated_purposes, "insurance.solicitation"))
    recipient = request.recipient
    named = [request.requester.organization, *([recipient.id] if recipient is not None else [])]
    country = worlds.country_of(recipient) if recipient is not None else None
    items = frozenset((*request.items, *(request.activity.selected_by or ())))
    shown = Terms(
        tokyo_day(given), tokyo_day(at) + timedelta(days=500), "窓口", frozenset(get_args(Mode)), items
    )
    return ConsentGranted(
        event_id=f"fit-{chance.random()}",
        consent_id=chance.choice(("FIT-1", "FIT-2", "C-1")),
        kind=chance.choice(get_args(ConsentKind)),
        controller=request.holder.partition("/")[0],
        position=Position(None, 0),
        given_at=given,
        recorded_at=given,
        method="written",
        mode="face_to_face",
        explained_method="written",
        explained_at=given,
        terms=shown,
        purposes=purposes,
        recipients=tuple(
            ConsentRecipient(name, name, "03-0000-0000", purpose, worlds.partners_of(name), True)
            for name in named
            for purpose in sorted(purposes)
        ),
        bundled=False,
        coerced=False,
        guardian_relation="親権者",
        guardian_document="DOC-1",
        foreign=ForeignInformation(country, "制度", "措置", None),
    )  # fmt: skip


PARTS: Final = (
    "requester", "subject_kind", "action", "holder", "items", "purpose", "activity", "anticipated_purposes",
    "product_provider", "consent_sought", "recipient", "legal_basis", "receipt", "record", "acquisition",
    "card_number_in_full",
)  # fmt: skip
"""Of a request: what may be another's."""
OPTIONAL: Final = {
    "requester": ("operator", "branch", "authenticated_operator"),
    "activity": ("list_name", "selected_by"),
    "recipient": (
        "relation", "name", "address", "representative", "country", "agreement", "contact", "referable_consent",
        "deletes_unless_awarded", "unspecified_many",
    ),
    "legal_basis": (
        "reference", "consent_difficult", "would_hinder", "necessity", "reasonableness", "body", "no_undue_harm",
    ),
    "receipt": (
        "provider", "acquisition", "document", "unlawful_suspected", "basis", "agreement", "ppc_publication",
    ),
    "record": ("agreement", "document", "first_provision", "last_provision"),
}  # fmt: skip
"""What may be null within a part; the parts themselves that may be are in `NULLABLE`."""
NULLABLE: Final = (
    "product_provider", "consent_sought", "recipient", "legal_basis", "receipt", "record", "acquisition",
    "card_number_in_full",
)  # fmt: skip
PATHS: Final = (
    *NULLABLE,
    "anticipated_purposes",
    *(f"{part}.{field}" for part, fields in OPTIONAL.items() for field in fields),
    *(f"{part}.{inner}" for part, inner in (("recipient.referable_consent", "confirmed_at"),
                                            ("recipient.referable_consent", "how"),
                                            ("recipient.referable_consent", "foreign_information"),
                                            ("receipt.provider", "name"),
                                            ("receipt.provider", "address"),
                                            ("receipt.provider", "representative"))),
)  # fmt: skip
"""Every field of a request that may be null or absent (contract.md), but what only the gate reads."""


def with_(whole: Any, path: str, value: object) -> Any:
    """The request, or a part of it, with one field another; as it is where there is no such part."""
    name, _, rest = path.partition(".")
    if not rest:
        return whole._replace(**{name: value})
    part = getattr(whole, name)
    return whole if part is None else whole._replace(**{name: with_(part, rest, value)})


def at_path(whole: Any, path: str) -> Any:
    """What stands in a field; None where there is no such part."""
    for name in path.split("."):
        whole = None if whole is None else getattr(whole, name)
    return whole


def without(request: AccessRequest, path: str) -> AccessRequest:
    """The request that does not state that field."""
    changed: AccessRequest = with_(request, path, () if path == "anticipated_purposes" else None)
    return changed


def _relation(chance: Random, request: AccessRequest) -> AccessRequest:
    changed: AccessRequest = with_(request, "recipient.relation", chance.choice(get_args(Relation)))
    return changed


def _method(chance: Random, request: AccessRequest) -> AccessRequest:
    changed: AccessRequest = with_(request, "record.method", chance.choice(get_args(RecordMethod)))
    return changed


def _fewer_items(chance: Random, request: AccessRequest) -> AccessRequest:
    return request._replace(items=tuple(chance.sample(request.items, chance.randint(1, len(request.items)))))


def _more_items(chance: Random, request: AccessRequest) -> AccessRequest:
    further = chance.choice(from_cases()).request.items[:2]
    return request._replace(items=tuple(dict.fromkeys((*request.items, *further))))


def _another_part(chance: Random, request: AccessRequest) -> AccessRequest:
    part = chance.choice(PARTS)
    changes: Any = {part: getattr(chance.choice(from_cases()).request, part)}
    return request._replace(**changes)


def _no_part(chance: Random, request: AccessRequest) -> AccessRequest:
    return without(request, chance.choice(PATHS))


def _further_purpose(chance: Random, request: AccessRequest) -> AccessRequest:
    further = chance.choice(from_cases()).request.purpose
    return request._replace(anticipated_purposes=(*request.anticipated_purposes, further))


CHANGES: Final[tuple[Callable[[Random, AccessRequest], AccessRequest], ...]] = (
    _another_part, _another_part, _another_part, _no_part, _no_part, _relation, _method, _fewer_items, _more_items,
    _further_purpose,
)  # fmt: skip


def situation(chance: Random) -> Situation:
    """A case, mostly with one to three changes, or a chance request with a chance history."""
    if chance.random() < 0.15:
        return Situation(worlds.request(chance), tuple(worlds.history(chance)), worlds.AT)
    request, events, at = chance.choice(from_cases())
    if chance.random() < 0.7:
        for _ in range(chance.randint(0, 2)):
            change = chance.choice(CHANGES)
            request = change(chance, request) if request.items else request
        events = _events(chance, request, events, at)
        at += timedelta(days=chance.choice((0, 0, 0, 0, 0, 0, 0, 1, -1, 400)))
    return Situation(request, events, at)


def _events(
    chance: Random, request: AccessRequest, events: tuple[ConsentEvent, ...], at: datetime
) -> tuple[ConsentEvent, ...]:
    known = [event for event in events if chance.random() > 0.1]
    if chance.random() < 0.4:
        known += chance.choice(from_cases()).events[:3]
    if chance.random() < 0.5:
        known += [fitting_consent(chance, request, at) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.1:
        known += [
            worlds.consent(chance, f"g{chance.random()}"),
            worlds.other_event(chance, f"o{chance.random()}"),
        ]
    return tuple(replace(event, position=Position(None, place)) for place, event in enumerate(known))


situations: st.SearchStrategy[Situation] = drawn(situation)
