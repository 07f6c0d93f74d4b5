"""Records become leaves and payloads, each once, in the topic's order."""

from __future__ import annotations

import pytest

from ledger.ingest.lodging import Lodging, document_of, message, record
from sekisho.ledger import leaves
from sekisho.log.port import Outgoing, Partition

pytestmark = pytest.mark.database


async def test_records_of_all_partitions_are_taken_in(lodging: Lodging) -> None:
    """What was sent stands in the logs of its partitions, canonical and committed to, and the ledger is ready."""
    await lodging.records(*(record(number) for number in range(120)))
    await lodging.records(*(record(number) for number in range(200, 230)), partition=1)
    ledger = await lodging.ledger()
    await lodging.until_taken(150)
    await lodging.complete()
    await lodging.until(lambda: ledger.health.ready)
    assert ledger.value("sekisho_ledger_records_total", method="individual", basis="provision.consent") == 150


async def test_a_log_begins_with_what_it_is(lodging: Lodging) -> None:
    """Its first leaf names the topic, its id, the partition and the year; it follows nothing."""
    await lodging.records(record(1))
    await lodging.ledger()
    await lodging.until_taken(1)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    genesis = log.leaves[0]
    assert isinstance(genesis, leaves.Genesis)
    topic = (await lodging.log.describe([lodging.topics.records]))[lodging.topics.records]
    assert (genesis.topic, genesis.topic_id, genesis.partition) == (topic.name, topic.id, 0)
    assert (genesis.next_offset, genesis.predecessor) == ("0", None)
    assert log.origin == f"ledger.example/sekisho/provision-records/{topic.id}/0/{genesis.year}"


async def test_what_cannot_be_read_is_kept_verbatim(lodging: Lodging) -> None:
    """No message is lost and none blocks: a bad one is a leaf of its own kind, its bytes as they were, and is counted."""
    bad = [
        Outgoing(b"x", b"\xff\xfe not json", message(record(1)).headers),
        Outgoing(b"x", None, message(record(2)).headers),
        Outgoing(b"x", b'{"record_id": "only"}', message(record(3)).headers),
        Outgoing(b"x", message(record(4)).value, [("ce_type", b"something.else.v1")]),
        Outgoing(b"x", (message(record(5)).value or b"").replace(b'"items"', b'"items": [], "items"'), ()),
    ]
    at = Partition(lodging.topics.records, 0)
    await lodging.send(at, message(record(0)), *bad, message(record(9)))
    ledger = await lodging.ledger()
    await lodging.until_taken(7)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    kinds = [each.kind for each in log.leaves]
    assert kinds == ["genesis", "record", *["unreadable"] * 5, "record"]
    assert [log.payloads[index + 2].body for index in range(5)] == [each.value or b"" for each in bad]
    assert ledger.value("sekisho_ledger_unreadable_total", topic="provision-records") == 5


async def test_a_ledger_goes_on_where_the_last_one_ended(lodging: Lodging) -> None:
    """Stopped and started, it takes in what came meanwhile and nothing again."""
    await lodging.records(*(record(number) for number in range(10)))
    first = await lodging.ledger()
    await lodging.until_taken(10)
    await first.service.stop()
    await lodging.records(*(record(number) for number in range(10, 30)))
    await lodging.ledger()
    await lodging.until_taken(30)
    await lodging.complete()


async def test_a_payload_row_is_found_by_what_the_record_states(lodging: Lodging) -> None:
    """The columns that searches, holds and deletion go by are the record's own."""
    await lodging.records(record(1, retain_until="2029-11-21"))
    await lodging.ledger()
    await lodging.until_taken(1)
    (log,) = [each for each in await lodging.shards() if each.partition == 0]
    row = log.payloads[1]
    told = document_of(row)
    assert (row.record_id, row.decision_id) == (told["record_id"], told["decision_id"])
    assert (row.direction, row.basis, row.method) == ("provision", "provision.consent", "individual")
    assert (row.controller, row.counterparty) == ("savings-bank", "life-insurer")
    assert (str(row.provided_on), str(row.retain_until), row.scope) == ("2026-11-21", "2029-11-21", None)
    assert row.subject_hmac is not None
    leaf = log.leaves[1]
    assert isinstance(leaf, leaves.PayloadLeaf)
    assert leaf.retain_until == "2029-11-21"
