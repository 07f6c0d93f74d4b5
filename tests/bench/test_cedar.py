"""That the Cedar policy of the bench is the wall: a comparison with something else would say nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

import pytest

from bench.cedar import Wall
from domain.worlds import AT, consent, good_consent, request, sample_book
from sekisho.domain.book import Rulebook, Specified
from sekisho.domain.decision import decide_in_full
from sekisho.domain.events import ConsentEvent, ConsentWithdrawn, Position
from sekisho.domain.request import AccessRequest

LEFT_OUT = {"restricted_customer.check", "consent.acquisition"}
"""Purposes of rules that the policy does not hold (WALL-4, PURP-4)."""


@cache
def book() -> Rulebook:
    """The sample world, in which every purpose is specified: what then needs a consent, the wall alone wants."""
    whole = sample_book()
    everything = Specified(frozenset(whole.purposes), {}, True)
    pairs = {(holder, item): everything for holder in whole.holders for item in whole.items}
    return replace(whole, digest="sha256:all-specified", specified=pairs)


@cache
def wall() -> Wall:
    """The policy over that world."""
    return Wall(book())


def asked_and_known(chance: Random) -> tuple[AccessRequest, list[ConsentEvent]]:
    """A use of non-public items by the holder itself, and up to three cross-sell consents, some of them withdrawn."""
    found = request(chance)
    holder = chance.choice(("savings-bank", "life-insurer", "regional-bank"))
    asked = found._replace(
        action="use", recipient=None, legal_basis=None, record=None, holder=holder, product_provider=chance.choice((None, holder, "agency-a")),
        requester=found.requester._replace(organization=holder), subject_kind="individual",
        items=tuple(chance.sample(("savings.balance", "insurance.policy", "customer.name", "loans.borrowing"), 2)),
        activity=found.activity._replace(list_name=None, selected_by=()),
    )  # fmt: skip
    known: list[ConsentEvent] = [
        replace(
            chance.choice((consent, good_consent))(chance),
            event_id=f"e{place}",
            kind="cross_sell",
            controller=holder,
        )
        for place in range(chance.randint(0, 3))
    ]
    if chance.random() < 0.2:
        known.append(ConsentWithdrawn("w", Position(None, 9), AT, consent_id="C-1"))
    return asked, known


def by_the_core(asked: AccessRequest, known: list[ConsentEvent]) -> list[bool]:
    """By item, whether the wall lets it pass: no reason of the wall's consents stands at it."""
    found = []
    for item in asked.items:
        verdict = decide_in_full(asked._replace(items=(item,)), known, book(), AT)
        found.append(not any(cite.code.startswith("consent.") for cite in verdict.reasons))
    return found


def test_cedar_answers_as_the_wall_does() -> None:
    """1,500 chance uses, item by item; both answers come up often."""
    told = {True: 0, False: 0}
    for seed in range(1500):
        asked, known = asked_and_known(Random(seed))
        if LEFT_OUT.isdisjoint((asked.purpose, *asked.anticipated_purposes)):
            answers = wall().decide(asked, known, AT)
            assert answers == by_the_core(asked, known), seed
            for each in answers:
                told[each] += 1
    assert min(told.values()) > 300


def test_more_consents_than_the_policy_has_rules_for_are_refused() -> None:
    """The bench does not drop what it cannot ask."""
    asked, _ = asked_and_known(Random(1))
    many = [replace(good_consent(Random(1)), kind="cross_sell", event_id=f"e{place}") for place in range(6)]
    with pytest.raises(ValueError, match="5 consents"):
        wall().requests(asked, many, AT)
