"""The sample rulebook holds the whole sample group of sample-group.md."""

from __future__ import annotations

from datetime import date

import pytest

from sekisho.domain.book import (
    BatchAgreement,
    Entrustment,
    JointUse,
    Operator,
    OptOut,
    RelatedPurpose,
    Rulebook,
    Specified,
    Succession,
)
from sekisho.rulebook import compile_sources

ATTRIBUTE = frozenset(
    f"customer.{name}" for name in ("name", "address", "phone", "sex", "birth_date", "occupation")
)
RELATIONSHIP = frozenset({"savings.account_held"})
SAVINGS = frozenset(
    f"savings.{name}" for name in ("deposit_type", "balance", "maturity_date", "transactions", "remittances")
)
NPFI = SAVINGS | {"loans.borrowing", "investments.holdings"}
NPII = frozenset(
    f"insurance.{name}"
    for name in ("policy", "coverage", "premium", "claims", "family_composition", "assets_disclosed")
)
CARD = frozenset({"card.number", "card.expiry"})
CREDIT = frozenset({"credit.repayment_capacity"})
REFERABLE = frozenset(
    f"referable.{name}" for name in ("browsing_history", "location", "purchase_history", "interests")
)
SAVINGS_PURPOSES = frozenset({"savings.administration", "savings.maturity_notice", "savings.solicitation"})
INSURANCE_PURPOSES = frozenset(
    {
        "insurance.solicitation",
        "insurance.underwriting",
        "insurance.administration",
        "insurance.claims_payment",
    }
)
LENDING_PURPOSES = frozenset({"lending.screening", "lending.solicitation"})
COMMON = frozenset(
    {
        "consent.acquisition",
        "legal.response",
        "complaint.handling",
        "restricted_customer.check",
        "statistics.internal",
    }
)
DEBT = frozenset({"debt.collection", "debt.due_diligence"})


def _class(book: Rulebook, name: str) -> frozenset[str]:
    return frozenset(item.id for item in book.items.values() if item.item_class == name)


def test_classes_hold_the_items_of_the_rulebook(book: Rulebook) -> None:
    """Every class holds exactly the items that rulebook.md lists, and twelve sensitive ones are 要配慮."""
    assert _class(book, "attribute") == ATTRIBUTE
    assert _class(book, "relationship") == RELATIONSHIP
    assert _class(book, "npfi") == NPFI
    assert _class(book, "npii") == NPII
    assert _class(book, "card") == CARD
    assert _class(book, "credit") == CREDIT
    assert _class(book, "referable") == REFERABLE
    assert len(_class(book, "sensitive")) == 18
    assert sum(item.special_care for item in book.items.values()) == 12


def test_product_lines_follow_the_business_that_an_item_belongs_to(book: Rulebook) -> None:
    """savings.* belong to deposit, loans to lending, investments to investment, npii to insurance, others to none."""
    for item in SAVINGS:
        assert book.items[item].product_line == "deposit"
    assert book.items["loans.borrowing"].product_line == "lending"
    assert book.items["investments.holdings"].product_line == "investment"
    assert {book.items[item].product_line for item in NPII} == {"insurance"}
    assert book.items["savings.account_held"].product_line is None


def test_purposes_stand_under_their_business_and_say_what_they_solicit(book: Rulebook) -> None:
    """The four solicitation purposes propose a line of product, nothing else does."""
    assert {name: purpose.solicits for name, purpose in book.purposes.items() if purpose.solicits} == {
        "savings.solicitation": "deposit",
        "insurance.solicitation": "insurance",
        "lending.solicitation": "lending",
        "investment.solicitation": "investment",
    }
    assert {name for name, purpose in book.purposes.items() if purpose.business == "common"} == COMMON
    assert book.purposes["insurance.solicitation"].business == "insurance_solicitation"


