"""`sekisho up`, what one does with it, and `down`; and what a person is told where Kafka cannot be had."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from cli.test_demo import processes_of
from sekisho.cli.database import ledger_home
from sekisho.cli.examples import examples_path
from sekisho.local.jars import KafkaUnavailableError
from sekisho.settings import Settings


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
    """What `up` starts answers what `send` sends, `tail` shows it, `audit check` approves; the ledger keeps what is to be recorded, also
    over a `down` and another `up`; `down --forget` ends all of it."""
    example = str(examples_path() / "insurance-list.yaml")
    up = sekisho(tmp_path, "up")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert "Kafka      127.0.0.1:" in up.stdout
        assert up.stdout.count("/metrics") == 3
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
        _the_ledger_keeps_records(tmp_path)
        unskippable = sekisho(tmp_path, "gate", "skip", "0:0")
        assert unskippable.returncode == 2
        assert "SEKISHO_PAYLOAD_HMAC_KEY" in unskippable.stderr
    finally:
        down = sekisho(tmp_path, "down", "--forget")
    assert down.returncode == 0
    assert "kafka" in down.stdout
    assert processes_of(str(tmp_path)) == []
    assert sekisho(tmp_path, "down").stdout == "Nothing was up.\n"


def _the_ledger_keeps_records(state: Path) -> None:
    """Sent, kept, verified; after `down` still read, by a database that runs for the command; after `up` more on the same keys."""
    (first,) = _provided(state, 1)
    keys = _keys(state)
    assert {path.name: mode for path, (mode, _) in keys.items()} == {
        "signing.key": 0o600,
        "subject-hmac.key": 0o600,
    }
    assert sekisho(state, "down").returncode == 0
    assert [each["record"]["record_id"] for each in _kept(state)] == [first]
    assert sekisho(state, "audit", "verify").returncode == 0
    up = sekisho(state, "up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert first in _provided(state, 2)
    assert _keys(state) == keys
    disclosed = sekisho(state, "audit", "disclose", "C-900003", "--organization", "savings-bank", "--json")
    assert disclosed.returncode == 0, disclosed.stderr
    assert first in disclosed.stdout


def _provided(state: Path, number: int) -> list[str]:
    """Has the example's provision decided under a new request id; waits for its record. The ids of all that are kept."""
    text = (examples_path() / "provision.yaml").read_text(encoding="utf-8")
    path = state / f"provision-{number}.yaml"
    path.write_text(text.replace("EX-R-3", f"EX-R-3-{number}"), encoding="utf-8")
    assert sekisho(state, "send", str(path)).returncode == 0
    until = time.monotonic() + 120
    while len(kept := _kept(state)) < number and time.monotonic() < until:
        time.sleep(0.5)
    verified = sekisho(state, "audit", "verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    ids = [each["record"]["record_id"] for each in kept]
    assert len(ids) == number
    return ids


def _kept(state: Path) -> list[dict[str, Any]]:
    found = sekisho(state, "audit", "records", "--person", "C-900003", "--json")
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


def _keys(state: Path) -> dict[Path, tuple[int, bytes]]:
    folder = state / "up" / "ledger" / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    return {path: (stat.S_IMODE(path.stat().st_mode), path.read_bytes()) for path in folder.iterdir()}


def test_a_ledger_in_a_given_database_has_its_keys_where_commands_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`up` with SEKISHO_DATABASE_URL and `audit …` with the same mean the same folder; without it, `up`'s own."""
    from sekisho.cli.stack import _ledger_folder

    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    assert _ledger_folder(Settings.from_environment(), tmp_path / "up") == tmp_path / "up" / "ledger"
    monkeypatch.setenv("SEKISHO_DATABASE_URL", "postgresql://ledger@db/sekisho")
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        assert _ledger_folder(settings, tmp_path / "up") == home.folder == tmp_path / "ledger"


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
