"""`sekisho audit verify` and `audit export` as an auditor calls them: words, JSON and exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledger.faults.broken import NEW, OLD, Broken, flipped
from ledger.faults.world import ORIGIN, SUBJECT_KEY
from sekisho.cli.app import root

pytestmark = pytest.mark.database


@pytest.fixture
def settings(broken: Broken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Broken:
    """The settings of the copy."""
    for name in list(os.environ):
        if name.startswith("SEKISHO_") and not name.startswith("SEKISHO_TEST_"):
            monkeypatch.delenv(name)
    key = tmp_path / "subject.key"
    key.write_bytes(SUBJECT_KEY)
    key.chmod(0o600)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", broken.url)
    monkeypatch.setenv("SEKISHO_LEDGER_DIRECTORY", str(broken.folder))
    monkeypatch.setenv("SEKISHO_LEDGER_ORIGIN", ORIGIN)
    monkeypatch.setenv("SEKISHO_LEDGER_SUBJECT_HMAC_KEY_FILE", str(key))
    return broken


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(root, [str(each) for each in arguments])


def test_sound_ledger_is_told_in_both_languages(settings: Broken) -> None:
    """Exit 0, what was counted, and that without an older checkpoint a rewritten ledger is not found."""
    done = _run("audit", "verify")
    assert done.exit_code == 0, done.output
    assert "見つかりません" in done.stdout
    assert "--since" in done.stdout
    assert settings.url not in done.output


def test_broken_place_is_named_first(settings: Broken) -> None:
    """Exit 1; the log, the index, what is wrong and what it may mean; the rest is counted."""
    leaf = settings.leaves(NEW)[5]
    settings.sql(
        "UPDATE leaf SET leaf = %s WHERE log_id = %s AND idx = 5", (flipped(leaf, 20), settings.number(NEW))
    )
    done = _run("audit", "verify")
    assert done.exit_code == 1
    assert "First broken place" in done.stdout
    as_json = _run("audit", "verify", "--json")
    told = json.loads(as_json.stdout)
    assert as_json.exit_code == 1
    assert (told["first"]["log"], told["first"]["index"]) == (f"{ORIGIN}/{NEW}", 0)
    assert told["totals"]["leaf.hash"] == 1
    assert told["first"]["meaning"].keys() == {"ja", "en"}


def test_kept_checkpoints_find_a_ledger_that_was_replaced(settings: Broken, tmp_path: Path) -> None:
    """Written by one run, given to the next; a log that is gone since fails, and nothing is written then."""
    assert _run("audit", "verify", "--write-checkpoints", tmp_path / "year").exit_code == 0
    assert (
        _run("audit", "verify", "--since", tmp_path / "year", "--keys", tmp_path / "year" / "keys").exit_code
        == 0
    )
    settings.sql("DELETE FROM payload WHERE log_id = %s", (settings.number(OLD),))
    done = _run("audit", "verify", "--since", tmp_path / "year", "--write-checkpoints", tmp_path / "next")
    assert done.exit_code == 1
    assert not (tmp_path / "next").exists()


def test_bundle_is_written_and_verified_without_a_database(
    settings: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way of an auditor: export, take home, verify with kept keys and checkpoints."""
    done = _run("audit", "export", tmp_path / "evidence", "--redact-subject", "C-000007", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["redacted"] > 10
    monkeypatch.delenv("SEKISHO_DATABASE_URL")
    home = ("--bundle", tmp_path / "evidence", "--keys", settings.kept / "keys", "--since", settings.kept)
    found = _run("audit", "verify", *home)
    assert found.exit_code == 0, found.output
    (tmp_path / "evidence" / "payloads" / NEW / "4.json").unlink()
    assert _run("audit", "verify", *home).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("audit", "verify", "--bundle", "nowhere"), "no folder"),
        (("audit", "verify", "--since", "nowhere"), "cannot be read"),
        (("audit", "verify", "--keys", "nowhere"), "cannot be read"),
        (("audit", "export", "evidence", "--redact", "not-an-id"), "UUID"),
        (("audit", "export", "evidence", "--log", "no-such-log"), "no log"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_done_is_told_in_words(
    settings: Broken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """A wrong path or name is no finding about the ledger: it says what is wrong, and writes nothing."""
    monkeypatch.chdir(tmp_path)
    done = _run(*arguments)
    assert done.exit_code in (1, 2)
    assert words in done.output
    assert settings.published.exists()
    assert not (tmp_path / "evidence").exists()


def test_several_processes_find_the_same(settings: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one process finds, two find at the same places, from one snapshot."""
    from sekisho.ledger.verify import work
    from sekisho.ledger.verify.database import database
    from sekisho.ledger.verify.verification import Options, verify

    settings.sql(
        "UPDATE payload SET salt = sha256(salt) WHERE log_id = %s AND idx = 4", (settings.number(NEW),)
    )
    settings.sql("DELETE FROM leaf WHERE log_id = %s AND idx = 300", (settings.number(OLD),))
    from ledger.faults.broken import NOW

    def found(workers: int) -> tuple[object, object]:
        with database(settings.url, settings.published) as opening:
            report = verify(opening, Options(NOW, subject_key=SUBJECT_KEY, workers=workers))
        return report.totals, report.findings

    alone = found(1)
    monkeypatch.setattr(work, "MANY", 0)
    assert found(2) == alone
