"""`sekisho audit disclose` and `withhold` on a real ledger: the person gets all that is theirs, and learns of nothing else."""

from __future__ import annotations

import json
import stat
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import Result

from cli.ledger_world import LONG_AGO, RECORDS, WHY, Audit, ids, ledger_of, spoiled, sql
from ledger.ingest.lodging import record
from sekisho.cli.examples import examples_path
from sekisho.ledger.store.connection import KEEPING_LOCK

pytestmark = pytest.mark.database
BANK = ("--organization", "savings-bank")
FILES = {f"{name}.{kind}" for name in ("notice", "operator/sheet") for kind in ("pdf", "html", "json")}


@pytest.fixture
def audit(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """The command on a ledger with RECORDS."""
    return ledger_of(database, tmp_path, monkeypatch, *RECORDS)


def _notice(audit: Audit, subject: str = "C-000001", *options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(audit("disclose", subject, *(options or BANK), "--json").stdout)
    return told


def _sheet(audit: Audit, subject: str, folder: str) -> dict[str, Any]:
    audit("disclose", subject, *BANK, "--format", "json", "--output", folder)
    counts: dict[str, Any] = json.loads(Path(folder, "operator", "sheet.json").read_text(encoding="utf-8"))[
        "counts"
    ]
    assert sum(counts["categories"].values()) == counts["total"]
    return counts


def _words(result: Result) -> str:
    return " ".join(result.output.split())


def test_the_person_gets_every_record_of_the_organization(audit: Audit, tmp_path: Path) -> None:
    """Notice and operator's sheet in three formats, for this user alone; another controller's record is counted, not told."""
    shown = _words(audit("disclose", "C-000001", *BANK, "--output", "out"))
    folder = tmp_path / "out"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.*")} == FILES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.*")} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "operator")} == {0o700}
    told = (folder / "notice.json").read_text(encoding="utf-8")
    assert all(id_ in told for id_ in ids(1, 2))
    assert ids(3)[0] not in told
    assert (folder / "notice.pdf").read_bytes().startswith(b"%PDF-")
    assert "3 件" in shown
    assert "1 other_controller" in shown


def test_documents_are_never_overwritten(audit: Audit, tmp_path: Path) -> None:
    """What is there already stays as it is; the message names --output."""
    audit("disclose", "C-000001", *BANK, "--format", "json", "--output", "out")
    before = (tmp_path / "out" / "notice.json").read_bytes()
    assert (
        "--output"
        in audit("disclose", "C-000001", *BANK, "--format", "json", "--output", "out", code=2).output
    )
    assert (tmp_path / "out" / "notice.json").read_bytes() == before


def test_none_and_only_excluded_are_the_same_letter(audit: Audit) -> None:
    """Who has records of the four kinds alone, and who has none, read the same bytes, their own ids aside (Cabinet Order 11)."""
    (only,) = ids(5)
    audit("withhold", only, "--exclude", "crime_prevention", *WHY)
    told, none = (audit("disclose", who, *BANK, "--json").stdout for who in ("C-000002", "C-999999"))
    numbers = [json.loads(text)["document_id"] for text in (told, none)]
    assert told.replace("C-000002", "C-999999").replace(numbers[0], numbers[1]) == none
    assert only not in told
    counts = _sheet(audit, "C-000002", "out")
    assert (counts["total"], counts["categories"]["excluded"], counts["categories"]["other_controller"]) == (
        2,
        1,
        1,
    )
    assert "make sure" in _words(audit("disclose", "C-999999", *BANK, "--format", "json", "--output", "none"))


def test_a_part_can_be_withheld_and_its_reason_is_told(audit: Audit) -> None:
    """Particular and item, each with ground and reason; a second mark on another part stands beside the first."""
    (first,) = ids(1)
    audit("withhold", first, "--ground", "harm", "--particular", "counterparty_address", *WHY)
    audit(
        "withhold",
        first.upper(),
        "--ground",
        "hindrance",
        "--item",
        "savings.balance",
        "--reason",
        "照会中",
        "--by",
        "op-1",
    )
    notice = _notice(audit)
    told = json.dumps(notice, ensure_ascii=False)
    assert notice["counts"]["partly_withheld"] == 1
    assert "本人の安全のため" in told
    assert "照会中" in told
    told_first = next(each for each in notice["provisions"] if each["record_id"] == first)
    assert "東京都千代田区1-1" not in json.dumps(told_first, ensure_ascii=False)