@pytest.mark.parametrize(
    ("organization", "business", "items"),
    [
        ("post-office", "deposit", ATTRIBUTE | RELATIONSHIP | SAVINGS),
        ("post-office", "insurance_solicitation", ATTRIBUTE | RELATIONSHIP | NPFI | NPII),
        ("savings-bank", "deposit", ATTRIBUTE | RELATIONSHIP | NPFI | REFERABLE | CARD),
        ("savings-bank", "lending", ATTRIBUTE | RELATIONSHIP | NPFI | REFERABLE | CARD | CREDIT),
        ("savings-bank", "investment", ATTRIBUTE | RELATIONSHIP | NPFI | REFERABLE | CARD),
        ("regional-bank", "lending", ATTRIBUTE | RELATIONSHIP | NPFI | NPII | CREDIT),
        ("regional-bank", "insurance_solicitation", ATTRIBUTE | RELATIONSHIP | NPFI | NPII),
        ("agency-a", "insurance_solicitation", ATTRIBUTE | NPII),
        ("servicer", "side_business", ATTRIBUTE),
        ("data-entry-sub", "insurance", ATTRIBUTE | {"insurance.policy"}),
        ("group-analytics", "common", ATTRIBUTE | RELATIONSHIP),
        ("university", "common", ATTRIBUTE | RELATIONSHIP),
    ],
)
def test_businesses_are_granted_their_items(
    book: Rulebook, organization: str, business: str, items: frozenset[str]
) -> None:
    """A business may ask for exactly the items of its row in sample-group.md."""
    assert book.organizations[organization].businesses[business] == items


def test_sensitive_items_are_granted_to_insurers_and_the_servicer_alone(book: Rulebook) -> None:
    """Sensitive items stand in the grants of both insurers and of the servicer's main business."""
    granted = {
        (organization.id, business)
        for organization in book.organizations.values()
        for business, items in organization.businesses.items()
        if "sensitive.medical_history" in items
    }
    assert granted == {
        ("life-insurer", "insurance"),
        ("life-insurer", "insurance_solicitation"),
        ("other-insurer", "insurance"),
        ("other-insurer", "insurance_solicitation"),
        ("servicer", "claims_management"),
    }


def test_organizations_have_their_regime_group_and_marks(book: Rulebook) -> None:
    """TYPES of sample-group.md: regimes, the post group, state bodies, academics and the prohibited list."""
    organizations = book.organizations.values()
    assert {each.id: each.regime for each in organizations if each.regime} == {
        "post-office": "bank_agent",
        "life-insurer": "insurer",
        "other-insurer": "insurer",
        "regional-bank": "bank",
        "servicer": "servicer",
    }
    assert {each.id for each in organizations if each.group} == {
        "post-office",
        "savings-bank",
        "life-insurer",
    }
    assert {each.id for each in organizations if each.state_body} >= {"police", "tax-office"}
    assert {each.id for each in organizations if each.academic} == {"university"}
    assert {each.id for each in organizations if each.prohibited} == {
        "unlicensed-lender",
        "rogue-investigator",
    }


def test_organizations_carry_the_particulars_of_a_record(book: Rulebook) -> None:
    """Every organization has name, address and representative; the five abroad their country."""
    for each in book.organizations.values():
        assert each.name == (each.id if each.state_body else f"{each.id} 株式会社")
        assert (each.address, each.representative) == ("東京都千代田区1-1", "代表 太郎")
    abroad = {each.id: each.country for each in book.organizations.values() if each.country != "JP"}
    assert abroad == {f"overseas-ops-{code.lower()}": code for code in ("US", "DE", "SG", "TH", "IN")}


def test_systems_and_automatic_systems(book: Rulebook) -> None:
    """Four systems may ask without an operator; a system belongs to its organization."""
    assert book.automatic_systems == {"core-banking", "web-bank", "policy-admin", "collection"}
    assert book.organizations["post-office"].systems == {"savings-crm", "window-terminal"}
    assert book.automatic_systems < book.systems


def test_operators_have_branch_scope_and_period(book: Rulebook) -> None:
    """The fourteen operators of the sample, with branch, scope and end where stated."""
    assert len(book.operators) == 14
    assert book.operators["op-0123"] == Operator(
        "op-0123", "post-office", "br-0456", None, None, businesses=None, systems=None, items=None
    )
    assert book.operators["op-0124"].branch == "br-0457"
    assert book.operators["op-0125"].businesses == frozenset({"deposit"})
    assert book.operators["op-0999"].active_until == date(2026, 6, 30)
    assert book.operators["op-6002"].organization == "data-entry-sub"


BANK_NPFI = SAVINGS_PURPOSES | LENDING_PURPOSES | {"complaint.handling"}


