"""`sekisho ledger` on a machine of its own, and the commands beside it: while it runs, and while it does not."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.conftest import Run
from cli.test_demo import processes_of
from kafka_settings import kafka_config
from ledger.ingest.lodging import Lodging, record
from sekisho.ledger.store import schema
from sekisho.ledger.verify import database
from sekisho.log.kafka import KafkaLog

Command = Callable[..., subprocess.CompletedProcess[str]]
WAIT_S = 120


@contextmanager
def _ledger(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as file:
        process = subprocess.Popen([sys.executable, "-m", "sekisho", "ledger"], env=environment, stderr=file)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.broker
@pytest.mark.database
def test_a_ledger_alone_and_the_commands_beside_it(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    """It runs a PostgreSQL of its own; commands use that, and start it for themselves once the ledger has stopped."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    environment = {
        **given, "SEKISHO_STATE_DIRECTORY": str(tmp_path), "SEKISHO_KAFKA_BOOTSTRAP": broker,
        "SEKISHO_TOPIC_PREFIX": topic_prefix, "SEKISHO_TOPIC_PARTITIONS": "2", "SEKISHO_HTTP_PORT": "0",
    }  # fmt: skip

    def sekisho(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sekisho", *arguments],
            env=environment, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip

    made = sekisho("topics", "create")
    assert made.returncode == 0, made.stderr
    none = sekisho("audit", "records")
    assert none.returncode == 2
    assert "`sekisho ledger` begins a ledger" in none.stderr
    with _ledger(environment, tmp_path / "ledger.log") as process:
        asyncio.run(_sent(broker, topic_prefix))
        beside = _until_kept(sekisho, 3, process, tmp_path / "ledger.log")
        assert sekisho("audit", "verify").returncode == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 0
    assert processes_of(str(tmp_path)) == []
    assert _kept(sekisho) == beside
    assert sekisho("audit", "verify").returncode == 0
    assert processes_of(str(tmp_path)) == []


async def _sent(broker: str, prefix: str) -> None:
    log = KafkaLog(kafka_config(broker))
    try:
        await Lodging(log, "", prefix).records(*(record(number, "C-000001") for number in range(3)))
    finally:
        await log.close()


def _kept(sekisho: Command) -> list[str]:
    found = sekisho("audit", "records", "--person", "C-000001", "--json")
    return [json.loads(line)["record"]["record_id"] for line in found.stdout.splitlines()]


def _until_kept(sekisho: Command, number: int, process: subprocess.Popen[bytes], log: Path) -> list[str]:
    until = time.monotonic() + WAIT_S
    while len(kept := _kept(sekisho)) < number and time.monotonic() < until:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.5)
    assert len(kept) == number, log.read_text(encoding="utf-8")
    return kept


@pytest.mark.parametrize(
    "arguments",
    [
        ("records",), ("verify",), ("hold", "list"), ("purge",), ("export", "bundle"),
        ("withhold", "6c1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001", "--exclude", "state", "--reason", "x", "--by", "y"),
    ],
    ids=lambda arguments: str(arguments[0]),
)  # fmt: skip
def test_a_database_that_is_not_there_is_told(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, no password: that it cannot be reached; exit code 1 (2: not a ledger that can be read)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SEKISHO_DATABASE_URL", "postgresql://ledger:himitsu@127.0.0.1:1/sekisho")
    result = run("audit", *arguments)
    assert result.exit_code in (1, 2)
    told = " ".join(result.output.split())
    assert "Connection refused" in told
    for never in ("Traceback", "himitsu", "fault in Sekisho"):
        assert never not in told


@pytest.mark.parametrize("arguments", [("audit", "verify"), ("ledger", "migrate")], ids=" ".join)
def test_a_server_that_says_nothing_is_told(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What accepts a connection and never answers is given up: a command does not hang."""
    for module in (schema, database):
        monkeypatch.setattr(module, "CONNECT_S", 2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("SEKISHO_DATABASE_URL", f"postgresql://x@127.0.0.1:{mute.getsockname()[1]}/x")
        result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert "timeout" in result.output


def test_a_url_that_is_none_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another database's URL: wrong usage; which setting, what form, and not the value, which may hold a password."""
    monkeypatch.setenv("SEKISHO_DATABASE_URL", "mysql://ledger:himitsu@db/x")
    result = run("audit", "records")
    assert result.exit_code == 2
    assert "SEKISHO_DATABASE_URL" in result.output
    assert "postgresql://" in result.output
    assert "himitsu" not in result.output


@pytest.mark.database
def test_a_database_without_a_ledger_is_told(
    run: Run, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty database: `sekisho ledger migrate` is named."""
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("SEKISHO_DATABASE_URL", database)
    result = run("audit", "records")
    assert result.exit_code == 1
    assert "sekisho ledger migrate" in " ".join(result.output.split())
