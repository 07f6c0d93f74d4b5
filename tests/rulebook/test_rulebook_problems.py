"""What is wrong with a rulebook is told with file, line and a hint, all of it together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sekisho.rulebook import RulebookError, compile_sources, load

Slip = Callable[..., list[str]]


def _line(texts: dict[str, str], file: str, text: str) -> int:
    """The line of a file on which a text first stands."""
    return texts[file][: texts[file].index(text)].count("\n") + 1


def test_the_sample_has_no_problem(slip: Slip) -> None:
    """The sample itself loads."""
    assert slip() == []


SLIPS = [
    # (file, text replaced, by what, what is said)
    ("operators.yaml", "{organization: post-office, branch: br-0456}", "{organization: post-office, brnch: br-0456}",
     'operators.op-0123: unknown key "brnch" (nearest known: branch)'),
    ("operators.yaml", "op-2001: {organization: savings-bank}", "op-2001: {organization: saving-bank}",
     '"saving-bank" is no organization of this rulebook (nearest known: savings-bank)'),
    ("operators.yaml", "businesses: [deposit]", "businesses: [lending]",
     '"lending" is no business of post-office, as registered in the organizations of this rulebook'),
    ("operators.yaml", "active_until: 2026-06-30", "active_until: 2026-06-31", "operators.op-0999.active_until"),
    ("operators.yaml", "active_until: 2026-06-30", "active_from: 2026-07-01, active_until: 2026-06-30",
     "2026-06-30 lies before 2026-07-01"),
    ("catalogue.yaml", "customer.sex: {class: attribute", "customer.sex: {class: atribute",
     'items.customer.sex.class: "atribute" is not known here (nearest known: attribute)'),
    ("catalogue.yaml", "loans.borrowing: {class: npfi, product_line: lending", "loans.borrowing: {class: npfi",
     'item "loans.borrowing" has no product_line'),
    ("catalogue.yaml", "customer.name: {class: attribute", "customer.name: {class: attribute, product_line: deposit",
     "only npfi and npii items belong to a product line"),
    ("catalogue.yaml", "customer.name: {class: attribute", "customer.name: {class: attribute, special_care: true",
     "only sensitive items are 要配慮"),
    ("catalogue.yaml", "insurance.policy: {class: npii, product_line: insurance",
     "insurance.policy: {class: npii, product_line: deposit", "an npii item belongs to insurance"),
    ("catalogue.yaml", "debt.collection: {business: claims_management", "debt.collection: {business: claim_management",
     '"claim_management" is no business of this rulebook (nearest known: claims_management)'),
    ("catalogue.yaml", "{ja: 氏名, en: name}", "{ja: 氏名}", 'items.customer.name.name: "en" is missing'),
    ("catalogue.yaml", "{ja: 氏名, en: name}", "{ja: '', en: name}", "items.customer.name.name.ja"),
    ("catalogue.yaml", "special_care: true", "special_care: 1", "items.sensitive.medical_history.special_care"),
    ("organizations.yaml", "deposit: [attribute, relationship, savings.*]",
     "deposit: [attribute, relationship, saving.*]",
     '"saving.*" is no item, class or prefix of items of this rulebook (nearest known: savings.*'),
    ("organizations.yaml", "insurance: [attribute, insurance.policy]", "insurances: [attribute, insurance.policy]",
     '"insurances" is no business of this rulebook (nearest known: insurance'),
    ("organizations.yaml", "country: US", "country: usa", "organizations.overseas-ops-us.country"),
    ("organizations.yaml", "[unlicensed-lender, rogue-investigator]", "[unlicensed-lender, rouge-investigator]",
     '"rouge-investigator" is no organization'),
    ("specified-purposes.yaml", "purposes: [savings.solicitation]", "purposes: [savings.solicitations]",
     '"savings.solicitations" is no purpose, business or prefix of purposes'),
    ("specified-purposes.yaml", "items: [credit]", "items: [credit, npfi]",
     'has its specified purposes of savings-bank twice (keep it in one row)'),
    ("specified-purposes.yaml", "  savings-bank/former-bank:\n    - items", "  savings-bank/former:\n    - items",
     '"savings-bank/former" is no holder of this rulebook (nearest known: savings-bank/former-bank'),
    ("specified-purposes.yaml", "received_under: AG-6", "received_under: AG-66", '"AG-66" is no agreement or notice'),
    ("specified-purposes.yaml", "servicer/bid-2026-07: {name", "servicers/bid-2026-07: {name",
     '"servicers" is no organization'),
    ("agreements.yaml", "valid_until: 2027-03-31", "valid_until: 2025-03-31", "2025-03-31 lies before 2026-04-01"),
    ("agreements.yaml", "sub_trustees: [data-entry-sub]", "sub_trustees: [data-entry]", '"data-entry" is no organization'),
    ("agreements.yaml", "trustee: data-entry-co", "trustee: life-insurer", "cannot be entrusted by itself"),
    ("agreements.yaml", "predecessor: former-bank", "predecessor: formal-bank",
     '"formal-bank" is no organization, dissolved ones included, of this rulebook (nearest known: former-bank'),
    ("agreements.yaml", "holder: savings-bank/former-bank", "holder: savings-bank/bank", "is no holder"),
    ("agreements.yaml", "purpose: insurance.administration\n    first", "purpose: insurance.admin\n    first",
     '"insurance.admin" is no purpose'),
    ("agreements.yaml", "first_provision: 2026-10-01", "first_provision: soon", "batch_agreements.AG-6.first_provision"),
    ("notices.yaml", "users: [savings-bank, group-analytics]", "users: [savings-bank, group-analytic]",
     '"group-analytic" is no organization'),
    ("notices.yaml", "open_from: 2026-06-01", "open_from: 2026-04-01", "2026-04-01 lies before 2026-05-01"),
    ("notices.yaml", "  OO-2:", "  JU-1:", 'the id "JU-1" stands in joint_uses too (give it another id)'),
    ("equivalent-systems.yaml", "recipient: overseas-ops-th", "recipient: university", '"university" is not abroad'),
    ("equivalent-systems.yaml", "[IS, LI, ", "[IS, LI, GB, ", '"GB" stands in uk too'),
    ("equivalent-systems.yaml", "[IS, LI, ", "[IS, LI, LI, ", "stands twice: LI"),
    ("moratoria.yaml", "activities: [visit_invitation]", "activities: [visit_invitations]",
     "(nearest known: visit_invitation"),
    ("moratoria.yaml", "    activities: [visit_invitation]\n", "", "names neither activities nor systems"),
    ("moratoria.yaml", "systems: [savings-crm]", "systems: [saving-crm]", '"saving-crm" is no system'),
    ("ended-purposes.yaml", "holder: servicer/bid-2026-07", "holder: servicer/bid-2026-70", "is no holder"),
    ("terms.yaml", "implied: [保険, ", "implied: [保険, 保険, ", "stands twice: 保険"),
    ("statutes.yaml", "counts_as_statute: false", "counts_as_statute: true", "foreign_law.counts_as_statute"),
    ("sensitive-grounds.yaml", "items: [sensitive.biometric]", "items: [customer.name]", "is no sensitive item"),
    ("persons.yaml", "items: [attribute, loans.borrowing]", "items: [attribute, loans.borrow]", '"loans.borrow" is no item'),
    ("persons.yaml", "[adult_ward, curatee, assisted]", "[adult_ward, curator, assisted]", '"curator" is not known here'),
    ("persons.yaml", "item: card.number", "item: card.numbers", '"card.numbers" is no item'),
    ("rulebook.yaml", "version: 2026.11.1", "version: one", "rulebook.version"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), SLIPS)
def test_a_slip_is_told_with_file_line_and_hint(
    slip: Slip, texts: dict[str, str], file: str, old: str, new: str, said: str
) -> None:
    """A slip in any file is one problem or more, the first at its file, in the entry that it stands in."""
    problems = slip((file, old, new))
    told = [problem for problem in problems if said in problem]
    assert told, problems
    name, line, _ = told[0].split(":", 2)
    assert name == file
    start = _line(texts, file, old)
    assert start - 9 <= int(line) <= start + old.count("\n") + 1


def test_the_line_is_that_of_the_slip_itself(slip: Slip, texts: dict[str, str]) -> None:
    """The line named is the very line of the key or value at fault."""
    line = _line(texts, "moratoria.yaml", "systems: [savings-crm]")
    (problem,) = slip(("moratoria.yaml", "systems: [savings-crm]", "systems: [saving-crm]"))
    assert problem == (
        f'moratoria.yaml:{line}: "saving-crm" is no system of this rulebook (nearest known: savings-crm, agency-crm)'
    )


def test_problems_of_all_kinds_are_told_together(slip: Slip) -> None:
    """A misspelt key, an unknown reference, wrong days, a doubled key and a missing language: five problems at once."""
    problems = slip(
        ("operators.yaml", "branch: br-0456}", "brnch: br-0456}"),
        ("agreements.yaml", "trustee: data-entry-co", "trustee: data-entry-c"),
        ("agreements.yaml", "valid_until: 2027-03-31", "valid_until: 2025-03-31"),
        ("terms.yaml", "  ambiguous:", "  implied: [保険]\n  ambiguous:"),
        ("rules/wall.yaml", "          en: The customer has withdrawn this consent.\n", ""),
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "agreements.yaml", "agreements.yaml", "operators.yaml", "rules/wall.yaml", "terms.yaml",
    ]  # fmt: skip


def test_a_reference_to_an_entry_with_a_problem_is_no_further_problem(slip: Slip) -> None:
    """An organization with a misspelt key is one problem, not one more for each agreement that names it."""
    problems = slip(("organizations.yaml", "    type: bank_agent\n", "    tipe: bank_agent\n"))
    assert problems == [
        'organizations.yaml:5: organizations.post-office: "type" is missing',
        'organizations.yaml:6: organizations.post-office: unknown key "tipe" (nearest known: type)',
    ]


def test_a_key_that_stands_twice_is_a_problem(slip: Slip, texts: dict[str, str]) -> None:
    """YAML would let the last win; here both lines are named."""
    line = _line(texts, "operators.yaml", "op-0124:")
    (problem,) = slip(("operators.yaml", "  op-0124:", "  op-0123: {organization: servicer}\n  op-0124:"))
    assert problem == f'operators.yaml:{line}: the key "op-0123" stands here twice (first in line {line - 1})'


def test_an_entry_that_stands_in_two_files_is_a_problem(texts: dict[str, str]) -> None:
    """A section may be spread over files, an entry may not."""
    spread = {**texts, "more.yaml": "operators:\n  op-9000: {organization: servicer}\n"}
    assert "op-9000" in compile_sources(spread).book.operators
    twice = {**texts, "zz.yaml": "operators:\n  op-0123: {organization: servicer}\n"}
    with pytest.raises(RulebookError) as raised:
        compile_sources(twice)
    (problem,) = raised.value.problems
    line = _line(texts, "operators.yaml", "op-0123:")
    assert str(problem) == f"zz.yaml:2: operators.op-0123 stands twice (first in operators.yaml:{line})"


def test_an_unknown_section_is_a_problem_with_the_nearest_one(texts: dict[str, str]) -> None:
    """A misspelt section would otherwise silently hold nothing."""
    with pytest.raises(RulebookError) as raised:
        compile_sources({**texts, "new.yaml": "# new\noperatos:\n  op-1: {organization: servicer}\n"})
    assert [str(problem) for problem in raised.value.problems] == [
        'new.yaml:2: unknown key "operatos" (nearest known: operators, opt_outs)'
    ]


def test_a_missing_section_is_a_problem(texts: dict[str, str]) -> None:
    """Without terms WALL-14 would never hold, so the section may not be left out."""
    without = {file: text for file, text in texts.items() if file != "terms.yaml"}
    with pytest.raises(RulebookError, match='"solicitation_terms" is missing'):
        compile_sources(without)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [\n", "a.yaml:2: not readable as YAML"),
        ("\ta: 1\n", "a.yaml:1: not readable as YAML"),
        ("", "a.yaml:1: the file is empty"),
        ("- a\n", "a.yaml:1: a rulebook file is a mapping of sections"),
        ("a: 1\n---\nb: 2\n", "a.yaml:2: not readable as YAML"),
        ("x: 1.5\n", '"1.5" is no text, whole number, day, true, false or null'),
        ("x: &a [*a]\n", "an alias stands inside its own anchor"),
        ("? [x]\n: 1\n", "a key must be plain text"),
    ],
)
def test_what_is_no_yaml_of_a_rulebook_is_told(texts: dict[str, str], text: str, said: str) -> None:
    """An unreadable file is a problem with its line, and the rest of the rulebook is not blamed for it."""
    with pytest.raises(RulebookError) as raised:
        compile_sources({**texts, "a.yaml": text})
    printed = [str(problem) for problem in raised.value.problems]
    assert any(said in problem for problem in printed), printed
    assert all(problem.startswith("a.yaml:") for problem in printed), printed


def test_no_sources_are_no_rulebook() -> None:
    """An empty folder is refused, not an empty rulebook."""
    with pytest.raises(RulebookError, match="no rulebook file"):
        compile_sources({})


def test_files_that_are_no_sources(tmp_path: Path, texts: dict[str, str]) -> None:
    """Cases are no part of the sources; a .yml file and one that is not UTF-8 are problems."""
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "wall.yaml").write_text("not: a source\n", encoding="utf-8")
    assert load(tmp_path).texts == texts
    (tmp_path / "extra.yml").write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    with pytest.raises(RulebookError) as raised:
        load(tmp_path)
    assert [problem.file for problem in raised.value.problems] == ["extra.yml", "latin.yaml"]