def test_the_whole_can_be_withheld(audit: Audit) -> None:
    """The person reads that there is a record, the ground and the reason; nothing of it."""
    (first,) = ids(1)
    audit("withhold", first, "--ground", "other_law", *WHY)
    notice = _notice(audit)
    assert (notice["counts"]["withheld"], notice["counts"]["disclosed"]) == (1, 1)
    assert "本人の安全のため" in json.dumps(notice, ensure_ascii=False)


def test_marks_never_make_a_disclosure_impossible(audit: Audit) -> None:
    """What is marked again counts as last; the whole is above parts, an exclusion above every ground; the order does not matter."""
    first, second = ids(1, 2)
    for options in (
        ("--ground", "harm", "--item", "savings.balance"),
        ("--ground", "hindrance", "--item", "savings.balance"),
        ("--ground", "harm", "--particular", "items"),
        ("--ground", "harm", "--particular", "person", "--particular", "items"),
    ):
        audit("withhold", first, *options, *WHY)
        assert _notice(audit)["counts"]["partly_withheld"] == 1
    for above, expected in (
        (("--ground", "harm"), "withheld"),
        (("--ground", "harm", "--item", "savings.balance"), "withheld"),
        (("--exclude", "state"), "excluded"),
        (("--ground", "harm"), "excluded"),
        (("--exclude", "unlawful_acts"), "excluded"),
    ):
        audit("withhold", second, *above, *WHY)
        made = _sheet(audit, "C-000001", f"out-{above[1]}-{len(above)}-{expected}")
        assert made["categories"][expected] == 1, above


def test_a_mark_that_fits_no_record_is_refused(audit: Audit, database: str) -> None:
    """Unknown record, no id, a particular or item that the record does not have, both kinds at once: nothing is written."""
    (first,) = ids(1)
    unknown = "00000000-0000-4000-8000-000000000000"
    assert "audit records" in audit("withhold", unknown, "--exclude", "state", *WHY, code=1).output
    assert "audit records" in audit("withhold", "R-1", "--exclude", "state", *WHY, code=2).output
    for options in (
        (), ("--exclude", "state", "--ground", "harm"), ("--exclude", "state", "--item", "savings.balance"),
        ("--ground", "harm", "--item", "savings.balanse"), ("--ground", "harm", "--particular", "acquisition"),
        ("--ground", "harm", "--particular", "items", "--item", "savings.balance"), ("--ground", "hurt"),
        ("--exclude", "everything"),
    ):  # fmt: skip
        audit("withhold", first, *options, *WHY, code=2)
    audit("withhold", first, "--ground", "harm", "--reason", " ", "--by", "op", code=2)
    audit("withhold", first, "--ground", "harm", "--reason", "x", code=2)
    assert sql(database, "SELECT count(*) FROM withholding") == [(0,)]


