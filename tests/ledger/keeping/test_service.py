"""The periodic purge: runs by itself, tells what it did, waits out what goes wrong."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import get_args

import pytest
from structlog.testing import capture_logs

from ledger.keeping.held_world import Wanted, World, day_before
from sekisho.domain.vocabulary import RecordBasis, RecordMethod
from sekisho.ledger.keeping.holding import Named, place
from sekisho.ledger.keeping.keeping import Statement
from sekisho.ledger.keeping.purging import alone
from sekisho.ledger.keeping.service import PeriodicPurge
from sekisho.ledger.store.connection import session
from sekisho.telemetry.health import Health
from sekisho.telemetry.ledger import LedgerMetrics

pytestmark = pytest.mark.database
DUE = day_before()
WHY = Statement("an inquiry", "legal")


def _metrics() -> LedgerMetrics:
    return LedgerMetrics(get_args(RecordMethod), get_args(RecordBasis), Health())


def _told(metrics: LedgerMetrics) -> dict[str, float]:
    """What of keeping a scraper would read, above zero."""
    found = {}
    for line in metrics.exposition().decode().splitlines():
        name, _, value = line.partition(" ")
        if name.startswith(("sekisho_purge", "sekisho_retention")) and float(value) > 0:
            found[name] = float(value)
    return found


async def test_a_run_deletes_and_tells(world: World) -> None:
    """What is due goes; the metrics say how many went, how many are held, and that a refusal was written."""
    held = Wanted(DUE)
    await world.take([held, Wanted(DUE), Wanted(DUE)])
    await place(world.keeping, Named(record_id=held.record_id), None, WHY)
    metrics = _metrics()
    assert await PeriodicPurge(world.keeping, 3600, metrics).once()
    assert _told(metrics) == {
        "sekisho_purged_records_total": 2,
        "sekisho_retention_held": 1,
        'sekisho_purge_refusals_total{cause="hold"}': 1,
    }


async def test_it_runs_again_and_again_until_cancelled(world: World) -> None:
    """What becomes due later goes in a later run."""
    metrics = _metrics()
    task = asyncio.create_task(PeriodicPurge(world.keeping, 0.05, metrics).run())
    try:
        for wanted in range(1, 4):
            await world.take([Wanted(DUE)])
            async with asyncio.timeout(120):
                while _told(metrics).get("sekisho_purged_records_total", 0) < wanted:  # noqa: ASYNC110 (a metric tells nobody)
                    await asyncio.sleep(0.05)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert world.kept() == set()


async def test_what_goes_wrong_is_told_and_nothing_is_deleted(world: World) -> None:
    """A publisher that cannot sign, or another purge: the run ends, says so, counts what is due, and all is there."""
    await world.take([Wanted(DUE)])

    async def fails() -> None:
        raise OSError("no space left")

    broken = dataclasses.replace(world.keeping, publish_now=fails)
    metrics = _metrics()
    with capture_logs() as told:
        assert not await PeriodicPurge(broken, 3600, metrics).once()
    assert [(line["event"], line["log_level"]) for line in told] == [("purge failed", "error")]
    assert _told(metrics) == {"sekisho_retention_due": 1}, "the alert on what is not deleted has its number"
    async with session(world.url, "purger") as conn, alone(conn):
        assert not await PeriodicPurge(world.keeping, 3600, _metrics()).once()
    assert len(world.kept()) == 1
