"""The whole process as bootstrap makes it: lanes, publisher, periodic purge, read endpoint, metrics and readiness."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ledger.ingest.lodging import Lodging, record
from sekisho.bootstrap_ledger import LedgerProcess, ledger_log, ledger_service
from sekisho.ledger.merkle.checkpoint import open_checkpoint
from sekisho.ledger.merkle.note import VerifierKey
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.entries import newest_checkpoint
from sekisho.ledger.store.logs import heads
from sekisho.settings import Settings, SettingsError

pytestmark = pytest.mark.database
ORIGIN = "ledger.example/sekisho"


def settings_of(lodging: Lodging, **more: str) -> Settings:
    """A ledger's settings on these topics."""
    environment = {"SEKISHO_TOPIC_PREFIX": lodging.prefix, "SEKISHO_LEDGER_ORIGIN": ORIGIN, **more}
    return Settings.from_environment(environment)


async def until_signed(lodging: Lodging) -> None:
    """Waits until every log of records is under a checkpoint to its end."""

    async def signed() -> bool:
        async with session(lodging.url, "reader") as conn:
            for log, head in await heads(conn, "records"):
                newest = await newest_checkpoint(conn, log.log_id)
                if newest is None or newest.size < head.size:
                    return False
        return True

    await lodging.until(signed)


async def test_the_process_takes_in_signs_publishes_and_tells(lodging: Lodging, tmp_path: Path) -> None:
    """Records become leaves under a checkpoint that the published keys verify; it is ready, and serves its metrics."""
    await lodging.records(*(record(number) for number in range(30)))
    process: LedgerProcess = ledger_service(settings_of(lodging), lodging.url, tmp_path, lodging.log)
    await process.start()
    try:
        await lodging.until_taken(30)
        await until_signed(lodging)
        await lodging.until(lambda: process.health.ready)
        served = process.metrics.exposition().decode()
        assert (
            'sekisho_ledger_size{log="provision-records"} 32.0' in served or "sekisho_ledger_size" in served
        )
    finally:
        await process.stop()
    await lodging.complete()
    log = next(each for each in await lodging.shards() if each.partition == 0)
    published = tmp_path / "published"
    keys = [VerifierKey.from_text(line) for line in (published / "keys").read_text().splitlines()]
    note = (published / log.origin.removeprefix(f"{ORIGIN}/") / "checkpoint").read_bytes()
    assert open_checkpoint(note, keys, log.origin).size == len(log.leaves)


async def test_started_again_it_goes_on_with_the_same_keys(lodging: Lodging, tmp_path: Path) -> None:
    """Nothing is made anew: persons are found under the hashes that they had."""
    for start in (0, 10):
        await lodging.records(*(record(number, "C-1") for number in range(start, start + 10)))
        process = ledger_service(settings_of(lodging), lodging.url, tmp_path, lodging.log)
        await process.start()
        try:
            await lodging.until_taken(start + 10)
        finally:
            await process.stop()
    logs = [each for each in await lodging.shards() if each.partition == 0]
    assert len({row.subject_hmac for each in logs for row in each.payloads.values()}) == 1


async def test_a_lost_subject_key_is_refused(lodging: Lodging, tmp_path: Path) -> None:
    """With another one no record would be found by its person: the process ends and says so."""
    await lodging.records(record(1))
    first = ledger_service(settings_of(lodging), lodging.url, tmp_path, lodging.log)
    await first.start()
    await lodging.until_taken(1)
    await first.stop()
    for key in (tmp_path / "keys").glob("subject*"):
        key.unlink()
    second = ledger_service(settings_of(lodging), lodging.url, tmp_path, lodging.log)
    await second.start()
    await lodging.until(lambda: bool(second.crashed))
    await second.stop()


def test_without_a_kafka_it_says_what_is_missing() -> None:
    """Before anything is opened."""
    with pytest.raises(SettingsError, match="SEKISHO_KAFKA_BOOTSTRAP"):
        ledger_log(Settings.from_environment({}))


@pytest.mark.broker
async def test_the_command_runs_until_sigterm(kafka_lodging: Lodging, broker: str, tmp_path: Path) -> None:
    """`sekisho ledger` on a real Kafka: ready over HTTP, records in, and exit code 0 when it is told to stop."""
    from sekisho.local.ports import free_ports

    (port,) = free_ports(1)
    await kafka_lodging.records(*(record(number) for number in range(20)))
    environment = os.environ | {
        "SEKISHO_KAFKA_BOOTSTRAP": broker,
        "SEKISHO_TOPIC_PREFIX": kafka_lodging.prefix,
        "SEKISHO_LEDGER_ORIGIN": ORIGIN,
        "SEKISHO_LEDGER_DIRECTORY": str(tmp_path / "ledger"),
        "SEKISHO_STATE_DIRECTORY": str(tmp_path / "state"),
        "SEKISHO_DATABASE_URL": kafka_lodging.url,
        "SEKISHO_HTTP_PORT": str(port),
    }
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "sekisho", "ledger"]
        process = subprocess.Popen(command, env=environment, stderr=log)  # noqa: ASYNC220  it starts at once
    try:
        await kafka_lodging.until_taken(20)

        def ready() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        await kafka_lodging.until(ready)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, (tmp_path / "log").read_text()[-2000:]
    await kafka_lodging.complete()
