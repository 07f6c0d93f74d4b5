"""The log of acts: opened where it is missing, a log a year, its times in order, its appenders one after the other."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from ledger.store.sample import AT, Roles, open_log, payload, records
from sekisho.ledger.leaves import Close, Genesis, read
from sekisho.ledger.merkle.tree import root_of
from sekisho.ledger.store.acts import Acts, lock_acts, write_acts
from sekisho.ledger.store.append import append, ensure_shelves
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import hashes, leaf, leaf_chunks
from sekisho.ledger.store.errors import BusyError, HoldsChangedError
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import active_holds, put_hold
from sekisho.ledger.store.logs import heads

pytestmark = pytest.mark.database

NEW_YEAR = datetime(2026, 12, 31, 15, 0, tzinfo=UTC)
"""Midnight in Tokyo."""


async def _act(connection: Connection, at: datetime, *acts_leaves: bytes) -> Acts:
    async with transaction(connection, "exclusive"):
        acts = await lock_acts(connection, "sample", at)
        await write_acts(connection, acts, acts_leaves or [b"act"])
    return acts


async def test_the_first_act_opens_the_log(purger: Connection) -> None:
    """The first act of all opens the year's log with a genesis that has no predecessor; the act has index 1."""
    acts = await _act(purger, AT)
    assert (acts.origin, acts.next_index, acts.at, acts.last_at) == ("sample/acts/2026", 1, AT, None)
    stored = await leaf(purger, acts.log_id, 0)
    assert stored is not None
    genesis = read(stored.leaf)
    assert isinstance(genesis, Genesis)
    assert (genesis.origin, genesis.year, genesis.predecessor) == ("sample/acts/2026", 2026, None)
    ((_, newest),) = await heads(purger, "acts")
    assert newest.size == 2


async def test_a_new_year_closes_the_old_log(purger: Connection) -> None:
    """The first act of a Tokyo year closes the log before and names its size and root in the new genesis."""
    before = await _act(purger, NEW_YEAR - timedelta(microseconds=1))
    after = await _act(purger, NEW_YEAR)
    assert (before.origin, after.origin) == ("sample/acts/2026", "sample/acts/2027")
    old = [each async for chunk in leaf_chunks(purger, before.log_id) for each in chunk]
    close, genesis = read(old[-1].leaf), await leaf(purger, after.log_id, 0)
    assert isinstance(close, Close)
    assert (close.next, close.size) == (after.origin, "3")
    assert genesis is not None
    opened = read(genesis.leaf)
    assert isinstance(opened, Genesis)
    assert opened.predecessor is not None
    assert opened.predecessor.root == root_of(await hashes(purger, before.log_id, 0, 3)).hex()
    assert (opened.predecessor.origin, opened.predecessor.size) == ("sample/acts/2026", "3")
    assert [head.closed for _, head in await heads(purger, "acts")] == [True, False]


async def test_time_never_goes_back(purger: Connection) -> None:
    """A host clock behind the acts' newest time gets that time, across a year's end too; the caller sees by how much."""
    await _act(purger, NEW_YEAR)
    acts = await _act(purger, AT)
    assert (acts.origin, acts.at, acts.last_at) == ("sample/acts/2027", NEW_YEAR, NEW_YEAR)


async def test_acts_follow_one_another_in_a_transaction(purger: Connection) -> None:
    """What `write_acts` returns is the state to append more to."""
    async with transaction(purger, "exclusive"):
        acts = await lock_acts(purger, "sample", AT)
        acts = await write_acts(purger, acts, [b"one", b"two"])
        acts = await write_acts(purger, acts, [b"three"])
    assert acts.next_index == 4
    assert [each.leaf async for chunk in leaf_chunks(purger, acts.log_id, 1) for each in chunk] == [
        b"one",
        b"two",
        b"three",
    ]
    ((_, newest),) = await heads(purger, "acts")
    assert newest.frontier == acts.frontier.to_bytes()


async def test_many_act_at_once(roles: Roles) -> None:
    """Writers and purgers that act at the same moment, shared and exclusive, around an ingesting lane: nobody blocks another for
    good, and every act gets its own index."""
    lane = await roles("writer")
    log_id = await open_log(lane)
    await ensure_shelves(lane, [payload(0).retain_until], set())
    await _act(await roles("purger"), AT)

    async def ingest() -> None:
        for number in range(10):
            await append(lane, records(log_id, 1 + number, number, [payload(0)]))

    async def act(role: str, keeping: str) -> None:
        connection = await roles(role)  # type: ignore[arg-type]
        for _ in range(5):
            async with transaction(connection, keeping):  # type: ignore[arg-type]
                await write_acts(connection, await lock_acts(connection, "sample", AT), [b"act"])

    await asyncio.gather(
        ingest(), act("purger", "exclusive"), act("writer", "shared"), act("purger", "exclusive")
    )
    ((_, newest),) = await heads(lane, "acts")
    assert newest.size == 2 + 15


async def test_a_hold_comes_before_the_batch_or_after_it(roles: Roles) -> None:
    """A batch that was built before a hold was placed is refused; built anew it goes in. While a batch is open no hold is placed."""
    writer, purger = await roles("writer"), await roles("purger", lock_seconds=0.2)
    log_id = await open_log(writer)
    await ensure_shelves(writer, [payload(0).retain_until], set())
    before = await active_holds(writer)
    assert before.holds == ()
    async with transaction(writer, "shared"):
        with pytest.raises(BusyError):
            await _act(purger, AT)
    async with transaction(purger, "exclusive"):
        await put_hold(purger, "00000000-0000-0000-0000-000000000001", Filter(methods=("individual",)), AT)
    batch = records(log_id, 1, 0, [payload(0)])
    with pytest.raises(HoldsChangedError):
        await append(writer, batch, holds_seen=before.seen)
    now = await active_holds(writer)
    assert now.matching(payload(0)) == ["00000000-0000-0000-0000-000000000001"]
    assert now.matching(payload(0, method="batch")) == []
    await append(writer, batch, holds_seen=now.seen)
