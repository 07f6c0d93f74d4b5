"""Exceptions and grounds of which the sample rulebook has no example: who is entrusted by a state body, a joint research that
ended, sensitive items under an entrustment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.worlds import AT, sample_book
from sekisho.domain.book import Entrustment, Research, Rulebook
from sekisho.domain.decision import decide
from sekisho.domain.request import (
    AccessRequest,
    Activity,
    LegalBasis,
    Provider,
    Receipt,
    Recipient,
    Requester,
)
from sekisho.domain.vocabulary import LegalBasisKind, ReceiptBasis

BANK = Requester("savings-bank", "deposit", "core-banking")
DAY = AT.date()
LONG_AGO = date(2020, 1, 1)
COOPERATION = LegalBasis(
    "state_cooperation",
    "統計調査2026",
    necessity="調査への回答",
    would_hinder="回答が偏る",
    body="data-entry-co",
)
ANSWERED = AccessRequest(
    "r", AT, BANK, "C-1", "individual", "use", "savings-bank", ("savings.balance",), "legal.response",
    Activity("maintenance", "none"), legal_basis=COOPERATION,
)  # fmt: skip


def entrusting(
    controller: str, trustee: str, until: date | None, subs: frozenset[str] = frozenset()
) -> Rulebook:
    """The sample rulebook with one more entrustment."""
    book = sample_book()
    trust = Entrustment(
        "AG-9", controller, trustee, subs, frozenset({"sensitive.treatment"}), frozenset({"debt.collection"}),
        LONG_AGO, until,
    )  # fmt: skip
    pairs = {**book.entrustments, **{(controller, name): (trust,) for name in (trustee, *subs)}}
    agreements = {**book.agreements, "AG-9": trust}
    return replace(book, digest=f"sha256:{trust}", entrustments=pairs, agreements=agreements)


def test_one_entrusted_by_a_state_body_is_cooperated_with() -> None:
    """その委託を受けた者 (APPI 18(3)(iv)): while a registered entrustment is in force, its last day included."""
    assert decide(ANSWERED, [], entrusting("tax-office", "data-entry-co", DAY), AT).effect == "allow"


@pytest.mark.parametrize(
    "book",
    [
        entrusting("tax-office", "data-entry-co", DAY - timedelta(days=1)),
        entrusting("life-insurer", "data-entry-co", None),
        entrusting("tax-office", "data-entry-sub", None, frozenset({"data-entry-co"})),
        sample_book(),
    ],
    ids=["ended", "by a company", "sub-entrusted", "not entrusted"],
)
def test_no_other_is(book: Rulebook) -> None:
    """An ended entrustment, one by a company, and what the entrusted one hands on are none by a state body."""
    verdict = decide(ANSWERED, [], book, AT)
    assert "exception.conditions_unmet EXC-4" in [f"{cite.code} {cite.rule}" for cite in verdict.reasons]


@pytest.mark.parametrize(("until", "effect"), [(DAY, "allow"), (DAY - timedelta(days=1), "deny")])
def test_joint_research_ends_with_its_last_day(until: date, effect: str) -> None:
    """EXC-7: the last day is included."""
    book = sample_book()
    university = replace(
        book.organizations["university"], joint_research={"savings-bank": Research(LONG_AGO, until)}
    )
    ending = replace(
        book, digest=f"sha256:{until}", organizations={**book.organizations, "university": university}
    )
    request = AccessRequest(
        "r", AT, Requester("university", "common", "research", "op-7001"), "C-1", "individual", "provide", "university",
        ("customer.name",), "statistics.internal", Activity("inquiry", "none"),
        recipient=Recipient("savings-bank", "third_party", "savings-bank", "東京都", "代表", "JP"),
        legal_basis=LegalBasis("academic_joint", "研究計画2026-3", no_undue_harm=True),
    )  # fmt: skip
    assert decide(request, [], ending, AT).effect == effect


def received(basis: ReceiptBasis, kind: LegalBasisKind = "claim_specification") -> AccessRequest:
    """A servicer receives a treatment that a claim is for."""
    return AccessRequest(
        "r", AT, Requester("servicer", "claims_management", "collection", "op-5001"), "C-1", "individual", "receive",
        "servicer", ("sensitive.treatment",), "debt.collection", Activity("collection", "none"),
        legal_basis=LegalBasis(kind, "債権2026-55"),
        receipt=Receipt(
            Provider("regional-bank", "regional-bank", "東京都", "代表"), "本人から取得", "DOC-1", False, basis, "AG-9",
        ),
    )  # fmt: skip


def test_what_an_entrustment_brings_needs_no_consent_to_acquire() -> None:
    """政令9条2号; the ground of SENS-1 is asked all the same (SV 8(1))."""
    book = entrusting("regional-bank", "servicer", None)
    assert decide(received("entrustment"), [], book, AT).effect == "allow"
    groundless = received("entrustment")._replace(legal_basis=None)
    told = {cite.code for cite in decide(groundless, [], book, AT).reasons}
    assert "sensitive.not_permitted" in told
    assert "sensitive.consent_missing" not in told


def test_an_entrustment_that_is_only_claimed_does_not_help() -> None:
    """SENS-3 rests on the relation as proven."""
    told = {cite.code for cite in decide(received("entrustment"), [], sample_book(), AT).reasons}
    assert "sensitive.consent_missing" in told
