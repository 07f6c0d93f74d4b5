"""What holds of every decision, whatever is asked and whatever is known (rulebook.md, the two principles)."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.worlds import AT, consents, good_consents, histories, requests, sample_book
from sekisho.domain.book import Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.events import ConsentEvent, ConsentGranted, ConsentWithdrawn, Position, Terms
from sekisho.domain.request import AccessRequest
from sekisho.domain.rules import BASES, RANK
from sekisho.domain.verdict import Verdict

MANY = settings(max_examples=400, deadline=None)


def asked(request: AccessRequest, events: list[ConsentEvent], book: Rulebook | None = None) -> Verdict:
    """The decision on the sample world's base day."""
    return decide(request, events, book or sample_book(), AT)


def allowed(verdict: Verdict) -> set[str]:
    """The items that are allowed."""
    return {item.item for item in verdict.items if item.effect == "allow"}


@MANY
@given(requests, histories, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_known_does_not_matter(
    request: AccessRequest, events: list[ConsentEvent], shuffler: random.Random
) -> None:
    """Any permutation of the same events gives the same verdict."""
    shuffled = events.copy()
    shuffler.shuffle(shuffled)
    assert asked(request, shuffled) == asked(request, events)


@MANY
@given(requests, histories, requests, histories)
def test_a_decision_depends_on_nothing_that_was_decided_before(
    request: AccessRequest, events: list[ConsentEvent], other: AccessRequest, others: list[ConsentEvent]
) -> None:
    """The same four give the same verdict, whatever is decided in between, of this person or of another."""
    first = asked(request, events)
    asked(request, others)
    asked(other, events)
    asked(request, [])
    assert asked(request, events) == first


@MANY
@given(requests, histories)
def test_an_effect_never_rests_on_silence(request: AccessRequest, events: list[ConsentEvent]) -> None:
    """An allowed item has a basis and no reason, a denied one a reason and no basis; the whole follows from the items."""
    verdict = asked(request, events)
    for item in verdict.items:
        assert bool(item.basis) == (item.effect == "allow")
        assert bool(item.reasons) == (item.effect == "deny")
    assert (verdict.effect == "allow") == all(item.effect == "allow" for item in verdict.items)
    assert {cite.code for cite in verdict.reasons} == {
        code for item in verdict.items for code in item.reasons
    }
    if verdict.effect == "deny":
        assert verdict.obligations == ()
        assert verdict.record is None
        assert verdict.record_exemption is None


@MANY
@given(requests, histories)
def test_codes_stand_once_and_in_the_rulebooks_order(
    request: AccessRequest, events: list[ConsentEvent]
) -> None:
    """Reasons and bases follow the rulebook's order; at an item a code stands once, at its first rule."""
    verdict = asked(request, events)
    assert list(verdict.reasons) == sorted(set(verdict.reasons), key=RANK.__getitem__)
    first = {code: min(RANK[cite] for cite in RANK if cite.code == code) for code in {c.code for c in RANK}}
    last = {code: max(RANK[cite] for cite in RANK if cite.code == code) for code in first}
    for item in verdict.items:
        assert len(set(item.reasons)) == len(item.reasons)
        assert all(first[one] <= last[two] for one, two in zip(item.reasons, item.reasons[1:], strict=False))
        ranks = [[cite.code for cite in BASES].index(code) for code in item.basis]
        assert len(set(item.basis)) == len(item.basis)
        assert ranks == sorted(ranks) or "basis.consent" in item.basis
        if "request.no_basis" in item.reasons:
            assert item.reasons == ("request.no_basis",)


@MANY
@given(requests, histories, st.data())
def test_taking_a_consent_away_opens_nothing(
    request: AccessRequest, events: list[ConsentEvent], data: st.DataObject
) -> None:
    """Without one of the consents no item is allowed that was not."""
    grants = [event for event in events if isinstance(event, ConsentGranted)]
    if not grants:
        return
    gone = data.draw(st.sampled_from(grants))
    assert allowed(asked(request, [event for event in events if event is not gone])) <= allowed(
        asked(request, events)
    )


@MANY
@given(requests, histories, consents | good_consents)
def test_another_consent_closes_nothing(
    request: AccessRequest, events: list[ConsentEvent], further: ConsentGranted
) -> None:
    """With one more consent, good or bad, every item that was allowed still is."""
    further = replace(further, event_id="new", consent_id="C-9", position=Position(None, len(events)))
    assert allowed(asked(request, events)) <= allowed(asked(request, [*events, further]))


def without_a_fact(grant: ConsentGranted, fact: str) -> ConsentGranted:
    """The consent with one fact unknown; a dotted name is a part of the terms."""
    if fact.startswith("terms."):
        assert grant.terms is not None
        return replace(grant, terms=replace(grant.terms, **{fact.removeprefix("terms."): None}))
    empty: dict[str, Any] = {"purposes": frozenset(), "recipients": ()}
    change: Any = {fact: empty.get(fact)}
    return replace(grant, **change)


FACTS = (
    "given_at", "recorded_at", "method", "mode", "explained_method", "explained_at", "terms", "purposes",
    "recipients", "bundled", "coerced", "accepted_at", "guardian_relation", "guardian_document",
    *(f"terms.{part.name}" for part in fields(Terms)),
)  # fmt: skip
OPEN_WHERE_UNSTATED = frozenset({"terms.valid_from", "terms.valid_until"})
"""Of consents other than cross-sell ones: a null first day is the day it was given, a null last day no end."""


@MANY
@given(requests, histories, good_consents | consents, st.sampled_from(FACTS))
def test_an_unknown_fact_of_a_consent_opens_nothing(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted, fact: str
) -> None:
    """A fact that is not recorded never helps."""
    if (fact.startswith("terms.") and grant.terms is None) or (
        fact in OPEN_WHERE_UNSTATED and grant.kind != "cross_sell"
    ):
        return
    lacking = without_a_fact(grant, fact)
    assert allowed(asked(request, [*events, lacking])) <= allowed(asked(request, [*events, grant]))


EVIDENCE = ("name", "address", "representative", "relation", "country")
"""What a request states of a recipient in its own favour."""


@MANY
@given(requests, histories, good_consents, st.sampled_from(EVIDENCE))
def test_a_recipient_of_whom_less_is_told_gets_no_more(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted, particular: str
) -> None:
    """Leaving out a particular of the recipient opens nothing."""
    if request.recipient is None:
        return
    known = [*events, grant]
    unstated: Any = {particular: None}
    silent = request._replace(recipient=request.recipient._replace(**unstated))
    assert allowed(asked(silent, known)) <= allowed(asked(request, known))


@MANY
@given(
    requests,
    histories,
    good_consents,
    st.sampled_from(("recipient", "consent_sought", "selected_by", "document")),
)
def test_a_request_that_leaves_out_what_it_must_state_gets_no_more(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted, part: str
) -> None:
    """No recipient, an unstated selection of a list, an unstated consent sought, a contract without its document."""
    silent = request
    if part == "recipient":
        silent = request._replace(recipient=None)
    elif part == "consent_sought":
        silent = request._replace(consent_sought=None)
    elif part == "selected_by" and request.activity.kind == "list_extraction":
        silent = request._replace(activity=request.activity._replace(selected_by=None))
    elif part == "document" and request.record is not None:
        silent = request._replace(record=request.record._replace(document=None))
    known = [*events, grant]
    assert allowed(asked(silent, known)) <= allowed(asked(request, known))


CATALOGUES = (
    "items", "purposes", "operators", "automatic_systems", "systems", "businesses", "holders", "specified",
    "entrustments", "successions", "joint_uses", "agreements",
)  # fmt: skip
"""Parts of the rulebook that open something; what only closes (moratoria, terms, lists of the prohibited) is not here,
nor organizations, which do both: a registered recipient is abroad by its registration."""


@settings(max_examples=1000, deadline=None)
@given(requests, histories, good_consents, st.sampled_from(CATALOGUES), st.data())
def test_a_smaller_rulebook_opens_nothing(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted, part: str, data: st.DataObject
) -> None:
    """Taking an entry out of the rulebook allows no item that was denied: what is unknown refuses."""
    known = [*events, grant]
    whole = sample_book()
    catalogue: Any = getattr(whole, part)
    entry = data.draw(st.sampled_from(sorted(catalogue)))
    kept: Any = (
        {key: value for key, value in catalogue.items() if key != entry}
        if isinstance(catalogue, Mapping)
        else catalogue - {entry}
    )
    smaller = replace(whole, digest=f"sha256:without-{part}-{entry}", **{part: kept})
    assert allowed(asked(request, known, smaller)) <= allowed(asked(request, known))


@MANY
@given(requests, histories, good_consents)
def test_each_item_is_judged_as_if_it_were_asked_alone(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted
) -> None:
    """What an item gets does not depend on the others, but where the record as a whole is refused (REQ-5)."""
    known = [*events, grant]
    together = asked(request, known)
    if any("record.particulars_missing" in item.reasons for item in together.items):
        return
    selected = () if request.activity.selected_by else request.activity.selected_by
    plain = request._replace(activity=request.activity._replace(selected_by=selected))
    for item in together.items:
        alone = asked(plain._replace(items=(item.item,)), known).items[0]
        if alone.reasons == ("record.particulars_missing",):
            continue
        assert (alone.effect, alone.basis, alone.reasons) == (item.effect, item.basis, item.reasons)


@MANY
@given(requests, histories, good_consents)
def test_a_further_purpose_opens_nothing(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted
) -> None:
    """Every rule is applied to each anticipated purpose too, so stating one more never helps."""
    known = [*events, grant]
    more = request._replace(anticipated_purposes=(*request.anticipated_purposes, "lending.solicitation"))
    assert allowed(asked(more, known)) <= allowed(asked(request, known))


@MANY
@given(requests, histories)
def test_what_serves_is_no_near_miss_for_the_same_item(
    request: AccessRequest, events: list[ConsentEvent]
) -> None:
    """Every consent told of was granted; a near miss names its failed clauses."""
    verdict = asked(request, events)
    granted = {event.consent_id for event in events if isinstance(event, ConsentGranted)}
    assert {served.consent_id for served in verdict.consents} <= granted
    assert {missed.consent_id for missed in verdict.near_misses} <= granted
    assert all(missed.failed for missed in verdict.near_misses)
    assert all(set(served.serves) <= allowed(verdict) for served in verdict.consents)


@MANY
@given(requests, histories, good_consents)
def test_a_withdrawal_of_everything_ends_every_consent(
    request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted
) -> None:
    """What is decided after all is withdrawn is what is decided with no consent at all: no item more, none less."""
    holder = request.holder.partition("/")[0]
    known = [
        event
        for event in [*events, grant]
        if not (isinstance(event, ConsentGranted) and (event.given_at or AT) > AT)
    ]
    end = ConsentWithdrawn("end", Position(None, 99), AT, controller=holder)
    none: list[ConsentEvent] = [event for event in known if not isinstance(event, ConsentGranted)]
    assert allowed(asked(request, [*known, end])) == allowed(asked(request, none))


@pytest.mark.parametrize("days", [0, 1, 400])
@settings(max_examples=100, deadline=None)
@given(request=requests, events=histories, grant=good_consents)
def test_an_empty_rulebook_refuses_everything(
    days: int, request: AccessRequest, events: list[ConsentEvent], grant: ConsentGranted
) -> None:
    """An empty rule set refuses, whatever the person consented to."""
    whole = sample_book()
    empty: dict[str, Any] = {
        part: type(getattr(whole, part))() if isinstance(getattr(whole, part), frozenset) else {}
        for part in CATALOGUES
    }
    nothing = replace(whole, digest="sha256:nothing", organizations={}, **empty)
    verdict = decide(request, [*events, grant], nothing, AT + timedelta(days=days))
    assert verdict.effect == "deny"
    assert allowed(verdict) == set()