def test_what_was_purged_is_told_without_content(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by its own controller, with the days; what was excluded before the purge is told by nobody, nor is a mark possible after."""
    documents = [
        record(1, "C-1", **LONG_AGO), record(2, "C-1", **LONG_AGO, controller="post-office"), record(3, "C-1", **LONG_AGO), record(4, "C-1"),
    ]  # fmt: skip
    audit = ledger_of(database, tmp_path, monkeypatch, *documents)
    gone, others, hidden, kept = (str(each["record_id"]) for each in documents)
    audit("withhold", hidden, "--exclude", "life_body_property", *WHY)
    assert json.loads(audit("purge", "--execute", "--yes", "--json").stdout)["purged"] == 3
    assert sql(database, "SELECT controller FROM purged ORDER BY idx") == [
        ("savings-bank",), ("post-office",), ("savings-bank",),
    ]  # fmt: skip
    notice = _notice(audit, "C-1")
    told = json.dumps(notice, ensure_ascii=False)
    assert [each["created_on"] for each in notice["expired"]] == ["2020-11-21"]
    assert kept in told
    assert not any(id_ in told for id_ in (gone, others, hidden))
    counts = _sheet(audit, "C-1", "out")
    assert counts["total"] == 4
    assert {name: number for name, number in counts["categories"].items() if number} == {
        "disclosed": 1, "expired": 1, "expired_untold": 1, "other_controller": 1,
    }  # fmt: skip
    assert len(_notice(audit, "C-1", "--organization", "post-office")["expired"]) == 1
    assert "keeps no record" in audit("withhold", gone, "--exclude", "state", *WHY, code=1).output


def test_instructions_complete_the_letter(audit: Audit, tmp_path: Path) -> None:
    """Who asks, who answers, decisions on single records: from the file; what contradicts the command is refused."""
    path = tmp_path / "instructions.yaml"
    (first,) = ids(1)
    text = (examples_path() / "disclosure.yaml").read_text(encoding="utf-8")
    mine = f"statements: {{withheld: [{{record_id: {first}, ground: harm, reason: 心身の状況, items: [savings.balance]}}]}}\n"
    path.write_text(text.replace("C-900003", "C-000001") + mine, encoding="utf-8")
    notice = _notice(audit, "C-000001", "--instructions", str(path))
    assert notice["counts"]["partly_withheld"] == 1
    assert notice["subject"]["name"] is not None
    other = audit("disclose", "C-000002", "--instructions", str(path), code=2)
    assert "not C-000002" in _words(other)
    both = audit("disclose", "C-000001", "--instructions", str(path), "--organization", "post-office", code=2)
    assert "--organization says post-office" in _words(both)


def test_instructions_that_cannot_be_used_are_told(audit: Audit, tmp_path: Path) -> None:
    """A misspelt field, a record of nobody, two documents, no YAML: exit code 2, the field or the file named, nothing written."""
    for text, said in (
        ("statements: {witheld: []}", "statements.withheld"),
        ("statements: {excluded: [{record_id: R-77, kind: state, reason: x}]}", "R-77"),
        ("statements: {}\n---\nstatements: {}", "one YAML or JSON document"),
        ("{", "instructions.yaml"),
    ):
        path = tmp_path / "instructions.yaml"
        path.write_text(text, encoding="utf-8")
        assert said in _words(audit("disclose", "C-000001", *BANK, "--instructions", str(path), code=2)), text
    assert list(tmp_path.glob("disclosure-*")) == []


def test_who_answers_must_be_known(audit: Audit) -> None:
    """Without an organization, with one the rulebook does not know, received tomorrow: what to give instead."""
    assert "--organization" in audit("disclose", "C-000001", code=2).output
    assert "savings-bank" in audit("disclose", "C-000001", "--organization", "savings-bnak", code=2).output
    assert "2999-01-01" in audit("disclose", "C-000001", *BANK, "--received-on", "2999-01-01", code=2).output


def test_a_damaged_record_stops_the_disclosure(audit: Audit, database: str, tmp_path: Path) -> None:
    """A letter that leaves a record out would be wrong: no document is written, the place is told."""
    spoiled(database, "UPDATE payload SET body = '{}' WHERE idx = 1")
    assert "#1" in audit("disclose", "C-000001", *BANK, "--output", "out", code=1).output
    assert not (tmp_path / "out").exists()


def test_log_lines_hold_nothing_of_records(audit: Audit, caplog: pytest.LogCaptureFixture) -> None:
    """What the commands log names no person, no counterparty, no reason."""
    (first,) = ids(1)
    outputs = [
        audit("withhold", first, "--ground", "harm", *WHY),
        audit("disclose", "C-000001", *BANK, "--output", "out"),
    ]
    for said in ("C-000001", "保険株式会社", "本人の安全のため"):
        assert said not in caplog.text
        assert not any(said in each.stderr for each in outputs)


def test_a_purge_is_not_overtaken(audit: Audit, database: str) -> None:
    """A mark waits for a purge that is under way, and is refused where it took the record: no mark stands on what is gone."""
    (first,) = ids(1)
    done: list[Result] = []
    with psycopg.connect(database) as purging:
        purging.execute("SET search_path TO sekisho_ledger")
        purging.execute("SELECT pg_advisory_xact_lock(%s)", (KEEPING_LOCK,))
        marking = threading.Thread(
            target=lambda: done.append(audit("withhold", first, "--exclude", "state", *WHY, code=1))
        )
        marking.start()
        waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted AND datname = current_database()"
        until = time.monotonic() + 60
        while sql(database, waiting) == [(0,)] and time.monotonic() < until:
            time.sleep(0.05)
        for (table,) in purging.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'payload'::regclass"
        ).fetchall():
            purging.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
            purging.execute(f"DELETE FROM {table} WHERE record_id = '{first}'".encode())
        purging.commit()
        marking.join(60)
    assert "keeps no record" in done[0].output
    assert sql(database, "SELECT count(*) FROM withholding") == [(0,)]
