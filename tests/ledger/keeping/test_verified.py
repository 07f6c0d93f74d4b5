"""An outsider's look at what a purge left: lawful ones verify; with a guard taken away the verifier names what was done."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger.faults.world import ORIGIN, SUBJECT_KEY, WHY, Making, World
from sekisho.ledger.keeping import purging
from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.extending import extend_agreement
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.purging import PurgeRunningError, purge
from sekisho.ledger.store.retention import DueRow, due
from sekisho.ledger.store.schema import migrate
from sekisho.ledger.verify.database import database as opening
from sekisho.ledger.verify.verification import Options, verify

pytestmark = pytest.mark.database
LATER = datetime(2026, 3, 20, 3, tzinfo=UTC)
"""When the records of November 2022 are due."""
HELD = "C-000007"
SCRIPT = Path(__file__).with_name("killed_purge.py")
_PATIENCE_S = 120


@pytest.fixture
async def ledger(database: str, tmp_path: Path) -> World:
    """Sixty records of 2022, two of them under a hold, signed and published with a real key; it is 2026."""
    await asyncio.to_thread(migrate, database)
    world = World(database, tmp_path / "ledger")
    making = Making(world)
    await world.publish()
    await making.records(0, 60)
    await place(world.keeping, Named(subject_id=HELD), making.pseudonyms.subject(HELD), WHY)
    await world.publish()
    making._opened_then()
    world.at = LATER
    return world


async def _found(world: World, now: datetime | None = None) -> set[str]:
    """The kinds of what the verifier finds."""
    await world.publish()
    at = now or world.at + timedelta(minutes=1)

    def look() -> set[str]:
        with opening(world.url, world.published) as source:
            return set(verify(source, Options(at, subject_key=SUBJECT_KEY, workers=1)).totals)

    return await asyncio.to_thread(look)


async def test_a_lawful_purge_verifies(ledger: World) -> None:
    """58 deleted, two held: nothing is found, before and after."""
    assert await _found(ledger) == set()
    report = await purge(ledger.keeping)
    assert (report.purged, report.held) == (58, 2)
    assert await _found(ledger) == set()


async def test_a_purge_that_was_killed_verifies(ledger: World) -> None:
    """Killed in its second batch: the first stands, and verifies; the next run does the rest, and verifies."""
    await Making(ledger).records(1, 3)
    await ledger.publish()  # the killed process publishes nothing
    await _killed(ledger, "second batch")
    assert await _found(ledger) == set()
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                report = await purge(ledger.keeping)
                break
            except PurgeRunningError:
                await asyncio.sleep(0.1)
    assert report.purged == 48
    assert await _found(ledger) == set()


async def _killed(world: World, step: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), world.url, ORIGIN, world.at.isoformat(), step,
        env={**os.environ}, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, told = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    assert process.returncode == -signal.SIGKILL, told.decode()


async def test_an_agreement_extended_ended_and_purged_verifies(ledger: World) -> None:
    """A floor for what is open (two leaves of one moment), its end by the law, a hold on everything and its release, the purge."""
    ledger.at = datetime(2023, 2, 1, tzinfo=UTC)
    await Making(ledger).records(1, 3, method="batch", agreement="AG-9")
    until = date(2026, 6, 30)
    assert [each.until for each in await extend_agreement(ledger.keeping, "AG-9", WHY, until=until)] == [None]
    hold = await place(ledger.keeping, Named(everything=True), None, WHY)
    assert hold.covered == 63
    asked = extend_agreement(ledger.keeping, "AG-9", WHY, last_provision=date(2023, 2, 1))
    assert [each.until for each in await asked] == [until]
    ledger.at = LATER
    assert (await purge(ledger.keeping)).purged == 0
    assert await _found(ledger) == set()
    await release(ledger.keeping, hold.hold, WHY)
    assert (
        await purge(ledger.keeping)
    ).purged == 58  # the agreement's end is the floor, not the law's earlier day
    ledger.at = datetime(2026, 7, 1, 3, tzinfo=UTC)
    assert (await purge(ledger.keeping)).purged == 3
    assert await _found(ledger) == set()


async def test_control_a_purge_that_does_not_look_for_holds(
    ledger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard taken away: what is held is deleted, with a leaf and all, in the place of others; the verifier names the hold."""

    async def blind(conn: Any, day: Any, **given: Any) -> list[DueRow]:
        return [each._replace(holds=[]) for each in await due(conn, day, **given)]

    monkeypatch.setattr(purging, "due", blind)
    assert (await purge(ledger.keeping)).purged == 58
    assert await _found(ledger) == {"purge.held"}


async def test_control_a_purge_that_goes_by_the_latest_clock(
    ledger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard taken away, one clock years ahead: what is not due is deleted; the verifier names the clock that was not there."""
    ledger.at = datetime(2024, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(Clocks, "day", Clocks.latest_day)

    async def ahead(_conn: Any) -> datetime:
        return LATER

    keeping = dataclasses.replace(ledger.keeping, database_now=ahead)
    assert (await purge(keeping)).purged == 58
    assert await _found(ledger) == {"purge.early"}


async def test_all_clocks_forward_and_back_is_found(ledger: World) -> None:
    """No guard can see it while it lasts; once the clocks are right again, the verifier sees deletions from the future."""
    ledger.at = datetime(2023, 2, 1, tzinfo=UTC)
    right = ledger.at
    ledger.at = LATER
    assert (await purge(ledger.keeping)).purged == 58
    found = await _found(ledger, now=right + timedelta(hours=1))
    assert found == {"time.future"}