@pytest.mark.parametrize(
    ("holder", "items", "purposes", "provision"),
    [
        (
            "savings-bank",
            ATTRIBUTE,
            BANK_NPFI | {"investment.solicitation", "insurance.solicitation", "statistics.internal"},
            True,
        ),
        ("savings-bank", RELATIONSHIP, BANK_NPFI | {"statistics.internal"}, True),
        ("savings-bank", NPFI | CARD, BANK_NPFI, True),
        (
            "savings-bank/former-bank",
            ATTRIBUTE | RELATIONSHIP | NPFI,
            {"savings.administration", "savings.maturity_notice"},
            False,
        ),
        ("savings-bank", REFERABLE, {"savings.solicitation"}, True),
        ("savings-bank", CREDIT, {"lending.screening"}, False),
        ("life-insurer", ATTRIBUTE | NPII, INSURANCE_PURPOSES | {"complaint.handling"}, True),
        ("life-insurer", NPFI, {"insurance.administration"}, False),
        (
            "life-insurer",
            {
                f"sensitive.{n}"
                for n in ("medical_history", "health_checkup", "treatment", "disability", "health_care")
            },
            {"insurance.underwriting", "insurance.claims_payment"},
            False,
        ),
        ("other-insurer", ATTRIBUTE | NPII, INSURANCE_PURPOSES, True),
        (
            "regional-bank",
            ATTRIBUTE,
            SAVINGS_PURPOSES
            | LENDING_PURPOSES
            | DEBT
            | {"insurance.solicitation", "restricted_customer.check"},
            True,
        ),
        (
            "regional-bank",
            RELATIONSHIP | NPFI,
            SAVINGS_PURPOSES | LENDING_PURPOSES | DEBT | {"restricted_customer.check"},
            True,
        ),
        ("regional-bank", NPII, {"insurance.solicitation"}, False),
        ("regional-bank", CREDIT, {"lending.screening"}, False),
        ("servicer", ATTRIBUTE | {"loans.borrowing"}, DEBT, True),
        ("servicer/bid-2026-07", ATTRIBUTE | {"loans.borrowing"}, {"debt.due_diligence"}, False),
        ("servicer/side_business.collection_agency", ATTRIBUTE, {"side_business.collection_agency"}, True),
    ],
)
def test_specified_purposes(
    book: Rulebook, holder: str, items: set[str], purposes: set[str], provision: bool
) -> None:
    """Each row of the specified purposes holds for each of its items."""
    for item in items:
        specified = book.specified[holder, item]
        assert specified.purposes == purposes
        assert specified.provision is provision
        assert not specified.by_provider


def test_specified_purposes_of_a_multi_insurer_agent_hold_for_its_insurer_alone(book: Rulebook) -> None:
    """agency-a's data obtained for an insurer serves solicitation for that insurer's products and nothing else."""
    for insurer in ("life-insurer", "other-insurer"):
        for item in ATTRIBUTE | NPII:
            specified = book.specified[f"agency-a/{insurer}", item]
            assert specified.purposes == frozenset()
            assert specified.by_provider == {insurer: {"insurance.solicitation"}}
            assert not specified.provision


def test_nothing_is_specified_beside_the_rows(book: Rulebook) -> None:
    """A holder that has no row has no specified purpose: real estate, the agency itself, post offices."""
    holders = {holder for holder, _ in book.specified}
    assert not holders & {"servicer/side_business.real_estate", "agency-a", "post-office", "police"}
    assert ("life-insurer", "sensitive.race") not in book.specified


def test_holders_are_organizations_and_what_data_was_obtained_for(book: Rulebook) -> None:
    """Every organization is a holder; the compound holders are those named; former-bank alone is none."""
    compound = {name for name in book.holders if "/" in name}
    assert compound == {
        "savings-bank/former-bank",
        "agency-a/life-insurer",
        "agency-a/other-insurer",
        "servicer/bid-2026-07",
        "servicer/side_business.collection_agency",
        "servicer/side_business.real_estate",
    }
    assert set(book.organizations) == set(book.holders) - compound
    assert book.holders["agency-a/life-insurer"].organization == "agency-a"
    assert book.holders["agency-a/life-insurer"].obtained_for == "life-insurer"
    assert "former-bank" not in book.holders


