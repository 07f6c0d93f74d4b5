"""`sekisho audit records` finds what the ledger took in, counts it, and prints it for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from cli.ledger_world import RECORDS, Audit, ids, ledger_of, spoiled
from ledger.ingest.lodging import record

pytestmark = pytest.mark.database


@pytest.fixture
def audit(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audit:
    """The command on a ledger with RECORDS."""
    return ledger_of(database, tmp_path, monkeypatch, *RECORDS)


def _found(audit: Audit, *options: str) -> list[str]:
    lines = audit("records", "--json", *options).stdout.splitlines()
    return [json.loads(line)["record"]["record_id"] for line in lines]


def test_each_filter_finds_its_records_and_no_others(audit: Audit) -> None:
    """By person, record, counterparty, controller, method, basis, direction and day; several of one kind mean any, several kinds all."""
    for options, expected in (
        ((), ids(1, 2, 3, 4, 5)),
        (("--person", "C-000001"), ids(1, 2, 3)),
        (("--person", "C-000001", "--person", "C-000002"), ids(1, 2, 3, 4, 5)),
        (("--person", "C-00000"), []),
        (("--record", ids(2)[0]), ids(2)),
        (("--recipient", "savings-bank"), ids(4)),
        (("--controller", "post-office"), ids(3)),
        (("--controller", "post-office", "--controller", "life-insurer"), ids(3, 4)),
        (("--controller", "post-office", "--person", "C-000002"), []),
        (("--method", "batch"), ids(5)),
        (("--basis", "provision.opt_out"), ids(2)),
        (("--direction", "receipt"), ids(4)),
        # 2026-12-31 15:30 UTC is the first of January in Tokyo
        (("--from", "2027-01-01", "--until", "2027-01-01"), ids(2)),
        (("--until", "2026-12-31"), ids(1, 3, 4, 5)),
        (("--from", "2026-11-21", "--until", "2026-11-21", "--person", "C-000002"), ids(4, 5)),
        (("--limit", "2"), ids(1, 2)),
    ):  # fmt: skip
        assert _found(audit, *options) == expected, options


def test_json_holds_the_record_and_what_the_ledger_knows_of_it(audit: Audit) -> None:
    """Verbatim, with the last day, holds, and the leaf; an open batch has no last day."""
    lines = [json.loads(line) for line in audit("records", "--json").stdout.splitlines()]
    first, batch = lines[0], lines[4]
    assert first["record"]["counterparty"]["name"] == "保険株式会社"
    assert (first["retain_until"], first["holds"], first["index"]) == ("2029-11-21", [], 1)
    assert first["log"].startswith("ledger.example/sekisho/provision-records/")
    assert batch["retain_until"] is None


def test_csv_is_a_table_for_a_spreadsheet(audit: Audit) -> None:
    """With a byte order mark, for Excel takes Japanese for Shift_JIS without; what would be a formula is a text."""
    told = audit("records", "--csv").stdout
    assert told.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(told.removeprefix("\ufeff"))))
    assert [row["record_id"] for row in rows] == ids(1, 2, 3, 4, 5)
    assert rows[0]["counterparty_name"] == "保険株式会社"
    assert rows[3]["counterparty_name"] == '\'=HYPERLINK("http://x")'
    assert (rows[4]["retain_until"], rows[4]["subject"]) == ("", "C-000002")


def test_no_cell_begins_like_a_formula(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in ASCII nor in the wide forms that Japanese spreadsheets take for the same."""
    starts = ["=1", "+1", "-1", "@a", "\t=1", "＝1", "＋1", "－1", "＠a"]
    documents = [
        record(number, "C-9", counterparty={**record(0)["counterparty"], "name": name})
        for number, name in enumerate(starts)
    ]
    audit = ledger_of(database, tmp_path, monkeypatch, *documents)
    rows = csv.DictReader(io.StringIO(audit("records", "--csv").stdout))
    assert [row["counterparty_name"] for row in rows] == [f"'{name}" for name in starts]


def test_counts_are_by_direction_basis_and_method(audit: Audit) -> None:
    """--count alone for people, with --json for programs; filters apply."""
    told = json.loads(audit("records", "--count", "--json", "--person", "C-000001").stdout)
    assert told["records"] == 3
    assert {(each["basis"], each["method"]): each["records"] for each in told["counts"]} == {
        ("provision.consent", "individual"): 2, ("provision.opt_out", "individual"): 1,
    }  # fmt: skip
    shown = " ".join(audit("records", "--count").stdout.split())
    assert "5 件の記録 records kept" in shown
    assert "1 provision provision.consent batch" in shown


def test_people_see_each_record_and_what_is_left_out(audit: Audit) -> None:
    """The id, the last day, the leaf; with --limit how many more there are."""
    shown = audit("records", "--person", "C-000001").stdout
    for said in (*ids(1, 2, 3), "2029-11-21 まで until", "3  件の記録 records kept"):
        assert said in shown
    assert "終期未定 no end yet" in audit("records", "--method", "batch").stdout
    assert "and 4 more" in " ".join(audit("records", "--limit", "1").stdout.split())


def test_an_empty_ledger_has_no_records(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None is an answer, not an error: 0 for people, nothing for programs, the headings alone for a spreadsheet."""
    audit = ledger_of(database, tmp_path, monkeypatch)
    assert "0  件の記録 records kept" in audit("records").stdout
    assert audit("records", "--json").stdout == ""
    assert len(audit("records", "--csv").stdout.splitlines()) == 1
    assert json.loads(audit("records", "--count", "--json").stdout) == {"records": 0, "counts": []}


def test_what_excludes_each_other_is_wrong_usage(audit: Audit) -> None:
    """Two formats, a CSV of counts, days that are none, an unknown basis: exit code 2, and what to do."""
    assert "exclude each other" in audit("records", "--json", "--csv", code=2).output
    assert "use --json" in audit("records", "--count", "--csv", code=2).output
    assert "%Y-%m-%d" in audit("records", "--from", "21.11.2026", code=2).output
    assert "provision.opt_out" in audit("records", "--basis", "optout", code=2).output


def test_a_person_cannot_be_found_without_the_key(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the missing key; what asks for no person needs none."""
    monkeypatch.delenv("SEKISHO_LEDGER_SUBJECT_HMAC_KEY_FILE")
    assert "subject-hmac.key" in audit("records", "--person", "C-000001", code=1).output
    assert len(_found(audit)) == 5


def test_a_damaged_record_is_told_with_its_place(audit: Audit, database: str) -> None:
    """Neither a traceback nor a record left out: which leaf it is, and what to run; the content is not repeated."""
    spoiled(database, 'UPDATE payload SET body = \'{"record_id": "himitsu"}\' WHERE idx = 2')
    told = audit("records", "--json", code=1).output
    assert "/0/" in told
    assert "#2" in told
    assert "sekisho audit verify" in told
    assert "himitsu" not in told


def test_records_stand_in_pages(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read page after page is all of it, once; a limit cuts within a page."""
    from sekisho.ledger import search

    monkeypatch.setattr(search, "_PAGE", 2)
    assert _found(audit) == ids(1, 2, 3, 4, 5)
    assert _found(audit, "--limit", "3") == ids(1, 2, 3)
    assert _found(audit, "--limit", "4") == ids(1, 2, 3, 4)
