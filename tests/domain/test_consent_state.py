"""What is known of a person is folded into one state, whatever the order in which it came; ties go by event id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from sekisho.domain.consent import fold
from sekisho.domain.events import (
    ConsentGranted,
    ConsentRefused,
    ConsentWithdrawn,
    OptOutCancelled,
    OptOutRegistered,
    Position,
    RestrictionCheck,
    SubjectStatus,
    SuspensionLifted,
    SuspensionOrdered,
)

AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOWHERE = Position(None, 0)


def status(event_id: str, at: datetime = AT, *told: str, **facts: object) -> SubjectStatus:
    """A status that tells those facts."""
    whole = SubjectStatus(event_id, NOWHERE, at, frozenset(told) or frozenset(facts))
    return replace(whole, **facts)  # type: ignore[arg-type]


def test_grants_stand_by_consent_id_then_by_event_id() -> None:
    """Two grants under one id are told in the same order, however they came."""
    grants = [
        ConsentGranted(event, consent, "purpose", "bank", NOWHERE)
        for consent in ("C-2", "C-1")
        for event in ("e2", "e1")
    ]
    for order in permutations(grants):
        found = [(grant.consent_id, grant.event_id) for grant in fold(order).grants]
        assert found == [("C-1", "e1"), ("C-1", "e2"), ("C-2", "e1"), ("C-2", "e2")]


def test_of_two_statuses_of_one_moment_the_greater_event_id_counts() -> None:
    """A tie is decided by what does not depend on the order of coming."""
    one, two = status("a", restricted_customer=True), status("b", restricted_customer=False)
    assert fold([one, two]).restricted_customer(AT) is False
    assert fold([two, one]).restricted_customer(AT) is False
    assert fold([two, replace(one, status_at=AT + HOUR)]).restricted_customer(AT + HOUR) is True


def test_a_fact_is_as_it_was_told_last_by_then() -> None:
    """What a later status does not tell of stays; a null that is told takes it back."""
    events = [
        status("a", AT - 2 * HOUR, birth_date=date(2000, 1, 1), capacity="full"),
        status("b", AT - HOUR, "restricted_customer", restricted_customer=True),
        status("c", AT, "birth_date", birth_date=None),
    ]
    state = fold(events)
    assert state.birth_date(AT - HOUR) == date(2000, 1, 1)
    assert state.birth_date(AT) is None
    assert state.restricted_customer(AT - 2 * HOUR) is None
    assert state.restricted_customer(AT - HOUR) is True
    assert state.birth_date(AT - 3 * HOUR) is None


def test_capacity_is_that_of_the_day_as_known_by_then() -> None:
    """A consent is judged by the capacity of its own day, whatever came after (PROV-3)."""
    state = fold(
        [
            status("a", AT - 48 * HOUR, capacity="curatee"),
            status("b", AT, capacity="full"),
            status("c", AT, "birth_date"),
        ]
    )
    assert state.capacity_on(date(2026, 11, 18), AT) is None
    assert state.capacity_on(date(2026, 11, 19), AT) == "curatee"
    assert state.capacity_on(date(2026, 11, 20), AT) == "curatee"
    assert state.capacity_on(date(2026, 11, 21), AT) == "full"
    assert state.capacity_on(date(2026, 11, 21), AT - HOUR) == "curatee"


def test_the_checks_of_two_statuses_are_one() -> None:
    """Each part as told last; a null takes all back (SG II-4-2-6-4(1))."""
    declared, matched = date(2026, 11, 1), date(2026, 11, 2)
    one = status("a", AT - 2 * HOUR, restriction_check=RestrictionCheck(declared, None, True))
    two = status("b", AT - HOUR, restriction_check=RestrictionCheck(None, matched, None))
    taken_back = status("c", AT, "restriction_check")
    state = fold([two, taken_back, one])
    assert state.restriction_check(AT - 3 * HOUR) is None
    assert state.restriction_check(AT - 2 * HOUR) == RestrictionCheck(declared, None, True)
    assert state.restriction_check(AT - HOUR) == RestrictionCheck(declared, matched, True)
    assert state.restriction_check(AT) is None
    later = status("d", AT + HOUR, restriction_check=RestrictionCheck(None, None, False))
    assert fold([one, two, later]).restriction_check(AT + HOUR) == RestrictionCheck(declared, matched, False)


@pytest.mark.parametrize(
    ("given", "ended"), [(AT - HOUR, True), (AT, True), (AT + HOUR, False), (None, True)]
)
def test_a_controllers_withdrawal_ends_what_was_given_until_then(given: datetime | None, ended: bool) -> None:
    """The very moment included; an undated consent counts as given before (WALL-10)."""
    grant = ConsentGranted("g", "C-1", "purpose", "bank", NOWHERE, given_at=given)
    state = fold([ConsentWithdrawn("w", NOWHERE, AT, controller="bank"), grant])
    assert state.withdrawn(grant, AT + 2 * HOUR) is ended
    assert not state.withdrawn(grant, AT - HOUR)
    other = fold([ConsentWithdrawn("w", NOWHERE, AT, controller="insurer"), grant])
    assert not other.withdrawn(grant, AT + 2 * HOUR)


def test_a_withdrawal_by_id_ends_every_grant_under_it() -> None:
    """Whenever given, from the moment on."""
    grant = ConsentGranted("g", "C-1", "purpose", "bank", NOWHERE, given_at=AT + HOUR)
    first = ConsentWithdrawn("v", NOWHERE, AT + 9 * HOUR, consent_id="C-1")
    state = fold([first, ConsentWithdrawn("w", NOWHERE, AT, consent_id="C-1"), grant])
    assert state.withdrawn(grant, AT)
    assert not state.withdrawn(grant, AT - HOUR)
    assert not state.withdrawn(replace(grant, consent_id="C-2"), AT + HOUR)


def test_the_last_refusal_of_the_purpose_or_the_recipient_counts() -> None:
    """By then, at that controller; no recipient matches none (PROV-9)."""
    early = ConsentRefused("r1", "bank", NOWHERE, AT - HOUR, frozenset({"p"}))
    late = ConsentRefused("r2", "bank", NOWHERE, AT, frozenset(), frozenset({"x"}))
    state = fold([late, early])
    assert state.last_refusal("bank", "p", None, AT) == AT - HOUR
    assert state.last_refusal("bank", "p", "x", AT) == AT
    assert state.last_refusal("bank", "q", "x", AT) == AT
    assert state.last_refusal("bank", "q", "x", AT - HOUR) is None
    assert state.last_refusal("bank", "q", None, AT) is None
    assert state.last_refusal("insurer", "p", "x", AT) is None


@pytest.mark.parametrize(
    ("lifted", "stopped"), [(AT - 3 * HOUR, True), (AT - HOUR, False), (AT, False), (AT + HOUR, True)]
)
def test_a_stop_holds_until_it_is_lifted(lifted: datetime, stopped: bool) -> None:
    """From its order on, until a lift of its own id after that (SUSP; APPI 35)."""
    order = SuspensionOrdered("s", "S-1", "use", "bank", NOWHERE, AT - 2 * HOUR)
    state = fold([SuspensionLifted("l", "S-1", NOWHERE, lifted), order])
    assert bool(state.suspensions_in_force("use", "bank", AT)) is stopped
    other = fold([SuspensionLifted("l", "S-2", NOWHERE, AT - HOUR), order])
    assert other.suspensions_in_force("use", "bank", AT) == [order]
    assert other.suspensions_in_force("provision", "bank", AT) == []
    assert other.suspensions_in_force("use", "insurer", AT) == []
    assert other.suspensions_in_force("use", "bank", AT - 3 * HOUR) == []


def test_a_stop_ordered_anew_after_its_lift_holds_again() -> None:
    """The same id may be ordered twice."""
    first = SuspensionOrdered("s1", "S-1", "use", "bank", NOWHERE, AT - 3 * HOUR)
    again = replace(first, event_id="s2", ordered_at=AT - HOUR)
    lift = SuspensionLifted("l", "S-1", NOWHERE, AT - 2 * HOUR)
    assert fold([again, lift, first]).suspensions_in_force("use", "bank", AT) == [again]


def test_opting_out_and_back_are_kept_together() -> None:
    """Which of them counts last is asked of both."""
    out = OptOutRegistered("o1", "bank", NOWHERE, AT - HOUR)
    back = OptOutCancelled("o2", "bank", NOWHERE, AT)
    assert fold([back, out]).opt_outs == [back, out]


def test_an_event_of_no_known_kind_is_no_state() -> None:
    """It is a defect of whoever folds, not a fact to pass over."""
    with pytest.raises(KeyError):
        fold(["no event"])  # type: ignore[list-item]
