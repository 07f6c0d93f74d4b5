"""`sekisho up`, what one does with it, and `down`; and what a person is told where Kafka cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.test_demo import processes_of
from sekisho.cli.examples import examples_path
from sekisho.local.jars import KafkaUnavailableError


def sekisho(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, with its state in a folder of the test's."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    return subprocess.run(
        [sys.executable, "-m", "sekisho", *arguments],
        env={**given, "SEKISHO_STATE_DIRECTORY": str(state)},
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip


@pytest.mark.own_broker
def test_up_send_tail_audit_down(tmp_path: Path) -> None:
    """What `up` starts answers what `send` sends, `tail` shows it, `audit check` approves, `down` ends all of it."""
    example = str(examples_path() / "insurance-list.yaml")
    up = sekisho(tmp_path, "up")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert "Kafka      127.0.0.1:" in up.stdout
        assert up.stdout.count("/metrics") == 2
        again = sekisho(tmp_path, "up")
        assert again.returncode == 1
        assert "It runs already" in again.stderr
        assert sekisho(tmp_path, "send", example).returncode == 0
        tail = sekisho(tmp_path, "tail", "decisions", "--json", "--max", "2")
        effects = {
            found["data"]["request_id"]: found["data"]["effect"]
            for found in map(json.loads, tail.stdout.splitlines())
        }
        assert effects == {"EX-R-1": "allow", "EX-R-2": "deny"}
        checked = sekisho(tmp_path, "audit", "check", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert json.loads(checked.stdout)["counts"]["decisions"] == 2
        assert sekisho(tmp_path, "topics", "check").returncode == 0
        unskippable = sekisho(tmp_path, "gate", "skip", "0:0")
        assert unskippable.returncode == 2
        assert "SEKISHO_PAYLOAD_HMAC_KEY" in unskippable.stderr
    finally:
        down = sekisho(tmp_path, "down", "--forget")
    assert down.returncode == 0
    assert "kafka" in down.stdout
    assert processes_of(str(tmp_path)) == []
    assert sekisho(tmp_path, "down").stdout == "Nothing was up.\n"


@pytest.mark.parametrize("command", ["demo", "up"])
def test_without_kafka_the_ways_out_are_told(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    """No network and no cache: the message names SEKISHO_KAFKA_BOOTSTRAP and `demo --in-memory`; exit 1, no traceback."""
    from sekisho.cli import here

    def unavailable(*_: object, **__: object) -> None:
        raise KafkaUnavailableError("kafka-clients-4.3.1.jar could not be fetched (gaierror).")

    monkeypatch.setattr(here, "ensure_jars", unavailable)
    monkeypatch.setenv("SEKISHO_LOCAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    result = run(command)
    assert result.exit_code == 1
    assert "Fetching Kafka 4.3.1" in result.stdout
    for said in ("SEKISHO_KAFKA_BOOTSTRAP=host:port", "sekisho demo --in-memory", "nothing is durable"):
        assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
