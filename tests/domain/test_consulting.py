"""Which of several consents serves, and what each lacks: the corners that single cases do not show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from bench.decision import AT, commons, consent, hards
from domain.worlds import sample_book
from sekisho.domain.decision import decide_in_full
from sekisho.domain.events import (
    ConsentConfirmed,
    ConsentEvent,
    ConsentGranted,
    Position,
    SuspensionLifted,
    SuspensionOrdered,
    Terms,
)
from sekisho.domain.request import AccessRequest
from sekisho.domain.verdict import Verdict

SOLICITING = next(each for each in commons() if each.name == "allow: 3 items, 1 consent")


def judged(request: AccessRequest, *events: ConsentEvent) -> Verdict:
    """What is decided on the base day."""
    return decide_in_full(request, events, sample_book(), AT)


def failed(verdict: Verdict) -> dict[str, tuple[str, ...]]:
    """The near misses by consent."""
    return {missed.consent_id: missed.failed for missed in verdict.near_misses}


def test_each_of_several_consents_abroad_is_told_by_its_own_faults() -> None:
    """What was told of the recipient in one consent says nothing of another's."""
    serving, none = hards()
    served = judged(serving.request, *serving.events)
    assert [each.consent_id for each in served.consents] == ["CS-1"]
    assert served.near_misses == ()
    assert served.record is not None
    assert [each.consent_id for each in served.record.consents] == ["CS-1"]
    assert failed(judged(none.request, *none.events)) == {
        "CS-2": ("consent.expired",),
        "CS-3": ("foreign.information_not_given",),
        "CS-5": ("consent.not_written", "consent.bundled"),
    }


def test_consents_of_others_and_of_other_kinds_are_passed_over() -> None:
    """Whichever stands first: a consent to another controller, or of a kind that nobody asks for, ends no search."""
    good = replace(consent(5), consent_id="CS-5")
    elsewhere = replace(consent(1), consent_id="CS-1", controller="regional-bank")
    sensitive = replace(consent(2), consent_id="CS-2", kind="sensitive")
    verdict = judged(SOLICITING.request, elsewhere, sensitive, good)
    assert verdict.effect == "allow"
    assert [each.consent_id for each in verdict.consents] == ["CS-5"]


def test_the_clauses_of_the_nearest_consents_are_the_reasons() -> None:
    """The fewest failed: one of one fault goes before one of two, two of one fault each both count."""
    expired = replace(consent(1), terms=replace(consent(1).terms or Terms(), valid_until=date(2026, 11, 20)))
    worse = replace(expired, consent_id="CS-2", method=None)
    unrecorded = replace(consent(3), recorded_at=None)
    for order in ((expired, worse), (worse, expired)):
        found = judged(SOLICITING.request, *order)
        assert {cite.code for cite in found.reasons} == {"consent.expired", "purpose.outside_specified"}
        assert failed(found)["CS-2"] == ("consent.method_insufficient", "consent.expired")
    both = judged(SOLICITING.request, expired, worse, unrecorded)
    assert {cite.code for cite in both.reasons} == {
        "consent.expired",
        "consent.method_insufficient",
        "purpose.outside_specified",
    }


def test_near_misses_of_several_items_are_united() -> None:
    """What failed for either item stands at the consent."""
    terms = consent(1).terms or Terms()
    narrow = replace(
        consent(1), terms=replace(terms, items=frozenset({"savings.balance"}), valid_until=date(2026, 11, 20))
    )
    assert failed(judged(SOLICITING.request, narrow)) == {"CS-1": ("consent.scope_items", "consent.expired")}


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "effect"),
    [
        ({"valid_from": date(2026, 11, 21)}, "allow"),
        ({"valid_from": date(2026, 11, 22)}, "deny"),
        ({"valid_until": date(2026, 11, 21)}, "allow"),
        ({"valid_until": date(2026, 11, 20)}, "deny"),
    ],
)
def test_the_first_and_the_last_valid_day_are_included(changes: dict[str, Any], effect: str) -> None:
    """WALL-8: days of Asia/Tokyo, both included."""
    within = replace(consent(1), terms=replace(consent(1).terms or Terms(), **changes))
    assert judged(SOLICITING.request, within).effect == effect


@pytest.mark.parametrize(("moment", "effect"), [(AT, "allow"), (AT + timedelta(microseconds=1), "deny")])
def test_a_consent_and_its_confirmation_count_from_their_moment(moment: datetime, effect: str) -> None:
    """Given, or put in writing, at the very moment of the decision is in time (WALL-7, WALL-8)."""
    stage = SOLICITING.request.activity._replace(kind="application")
    applying = SOLICITING.request._replace(activity=stage)
    given = replace(consent(1), given_at=moment, explained_at=AT, recorded_at=AT)
    assert judged(SOLICITING.request, given).effect == effect
    oral: ConsentGranted = replace(consent(1), method="oral")
    confirmed = ConsentConfirmed("c", "CS-1", Position(None, 1), "written", moment)
    assert judged(applying, oral, confirmed).effect == effect


def test_explained_at_the_moment_of_an_abroad_consent_is_beforehand() -> None:
    """At or before given_at, for what was told of a country too (ER 17)."""
    serving, _ = hards()
    (good, *_) = serving.events
    assert isinstance(good, ConsentGranted)
    assert good.given_at is not None
    assert judged(serving.request, replace(good, explained_at=good.given_at)).effect == "allow"
    assert judged(serving.request, replace(good, explained_at=good.given_at + DAY)).effect == "deny"


def test_a_lift_of_the_moment_of_the_order_lifts_it() -> None:
    """Not before it, that is (SUSP)."""
    own = commons()[0].request
    stop = SuspensionOrdered("s", "S-1", "use", "savings-bank", Position(None, 0), AT - DAY)
    assert judged(own, stop).effect == "deny"
    assert judged(own, stop, SuspensionLifted("l", "S-1", Position(None, 1), AT - DAY)).effect == "allow"
    assert judged(own, stop, SuspensionLifted("l", "S-1", Position(None, 1), AT - 2 * DAY)).effect == "deny"
