"""Holds, extensions and arrivals beside a purge: whoever is first, nothing held or prolonged is deleted."""

from __future__ import annotations

import asyncio
import random
import uuid
from datetime import timedelta

import pytest

from ledger.keeping.held_world import NOW, SUBJECT, Wanted, World, day_before
from sekisho.ledger.keeping import purging
from sekisho.ledger.keeping.extending import ExtendRefusedError, extend_record
from sekisho.ledger.keeping.holding import Named, place
from sekisho.ledger.keeping.keeping import NotFoundError, Statement
from sekisho.ledger.keeping.purging import PurgeRunningError, purge
from sekisho.ledger.store.retention import due

pytestmark = pytest.mark.database
DUE = day_before()
WHY = Statement("race", "test")
ROUNDS = 12


async def test_a_hold_placed_while_a_purge_runs(world: World) -> None:
    """What the hold covers is still there afterwards, whatever was deleted before it; and nothing it covers is deleted later."""
    chance = random.Random(1)
    small = world.keeping.__class__(
        world.url,
        world.keeping.origin,
        30,
        world.sign,
        world.clock.host_now,
        world.clock.database_now,
        batch=10,
    )
    for number in range(ROUNDS):
        who = uuid.UUID(int=number).bytes * 2
        await world.take([Wanted(DUE, subject=who)] * 60)

        async def hold(who: bytes = who) -> int:
            await asyncio.sleep(chance.random() * 0.15)
            return (await place(world.keeping, Named(subject_id="person"), who, WHY)).covered

        report, covered = await asyncio.gather(purge(small), hold())
        left = world.sql("SELECT count(*) FROM payload WHERE subject_hmac = %s AND kind = 'record'", (who,))
        assert left == [(covered,)]
        assert report.purged == 60 - covered
    held = {(origin, index) for leaf in world.acts("hold") for origin, index, _ in leaf["targets"]}
    purged = {(leaf["target"]["origin"], leaf["target"]["index"]) for leaf in world.acts("purge")}
    assert not held & purged


async def test_a_record_taken_in_while_a_hold_is_placed(world: World) -> None:
    """It is covered, by the placing or by its own arrival: none slips between."""
    for number in range(ROUNDS):
        who = uuid.UUID(int=1000 + number).bytes * 2

        async def take(who: bytes = who) -> None:
            for _ in range(5):
                await world.take([Wanted(DUE, subject=who)] * 2)

        await asyncio.gather(take(), place(world.keeping, Named(subject_id="person"), who, WHY))
        assert world.sql(
            "SELECT count(*) FROM payload p WHERE subject_hmac = %s AND kind = 'record'"
            " AND NOT EXISTS (SELECT FROM hold_cover c WHERE (c.log_id, c.idx) = (p.log_id, p.idx))",
            (who,),
        ) == [(0,)]
    assert (await purge(world.keeping)).purged == 0


async def test_an_extension_while_a_purge_runs(world: World) -> None:
    """Either the record is gone and the extension is told so, or it is prolonged and stays."""
    for number in range(ROUNDS):
        wanted = [Wanted(DUE, subject=SUBJECT) for _ in range(30)]
        await world.take(wanted)
        last = wanted[-1].record_id

        async def extend(last: str = last, number: int = number) -> bool:
            await asyncio.sleep(number * 0.005)
            try:
                await extend_record(world.keeping, last, DUE + timedelta(days=100), WHY)
            except NotFoundError:
                return False
            return True

        report, extended = await asyncio.gather(purge(world.keeping), extend())
        there = world.sql("SELECT count(*) FROM payload WHERE record_id = %s", (last,)) == [(1,)]
        assert there == extended
        assert report.purged == (29 if extended else 30)
    with pytest.raises((ExtendRefusedError, NotFoundError)):
        await extend_record(world.keeping, last, DUE, WHY)


async def test_two_purges_at_once_delete_each_row_once(world: World) -> None:
    """One runs, the other is told so or finds nothing; never two leaves for one row."""
    for _ in range(5):
        await world.take([Wanted(DUE)] * 50)
        found = await asyncio.gather(purge(world.keeping), purge(world.keeping), return_exceptions=True)
        told = [each for each in found if isinstance(each, BaseException)]
        assert [each for each in told if not isinstance(each, PurgeRunningError)] == []
        assert sum(each.purged for each in found if not isinstance(each, BaseException)) == 50
    targets = [leaf["target"]["index"] for leaf in world.acts("purge")]
    assert len(targets) == len(set(targets)) == 250


async def test_control_without_the_second_look_a_held_record_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard taken away: judged before the lock alone, a hold that came between is overrun, and this test's own look finds it."""
    wanted = Wanted(DUE)
    (idx,) = await world.take([wanted])
    judged = due

    async def remembered(conn: object, day: object, **given: object) -> object:
        if given.get("only") is None:
            page = await judged(conn, day, **given)  # type: ignore[arg-type]
            remembered.page = page or remembered.page  # type: ignore[attr-defined]
            if page:
                await place(world.keeping, Named(record_id=wanted.record_id), None, WHY)
            return page
        return remembered.page  # type: ignore[attr-defined]

    remembered.page = []  # type: ignore[attr-defined]
    monkeypatch.setattr(purging, "due", remembered)
    await purge(world.keeping)
    held = {index for leaf in world.acts("hold") for _, index, _ in leaf["targets"]}
    purged = {leaf["target"]["index"] for leaf in world.acts("purge")}
    assert held & purged == {str(idx)}, "the control did not take the guard away"
    assert world.kept() == set()


async def test_with_the_second_look_the_same_hold_stops_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same moment, the guard in place: what is held under the lock stays."""
    wanted = Wanted(DUE)
    (idx,) = await world.take([wanted])
    judged = due

    async def held_after(conn: object, day: object, **given: object) -> object:
        page = await judged(conn, day, **given)  # type: ignore[arg-type]
        if page and given.get("only") is None:
            await place(world.keeping, Named(record_id=wanted.record_id), None, WHY)
        return page

    monkeypatch.setattr(purging, "due", held_after)
    assert (await purge(world.keeping)).purged == 0
    assert world.kept() == {idx}
    assert world.clock.host == NOW