def test_entrustments_by_their_parties(book: Rulebook) -> None:
    """AG-1 to AG-5 with items, purposes and period; a registered sub-trustee finds AG-1 too."""
    assert book.agreements["AG-1"] == Entrustment(
        "AG-1", "life-insurer", "data-entry-co", frozenset({"data-entry-sub"}), ATTRIBUTE | {"insurance.policy"},
        frozenset({"insurance.administration"}), date(2026, 4, 1), date(2027, 3, 31),
    )  # fmt: skip
    assert book.agreements["AG-2"] == Entrustment(
        "AG-2", "savings-bank", "post-office", frozenset(), ATTRIBUTE | RELATIONSHIP | SAVINGS,
        SAVINGS_PURPOSES | COMMON | {"insurance.solicitation"}, date(2025, 4, 1), None,
    )  # fmt: skip
    assert [each.id for each in book.entrustments["life-insurer", "data-entry-sub"]] == ["AG-1"]
    assert [each.id for each in book.entrustments["regional-bank", "servicer"]] == ["AG-4"]
    assert [each.id for each in book.entrustments["savings-bank", "overseas-ops-us"]] == ["AG-5"]
    assert [each.id for each in book.entrustments["life-insurer", "post-office"]] == ["AG-3"]
    assert len(book.entrustments) == 6


def test_batch_successions_and_other_notices(book: Rulebook) -> None:
    """AG-6, SUC-1 and SUC-2."""
    assert book.agreements["AG-6"] == BatchAgreement(
        "AG-6", "savings-bank", "life-insurer", frozenset({"savings.balance", "savings.maturity_date"}),
        "insurance.administration", date(2026, 10, 1), None,
    )  # fmt: skip
    assert book.agreements["SUC-1"] == Succession(
        "SUC-1", "former-bank", "savings-bank", date(2025, 10, 1), None,
        frozenset({"savings.administration", "savings.maturity_notice"}), "savings-bank/former-bank",
    )  # fmt: skip
    assert book.successions["regional-bank", "savings-bank"] == (
        Succession("SUC-2", "regional-bank", "savings-bank", date(2026, 11, 1), ATTRIBUTE | NPFI, None),
    )


def test_opt_outs_equivalent_systems_and_grounds(book: Rulebook) -> None:
    """What FORN, PROV, SENS and EXC look up stands as sample-group.md has it; a review is due to the day."""
    name, address = "customer.name", "customer.address"
    agency = "servicer/side_business.collection_agency"
    assert book.opt_outs == {
        agency: (
            OptOut("OO-1", agency, "side_business.collection_agency", frozenset({name, address}),
                   date(2026, 5, 1), date(2026, 6, 1)),
        ),
        "savings-bank": (
            OptOut("OO-2", "savings-bank", None, frozenset({name}), date(2026, 11, 15), date(2026, 12, 15)),
        ),
    }  # fmt: skip
    due = {
        name: [system.review_due for system in systems] for name, systems in book.equivalent_systems.items()
    }
    assert due == {
        "overseas-ops-sg": [date(2027, 5, 1)], "overseas-ops-th": [date(2026, 3, 1)], "overseas-ops-in": [date(2027, 6, 1)],
    }  # fmt: skip
    assert len(book.adequate_countries) == 31
    assert "JP" not in book.adequate_countries
    assert book.related["savings-bank"] == (
        RelatedPurpose("REL-1", "savings.maturity_notice", "savings.solicitation", date(2026, 4, 1)),
    )
    assert book.statutes["弁護士法"] == frozenset({"第23条の2"})
    assert set(book.sensitive_grounds) == {"insurer", "bank", "servicer"}
    assert set(book.sensitive_grounds["servicer"]) - set(book.sensitive_grounds["bank"]) == {
        "claim_specification"
    }
    assert book.sensitive_grounds["bank"]["biometric_identification"].items == frozenset(
        {"sensitive.biometric"}
    )
    assert book.specified["servicer", "sensitive.race"] == Specified(
        frozenset(), {}, False, frozenset({"debt.collection"})
    )
    assert book.masked == {"card.number": 4}
    assert [presumed.id for presumed in book.presumed] == ["CLAIM-1"]


