"""Messages that nobody can read, and answers that are too large, among good ones on a real Kafka: judged by the verifier."""

from __future__ import annotations

import asyncio

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.load import Load
from faults.sending import ask_all, consent_of, put_all
from gate.test_consents import remedies
from gate.world import LIMITS, World, changed, codes, subject_in
from kafka_settings import kafka_config
from local_kafka import MakeBroker
from log.raw_kafka import append_compressed, append_undecodable, damage_checksum, damage_codec
from sekisho.log.kafka import KafkaLog
from sekisho.log.port import Partition

LANE = 1
CODECS = ("gzip", "snappy", "lz4", "zstd")


@pytest.mark.broker
@pytest.mark.scenario("a bad header key")
async def test_a_header_key_that_is_not_utf8_costs_its_own_position(
    kafka_world: World, broker: str, fire: int
) -> None:
    """Among good requests under load it is rejected in writing; good ones of its batch are decided."""
    names = kafka_world.names
    gate = await kafka_world.gate()
    people = [subject_in(LANE, number) for number in range(3 * fire)]
    good = [messages.asked(messages.request(person)).value or b"" for person in people]
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=31) as load:
        await load.more(20)
        for number in range(0, len(good), 3):
            await append_undecodable(broker, Partition(names.requests, LANE))
            # its good ones have the key `k`, which is no subject id: an answer, and a rejected event
            await append_undecodable(broker, Partition(names.requests, LANE), good[number : number + 3])
            await load.more(20)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests + 2 * fire + len(good)


@pytest.mark.broker
@pytest.mark.scenario("a zstd batch")
async def test_batches_compressed_by_their_senders_are_read(kafka_world: World, broker: str) -> None:
    """Requests and consent events come in any of Kafka's codecs."""
    names = kafka_world.names
    gate = await kafka_world.gate()
    for number, codec in enumerate(CODECS):
        person = subject_in(LANE, number)
        for event in messages.consents(person):
            topic, record, partition = consent_of(kafka_world, *event)
            await kafka_world.put(topic, record, partition)
        asked = messages.asked(messages.request(person))
        await append_compressed(
            broker, Partition(names.requests, LANE), asked.key or b"", asked.value or b"", codec
        )
    decisions = await kafka_world.decisions(len(CODECS))
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert [each["effect"] for each in decisions] == ["allow"] * len(CODECS)


@pytest.mark.own_broker
@pytest.mark.scenario("an unknown codec")
@pytest.mark.scenario("a bad checksum")
async def test_batches_damaged_on_a_brokers_disk_cost_their_own_positions(
    make_broker: MakeBroker, topic_prefix: str
) -> None:
    """A request whose checksum is wrong, or whose codec nobody knows, is rejected in writing; such a consent event holds
    its partition until an operator has skipped it in writing, and what stands behind it is then known."""
    kafka = make_broker()
    await asyncio.to_thread(kafka.start)
    log = KafkaLog(kafka_config(kafka.bootstrap))
    world = World(log, topic_prefix, kafka.data_dir / "gates")
    try:
        await world.create()
        names, person = world.names, subject_in(LANE)
        for event in messages.consents(person):
            await put_all(world, [consent_of(world, *event)])
        # one batch each: what is damaged is a batch
        requests = [await ask_all(world, [messages.request(person)]) for _ in range(7)]
        (stop,) = await put_all(
            world, [consent_of(world, messages.SUSPENDED, messages.suspension("C-gone"), LANE)]
        )
        await put_all(world, [consent_of(world, messages.SUSPENDED, messages.suspension(person))])
        asked, told = Partition(names.requests, LANE), Partition(names.consents, LANE)
        damage_checksum(kafka.data_dir, asked, requests[1][0])
        damage_codec(kafka.data_dir, asked, requests[3][0])
        damage_checksum(kafka.data_dir, asked, requests[4][0])
        damage_codec(kafka.data_dir, told, stop)
        gate = await world.gate(limits=changed(LIMITS, freshness_seconds=1), ready=False)
        held = await world.decisions(4)
        assert {code for each in held for code in codes(each)} == {"consent.state_stale"}
        rejected = await world.rejected(3)
        assert {(each["cause"], each["position"]["offset"]) for each in rejected} == {
            ("undecodable", requests[number][0]) for number in (1, 3, 4)
        }
        assert await remedies(world).skip(LANE, stop)
        await world.until(lambda: world.health[id(gate)].ready)
        await ask_all(world, [messages.request(person)])
        last = (await world.decisions(5))[-1]
        assert codes(last) == ["subject.provision_suspended"]
        await world.stop(gate)
        report = await judged(log, names, freshness_ms=1000)
        assert report.ok, str(report)
        assert (report.counts.unreadable, report.counts.rejected) == (3, 4)
    finally:
        await world.close()
        await log.close()


@pytest.mark.broker
@pytest.mark.scenario("an output over its limit")
async def test_an_answer_above_the_gates_own_limit_is_refused_alone(kafka_world: World) -> None:
    """An encoded answer above `output_bytes` becomes the refusal `request.too_large`; its neighbours are decided."""
    names = kafka_world.names
    items = [f"no.such_item_{number:03d}" for number in range(400)]
    people = [subject_in(LANE, number) for number in range(5)]
    asked = [messages.request(person, "purp-1-specified") for person in people]
    asked[2] = messages.request(people[2], "purp-1-specified", items=items)
    gate = await kafka_world.gate(limits=changed(LIMITS, output_bytes=20_000))
    await ask_all(kafka_world, asked)
    decisions = await kafka_world.decisions(5)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert [codes(each) == ["request.too_large"] for each in decisions] == [False, False, True, False, False]
