"""`sekisho demo`: the day in memory; on a real Kafka; interrupted. Nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

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
def test_on_a_kafka_that_is_named_it_plays_under_its_own_topics_and_deletes_them(broker: str) -> None:
    """With SEKISHO_KAFKA_BOOTSTRAP nothing is started but gates, which are killed in earnest; exit 0; no topic stays."""
    from confluent_kafka.admin import AdminClient

    environment = {**os.environ, "SEKISHO_KAFKA_BOOTSTRAP": broker}
    done = subprocess.run(
        [*COMMAND, "--requests", "300"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gate-1 killed (SIGKILL)" in done.stdout
    prefix = re.search(r"sekisho-demo-[0-9a-f]+-", done.stdout)
    assert prefix is not None
    assert not [
        name
        for name in AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10).topics
        if name.startswith(prefix[0])
    ]
    assert "Traceback" not in done.stderr


@pytest.mark.own_broker
@pytest.mark.parametrize(
    ("number", "said", "code"),
    [
        (signal.SIGINT, "gate-1 killed", 130),
        (signal.SIGTERM, "Ready:", 143),
    ],
)
def test_interrupted_it_leaves_no_process_and_no_folder(number: signal.Signals, said: str, code: int) -> None:
    """Ctrl-C in the rush, or SIGTERM in the scenes: broker and gates end, the temporary folder is removed."""
    process = subprocess.Popen(
        [*COMMAND, "--requests", "3000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    folder = None
    watchdog = threading.Timer(200, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            found = re.search(r"data in (\S+)", line)
            folder = found[1] if found else folder
            if said in line:
                break
        assert folder is not None
        assert processes_of(folder)
        process.send_signal(number)
        rest, stderr = process.communicate(timeout=90)
    finally:
        watchdog.cancel()
        process.kill()
    assert process.returncode == code, rest + stderr
    assert "Stopping everything" in rest
    assert "Traceback" not in stderr
    assert processes_of(folder) == []
    assert not Path(folder).exists()


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
