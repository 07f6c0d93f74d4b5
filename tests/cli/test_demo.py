"""`sekisho demo`: the day in memory; on a real Kafka, with the ledger's evening; interrupted. Nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.cells import cell_len

from cli.conftest import Run
from sekisho.cli.demo.checking import STATEMENTS, uncovered
from sekisho.cli.demo.moving import moved

COMMAND = [sys.executable, "-m", "sekisho", "demo", "--no-pause"]


def test_the_day_in_memory_is_decided_recorded_and_verified(run: Run) -> None:
    """The whole day, a rush with a gate cancelled in its midst, and the verifier's statements; exit 0."""
    result = run("demo", "--in-memory", "--requests", "120")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "Nothing here is durable" in shown
    for statement in STATEMENTS:
        assert f"✓ {statement.said.ja}" in shown
    for said in (
        "✗ DENY 拒否", "✓ ALLOW 許可", "▤ RECORD 第三者提供記録", "⚠ REJECTED 不受理", "near miss", "sent again",
        "forwarded to", "consent.missing · WALL-1", "activity.suspended", "gate-1 killed", "sekisho up",
    ):  # fmt: skip
        assert said in shown, said
    assert "not what the story expects" not in shown
    assert result.stderr == ""


def test_the_demo_is_readable_at_80_columns_and_without_colour(run: Run) -> None:
    """No line is wider than 80 columns (Japanese counts double), and no escape sequence stands in a file."""
    shown = run("demo", "--in-memory", "--requests", "30").stdout
    assert [line for line in shown.splitlines() if cell_len(line) > 80] == []
    assert "\x1b" not in shown


def test_every_kind_of_finding_refutes_a_statement() -> None:
    """No finding of the verifier could hide behind seven ticks."""
    assert uncovered() == set()


def test_a_document_is_moved_as_a_whole() -> None:
    """Days and times move by the same number of days, the time of day and all other texts stay."""
    before = {"a": ["2026-11-21", "2026-02-28T23:59:00+09:00"], "b": "DOC-2026-11-21", "c": None, "d": 3}
    after = {"a": ["2026-11-22", "2026-03-01T23:59:00+09:00"], "b": "DOC-2026-11-21", "c": None, "d": 3}
    assert moved(before, 1) == after


@pytest.mark.broker
@pytest.mark.database
def test_on_a_kafka_that_is_named_it_plays_under_its_own_topics_and_deletes_them(
    broker: str, tmp_path: Path
) -> None:
    """With SEKISHO_KAFKA_BOOTSTRAP no broker is started; gates are killed in earnest, the evening is proven; no topic stays."""
    done = subprocess.run(
        [*COMMAND, "--requests", "300"],
        env=_environment(tmp_path, SEKISHO_KAFKA_BOOTSTRAP=broker),
        capture_output=True, text=True, timeout=480, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gate-1 killed (SIGKILL)" in done.stdout
    assert "Traceback" not in done.stderr
    assert "✗ DENY" in done.stdout
    shown = " ".join(done.stdout.split())
    for said in (
        "Nothing was altered, removed early, reordered or added.", "localhost/sekisho/meta",
        "the ledger is append-only", "✗ 最初の不一致 First broken place", "The tampering was found; put back, the ledger verifies",
        "Due today: 0",
    ):  # fmt: skip
        assert said in shown, said
    assert sorted(each.name for each in (tmp_path / "demo").rglob("*.*")) == [
        "notice.html", "notice.json", "notice.pdf", "sheet.html", "sheet.json", "sheet.pdf",
    ]  # fmt: skip
    assert topics_left(broker, done.stdout) == []
    assert processes_of(str(tmp_path)) == []


def topics_left(broker: str, shown: str) -> list[str]:
    """The demo's topics that are still there, and its prefix's consumer groups."""
    from confluent_kafka.admin import AdminClient

    prefix = re.search(r"sekisho-demo-[0-9a-f]+-", shown)
    assert prefix is not None
    admin = AdminClient({"bootstrap.servers": broker})
    groups = admin.list_consumer_groups().result(30).valid
    names = [*admin.list_topics(timeout=30).topics, *(each.group_id for each in groups)]
    return [name for name in names if name.startswith(prefix[0])]


def _environment(state: Path, **given: str) -> dict[str, str]:
    """What the demo is started with: its documents and its gates' files go where the test looks for them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    return {**kept, **given, "SEKISHO_STATE_DIRECTORY": str(state), "PYTHONUNBUFFERED": "1"}


class Interrupted(NamedTuple):
    """A demo that was ended by a signal: its exit code, all that it printed, stderr, and its temporary folder."""

    code: int
    shown: str
    stderr: str
    folder: Path


def interrupted(
    environment: dict[str, str], requests: int, said: str, number: signal.Signals, temporary: Path
) -> Interrupted:
    """A demo that gets the signal as soon as it says that. Something of it must run then."""
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "--requests", str(requests)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**environment, "TMPDIR": str(temporary)}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    watchdog = threading.Timer(400, process.kill)
    watchdog.start()
    shown = ""
    try:
        for line in process.stdout:
            shown += line
            if said in line:
                break
        assert said in shown, shown
        (folder,) = temporary.glob("sekisho-demo-*")
        assert processes_of(str(folder))
        process.send_signal(number)
        rest, stderr = process.communicate(timeout=180)
    finally:
        watchdog.cancel()
        process.kill()
    return Interrupted(process.returncode, shown + rest, stderr, folder)


def assert_nothing_is_left(ended: Interrupted, code: int) -> None:
    """It ended as a shell expects of that signal, said so, and took everything with it."""
    assert ended.code == code, ended.shown + ended.stderr
    assert "Stopping everything" in ended.shown
    assert "Traceback" not in ended.stderr
    assert processes_of(str(ended.folder)) == []
    assert list(ended.folder.parent.iterdir()) == []


@pytest.mark.own_broker
@pytest.mark.parametrize(
    ("number", "said", "code"), [(signal.SIGINT, "gate-1 killed", 130), (signal.SIGTERM, "Ready:", 143)]
)
def test_interrupted_it_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals, said: str, code: int
) -> None:
    """Ctrl-C in the rush, or SIGTERM in the scenes: broker and gates end, the temporary folder is removed."""
    ended = interrupted(_environment(tmp_path / "state"), 3000, said, number, tmp_path / "tmp")
    assert_nothing_is_left(ended, code)


@pytest.mark.broker
@pytest.mark.database
@pytest.mark.parametrize(
    ("number", "said", "code"),
    [
        (signal.SIGTERM, "Starting an embedded PostgreSQL", 143),
        (signal.SIGINT, "Ready: PostgreSQL", 130),
        (signal.SIGTERM, "Verification of the ledger", 143),
    ],
)
def test_interrupted_in_the_evening_it_leaves_no_database_either(
    broker: str, tmp_path: Path, number: signal.Signals, said: str, code: int
) -> None:
    """While PostgreSQL starts, while the ledger takes in, while it is verified: both end, and the day's topics are deleted."""
    environment = _environment(tmp_path / "state", SEKISHO_KAFKA_BOOTSTRAP=broker)
    ended = interrupted(environment, 30, said, number, tmp_path / "tmp")
    assert_nothing_is_left(ended, code)
    assert topics_left(broker, ended.shown) == []


def processes_of(folder: str) -> list[str]:
    """Processes whose command line or environment names the demo's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            told = b"".join(_read(entry / name) for name in ("cmdline", "environ"))
            if folder.encode() in told:
                found.append(entry.name)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
