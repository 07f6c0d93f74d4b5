"""Nothing is allowed on silence: what is switched off or not in force grants nothing, and opens nothing that it would have."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.test_in_force import in_force
from domain.test_other_rulebooks import BANK, switched_off
from domain.worlds import AT, sample_book
from sekisho.domain.calendar import tokyo_day
from sekisho.domain.decision import decide
from sekisho.domain.request import AccessRequest, Activity, LegalBasis, Recipient, Requester
from sekisho.domain.verdict import Verdict

TODAY = tokyo_day(AT)
TOMORROW = TODAY + timedelta(days=1)
NAMED = AccessRequest(
    "r", AT, BANK, "C-1", "individual", "use", "savings-bank", ("customer.name",), "savings.administration",
    Activity("maintenance", "none"),
)  # fmt: skip
AGENT = Requester("agency-a", "insurance_solicitation", "agency-crm", "op-4501")
OF_AN_INSURER = NAMED._replace(
    requester=AGENT,
    holder="agency-a/life-insurer",
    purpose="insurance.solicitation",
    product_provider="other-insurer",
)
FORMER = NAMED._replace(holder="savings-bank/former-bank")


def to(recipient: str, relation: str, agreement: str | None = None) -> Recipient:
    """A recipient in Japan with all that a record asks for."""
    return Recipient(recipient, relation, recipient, "東京都", "代表", "JP", agreement)  # type: ignore[arg-type]


FOR_RESEARCH = NAMED._replace(
    action="provide",
    purpose="statistics.internal",
    recipient=to("university", "third_party"),
    legal_basis=LegalBasis("academic_provision", "R-1", no_undue_harm=True),
)
ENTRUSTED = NAMED._replace(
    requester=Requester("life-insurer", "insurance", "policy-admin"),
    holder="life-insurer",
    action="provide",
    purpose="insurance.administration",
    recipient=to("data-entry-co", "entrustment", "AG-1"),
)
ASSIGNED = NAMED._replace(
    requester=Requester("regional-bank", "lending", "rb-core", "op-4001"),
    holder="regional-bank",
    action="provide",
    purpose="debt.collection",
    recipient=to("servicer", "claim_assignment"),
)


def codes(verdict: Verdict) -> list[str]:
    """The reasons' codes."""
    return [cite.code for cite in verdict.reasons]


@pytest.mark.parametrize("anticipated", [(), ("savings.administration",)])
def test_asking_for_consent_is_a_purpose_like_others_where_its_rule_is_switched_off(
    anticipated: tuple[str, ...],
) -> None:
    """An attribute is not non-public, and may serve another purpose: neither grounds the asking (PURP-4)."""
    asked = NAMED._replace(purpose="consent.acquisition", anticipated_purposes=anticipated)
    assert decide(asked, [], sample_book(), AT).effect == "allow"
    assert codes(decide(asked, [], switched_off("PURP-4", "savings-bank"), AT)) == [
        "purpose.outside_specified"
    ]


@pytest.mark.parametrize("purpose", ["savings.administration", "legal.response"])
def test_to_be_not_non_public_is_no_ground_of_a_purpose(purpose: str) -> None:
    """WALL-5 lifts the wall alone: where PURP-1 is not in force, an attribute has no ground, whatever the purpose."""
    asked = NAMED._replace(purpose=purpose)
    assert codes(decide(asked, [], in_force("PURP-1", TOMORROW, None), AT)) == ["request.no_basis"]


def test_a_related_purpose_is_none_while_its_rule_is_not_in_force() -> None:
    """PURP-1 refuses what only PURP-2 would bring within."""
    asked = FORMER._replace(purpose="savings.solicitation")
    assert decide(asked, [], sample_book(), AT).effect == "allow"
    verdict = decide(asked, [], in_force("PURP-2", TOMORROW, None), AT)
    assert codes(verdict) == ["purpose.outside_specified"]


@pytest.mark.parametrize(
    ("rule", "asked"),
    [("PURP-3", FORMER._replace(purpose="complaint.handling")), ("PURP-6", OF_AN_INSURER)],
)
def test_what_a_narrower_rule_of_purpose_does_not_refuse_the_wide_one_does(
    rule: str, asked: AccessRequest
) -> None:
    """Without the rule of the predecessor's or the other insurer's purposes, they are outside all the same (PURP-1)."""
    assert [cite.rule for cite in decide(asked, [], sample_book(), AT).reasons] == [rule]
    verdict = decide(asked, [], in_force(rule, TOMORROW, None), AT)
    assert [(cite.code, cite.rule) for cite in verdict.reasons] == [("purpose.outside_specified", "PURP-1")]


def test_an_exception_that_is_not_in_force_lifts_nothing() -> None:
    """The provision for research needs the person's consent until EXC-6 is there."""
    assert decide(FOR_RESEARCH, [], sample_book(), AT).effect == "allow"
    verdict = decide(FOR_RESEARCH, [], in_force("EXC-6", TOMORROW, None), AT)
    assert codes(verdict) == ["consent.missing"]


@pytest.mark.parametrize(("rule", "asked"), [("PROV-4", ENTRUSTED), ("PROV-9", ASSIGNED)])
def test_a_provision_is_not_grounded_by_its_purpose_alone(rule: str, asked: AccessRequest) -> None:
    """A specified purpose says nothing of providing: where the relation's rule is not in force, nothing grounds it."""
    assert decide(asked, [], sample_book(), AT).effect == "allow"
    assert codes(decide(asked, [], in_force(rule, TOMORROW, None), AT)) == ["request.no_basis"]


def test_data_are_not_the_successors_before_the_day_of_the_succession() -> None:
    """Until then they are the predecessor's, whatever is claimed: the holder id is not the bank's yet (PROV-5)."""
    book = sample_book()
    (heirs,) = [heirs for heirs in book.successions.values() if heirs[0].holder is not None]
    first = AT.replace(
        year=heirs[0].effective_on.year, month=heirs[0].effective_on.month, day=heirs[0].effective_on.day
    )
    assert decide(FORMER, [], book, first).effect == "allow"
    before = first - timedelta(days=1)
    by_law = FORMER._replace(legal_basis=LegalBasis("law", "刑事訴訟法第197条第2項"))
    for asked in (FORMER, by_law):
        verdict = decide(asked, [], book, before)
        assert [(cite.code, cite.rule) for cite in verdict.reasons] == [("requester.not_entrusted", "ACC-5")]


def test_one_succession_that_is_there_makes_the_data_the_successors() -> None:
    """Of two that bring data under one holder id, the first to take effect opens it."""
    book = sample_book()
    ((pair, heirs),) = [
        (pair, heirs) for pair, heirs in book.successions.items() if heirs[0].holder is not None
    ]
    later = replace(heirs[0], id="SUC-9", effective_on=TOMORROW)
    both = replace(book, digest="sha256:both", successions={**book.successions, pair: (*heirs, later)})
    assert decide(FORMER, [], both, AT).effect == "allow"
