"""Lanes that move between gates with lost state, and messages that are too large, on a real Kafka."""

from __future__ import annotations

import shutil

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.load import Load
from faults.test_controls import create_topics
from gate.world import World, subject_in
from sekisho.log.port import Outgoing, Partition

pytestmark = pytest.mark.broker


@pytest.mark.scenario("lane A→B→A with the state of A deleted")
async def test_lanes_that_move_with_their_state_deleted(kafka_world: World) -> None:
    """Lane A→B→A, A's folder deleted in between: what B answered is known to A again."""
    names = kafka_world.names
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=3) as load:
        first = await kafka_world.gate("a")
        await load.more(60)
        await kafka_world.stop(first)
        shutil.rmtree(kafka_world.folder / "a")
        second = await kafka_world.gate("b")
        await load.more(60)
        again = await kafka_world.gate("a")
        await kafka_world.shared_by(second, again)
        await load.more(60)
        await kafka_world.stop(second)
        await kafka_world.shared_by(again)
        await load.more(40)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(again)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.duplicates > 0


@pytest.mark.scenario("a value over its limit")
async def test_an_oversized_message_among_good_ones_costs_no_other(kafka_world: World) -> None:
    """A value above the limit gets its rejected event; those before and behind it their decisions."""
    names, lane = kafka_world.names, 1
    people = [subject_in(lane, number) for number in range(6)]
    large = Outgoing(b"x", b" " * (kafka_world.limits.value_bytes + 1))
    await kafka_world.ask(*(messages.request(person) for person in people[:3]))
    await kafka_world.put(names.requests, large, lane)
    await kafka_world.ask(*(messages.request(person) for person in people[3:]))
    await kafka_world.put(names.consents, large, lane)
    gate = await kafka_world.gate()
    await kafka_world.decisions(6)
    await kafka_world.rejected(2)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert (report.counts.decisions, report.counts.unreadable, report.counts.rejected) == (6, 1, 2)


@pytest.mark.scenario("an output over its limit")
async def test_an_answer_that_the_log_does_not_take_among_good_ones(bare_kafka_world: World) -> None:
    """A turn that fails twice is run one record at a time under load: the guilty request is refused, in writing."""
    world = bare_kafka_world
    await create_topics(world, {"max.message.bytes": "20000"})
    names, lane = world.names, 2
    items = [f"no.such_item_{number:03d}" for number in range(400)]
    huge = messages.request(subject_in(lane), "purp-1-specified", items=items)
    gate = await world.gate()
    async with Load(world.log, names, world.partitions, seed=4, per_second=40) as load:
        await load.more(20)
        offset = await world.put(names.requests, messages.asked(huge), lane)
        await load.more(40)
    await all_answered(world.log, names)
    await world.stop(gate)
    report = await judged(world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests + 1
    refused = [
        each
        for each in await world.data(names.decisions, lane)
        if each["request_position"] == {"topic": names.requests, "partition": lane, "offset": offset}
    ]
    assert [each["circumstances"]["code"] for each in refused] == ["request.too_large"]


@pytest.mark.control("every transaction ends")
async def test_a_transaction_left_open_is_found_until_it_ends(kafka_world: World) -> None:
    """The read_committed and read_uncommitted ends of an output differ while a transaction is open: a finding."""
    names = kafka_world.names
    writer = kafka_world.log.transactional_writer(f"{kafka_world.prefix}left-open")
    await writer.start()
    await writer.begin()
    (answer,) = await writer.send(Partition(names.records, 0), [Outgoing(None, b"{}")])
    await answer
    found = await judged(kafka_world.log, names, settle_seconds=0.3)
    assert found.totals == {"transaction.open": 1}
    await writer.abort()
    await writer.stop()
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert report.counts.records == 0
