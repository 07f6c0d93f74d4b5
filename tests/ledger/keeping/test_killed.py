"""SIGKILL at each step of a purge: a row is wholly purged, with its leaf, or wholly there; the next run does the rest."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger.keeping.held_world import NOW, ORIGIN, Wanted, World, day_before
from ledger.keeping.killed_purge import STEPS
from sekisho.ledger.keeping import purging
from sekisho.ledger.keeping.purging import PurgeReport, PurgeRunningError, purge
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.errors import StoreError
from sekisho.ledger.store.purging import purge_rows
from sekisho.ledger.store.rows import PurgeRow
from sekisho.local.postgres import LocalPostgres

pytestmark = pytest.mark.database
SCRIPT = Path(__file__).with_name("killed_purge.py")
DONE_BEFORE = {"judged": 0, "leaves": 0, "deleted": 0, "committed": 10, "second batch": 10, "erasing": 25}
_PATIENCE_S = 120


@pytest.mark.parametrize("step", STEPS)
async def test_a_purge_killed_at_a_step(world: World, step: str) -> None:
    """What was committed is purged with its leaves, the rest is untouched; a second run ends it; nothing else is gone."""
    due = await world.take([Wanted(day_before())] * 25)
    kept = await world.take([Wanted(None)] * 3)
    before = world.everything_but(due)
    await world.sign()
    await _killed(world.url, step)
    gone = {int(leaf["target"]["index"]) for leaf in world.acts("purge")}
    assert len(gone) == DONE_BEFORE[step]
    assert world.kept() == {*due, *kept} - gone
    assert {idx for (idx,) in world.sql("SELECT idx FROM purged")} == gone
    report = await _once_free(world)
    assert report.purged == 25 - len(gone)
    assert all(each.clean for each in report.erased)
    targets = sorted(int(leaf["target"]["index"]) for leaf in world.acts("purge"))
    assert targets == due
    assert world.kept() == set(kept)
    assert world.everything_but(due) == before


async def _killed(url: str, step: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), url, ORIGIN, NOW.isoformat(), step,
        env={**os.environ}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    assert process.returncode == -signal.SIGKILL, told.decode()


async def _once_free(world: World) -> PurgeReport:
    """The server notices a dead client in its own time; until then the lock stands."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                return await purge(world.keeping)
            except PurgeRunningError:
                await asyncio.sleep(0.1)


async def test_a_database_that_dies_in_a_purge(
    own_postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the second batch's commit: the first stands, the run fails in words; started again, the rest goes."""
    world = World(own_postgres.url)
    await world.make()
    due = await world.take([Wanted(day_before())] * 25)
    before = world.everything_but(due)
    turns = 0

    async def dies(conn: Connection, chosen: Sequence[PurgeRow]) -> int:
        nonlocal turns
        turns += 1
        found = await purge_rows(conn, chosen)
        if turns == 2:
            await asyncio.to_thread(own_postgres.kill)
        return found

    monkeypatch.setattr(purging, "purge_rows", dies)
    with pytest.raises(StoreError):
        await purge(dataclasses.replace(world.keeping, batch=10))
    await asyncio.to_thread(own_postgres.start)
    world.url = own_postgres.url
    assert len(world.kept()) == 15
    assert len(world.acts("purge")) == 10
    assert (await purge(world.keeping)).purged == 15
    assert world.everything_but(due) == before
