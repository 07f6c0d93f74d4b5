"""A ledger for the commands: records of several persons that went through the product's own ingestion into a real PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from ledger.ingest.lodging import ORIGIN, SUBJECT_KEY, Lodging, record
from sekisho.cli.app import root
from sekisho.ledger.store.schema import migrate
from sekisho.log.memory import MemoryConfig, MemoryLog

Audit = Callable[..., Result]
WHY = ("--reason", "本人の安全のため", "--by", "op-0123")
LONG_AGO = {
    "created_at": "2020-11-21T01:00:00.123456Z", "provided_on": "2020-11-21", "retain_until": "2023-11-21",
}  # fmt: skip
"""Of a record whose time is over, whatever day it is."""


def counterparty(**changes: Any) -> dict[str, Any]:
    """The insurer, with fields changed."""
    return dict(record(0)["counterparty"]) | changes


RECORDS = [
    record(1, "C-000001"),
    record(2, "C-000001", basis="provision.opt_out", consent=None, created_at="2026-12-31T15:30:00.000000Z"),
    record(3, "C-000001", controller="post-office"),
    record(
        4, "C-000002", basis="receipt.consent", direction="receipt", controller="life-insurer", acquisition="本人から",
        counterparty=counterparty(id="savings-bank", name="=HYPERLINK(\"http://x\")"),
    ),
    record(5, "C-000002", method="batch", agreement="BATCH-1", first_provision="2026-11-01", retain_until=None),
]  # fmt: skip
"""Three records of one person (one by another controller), two of a second."""


def ids(*numbers: int) -> list[str]:
    """Of those of RECORDS, counted from one."""
    return [str(RECORDS[number - 1]["record_id"]) for number in numbers]


async def taken_in(url: str, *documents: dict[str, Any]) -> None:
    """Has a ledger take these records in, and stops it."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    lodging = Lodging(MemoryLog(config, lambda: int(time.time() * 1000)), url, "t")
    await lodging.create()
    try:
        await lodging.records(*documents)
        await lodging.ledger()
        await lodging.until_taken(len(documents))
    finally:
        await lodging.close()


def ledger_of(url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *documents: dict[str, Any]) -> Audit:
    """`sekisho audit …` on a ledger that has taken these records in. It asserts the exit code (`code`, 0)."""
    migrate(url)
    if documents:
        asyncio.run(taken_in(url, *documents))
    key = folder / "subject.key"
    key.write_bytes(SUBJECT_KEY)
    key.chmod(0o600)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SEKISHO_DATABASE_URL", url)
    monkeypatch.setenv("SEKISHO_STATE_DIRECTORY", str(folder / "state"))
    monkeypatch.setenv("SEKISHO_LEDGER_ORIGIN", ORIGIN)
    monkeypatch.setenv("SEKISHO_LEDGER_SUBJECT_HMAC_KEY_FILE", str(key))

    def audit(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(root, ["audit", *arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return audit


def sql(url: str, query: str) -> list[tuple[Any, ...]]:
    """Straight from the database, as its superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path TO sekisho_ledger")
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description is not None else []


def spoiled(url: str, query: str) -> None:
    """The same past the triggers, as somebody who tampers would."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path TO sekisho_ledger")
        connection.execute("ALTER TABLE payload DISABLE TRIGGER ALL")
        for (name,) in connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'payload'::regclass"
        ).fetchall():
            connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER ALL".encode())
        connection.execute(query.encode())
