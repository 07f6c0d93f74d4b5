"""A decision uses the rules that are in force at its time: `effective_from` and `effective_until`, both days included."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.test_other_rulebooks import (
    BANK,
    BORROWING_FOR_DEPOSITS,
    CONSENT,
    SAVINGS_UNDER_A_SOLICITOR,
    UNCHECKED_CUSTOMER,
)
from domain.worlds import AT, sample_book
from sekisho.domain.book import Rulebook
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.decision import decide
from sekisho.domain.request import AccessRequest, Activity, Recipient
from sekisho.rulebook import RulebookError, compile_sources, read_texts, sample_path

TODAY = tokyo_day(AT)
DAY = timedelta(days=1)
NAMED_ONLY = CONSENT.terms and replace(CONSENT.terms, items=frozenset({"customer.name"}))


def in_force(rule: str, first: date | None, last: date | None) -> Rulebook:
    """The sample rulebook with a rule that is in force in a span of days."""
    return replace(sample_book(), digest=f"sha256:{rule}{first}{last}", spans={rule: (first, last)})


@pytest.mark.parametrize(
    ("rule", "request_"),
    [
        ("ACC-4", SAVINGS_UNDER_A_SOLICITOR),
        ("WALL-13", UNCHECKED_CUSTOMER),
        ("WALL-15", BORROWING_FOR_DEPOSITS),
        ("PURP-1", BORROWING_FOR_DEPOSITS._replace(purpose="legal.response")),
    ],
)
def test_a_rule_refuses_from_its_first_to_its_last_day(rule: str, request_: AccessRequest) -> None:
    """On both end days it refuses; the day before and the day after it is not among the reasons."""

    def refuses(first: date | None, last: date | None) -> bool:
        verdict = decide(request_, [], in_force(rule, first, last), AT)
        return rule in {cite.rule for cite in verdict.reasons}

    assert refuses(TODAY, None)
    assert refuses(None, TODAY)
    assert refuses(TODAY, TODAY)
    assert not refuses(TODAY + DAY, None)
    assert not refuses(None, TODAY - DAY)


def test_what_a_rule_does_not_ground_yet_is_refused_for_want_of_a_basis() -> None:
    """A basis of a rule that is not in force grounds nothing: silence refuses."""
    asked = BORROWING_FOR_DEPOSITS._replace(purpose="savings.administration")
    assert decide(asked, [], sample_book(), AT).effect == "allow"
    verdict = decide(asked, [], in_force("PURP-1", TODAY + DAY, None), AT)
    assert [cite.code for cite in verdict.reasons] == ["request.no_basis"]


def test_a_clause_of_a_consent_binds_from_its_first_day() -> None:
    """A bundled consent serves until the rule that forbids bundling is in force."""
    bundled = replace(CONSENT, bundled=True)
    asked = request_of_provision()
    assert decide(asked, [bundled], in_force("PROV-2", TODAY + DAY, None), AT).effect == "allow"
    refused = decide(asked, [bundled], in_force("PROV-2", TODAY, None), AT)
    assert [miss.failed for miss in refused.near_misses] == [("consent.bundled",)]


def test_where_the_rule_of_a_consents_items_is_not_in_force_it_covers_all() -> None:
    """WALL-8's clauses fall away together."""
    narrow = replace(CONSENT, terms=NAMED_ONLY)
    asked = request_of_provision()
    assert decide(asked, [narrow], sample_book(), AT).effect == "deny"
    assert decide(asked, [narrow], in_force("WALL-8", TODAY + DAY, None), AT).effect == "allow"


def test_a_condition_of_the_gate_itself_has_no_days() -> None:
    """REQ cannot be put off: a rulebook that tries is refused with the line."""
    texts = read_texts(sample_path())
    name = next(name for name, text in texts.items() if "\n  REQ-3:\n" in text)
    texts[name] = texts[name].replace("\n  REQ-3:\n", "\n  REQ-3:\n    effective_from: 2030-01-01\n")
    with pytest.raises(RulebookError, match="REQ-3 is a condition of the gate itself and always in force"):
        compile_sources(texts)


def request_of_provision() -> AccessRequest:
    """A provision of the balance to the insurer, on consent."""
    return AccessRequest(
        "r", AT, BANK, "C-1", "individual", "provide", "savings-bank", ("savings.balance",), "insurance.administration",
        Activity("maintenance", "none"),
        recipient=Recipient("life-insurer", "third_party", "life-insurer", "東京都", "代表", "JP"),
    )  # fmt: skip
