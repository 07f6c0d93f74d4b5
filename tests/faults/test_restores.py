"""Lanes restored, moved and taken again, with what may go wrong meanwhile, on a real Kafka: judged by the verifier."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.load import Load
from faults.sending import ask_all, consent_of, put_all
from faults.unsafe_log import Faults, Step, UnsafeLog
from gate.world import LIMITS, World, changed, subject_in
from kafka_settings import kafka_config
from sekisho.log.kafka import KafkaLog
from sekisho.log.port import Outgoing, Partition, SendError

pytestmark = pytest.mark.broker

LANE = 1
RESTORING = ("rejected", "decisions", "consents")
"""What a lane folds, in this order: one slow fetch each is enough for a slow restore."""


async def some_history(world: World) -> list[messages.Json]:
    """Requests of every lane, decided by a gate that is gone: what a restore has to fold."""
    names = world.names
    asked = [messages.request(subject_in(number % 4, number)) for number in range(12)]
    events = [event for each in asked for event in messages.consents(each["subject"]["id"])]
    await put_all(world, [consent_of(world, *event) for event in events])
    await ask_all(world, asked)
    # so that there are rejected events to fold too
    await put_all(world, [(names.requests, Outgoing(b"C-1", b"{no json"), number) for number in range(4)])
    gate = await world.gate("before")
    await all_answered(world.log, names)
    await world.stop(gate)
    return asked


@pytest.mark.scenario("a restore longer than max_poll_interval_ms")
async def test_a_lane_that_restores_longer_than_the_poll_interval_keeps_its_place(
    kafka_world: World, broker: str
) -> None:
    """The poll goes on while lanes restore: the member is not put out, and its first lanes are the ones that run."""
    names, most_ms = kafka_world.names, 2_000
    asked = await some_history(kafka_world)
    faults = Faults()
    faults.delay(Step.FETCH, 1.5 * most_ms / 1000, times=kafka_world.partitions * len(RESTORING))
    log = KafkaLog(replace(kafka_config(broker), max_poll_interval_ms=most_ms))
    try:
        # a reader that is slow at each of its fetches gets further all the same
        limits = changed(LIMITS, restore_seconds=60)
        gate = await kafka_world.gate("slow", log=UnsafeLog(log, faults), limits=limits, ready=False)
        await kafka_world.until(lambda: gate.lanes is not None and len(gate.lanes.lanes) == 4)
        assert gate.lanes is not None
        first = dict(gate.lanes.lanes)
        await ask_all(kafka_world, asked)
        await all_answered(kafka_world.log, names)
        assert faults.is_spent
        assert gate.lanes.lanes == first, "the member was put out: its lanes were taken anew"
        await kafka_world.stop(gate)
    finally:
        await log.close()
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert report.counts.duplicates == len(asked)


@pytest.mark.scenario("state deleted mid-restore")
@pytest.mark.parametrize("folded", RESTORING)
async def test_state_deleted_while_a_lane_restores(kafka_world: World, folded: str) -> None:
    """The folder is gone from under a lane that restores into it: whatever becomes of that lane, duplicates and consents
    are known, to it and to the next one that opens the place."""
    names = kafka_world.names
    asked = await some_history(kafka_world)
    faults, go_on = Faults(), asyncio.Event()
    faults.hold(Step.FETCH, go_on, times=4, where=getattr(names, folded))
    gate = await kafka_world.gate("a", log=UnsafeLog(kafka_world.log, faults), ready=False)
    await kafka_world.until(lambda: len(faults.happened) >= 1)
    shutil.rmtree(kafka_world.folder / "a")
    go_on.set()
    await ask_all(kafka_world, asked)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    await ask_all(kafka_world, asked)
    again = await kafka_world.gate("a")
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(again)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)
    assert report.counts.duplicates == 2 * len(asked)


@pytest.mark.scenario("state deleted mid-restore")
async def test_state_deleted_again_and_again_while_gates_restore(kafka_world: World, fire: int) -> None:
    """Under load, gates come and go, and the folders of the one that restores vanish every time."""
    names = kafka_world.names
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=21) as load:
        await load.more(40)
        for _ in range(2 * fire):
            faults = Faults()
            faults.delay(Step.FETCH, 0.2, times=8)
            gate = await kafka_world.gate("a", log=UnsafeLog(kafka_world.log, faults), ready=False)
            await kafka_world.until(partial(bool, faults.happened))
            shutil.rmtree(kafka_world.folder / "a", ignore_errors=True)
            await load.more(20)
            await kafka_world.stop(gate)
    last = await kafka_world.gate("a")
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(last)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)


@pytest.mark.scenario("lane A→B→A with an aborted turn, then a duplicate")
async def test_a_lane_that_comes_back_knows_what_the_other_gate_answered(kafka_world: World) -> None:
    """A's turn is aborted and A goes; B answers; A comes back with its old folder: it knows B's answers, and that its own
    aborted ones were none."""
    world, names = kafka_world, kafka_world.names
    asked = [messages.request(subject_in(LANE, number), "purp-1-specified") for number in range(6)]
    faults = Faults()
    first = await world.gate("a", log=UnsafeLog(world.log, faults))
    await world.ask(*asked[:2])
    await world.decisions(2)
    faults.fail(Step.ANSWER, SendError("a batch was not acknowledged"), times=20)
    await ask_all(world, asked[2:4])
    await world.until(lambda: len(faults.happened) >= 2)
    await world.stop(first)
    second = await world.gate("b")
    await world.ask(*asked[4:])
    await world.decisions(6)
    await world.stop(second)
    assert _is_there(world.folder / "a" / str(LANE)), "A must find its old state"
    again = await world.gate("a")
    await ask_all(world, asked)
    await all_answered(world.log, names)
    await world.stop(again)
    report = await judged(world.log, names)
    assert report.ok, str(report)
    assert (report.counts.decisions, report.counts.duplicates) == (12, 6)


@pytest.mark.scenario("group offsets deleted")
@pytest.mark.parametrize("name", ["a", "with no state"])
async def test_deleted_group_offsets_cost_nothing(kafka_world: World, name: str) -> None:
    """Neither with the old state nor without one is anything answered twice or passed over: the outputs tell where."""
    names = kafka_world.names
    async with Load(kafka_world.log, names, kafka_world.partitions, seed=22) as load:
        gate = await kafka_world.gate("a")
        await load.more(40)
        await kafka_world.stop(gate)
        await kafka_world.log.delete_group_offsets(f"{kafka_world.prefix}gate")
        await load.more(20)
        gate = await kafka_world.gate(name)
        await load.more(20)
    await all_answered(kafka_world.log, names)
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)


@pytest.mark.scenario("group offsets deleted")
async def test_offsets_deleted_of_lanes_that_never_answered(kafka_world: World) -> None:
    """With no output and no offset the lane begins at the first request."""
    names = kafka_world.names
    await kafka_world.ask(messages.request(subject_in(LANE)))
    gate = await kafka_world.gate("a")
    await kafka_world.decisions(1)
    await kafka_world.stop(gate)
    await kafka_world.log.delete_group_offsets(f"{kafka_world.prefix}gate")
    await kafka_world.ask(*(messages.request(subject_in(lane)) for lane in range(4)))
    gate = await kafka_world.gate("a")
    await kafka_world.decisions(5)
    assert gate.lanes is not None
    assert Partition(names.requests, LANE) in gate.lanes.lanes
    await kafka_world.stop(gate)
    report = await judged(kafka_world.log, names)
    assert report.ok, str(report)


def _is_there(folder: Path) -> bool:
    return folder.is_dir()
