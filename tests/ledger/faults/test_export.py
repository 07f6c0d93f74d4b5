"""The evidence bundle: what is in it, what may be left out, that it verifies all the same, and that it is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from ledger.faults.broken import META, NEW, NOW, OLD, Broken
from ledger.faults.world import ENDED, HELD_SUBJECT, ORIGIN, SUBJECT_KEY, Making, World
from sekisho.cli.audit_export import auditor_path
from sekisho.ledger.export.readme import README
from sekisho.ledger.export.redaction import Redaction
from sekisho.ledger.export.writing import Exported, ExportError, ExportPlan, export
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.keeping.purging import purge
from sekisho.ledger.merkle.checkpoint import Checkpoint
from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.merkle.proof_files import prove_extends
from sekisho.ledger.verify.bundle import BundleOpening
from sekisho.ledger.verify.database import database
from sekisho.ledger.verify.report import Report
from sekisho.ledger.verify.trust import unverified
from sekisho.ledger.verify.verification import Options, verify

pytestmark = pytest.mark.database


def _export(broken: Broken, folder: Path, redaction: Redaction | None = None) -> Exported:
    plan = ExportPlan(folder, NOW, auditor_path(), {"README.md": README}, redaction or Redaction())
    with database(broken.url, broken.published) as opening:
        return export(opening, plan)


def _verified(broken: Broken, folder: Path) -> Report:
    keys = (broken.kept / "keys").read_text().split()
    return verify(BundleOpening(folder), Options(NOW, keys, [broken.kept], workers=1))


def _record(broken: Broken, index: int) -> UUID:
    ((found,),) = broken.rows(
        "SELECT record_id FROM payload WHERE log_id = %s AND idx = %s", (broken.number(NEW), index)
    )
    return UUID(str(found))


def test_bundle_holds_all_that_an_auditor_needs(broken: Broken, tmp_path: Path) -> None:
    """Every log whole, every checkpoint ever signed, the payloads that are kept, keys, program, README in both languages."""
    folder = tmp_path / "evidence"
    done = _export(broken, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    ((leaves, payloads, notes),) = broken.rows(
        "SELECT (SELECT count(*) FROM leaf), (SELECT count(*) FROM payload), (SELECT count(*) FROM checkpoint)"
    )
    assert (done.leaves, done.payloads, done.redacted, done.unsigned) == (leaves, payloads, 0, 0)
    assert len(list((folder / "payloads").rglob("*.json"))) == payloads
    assert len([each for each in (folder / "checkpoints").rglob("*") if each.is_file()]) == notes
    assert {each["log"] for each in manifest["logs"]} >= {META, NEW, OLD}
    assert {each.name for each in (folder / "auditor").iterdir()} == {
        "go.mod",
        "go.sum",
        "retention.go",
        "verify.go",
    }
    text = (folder / "README.md").read_text()
    assert "検証する" in text
    assert "What to keep for next year" in text


def test_leaves_of_a_bundle_hold_no_personal_data(broken: Broken, tmp_path: Path) -> None:
    """Without payloads nothing in it names a person, a recipient or what was provided."""
    _export(broken, tmp_path / "evidence", Redaction(everything=True))
    files = [
        each for each in (tmp_path / "evidence").rglob("*") if each.is_file() and each.name != "README.md"
    ]
    assert files
    for path in files:
        data = path.read_bytes()
        for told in (HELD_SUBJECT.encode(), b"life-insurer", "サンプル".encode(), b"savings.balance"):
            assert told not in data, path


def test_redacted_record_is_left_out_and_all_the_rest_verifies(broken: Broken, tmp_path: Path) -> None:
    """Its leaf stays; the bundle says which index it is; both verifiers accept that."""
    redacted = _record(broken, 4)
    done = _export(broken, tmp_path / "evidence", Redaction(records=frozenset({redacted})))
    assert done.redacted == 1
    assert not (tmp_path / "evidence" / "payloads" / NEW / "4.json").exists()
    assert (tmp_path / "evidence" / "redacted" / NEW).read_text() == "4\n"
    report = _verified(broken, tmp_path / "evidence")
    assert report.totals == {}
    assert report.redacted == 1
    broken._bundle = tmp_path / "evidence"
    assert broken.go(broken.kept_checkpoint(NEW))[0] == 0


def test_redacted_person_is_left_out_everywhere(broken: Broken, tmp_path: Path) -> None:
    """Their records, and the statement of the hold that names them."""
    key = Pseudonyms(SUBJECT_KEY).subject(HELD_SUBJECT)
    ((count,),) = broken.rows("SELECT count(*) FROM payload WHERE subject_hmac = %s", (key,))
    done = _export(broken, tmp_path / "evidence", Redaction(subjects=frozenset({key})))
    assert done.redacted == count
    assert count > 10
    assert "C-000007" not in "".join(
        __import__("base64").b64decode(json.loads(each.read_bytes())["body"]).decode()
        for each in (tmp_path / "evidence" / "payloads").rglob("*.json")
    )
    assert _verified(broken, tmp_path / "evidence").totals == {}


def test_payloads_of_one_log_alone(broken: Broken, tmp_path: Path) -> None:
    """The leaves of all logs go along: they hold each other up."""
    done = _export(broken, tmp_path / "evidence", Redaction(logs=frozenset({f"{ORIGIN}/{NEW}"})))
    assert done.payloads == 10
    assert _verified(broken, tmp_path / "evidence").totals == {}


def test_unlisted_redaction_is_a_payload_that_is_gone(broken: Broken, tmp_path: Path) -> None:
    """Somebody who takes a payload out of a bundle afterwards is found, by us and by Go."""
    _export(broken, tmp_path / "evidence")
    (tmp_path / "evidence" / "payloads" / NEW / "4.json").unlink()
    assert _verified(broken, tmp_path / "evidence").totals == {"payload.missing": 1}
    broken._bundle = tmp_path / "evidence"
    assert broken.go()[0] == 1


@pytest.mark.parametrize("name", ["README.md", f"checkpoints/{NEW.replace('/', '_')}/11", "keys"])
def test_file_changed_on_its_way_is_found(broken: Broken, tmp_path: Path, name: str) -> None:
    """The manifest has every file's digest but the payloads', which their leaves commit to."""
    _export(broken, tmp_path / "evidence")
    path = tmp_path / "evidence" / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert "bundle.file" in _verified(broken, tmp_path / "evidence").totals


def test_folder_that_holds_something_is_refused(broken: Broken, tmp_path: Path) -> None:
    """Nothing is overwritten; an empty folder is taken."""
    (tmp_path / "empty").mkdir()
    _export(broken, tmp_path / "empty")
    with pytest.raises(ExportError, match="not empty"):
        _export(broken, tmp_path / "empty")


def test_export_that_fails_leaves_nothing(broken: Broken, tmp_path: Path) -> None:
    """A record to be left out that is not there: no bundle, and no part of one."""
    with pytest.raises(ExportError, match="no record"):
        _export(broken, tmp_path / "evidence", Redaction(records=frozenset({UUID(int=7)})))
    assert list(tmp_path.iterdir()) == [broken.folder]


async def _grown(broken: Broken, *, purged: bool) -> None:
    world = World(broken.url, broken.folder, at=ENDED.replace(year=2026, month=12, day=5))
    making = Making(world)
    making.number = 9_000
    world.offsets["records", 0] = 1_000
    await making.records(0, 3)
    if purged:
        ((deleted,),) = broken.rows("SELECT count(*) FROM purged")
        leaves = broken.leaves("acts/2026")
        await purge(world.keeping)
        assert (len(broken.leaves("acts/2026")), broken.rows("SELECT count(*) FROM purged")[0][0]) >= (
            len(leaves),
            deleted,
        )


async def test_leaves_that_nobody_signed_stay_behind(broken: Broken, tmp_path: Path) -> None:
    """A bundle ends with the newest checkpoints, and says how many leaves came after."""
    await _grown(broken, purged=False)
    done = _export(broken, tmp_path / "evidence")
    assert done.unsigned == 3
    assert _verified(broken, tmp_path / "evidence").totals == {}
    report = broken.verify(now=ENDED.replace(month=12, day=6))
    assert report.totals == {}
    assert report.unsigned == 3


def test_consistency_proof_in_the_bundle_holds(broken: Broken, tmp_path: Path) -> None:
    """From the first checkpoint of the log of logs to its newest, by the kept keys alone."""
    _export(broken, tmp_path / "evidence")
    (file,) = (tmp_path / "evidence" / "proofs" / META).iterdir()
    first = unverified((tmp_path / "evidence" / "checkpoints" / META / file.name.split("-")[0]).read_bytes())
    known = [VerifierKey.from_text(each) for each in (broken.kept / "keys").read_text().split()]
    newest = prove_extends(file.read_bytes(), first, known)
    assert isinstance(newest, Checkpoint)
    assert newest.size == 24