def test_joint_use_opens_only_with_all_five_particulars(book: Rulebook) -> None:
    """JU-1 is complete; JU-2, published without the responsible party's address, is not."""
    assert book.agreements["JU-1"] == JointUse(
        "JU-1", date(2026, 4, 1), frozenset({"customer.name", "customer.address", "savings.account_held"}),
        frozenset({"savings-bank", "life-insurer", "group-analytics"}),
        frozenset({"statistics.internal", "complaint.handling"}), complete=True,
    )  # fmt: skip
    complete = {each.id: each.complete for each in book.joint_uses["group-analytics"]}
    assert (complete["JU-1"], complete["JU-2"]) == (True, False)
    assert [each.id for each in book.joint_uses["life-insurer"]] == ["JU-1"]


def test_moratoria_and_ended_purposes(book: Rulebook) -> None:
    """MO-1 stops post offices' invitations with no end; CLOSED-1 closed functions for a time; END-1 has ended."""
    closed, invitations = book.moratoria
    assert (invitations.id, invitations.start, invitations.end) == ("MO-1", date(2024, 10, 17), None)
    assert (invitations.organizations, invitations.activities) == (
        frozenset({"post-office"}),
        frozenset({"visit_invitation"}),
    )
    assert (closed.id, closed.start, closed.end) == ("CLOSED-1", date(2024, 10, 17), date(2025, 3, 31))
    assert (closed.systems, closed.item_classes, closed.purposes) == (
        frozenset({"savings-crm"}),
        frozenset({"npfi"}),
        frozenset({"insurance.solicitation"}),
    )
    assert closed.activities is None
    (end,) = book.ended["servicer/bid-2026-07"]
    assert (end.items, end.purposes, end.since) == (
        None,
        frozenset({"debt.due_diligence"}),
        date(2026, 9, 30),
    )


def test_terms_capacity_and_texts(book: Rulebook) -> None:
    """Terms, the guardian's age and capacities, and the consent statement of a record are data."""
    assert set(book.solicitation_terms) == {"保険", "かんぽ", "養老", "終身", "学資", "医療保険", "募集"}
    assert set(book.ambiguous_terms) == {"相談会", "ご案内フェア", "イベント"}
    assert book.guardian_under == 16
    assert book.guardian_capacities == {"adult_ward", "curatee", "assisted"}
    assert "{consents}" in book.record_statement.ja
    assert "{consents}" in book.record_statement.en


def test_what_a_request_may_rest_on_is_there_too(texts: dict[str, str]) -> None:
    """Statutes, grounds, related purposes, presumed consent, countries, opt-outs and reviews are validated data."""
    sources = compile_sources(texts).sources
    assert len(sources.statutes) >= 18
    assert sources.statutes["弁護士法"].permits == ("第23条の2",)
    relation = sources.related_purposes["REL-1"]
    assert (relation.from_purpose, relation.to_purpose) == ("savings.maturity_notice", "savings.solicitation")
    assert sources.opt_outs["OO-2"].open_from == date(2026, 12, 15)
    assert sources.equivalent_systems["ES-3"].impaired_since == date(2026, 9, 1)
    assert sources.equivalent_systems["ES-2"].reviewed_on == date(2025, 3, 1)
    assert sum(len(group.countries) for group in sources.adequate_countries.values()) == 31
    assert set(sources.sensitive_grounds) == {"insurer", "bank", "servicer"}
    assert "claim_specification" in sources.sensitive_grounds["servicer"].grounds
    assert "claim_specification" not in sources.sensitive_grounds["bank"].grounds
    assert sources.presumed_consents["CLAIM-1"].items == ("attribute", "loans.borrowing")
    assert sources.display["MASK"].visible_last == 4
    assert sources.organizations["credit-bureau"].partners == ("credit-bureau-2",)
    assert sources.organizations["university"].joint_research["savings-bank"].since == date(2026, 4, 1)


def test_external_data_says_so(texts: dict[str, str]) -> None:
    """What is not in the source documents is marked: insurers' and banks' grounds, countries, foreign law, 2026."""
    sources = compile_sources(texts).sources
    assert {kind: grounds.source for kind, grounds in sources.sensitive_grounds.items()} == {
        "insurer": "external", "bank": "external", "servicer": None,
    }  # fmt: skip
    assert sources.adequate_countries["eea"].source == "external"
    assert sources.foreign_law is not None
    assert sources.foreign_law.source == "external"
    assert sources.amendments["APPI-2026"].source == "external"
