"""On a real broker: gaps of markers, aborted records, open transactions, recreation, trimming."""

from __future__ import annotations

import asyncio

import pytest

from ledger.ingest.lodging import Lodging, message, record
from sekisho.ledger import leaves
from sekisho.log.port import Partition

pytestmark = [pytest.mark.database, pytest.mark.broker]


async def test_markers_leave_gaps_and_aborted_records_never_show(kafka_lodging: Lodging) -> None:
    """Offsets strictly increase and are not contiguous; what was aborted is in no leaf."""
    lodging = kafka_lodging
    at = Partition(lodging.topics.records, 0)
    await lodging.ledger()
    await lodging.records(record(1), record(2))
    writer = lodging.log.transactional_writer(f"{lodging.prefix}aborting")
    await writer.start()
    await writer.begin()
    await asyncio.gather(*await writer.send(at, [message(record(66))]))
    await writer.abort()
    await lodging.records(record(3))
    await lodging.until_taken(3)
    await lodging.complete()
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    assert log.offsets() == [0, 1, 5]
    last = log.leaves[-1]
    assert isinstance(last, leaves.PayloadLeaf)
    assert last.prev_offset == 1
    await writer.stop()


async def test_an_open_transaction_holds_back_what_follows(kafka_lodging: Lodging) -> None:
    """Nothing behind it is taken in before it has ended; then all of it, in the topic's order."""
    lodging = kafka_lodging
    at = Partition(lodging.topics.records, 0)
    await lodging.records(record(1))
    writer = lodging.log.transactional_writer(f"{lodging.prefix}open")
    await writer.start()
    await writer.begin()
    await asyncio.gather(*await writer.send(at, [message(record(2))]))
    await lodging.records(record(3))
    ledger = await lodging.ledger()
    await lodging.until_taken(1)
    await lodging.until(lambda: ledger.value("sekisho_ledger_lag_records", topic="provision-records") > 0)
    assert await lodging.count() == 1
    await writer.commit()
    await lodging.until_taken(3)
    await lodging.complete()
    await writer.stop()


async def test_idle_on_kafka_it_lags_by_nothing(kafka_lodging: Lodging) -> None:
    """The marker behind the last record is no lag."""
    lodging = kafka_lodging
    ledger = await lodging.ledger()
    await lodging.records(record(1))
    await lodging.until_taken(1)
    await lodging.until(lambda: ledger.health.ready)
    await lodging.until(lambda: ledger.value("sekisho_ledger_lag_records", topic="provision-records") == 0)
    assert ledger.value("sekisho_ledger_lag_seconds", topic="provision-records") == 0


async def test_a_topic_made_anew_on_kafka_is_refused(kafka_lodging: Lodging) -> None:
    """Its id is another one: of the new topic nothing is taken in."""
    lodging = kafka_lodging
    ledger = await lodging.ledger()
    await lodging.records(record(1))
    await lodging.until_taken(1)
    await lodging.log.delete(lodging.topics.records)
    await lodging.log.create(lodging.topics.records, 2, 1, {})
    await lodging.records(*(record(number) for number in range(10, 15)))
    await lodging.until(lambda: "topic_changed" in ledger.causes())
    assert await lodging.count() == 1
