"""`sekisho rulebook`: check, test, diff and explain, as a person runs them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from sekisho.rulebook import sample_path
from sekisho.rulebook.cases import load_cases

Write = Callable[..., str]
CASES = sample_path() / "cases"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the sample rulebook, to be changed."""
    return Path(shutil.copytree(sample_path(), tmp_path / "copied"))


@pytest.fixture
def small(copied: Path) -> Path:
    """A copy of the sample with two cases of its own alone."""
    for file in (copied / "cases").iterdir():
        file.unlink()
    _write_cases(copied, DENIED.format(expected="request.no_basis REQ-3") + ALLOWED)
    return copied


HEAD = """\
sources:
  S: {document: RB, section: s, sentence: t}
requests:
  own: {set: {requester: {organization: savings-bank, business: deposit, system: core-banking}, action: use, holder: savings-bank, purpose: savings.solicitation, activity: {kind: inquiry, mode: none}}}
cases:
"""
DENIED = """\
  - id: nothing-asked
    rule: REQ-3
    direction: deny
    title: {{ja: 項目がない, en: no item}}
    source: S
    request: {{base: own, set: {{items: []}}}}
    expect: {{effect: deny, reasons: [{expected}]}}
"""
ALLOWED = """\
  - id: balance-for-deposits
    rule: PURP-1
    direction: allow
    title: {ja: 預金の勧誘, en: proposing deposits}
    source: S
    request: {base: own, set: {items: [savings.balance]}}
    expect: {effect: allow, items: [savings.balance: {allow: [basis.specified_purpose]}]}
"""


def _write_cases(folder: Path, cases: str) -> None:
    (folder / "cases").mkdir(exist_ok=True)
    (folder / "cases" / "some.yaml").write_text(HEAD + cases, encoding="utf-8")


def _switch_off(folder: Path, rule: str, organization: str) -> None:
    path = next(each for each in folder.glob("*.yaml") if "\nswitched_off: {}" in each.read_text("utf-8"))
    text = path.read_text("utf-8").replace("switched_off: {}", f"switched_off: {{{rule}: [{organization}]}}")
    path.write_text(text, encoding="utf-8")


def test_each_subcommand_has_help_with_examples(run: Run) -> None:
    """`-h` works everywhere and shows how to call it."""
    group = run("rulebook", "-h")
    assert group.exit_code == 0
    for name in ("check", "test", "diff", "explain"):
        assert f"  {name} " in group.stdout
        shown = run("rulebook", name, "--help")
        assert shown.exit_code == 0
        assert f"sekisho rulebook {name} " in shown.stdout
        assert "Exit codes: 0" in shown.stdout


