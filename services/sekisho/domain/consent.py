"""The consent state of one person: a fold of the person's events, free of their order (runtime.md, State).

What an event means comes from its own time, ties by event id, so a late or forwarded event changes nothing but what
was known. The fold keeps every fact; what is true *at* a time is asked of it later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import attrgetter

from sekisho.domain.calendar import tokyo_day
from sekisho.domain.events import (
    ConsentConfirmed,
    ConsentEvent,
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OptOutCancelled,
    OptOutRegistered,
    RestrictionCheck,
    SubjectStatus,
    SuspensionLifted,
    SuspensionOrdered,
)

_BY_IDS = attrgetter("consent_id", "event_id")
_BY_TIME = attrgetter("status_at", "event_id")


class ConsentState:
    """What is known of one person. Grants stand in the order of (consent id, event id)."""

    __slots__ = (
        "confirmations",
        "grants",
        "lifts",
        "opt_outs",
        "refusals",
        "statuses",
        "suspensions",
        "withdrawals",
    )

    def __init__(self) -> None:
        self.grants: list[ConsentGranted] = []
        self.confirmations: list[ConsentConfirmed] = []
        self.withdrawals: list[ConsentWithdrawn] = []
        self.refusals: list[ConsentRefused] = []
        self.suspensions: list[SuspensionOrdered] = []
        self.lifts: list[SuspensionLifted] = []
        self.opt_outs: list[OptOutRegistered | OptOutCancelled] = []
        self.statuses: list[SubjectStatus] = []

    def withdrawn(self, grant: ConsentGranted, at: datetime) -> bool:
        """Whether a withdrawal of this consent id, or of all consents to its controller, has ended it (WALL-10).

        A withdrawal by id ends every consent granted under that id; one of a controller ends those given until then
        (an undated one counts as given before).
        """
        for event in self.withdrawals:
            if event.withdrawn_at > at:
                continue
            if event.consent_id == grant.consent_id:
                return True
            if event.controller == grant.controller and (
                grant.given_at is None or grant.given_at <= event.withdrawn_at
            ):
                return True
        return False

    def last_refusal(
        self, controller: str, purpose: str, recipient: str | None, at: datetime
    ) -> datetime | None:
        """When the purpose or the recipient was last refused to the controller: consents to it given until then ended.

        (PROV-9.) None: never, by `at`.
        """
        return max(
            (
                event.refused_at
                for event in self.refusals
                if event.controller == controller
                and event.refused_at <= at
                and (purpose in event.purposes or (recipient is not None and recipient in event.recipients))
            ),
            default=None,
        )

    def confirmed_in_writing(self, consent_id: str, at: datetime, methods: frozenset[str]) -> bool:
        """Whether the consent was put in writing, by one of `methods`, before `at`."""
        return any(
            event.consent_id == consent_id and event.confirmed_at <= at and event.method in methods
            for event in self.confirmations
        )

    def suspensions_in_force(self, kind: str, controller: str, at: datetime) -> list[SuspensionOrdered]:
        """The person's own stops of that kind at that controller, ordered and not lifted since (APPI 35)."""
        return [
            event
            for event in self.suspensions
            if event.kind == kind
            and event.controller == controller
            and event.ordered_at <= at
            and not any(
                lift.suspension_id == event.suspension_id and event.ordered_at <= lift.lifted_at <= at
                for lift in self.lifts
            )
        ]

    def opted_out(self, controller: str, item: str, at: datetime) -> bool:
        """Whether the person has opted out of the item's provision by that controller, and not taken it back since.

        (APPI 27(2).) What was told last of the item counts, ties by event id.
        """
        told = [
            (when, event.event_id, type(event) is OptOutRegistered)
            for event in self.opt_outs
            if event.controller == controller
            and (event.items is None or item in event.items)
            and (when := _told_at(event)) <= at
        ]
        return max(told)[2] if told else False

    def birth_date(self, at: datetime) -> date | None:
        """The birth date as last told by `at`; None: never told."""
        told = self._told("birth_date", at)
        return None if told is None else told.birth_date

    def capacity_on(self, day: date, at: datetime) -> str | None:
        """The capacity that held on an Asia/Tokyo day, of what was told of the time until `at`; None: never told."""
        told = [s for s in self.statuses if "capacity" in s.told and s.status_at <= at]
        held = [s for s in told if tokyo_day(s.status_at) <= day]
        return held[-1].capacity if held else None

    def restricted_customer(self, at: datetime) -> bool | None:
        """Whether the person is a restricted customer (IBR 212(3)); None: unknown."""
        told = self._told("restricted_customer", at)
        return None if told is None else told.restricted_customer

    def restriction_check(self, at: datetime) -> RestrictionCheck | None:
        """The checks recorded by `at` (SG II-4-2-6-4(1)), each part as told last; None: none, or taken back by a null.

        The declaration is asked before soliciting, the matching done by application: two events may tell of them.
        """
        checks: list[RestrictionCheck] = []
        for status in self.statuses:
            if status.status_at > at or "restriction_check" not in status.told:
                continue
            if status.restriction_check is None:
                checks.clear()
            else:
                checks.append(status.restriction_check)
        if not checks:
            return None
        told = [check.special_circumstances for check in checks if check.special_circumstances is not None]
        return RestrictionCheck(
            _last([check.declared_on for check in checks]),
            _last([check.matched_on for check in checks]),
            told[-1] if told else None,
        )

    def _told(self, fact: str, at: datetime) -> SubjectStatus | None:
        found = None
        for status in self.statuses:
            if fact in status.told and status.status_at <= at:
                found = status
        return found


def _told_at(event: OptOutRegistered | OptOutCancelled) -> datetime:
    return event.registered_at if isinstance(event, OptOutRegistered) else event.cancelled_at


def _last(days: Sequence[date | None]) -> date | None:
    return next((day for day in reversed(days) if day is not None), None)


_KEEP: dict[type, Callable[[ConsentState], list[object]]] = {
    ConsentGranted: attrgetter("grants"),
    ConsentConfirmed: attrgetter("confirmations"),
    ConsentWithdrawn: attrgetter("withdrawals"),
    ConsentRefused: attrgetter("refusals"),
    SuspensionOrdered: attrgetter("suspensions"),
    SuspensionLifted: attrgetter("lifts"),
    OptOutRegistered: attrgetter("opt_outs"),
    OptOutCancelled: attrgetter("opt_outs"),
    SubjectStatus: attrgetter("statuses"),
}


def fold(events: Iterable[ConsentEvent]) -> ConsentState:
    """The state that the events tell, whatever their order. An event of no known kind raises KeyError."""
    state = ConsentState()
    for event in events:
        _KEEP[type(event)](state).append(event)
    if len(state.grants) > 1:
        state.grants.sort(key=_BY_IDS)
    if len(state.statuses) > 1:
        state.statuses.sort(key=_BY_TIME)
    return state
