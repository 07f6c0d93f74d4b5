"""What SQL finds due is what the pure formulation finds, over chance rows, extensions and holds."""

from __future__ import annotations

import random
import uuid
from datetime import date, timedelta

import pytest

from ledger.keeping.held_world import NOW, Wanted, World
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.judging import Kept, judge
from sekisho.ledger.keeping.keeping import Statement
from sekisho.ledger.keeping.overview import overview
from sekisho.ledger.keeping.purging import purge
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.retention import due, due_counts, retention_of

pytestmark = pytest.mark.database
FIRST = date(2029, 11, 1)
WHY = Statement("chance", "test")


class _Model:
    """The same ledger in plain words: rows, what extended them in the order of time, what holds them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.rows: dict[int, Wanted] = {}
        self.extensions: list[tuple[str | int, date | None]] = []
        self.holds: dict[str, set[int]] = {}
        self.scopes = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(3)]

    def day(self) -> date | None:
        """A day around the tested ones, or none."""
        return None if self.chance.random() < 0.25 else FIRST + timedelta(days=self.chance.randrange(60))

    def kept(self, idx: int) -> Kept:
        """A row as the pure formulation takes it."""
        row = self.rows[idx]
        extensions = [day for target, day in self.extensions if target in (idx, row.scope)]
        holds = [hold for hold, covered in self.holds.items() if idx in covered]
        return Kept(row.kind, row.basis, row.method, row.until, extensions, holds)


async def _made(world: World, model: _Model) -> None:
    wanted = [
        Wanted(model.day(), scope=model.chance.choice([None, *model.scopes]), method="batch")
        for _ in range(40)
    ]
    for idx, row in zip(await world.take(wanted), wanted, strict=True):
        model.rows[idx] = row
    async with session(world.url, "writer") as conn:
        for number in range(25):
            day, at = model.day(), world.taken_at + timedelta(seconds=number)
            if model.chance.random() < 0.5:
                scope = model.chance.choice(model.scopes)
                await world.extend(day, scope=scope, at=at, conn=conn)
                model.extensions.append((scope, day))
            else:
                idx = model.chance.choice(list(model.rows))
                await world.extend(day, idx=idx, at=at, conn=conn)
                model.extensions.append((idx, day))
    for _ in range(4):
        idx = model.chance.choice(list(model.rows))
        held = await place(world.keeping, Named(record_id=model.rows[idx].record_id), None, WHY)
        model.holds[held.hold] = {idx}
    gone = model.chance.choice(list(model.holds))
    await release(world.keeping, gone, WHY)
    del model.holds[gone]


@pytest.mark.parametrize("seed", range(6))
async def test_sql_and_the_pure_formulation_agree(world: World, seed: int) -> None:
    """On every tested day the same rows are due, held, open; a purge then deletes exactly those that are due."""
    model = _Model(random.Random(seed))
    await _made(world, model)
    log_id = world.sql("SELECT log_id FROM log WHERE kind = 'records'")[0][0]
    async with session(world.url, "reader") as conn:
        for offset in range(0, 64, 3):
            day = FIRST + timedelta(days=offset)
            found = {row.idx: "held" if row.holds else "due" for row in await due(conn, day, limit=1000)}
            pure = {idx: judge(model.kept(idx), day) for idx in model.rows}
            assert found == {idx: told for idx, told in pure.items() if told in ("due", "held")}
            counts = await due_counts(conn, day)
            assert (counts.due, counts.held) == tuple(
                list(pure.values()).count(told) for told in ("due", "held")
            )
        for idx in model.rows:
            standing = await retention_of(conn, log_id, idx)
            assert standing is not None
            assert (standing.effective, set(standing.holds)) == (
                model.kept(idx).until,
                set(model.kept(idx).holds),
            )
    await world.sign()
    table = await overview(world.keeping)
    assert table.no_end == sum(model.kept(idx).until is None for idx in model.rows)
    gone = {idx for idx in model.rows if judge(model.kept(idx), table.day) == "due"}
    before = world.everything_but(gone)
    assert (await purge(world.keeping)).purged == len(gone) > 0
    assert world.kept() == set(model.rows) - gone
    assert world.everything_but(gone) == before
    effective = {leaf["target"]["index"]: leaf["retain_until"] for leaf in world.acts("purge")}
    assert effective == {str(idx): str(model.kept(idx).until) for idx in gone}
    assert table.day == (NOW + timedelta(hours=9)).date()