@pytest.mark.parametrize(
    "arguments", [("check",), ("test",), ("diff", "."), ("explain", "WALL-8", "--rulebook")]
)
def test_what_is_no_folder_is_wrong_usage(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit 2, and what a rulebook is."""
    told = run("rulebook", *arguments, str(tmp_path / "nowhere"))
    assert told.exit_code == 2
    assert "no such folder" in told.stderr or "diff" in arguments


def test_the_sample_passes_its_check(run: Run) -> None:
    """Exit 0 with notes only."""
    told = run("rulebook", "check", str(sample_path()))
    assert told.exit_code == 0, told.stdout
    assert "is valid" in told.stdout
    assert "note: notices.yaml:" in told.stdout


def test_what_is_wrong_is_told_by_file_and_line(run: Run, small: Path) -> None:
    """Exit 1; the cases are looked at too."""
    _write_cases(small, DENIED.format(expected="request.no_bases REQ-3"))
    (small / "more.yaml").write_text("items:\n  a.b: {class: attribut, name: {ja: 名, en: name}}\n", "utf-8")
    told = run("rulebook", "check", str(small), "--json")
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert report["valid"] is False
    assert ("more.yaml", 2) in {(each["file"], each["line"]) for each in report["problems"]}
    (small / "more.yaml").unlink()
    (problem,) = json.loads(run("rulebook", "check", str(small), "--json").stdout)["problems"]
    assert problem["message"] == 'nothing-asked: "request.no_bases" is no code of this rulebook'
    assert (problem["file"], problem["line"]) == ("cases/some.yaml", 6)


def test_the_cases_of_a_rulebook_are_run_and_counted(run: Run, small: Path) -> None:
    """Exit 0; a row for each rule, in families, with directions and outcome."""
    told = run("rulebook", "test", str(small))
    assert told.exit_code == 0, told.stdout
    rows = {row[0]: row[1:] for line in told.stdout.splitlines() if (row := line.split()) and "-" in row[0]}
    assert rows["REQ-3"] == ["0", "1", "1", "0"]
    assert rows["PURP-1"] == ["1", "0", "1", "0"]
    assert rows["WALL-8"] == ["0", "0", "0", "0", "no", "case"]
    assert "✓ 2 cases: 2 passed, 0 failed" in told.stdout


def test_a_failed_case_is_told_with_what_differs_and_where(run: Run, small: Path) -> None:
    """Exit 1; the difference, file and line, in words and as JSON."""
    _write_cases(small, DENIED.format(expected="request.no_basis REQ-1") + ALLOWED)
    told = run("rulebook", "test", str(small))
    assert told.exit_code == 1
    assert "✗ nothing-asked" in told.stdout
    assert "cases/some.yaml:6" in told.stdout
    assert "reasons: expected request.no_basis REQ-1, found request.no_basis REQ-3" in told.stdout.replace(
        "\n    ", " "
    )
    report = json.loads(run("rulebook", "test", str(small), "--json").stdout)
    assert (report["cases"], report["passed"], report["failed"]) == (2, 1, 1)
    (failure,) = report["failures"]
    assert (failure["case"], failure["file"], failure["line"]) == ("nothing-asked", "cases/some.yaml", 6)
    assert failure["differences"] == [
        "reasons: expected request.no_basis REQ-1, found request.no_basis REQ-3"
    ]


def test_a_case_that_breaks_the_contract_fails(run: Run, small: Path) -> None:
    """A request that cannot be read is no crash, and no refusal that a case could expect unawares."""
    _write_cases(small, ALLOWED.replace("items: [savings.balance]}}", "itms: [savings.balance]}}"))
    (failure,) = json.loads(run("rulebook", "test", str(small), "--json").stdout)["failures"]
    assert failure["differences"][0].startswith("not of the contract: ")


@pytest.mark.parametrize(
    ("only", "cases"),
    [(("REQ-3",), 1), (("PURP",), 1), (("nothing-asked", "PURP-1"), 2), (("WALL-8",), 0)],
)
def test_only_some_cases(run: Run, small: Path, only: tuple[str, ...], cases: int) -> None:
    """`--only` takes rules, families and cases."""
    named = [word for name in only for word in ("--only", name)]
    report = json.loads(run("rulebook", "test", str(small), "--json", *named).stdout)
    assert report["cases"] == cases
    assert len(report["rules"]) == len(only)


def test_an_unknown_name_is_wrong_usage(run: Run, small: Path) -> None:
    """Exit 2, with the nearest names."""
    told = run("rulebook", "test", str(small), "--only", "WALLL-8")
    assert told.exit_code == 2
    assert "Nearest known: WALL-8" in told.stderr


def test_a_folder_without_cases_says_what_to_do(run: Run, small: Path) -> None:
    """Exit 2; where cases belong, and where it says how to write one."""
    shutil.rmtree(small / "cases")
    told = run("rulebook", "test", str(small))
    assert told.exit_code == 2
    assert "no cases" in told.stderr
    assert "README.md" in told.stderr
    (small / "cases").mkdir()
    assert run("rulebook", "test", str(small)).exit_code == 2


def test_a_wrong_rulebook_has_no_cases_run(run: Run, small: Path) -> None:
    """Exit 1, with file and line."""
    (small / "more.yaml").write_text("prohibited:\n  L: {organizations: [polise]}\n", "utf-8")
    told = run("rulebook", "test", str(small))
    assert told.exit_code == 1
    assert 'more.yaml:2: "polise" is no organization' in told.stderr


def test_a_rulebook_is_the_same_as_itself(run: Run, small: Path, tmp_path: Path) -> None:
    """Exit 0, also where order and shorthand differ and where only words do; the words are counted."""
    other = Path(shutil.copytree(small, tmp_path / "other"))
    assert run("rulebook", "diff", str(small), str(other)).exit_code == 0
    path = other / "agreements.yaml"
    path.write_text(
        path.read_text("utf-8").replace(
            "[savings.balance, savings.maturity_date]", "[savings.maturity_date, savings.balance]"
        ),
        "utf-8",
    )
    wall = other / "rules" / "wall.yaml"
    wall.write_text(
        wall.read_text("utf-8").replace("同意の有効期間が満了しています。", "同意の期限が切れています。"),
        "utf-8",
    )
    told = run("rulebook", "diff", str(small), str(other))
    assert told.exit_code == 0, told.stdout
    assert "1 texts or citations differ" in told.stdout
    assert "The same in meaning." in told.stdout
    shown = run("rulebook", "diff", str(small), str(other), "--words").stdout
    assert "rules.WALL-8.reasons.consent.expired.message.ja" in shown
    assert "+ 同意の期限が切れています。" in shown


def test_what_a_change_answers_otherwise_is_told_with_its_rule(
    run: Run, tmp_path: Path, copied: Path
) -> None:
    """Exit 1; the cases that are answered otherwise, by which rule, and what of the data changed."""
    _switch_off(copied, "WALL-15", "savings-bank")
    told = run("rulebook", "diff", str(sample_path()), str(copied), "--json")
    assert told.exit_code == 1
    report = json.loads(told.stdout)
    assert report["asked"] == len(load_cases(CASES))
    answers = {each["name"]: each for each in report["answers"]}
    loan = answers["wall-15-loan-for-deposit"]
    assert (loan["before"], loan["after"], loan["rules"]) == ("deny", "allow", ["WALL-15"])
    assert "reasons: - consent.missing WALL-15 (refused, policy)" in loan["differences"]
    assert report["by_rule"]["WALL-15"] >= 1
    assert report["data"] == [
        {"section": "switched_off", "entry": "WALL-15 for savings-bank", "how": "added", "details": []}
    ]
    readable = run("rulebook", "diff", str(sample_path()), str(copied)).stdout
    assert "wall-15-loan-for-deposit  deny → allow, by WALL-15" in readable
    assert "+ WALL-15 for savings-bank" in readable


def test_requests_of_a_file_are_put_to_both(
    run: Run, write: Write, document: dict[str, Any], small: Path, tmp_path: Path
) -> None:
    """Documents as `sekisho decide` takes them; what is rejected of one is told once."""
    other = Path(shutil.copytree(small, tmp_path / "other"))
    path = next(each for each in other.glob("*.yaml") if "\nmoratoria:" in each.read_text("utf-8"))
    path.write_text(
        path.read_text("utf-8")
        + "\n  NEW-1: {activities: [list_extraction], organizations: [post-office], start: 2026-11-01}\n",
        "utf-8",
    )
    document["events"].append({"type": "sekisho.consent.withdrawn.v1", "data": {}})
    told = run("rulebook", "diff", str(small), str(other), "--requests", write(document), "--json")
    assert told.exit_code == 1
    assert told.stderr.count("rejected") == 1
    report = json.loads(told.stdout)
    assert report["asked"] == 3
    (answer,) = report["answers"]
    assert (answer["name"], answer["before"], answer["after"], answer["rules"]) == (
        "R-1",
        "allow",
        "deny",
        ["ACC-3"],
    )
    assert answer["where"].endswith("documents.jsonl:1")
    assert [(each["section"], each["entry"], each["how"]) for each in report["data"]] == [
        ("moratoria", "NEW-1", "added")
    ]


def test_a_case_that_both_have_otherwise_is_put_twice(run: Run, small: Path, tmp_path: Path) -> None:
    """As each of them has it."""
    other = Path(shutil.copytree(small, tmp_path / "other"))
    _write_cases(other, ALLOWED.replace("savings.balance]", "savings.deposit_type]"))
    assert json.loads(run("rulebook", "diff", str(small), str(other), "--json").stdout)["asked"] == 3


def test_what_cannot_be_compared_is_wrong_usage(run: Run, small: Path, tmp_path: Path) -> None:
    """Exit 2: 1 would say that they differ."""
    other = Path(shutil.copytree(small, tmp_path / "other"))
    (other / "more.yaml").write_text("prohibited:\n  L: {organizations: [polise]}\n", "utf-8")
    told = run("rulebook", "diff", str(small), str(other))
    assert told.exit_code == 2
    assert "polise" in told.stderr


def test_a_rule_is_explained_with_its_sources_and_cases(run: Run) -> None:
    """What it says, whom it binds, its codes with message and remedy, the sentences cited and the answers."""
    told = run("rulebook", "explain", "WALL-8", "--all")
    assert told.exit_code == 0
    text = told.stdout
    for said in (
        "同意は、項目・目的・方式を含み", "A consent covers the item", "in force: always", "duty", "insurer",
        "保険業法施行規則第53条の6第1項", "consent.expired", "同意の有効期間が満了しています。", "→ Obtain the consent anew",
        "rules/wall.yaml:", "SG Ⅱ-4-2-6-2(1)", "wall-8-expired", "deny: consent.expired WALL-8", "cases/wall-clauses.yaml:",
    ):  # fmt: skip
        assert said in text, said


@pytest.mark.parametrize(
    ("language", "said", "not_said"),
    [("ja", "有効期間", "validity period"), ("en", "validity period", "満了")],
)
def test_one_language_alone(run: Run, language: str, said: str, not_said: str) -> None:
    """`--lang` leaves out the other one."""
    text = run("rulebook", "explain", "consent.expired", "--lang", language).stdout
    messages = text[: text.index(" case")]
    assert said in messages
    assert not_said not in messages


@pytest.mark.parametrize(
    ("code", "kind", "rule"),
    [
        ("consent.missing", "reason", "WALL-1"),
        ("basis.specified_purpose", "basis", "PURP-1"),
        ("send_written_explanation", "obligation", "WALL-11"),
        ("provision.consent", "record basis", None),
        ("corporation", "record exemption", None),
        ("wall-8", "rule", "WALL-8"),
    ],
)
def test_every_kind_of_code_is_explained(run: Run, code: str, kind: str, rule: str | None) -> None:
    """Reasons, bases, obligations, rules, and the terms of records, each with its cases."""
    document = json.loads(run("rulebook", "explain", code, "--json").stdout)
    assert kind in document["kinds"]
    assert rule is None or rule in {each["rule"] for each in document["rules"]}
    assert (document["record"] is not None) == kind.startswith("record")
    assert document["cases"]
    assert all(each["at"].startswith("cases/") and each["source"]["sentence"] for each in document["cases"])


def test_an_unknown_code_names_the_nearest(run: Run) -> None:
    """Exit 2."""
    told = run("rulebook", "explain", "consent.expird")
    assert told.exit_code == 2
    assert "Nearest known: consent.expired" in told.stderr


def test_another_rulebook_is_explained(run: Run, small: Path) -> None:
    """`--rulebook` explains its texts and its cases, where it has any."""
    path = small / "rules" / "wall.yaml"
    path.write_text(
        path.read_text("utf-8").replace("同意の有効期間が満了しています。", "同意の期限が切れています。"),
        "utf-8",
    )
    told = run("rulebook", "explain", "consent.expired", "--rulebook", str(small)).stdout
    assert "同意の期限が切れています。" in told
    assert "no case" in told
