"""`sekisho gate` and `sekisho rulebook`: what an operator is told and may do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.conftest import Run
from faults.unsafe_memory import UnsafeFaults
from sekisho.cli import connection
from sekisho.cli.connection import topic_plan
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Partition
from sekisho.log.topics import create_topics
from sekisho.rulebook import sample_path
from sekisho.settings import Settings


@pytest.fixture
def log(run: Run, monkeypatch: pytest.MonkeyPatch) -> MemoryLog:
    """A log with its topics, and the settings of a gate."""
    found = MemoryLog(
        MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5),
        lambda: int(time.time() * 1000),
    )
    asyncio.run(create_topics(found, topic_plan(Settings.from_environment({}))))
    monkeypatch.setattr(connection, "open_log", lambda settings, bootstrap: found)
    monkeypatch.setenv("SEKISHO_KAFKA_BOOTSTRAP", "memory:1")
    monkeypatch.setenv("SEKISHO_RULEBOOK", str(sample_path()))
    monkeypatch.setenv("SEKISHO_PAYLOAD_HMAC_KEY", "k" * 64)
    return found


def test_a_gate_without_its_settings_names_them(run: Run) -> None:
    """All that is missing at once, exit 2, nothing was opened."""
    result = run("gate")
    assert result.exit_code == 2
    for name in ("SEKISHO_KAFKA_BOOTSTRAP", "SEKISHO_RULEBOOK", "SEKISHO_PAYLOAD_HMAC_KEY"):
        assert name in result.stderr


EARLY = """
import os, signal, sys

class Early:
    def find_spec(self, name, path, target=None):
        if name == "sekisho.bootstrap":
            sys.meta_path.remove(self)
            {told}

class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Early())
sys.argv = ["sekisho", "gate"]
from sekisho.cli import main
main()
"""


@pytest.mark.parametrize("told", ["os.kill(os.getpid(), signal.SIGTERM)", "Lost()"])
def test_a_gate_told_to_stop_while_it_still_loads_ends_in_order(told: str, tmp_path: Path) -> None:
    """SIGTERM amid the imports, and one whose exception is lost in a finalizer: exit 0, nothing was opened."""
    environment = {
        **os.environ,
        "SEKISHO_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "SEKISHO_RULEBOOK": str(sample_path()),
        "SEKISHO_PAYLOAD_HMAC_KEY": "k" * 64,
        "SEKISHO_STATE_DIRECTORY": str(tmp_path),
        "SEKISHO_HTTP_PORT": "0",
    }
    done = subprocess.run(
        [sys.executable, "-c", EARLY.format(told=told)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_only_a_record_that_cannot_be_decoded_can_be_skipped_and_in_writing(run: Run, log: MemoryLog) -> None:
    """Skipped once, a rejected event says so; skipped again, nothing more; a readable position is refused."""
    UnsafeFaults(log).append_undecodable(Partition("sekisho-consent-events", 2))
    assert "Skipped; a rejected event says so." in run("gate", "skip", "2:0").stdout
    assert "It was skipped before" in run("gate", "skip", "2:0").stdout
    lines = run("tail", "rejected", "--no-follow", "--json").stdout.splitlines()
    assert [json.loads(line)["data"]["cause"] for line in lines] == ["skipped"]
    refused = run("gate", "skip", "2:1")
    assert refused.exit_code == 1
    assert "not skipped" in refused.stderr
    assert run("gate", "skip", "two").exit_code == 2


@pytest.mark.usefixtures("log")
def test_a_loss_is_accepted_only_in_so_many_words(run: Run) -> None:
    """`resume` needs --accept-loss; where nothing is lost nothing is written."""
    refused = run("gate", "resume")
    assert refused.exit_code == 2
    assert "--accept-loss" in refused.stderr
    done = run("gate", "resume", "--accept-loss")
    assert done.exit_code == 0
    assert "Nothing was lost" in done.stdout


def test_a_rulebook_is_checked_with_file_and_line(run: Run, tmp_path: Path) -> None:
    """0 for the sample; 1 with file and line for what is wrong, as JSON too; 2 where there is no folder."""
    assert run("rulebook", "check", str(sample_path())).exit_code == 0
    broken = tmp_path / "rulebook"
    shutil.copytree(sample_path(), broken)
    path = broken / "moratoria.yaml"
    path.write_text(path.read_text("utf-8").replace("post-office", "post-ofice", 1), "utf-8")
    found = run("rulebook", "check", str(broken))
    assert found.exit_code == 1
    assert "moratoria.yaml:" in found.stdout
    assert "post-office" in found.stdout
    told = json.loads(run("rulebook", "check", str(broken), "--json").stdout)
    assert told["valid"] is False
    assert {problem["file"] for problem in told["problems"]} == {"moratoria.yaml"}
    assert run("rulebook", "check", str(tmp_path / "none")).exit_code == 2
