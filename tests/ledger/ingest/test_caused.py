"""What a batch causes beside its payloads: extensions, holds that grow, a new year's log."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.ingest.lodging import Lodging, record
from sekisho.ledger import leaves
from sekisho.ledger.store.connection import session, transaction
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.holds import covers_of, put_hold
from sekisho.ledger.store.retention import retention_of

pytestmark = pytest.mark.database


def batch(number: int, until: str | None, **changes: Any) -> dict[str, Any]:
    """A record under the batch agreement AG-1; `until` follows from its last provision (three years, that day included)."""
    last = None
    if until is not None:
        day = date.fromisoformat(until)
        last = (day.replace(year=day.year - 3) + timedelta(days=1)).isoformat()
    told = {"method": "batch", "agreement": "AG-1", "last_provision": last, "retain_until": until}
    return record(number, **told | changes)


async def effective_days(lodging: Lodging) -> list[str | None]:
    """The effective last day of every record, by log and index."""
    found = []
    async with session(lodging.url, "reader") as conn:
        from sekisho.ledger.store.logs import logs

        for log in await logs(conn, "records"):
            stored = next(each for each in await lodging.shards() if each.origin == log.origin)
            for index in sorted(stored.payloads):
                standing = await retention_of(conn, log.log_id, index)
                assert standing is not None
                found.append(None if standing.effective is None else standing.effective.isoformat())
    return found


async def extends(lodging: Lodging) -> list[leaves.Extend]:
    """All extend leaves of the records' logs."""
    return [leaf for log in await lodging.shards() for leaf in log.leaves if isinstance(leaf, leaves.Extend)]


async def test_a_batch_that_ends_gives_all_its_records_their_day(lodging: Lodging) -> None:
    """Records of both partitions were open; one states the end: one extend leaf, and all end that day."""
    await lodging.ledger()
    await lodging.records(batch(1, None), batch(2, None))
    await lodging.records(batch(3, None), partition=1)
    await lodging.until_taken(3)
    assert await extends(lodging) == []
    await lodging.records(batch(4, "2029-11-20"))
    await lodging.until_taken(4)
    (told,) = await extends(lodging)
    assert (told.retain_until, told.cause, told.commit) == ("2029-11-20", "provision", None)
    assert await effective_days(lodging) == ["2029-11-20"] * 4


async def test_one_leaf_for_each_scope_that_changed_in_a_batch(lodging: Lodging) -> None:
    """Many records, two agreements, one of which is as it was."""
    await lodging.records(*(batch(number, "2029-11-20") for number in range(5)))
    first = await lodging.ledger()
    await lodging.until_taken(5)
    await first.service.stop()
    await lodging.records(
        *(batch(number, "2030-01-01") for number in range(10, 20)),
        *(batch(number, "2029-11-20", agreement="AG-2") for number in range(20, 30)),
    )
    await lodging.ledger()
    await lodging.until_taken(25)
    (told,) = await extends(lodging)
    assert told.retain_until == "2030-01-01"
    assert await effective_days(lodging) == ["2030-01-01"] * 15 + ["2029-11-20"] * 10


async def test_provision_that_goes_on_opens_a_batch_again(lodging: Lodging) -> None:
    """An end was stated, then comes a record without one, created later: nothing of the batch is deleted meanwhile."""
    await lodging.ledger()
    await lodging.records(batch(1, "2029-11-20"))
    await lodging.until_taken(1)
    await lodging.records(batch(2, None, created_at="2027-11-21T01:00:00.123456Z"))
    await lodging.until_taken(2)
    assert await effective_days(lodging) == [None, None]
    await lodging.records(batch(3, "2031-11-20", created_at="2028-11-21T01:00:00.123456Z"))
    await lodging.until_taken(3)
    assert await effective_days(lodging) == ["2031-11-20"] * 3


async def test_what_is_referred_to_is_kept_as_long_as_the_new_part(lodging: Lodging) -> None:
    """In the same batch, in an earlier one, in none: the first two are extended by leaves that name them."""
    old, other = record(1, retain_until="2029-01-01"), record(2, retain_until="2029-01-01")
    await lodging.ledger()
    await lodging.records(old)
    await lodging.until_taken(1)
    await lodging.records(
        other,
        record(3, refers_to=old["record_id"], retain_until="2029-11-21"),
        record(4, refers_to=other["record_id"], retain_until="2029-11-22"),
        record(5, refers_to=str(uuid.uuid4()), retain_until="2029-11-23"),
    )
    await lodging.until_taken(5)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    targets = [each.target for each in await extends(lodging)]
    assert all(isinstance(each, leaves.Place) for each in targets)
    assert [(each.origin, each.index) for each in targets if isinstance(each, leaves.Place)] == [
        (log.origin, "1"),
        (log.origin, "2"),
    ]
    assert (await effective_days(lodging))[:2] == ["2029-11-21", "2029-11-22"]


async def test_a_hold_grows_with_the_records_that_it_names(lodging: Lodging) -> None:
    """Each matching record is covered in the transaction that takes it in; leaves name at most 300."""
    hold = str(uuid.uuid4())
    async with session(lodging.url, "purger") as conn, transaction(conn, "exclusive"):
        await put_hold(conn, hold, Filter(counterparties=("life-insurer",)), datetime.now(UTC))
    await lodging.records(*(record(number) for number in range(5)))
    other = record(7)
    await lodging.records(other | {"counterparty": other["counterparty"] | {"id": "another"}})
    await lodging.ledger()
    await lodging.until_taken(6)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    grown = [each for each in log.leaves if isinstance(each, leaves.Hold)]
    assert {each.hold for each in grown} == {hold}
    named = [target for each in grown for target in each.targets]
    assert named == [(log.origin, str(index), log.payloads[index].rid) for index in range(1, 6)]
    async with session(lodging.url, "reader") as conn:
        assert [(each.idx) for each in await covers_of(conn, hold)] == [1, 2, 3, 4, 5]


async def test_a_new_year_has_a_log_of_its_own(lodging: Lodging) -> None:
    """The old one is closed, the new one names its last checkpoint's size and root, offsets go on."""
    await lodging.ledger()
    await lodging.records(record(1))
    await lodging.until_taken(1)
    lodging.clock.off = 366 * 86_400
    await lodging.records(record(2), record(3))
    await lodging.until_taken(3)
    old, new = [each for each in await lodging.shards() if each.partition == 0]
    close, genesis = old.leaves[-1], new.leaves[0]
    assert isinstance(close, leaves.Close)
    assert isinstance(genesis, leaves.Genesis)
    assert (close.next, close.size) == (new.origin, str(len(old.leaves)))
    assert genesis.predecessor is not None
    assert (genesis.predecessor.origin, genesis.predecessor.size) == (old.origin, close.size)
    first = new.leaves[1]
    assert isinstance(first, leaves.PayloadLeaf)
    assert first.prev_offset == old.offsets()[-1]
    await lodging.complete()
