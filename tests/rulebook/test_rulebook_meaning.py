"""What two rulebooks mean otherwise: compared as compiled, not as written."""

from __future__ import annotations

from dataclasses import fields

import pytest

from sekisho.domain.book import Rulebook
from sekisho.rulebook import compile_sources
from sekisho.rulebook.meaning import Change, changes, facts, grouped, words


def changed(texts: dict[str, str], *edits: tuple[str, str]) -> list[Change]:
    """What differs in meaning after edits: each old text replaced where it stands."""
    other = dict(texts)
    for old, new in edits:
        file = next(name for name in sorted(other) if old in other[name])
        other[file] = other[file].replace(old, new, 1)
    return changes(compile_sources(texts).book, compile_sources(other).book)


def with_more(texts: dict[str, str], more: str) -> list[Change]:
    """What differs in meaning with one more file."""
    return changes(compile_sources(texts).book, compile_sources({**texts, "zz.yaml": more}).book)


@pytest.mark.parametrize(
    "edit",
    [
        (
            "items: [savings.balance, savings.maturity_date]",
            "items: [savings.maturity_date, savings.balance]",
        ),
        ("{ja: 氏名, en: name}", "{ja: お名前, en: name}"),
        (
            "    items: [attribute, relationship, savings.*]",
            "    items: [relationship, savings.*, attribute] # the same",
        ),
        ("items: [customer.*, insurance.policy]", "items: [attribute, insurance.policy]"),
    ],
)
def test_the_same_meaning_otherwise_written_is_the_same(texts: dict[str, str], edit: tuple[str, str]) -> None:
    """Order, comments, shorthand and words do not count."""
    assert changed(texts, edit) == []


def test_a_new_item_is_seen_wherever_shorthand_covers_it(texts: dict[str, str]) -> None:
    """`customer.*` of an agreement means one item more."""
    found = with_more(texts, "items:\n  customer.email: {class: attribute, name: {ja: メール, en: mail}}\n")
    assert Change("items", "customer.email", "added") in found
    assert Change("agreements", "AG-1", "changed", ("items: +customer.email",)) in found
    assert any(change.section == "organizations" and change.entry == "savings-bank" for change in found)


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (("valid_until: 2027-03-31", "valid_until: 2028-03-31"),
         Change("agreements", "AG-1", "changed", ("valid_until: 2027-03-31 → 2028-03-31",))),
        (("op-0999: {organization: post-office, active_until: 2026-06-30}", "op-0999: {organization: post-office}"),
         Change("operators", "op-0999", "changed", ("active_until: 2026-06-30 → none",))),
        (("guardian_under: 16", "guardian_under: 18"), Change("guardian_under", "always", "changed", ("16 → 18",))),
        (("CLAIM-1: {items: [attribute, loans.borrowing]", "CLAIM-1: {items: [attribute]"),
         Change("presumed_consents", "CLAIM-1", "changed", ("items: -loans.borrowing",))),
        (("implied: [保険, ", "implied: [年金, 保険, "), Change("solicitation_terms", "年金", "added")),
        (("uk: {countries: [GB]}", "uk: {countries: [GB, KR]}"), Change("adequate_countries", "KR", "added")),
        (("switched_off: {}", "switched_off: {WALL-15: [savings-bank]}"), Change("switched_off", "WALL-15 for savings-bank", "added")),
        (("{binds: bank_agent, severity: duty, citation: 保険業法施行規則第234条第1項第18号ロ", "{binds: bank_agent, severity: effort, citation: 保険業法施行規則第234条第1項第18号ロ"),
         Change("reasons", "consent.missing WALL-2", "changed", ("post-office: refused, duty → refused, effort",))),
    ],
)  # fmt: skip
def test_what_changes_in_meaning_is_told(
    texts: dict[str, str], edit: tuple[str, str], change: Change
) -> None:
    """The entry, and what of it is otherwise."""
    assert change in changed(texts, edit)


def test_when_a_rule_is_in_force_is_meaning(texts: dict[str, str]) -> None:
    """Its days are told."""
    found = changed(
        texts, ("  WALL-15:\n    says:", "  WALL-15:\n    effective_until: 2030-03-31\n    says:")
    )
    assert found == [Change("rules", "WALL-15", "changed", ("in_force: none → [none, 2030-03-31]",))]


def test_a_new_organization_is_told_once(texts: dict[str, str]) -> None:
    """Not at every reason that it could be told."""
    found = with_more(texts, "organizations:\n  shop: {type: other, name: n, country: JP}\n")
    assert [(change.section, change.entry) for change in found] == [
        ("holders", "shop"),
        ("organizations", "shop"),
    ]


def test_nothing_that_a_decision_reads_is_left_out(book: Rulebook) -> None:
    """Every field of the compiled rulebook is compared, or is a name, a text or an index of what is."""
    told = facts(book)
    left_out = {
        "version", "digest", "record_statement", "record_statements",
        "entrustments", "successions", "joint_uses", "opt_outs", "equivalent_systems",
    }  # fmt: skip
    renamed = {"specified", "related", "presumed", "ended", "masked", "spans"}
    assert {field.name for field in fields(book)} - left_out - renamed <= set(told)
    assert {
        "specified_purposes",
        "related_purposes",
        "presumed_consents",
        "ended_purposes",
        "display",
        "rules",
    } <= set(told)
    every = {name for name in ("entrustments", "successions", "joint_uses") for name in told["agreements"]}
    assert {"AG-1", "SUC-1", "JU-1", "OO-1", "ES-1"} <= every


def test_words_are_told_apart(texts: dict[str, str]) -> None:
    """Where, before and after; a citation is a word too."""
    other = {
        name: text.replace("{ja: 氏名, en: name}", "{ja: お名前, en: name}") for name, text in texts.items()
    }
    before, after = compile_sources(texts).sources, compile_sources(other).sources
    assert words(before, after) == [("items.customer.name.name.ja", "氏名", "お名前")]
    assert words(before, before) == []


def test_entries_that_change_alike_are_put_together() -> None:
    """Many items of one row are one line."""
    alike = [Change("items", name, "changed", ("x: 1 → 2",)) for name in ("a", "b")]
    other = Change("items", "c", "changed", ("x: 1 → 3",))
    assert grouped([*alike, other]) == [
        ("items", "changed", ["a", "b"], ("x: 1 → 2",)),
        ("items", "changed", ["c"], ("x: 1 → 3",)),
    ]
