"""The wall alone in Cedar (`wall.cedar`, by cedarpy), for comparison with the core on the same requests.

Policies and entities are parsed once, as cedarpy advises; a request's items, purposes and consents go in one batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cedarpy import Decision, Entities, PolicySet, is_authorized_batch

from sekisho.domain.book import Rulebook
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.consent import ConsentState, fold
from sekisho.domain.events import ConsentEvent, ConsentGranted
from sekisho.domain.request import AccessRequest
from sekisho.domain.vocabulary import WRITTEN_METHODS

POLICY: Final = Path(__file__).with_name("wall.cedar")
COVERS: Final = (
    "WALL-1 to 3, 5 to 10, 12 and 15, without reasons, near misses, obligations or any other family"
)
CONSENTS: Final = 5
"""Of one person: as many rules has the policy, for Cedar has no quantifier over records."""
Json = dict[str, Any]


def name() -> str:
    """The contender and its version."""
    return f"cedarpy {version('cedarpy')}"


class Wall:
    """The compiled policy, and the catalogue's items and organizations as entities."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._policies = PolicySet.from_str(_policy())
        items = [
            _entity(
                "Item", each.id, {"id": each.id, "class": each.item_class, "line": each.product_line or ""}
            )
            for each in book.items.values()
        ]
        organizations = [
            _entity("Organization", each.id, {"regime": each.regime or "", "group": each.group})
            for each in book.organizations.values()
        ]
        self._entities = Entities.from_json_str(json.dumps([*items, *organizations]))

    def requests(self, request: AccessRequest, events: Sequence[ConsentEvent], at: datetime) -> list[Json]:
        """What Cedar is asked: one request for each item and purpose, in its context the person's consents.

        Contexts are texts, as cedarpy hands them on. Raises ValueError for a person with more consents than it has rules for.
        """
        state = fold(events)
        grants = [grant for grant in state.grants if grant.kind == "cross_sell"]
        if len(grants) > CONSENTS:
            raise ValueError(f"the policy has rules for {CONSENTS} consents")
        consents = {f"consent_{place}": _consent(state, grant, at) for place, grant in enumerate(grants)}
        contexts = [json.dumps(context | consents) for context in self._contexts(request, at)]
        principal = {"type": "Organization", "id": request.requester.organization}
        action = {"type": "Action", "id": "use"}
        return [
            {
                "principal": principal,
                "action": action,
                "resource": {"type": "Item", "id": item},
                "context": text,
            }
            for item in _items(request)
            for text in contexts
        ]

    def answer(self, asked: Sequence[Json], request: AccessRequest) -> list[bool]:
        """By item, whether Cedar allows it for each purpose."""
        told = is_authorized_batch(list(asked), self._policies, self._entities)
        allowed = [each.decision == Decision.Allow for each in told]
        purposes = 1 + len(request.anticipated_purposes)
        return [all(allowed[first : first + purposes]) for first in range(0, len(allowed), purposes)]

    def decide(self, request: AccessRequest, events: Sequence[ConsentEvent], at: datetime) -> list[bool]:
        """From the core's own types to the answer."""
        return self.answer(self.requests(request, events, at), request)

    def _contexts(self, request: AccessRequest, at: datetime) -> list[Json]:
        holder = self._book.holders[request.holder]
        whole: Json = {
            "holder": holder.organization,
            "obtained_for": holder.obtained_for or "",
            "product_provider": request.product_provider or "",
            "mode": request.activity.mode,
            "activity": request.activity.kind,
            "at": _moment(at),
            "day": _day(tokyo_day(at)),
        }
        purposes = [self._book.purposes[name] for name in (request.purpose, *request.anticipated_purposes)]
        return [
            whole | {"purpose": {"id": each.id, "business": each.business, "solicits": each.solicits or ""}}
            for each in purposes
        ]


def _policy() -> str:
    """The policy, its last rule once for each place that a consent may have in a context."""
    whole, mark, last = POLICY.read_text("utf-8").partition('@id("consent")')
    rules = [
        (mark + last)
        .replace("context.consent", f"context.consent_{place}")
        .replace("context has consent", f"context has consent_{place}")
        .replace('@id("consent")', f'@id("consent {place}")')
        for place in range(CONSENTS)
    ]
    return whole + "".join(rules)


def _items(request: AccessRequest) -> list[str]:
    return list(dict.fromkeys((*request.items, *(request.activity.selected_by or ()))))


def _entity(kind: str, id_: str, attributes: Json) -> Json:
    return {"uid": {"type": kind, "id": id_}, "attrs": attributes, "parents": []}


def _consent(state: ConsentState, grant: ConsentGranted, at: datetime) -> Json:
    terms = grant.terms
    told: dict[str, datetime | None] = {
        "given_at": grant.given_at,
        "explained_at": grant.explained_at,
        "accepted_at": grant.accepted_at,
        "refused_at": grant.acceptance_refused_at,
    }
    days = {} if terms is None else {"valid_from": terms.valid_from, "valid_until": terms.valid_until}
    return {
        "kind": grant.kind,
        "controller": grant.controller,
        "method": grant.method or "",
        "mode": grant.mode or "",
        "explained_method": grant.explained_method or "",
        "recorded": grant.recorded_at is not None,
        "withdrawal": bool(terms and terms.withdrawal),
        "modes": list((terms and terms.modes) or ()),
        "items": list((terms and terms.items) or ()),
        "purposes": list(grant.purposes),
        "withdrawn": state.withdrawn(grant, at),
        "confirmed_on_paper": state.confirmed_in_writing(grant.consent_id, at, WRITTEN_METHODS),
        **{name: _moment(moment) for name, moment in told.items() if moment is not None},
        **{name: _day(day) for name, day in days.items() if day is not None},
    }


def _moment(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _day(day: date) -> int:
    return day.toordinal()


def calls(
    wall: Wall, request: AccessRequest, events: Sequence[ConsentEvent], at: datetime
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Two calls to be timed: from the core's types to the answer, and the engine alone on what it is asked, made before."""
    asked = wall.requests(request, events, at)
    return (lambda: wall.decide(request, events, at)), (lambda: wall.answer(asked, request))
