"""What `sekisho rulebook check` reports."""

from __future__ import annotations

import json
from pathlib import Path

from cases.on_the_core import all_cases
from sekisho.rulebook import check, sample_path


def _written(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_valid_rulebook_is_counted() -> None:
    """Exit 0, no problem, version, digest, counts, and notes: among them the incomplete joint-use notice."""
    report = check(sample_path())
    assert (report.exit_code, report.problems, report.version) == (0, (), "2026.11.1")
    assert report.counts is not None
    assert report.counts["item"] == 45
    assert report.counts["case"] == len(all_cases())
    told = {(note.file, note.message) for note in report.notes}
    assert ("notices.yaml", "the joint-use notice JU-2 lacks the responsible party's address") in told
    assert ("equivalent-systems.yaml", "ES-2 was to be reviewed by 2026-03-01: it opens nothing") in told
    text = report.text()
    assert "rulebook 2026.11.1 is valid" in text
    assert "45 items, 19 purposes, " in text
    assert str(report.digest) in text


def test_problems_are_printed_one_a_line(tmp_path: Path, texts: dict[str, str]) -> None:
    """Exit 1; `file:line: problem (hint)` and how many there are."""
    slip = texts["moratoria.yaml"].replace("systems: [savings-crm]", "systems: [saving-crm]")
    report = check(_written(tmp_path, {**texts, "moratoria.yaml": slip}))
    assert report.exit_code == 1
    assert report.text().splitlines() == [
        'moratoria.yaml:9: "saving-crm" is no system of this rulebook (nearest known: savings-crm, agency-crm)',
        f"{tmp_path}: 1 problem",
    ]


def test_the_report_is_plain_data(tmp_path: Path, texts: dict[str, str]) -> None:
    """For --json: valid or not, problems with file, line, message and hint."""
    valid = json.loads(json.dumps(check(sample_path()).as_dict()))
    assert valid["valid"] is True
    assert valid["counts"]["organization"] > 20
    invalid = check(_written(tmp_path, {**texts, "zz.yaml": "operatos: {}\n"})).as_dict()
    assert invalid["valid"] is False
    assert invalid["digest"] is None
    assert invalid["problems"] == [
        {
            "file": "zz.yaml",
            "line": 1,
            "message": 'unknown key "operatos"',
            "hint": "nearest known: operators, opt_outs",
        }
    ]


def test_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    """Exit 2 where there is nothing to check; exit 1 for a folder without a rulebook."""
    assert check(tmp_path / "nowhere").exit_code == 2
    assert "no such folder" in check(tmp_path / "nowhere").text()
    assert check(tmp_path).exit_code == 1
    assert "no rulebook file" in check(tmp_path).text()
