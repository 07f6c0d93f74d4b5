"""Topics that an administrator changes under running gates, on a real Kafka: nothing is decided on a guess."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.load import Load
from faults.sending import ask_all, consent_of, put_all
from gate.world import World, subject_in
from log.raw_kafka import add_partition
from sekisho.gate.service import GateService
from sekisho.log.port import Partition

pytestmark = pytest.mark.broker

LANE = 1
LATER = 3
"""Requests that come when nothing may be decided any more."""


async def halted(world: World, gate: GateService) -> None:
    """Waits until all lanes stand still for good, and the gate is not ready."""
    lanes = gate.lanes
    assert lanes is not None
    await world.until(lambda: lanes.halted is not None and not lanes.lanes)
    assert not world.health[id(gate)].ready


async def known_consents(world: World) -> Sequence[messages.Json]:
    """A person's consents and suspension, and requests decided on them."""
    person = subject_in(LANE)
    told = [consent_of(world, *event) for event in messages.consents(person)]
    await put_all(world, [*told, consent_of(world, messages.SUSPENDED, messages.suspension(person))])
    asked = [messages.request(person) for _ in range(3)]
    await ask_all(world, asked)
    await world.decisions(len(asked))
    return [messages.request(person) for _ in range(LATER)]


async def made_anew(world: World) -> None:
    """The consent topic deleted and created again under its name, as it was configured."""
    consents = world.names.consents
    await world.log.delete(consents)
    await world.log.create(consents, world.partitions, 1, world.input_config(consents))


@pytest.mark.scenario("consent topic deleted and re-created")
async def test_a_consent_topic_made_anew_under_a_running_gate_halts_it(kafka_world: World) -> None:
    """All lanes stop for good: nothing is decided on an empty topic, and the verifier says what the new topic lacks."""
    gate = await kafka_world.gate()
    later = await known_consents(kafka_world)
    await made_anew(kafka_world)
    await halted(kafka_world, gate)
    await ask_all(kafka_world, later)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, kafka_world.names)
    assert report.counts.decisions == 3, str(report)
    assert report.totals["request.lost"] == LATER
    assert report.totals["decision.consent_position"] == 3


@pytest.mark.scenario("consent topic deleted and re-created")
@pytest.mark.parametrize("name", ["a", "with no state"])
async def test_a_gate_that_starts_on_a_consent_topic_made_anew_decides_nothing(
    kafka_world: World, name: str
) -> None:
    """With its state it knows the topic's id; without one, the decisions tell that consents were known that are gone."""
    gate = await kafka_world.gate("a")
    later = await known_consents(kafka_world)
    await kafka_world.stop(gate)
    await made_anew(kafka_world)
    await ask_all(kafka_world, later)
    gate = await kafka_world.gate(name, ready=False)
    at = Partition(kafka_world.names.requests, LANE)
    await kafka_world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    assert not kafka_world.health[id(gate)].ready
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, kafka_world.names)
    assert report.counts.decisions == 3, str(report)
    assert report.totals["request.lost"] == LATER


@pytest.mark.scenario("partitions added")
@pytest.mark.parametrize("topic", ["requests", "consents", "decisions"])
async def test_partitions_added_under_load_stop_every_gate(
    kafka_world: World, broker: str, topic: str
) -> None:
    """Both gates stand still; what they had answered is right, and nothing was answered after."""
    names = kafka_world.names
    gates = [await kafka_world.gate(name) for name in ("a", "b")]
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=41) as load:
        await load.more(20)
    await all_answered(kafka_world.log, names)
    before = await judged(kafka_world.log, names, load.sent)
    assert before.ok, str(before)
    await add_partition(broker, getattr(names, topic), 5)
    for gate in gates:
        await halted(kafka_world, gate)
    await ask_all(kafka_world, [messages.request(subject_in(LANE)) for _ in range(LATER)])
    for gate in gates:
        await kafka_world.stop(gate)
    assert len(await kafka_world.read(names.decisions)) == before.counts.decisions
    report = await judged(kafka_world.log, names)
    assert report.totals == {"topics.partitions": 1}
