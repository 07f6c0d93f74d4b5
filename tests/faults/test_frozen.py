"""Gates that stand still with their connections open (SIGSTOP) while others take their lanes: judged by the verifier."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faults.gates import Gates
from faults.judge import all_answered, judged
from faults.load import Load
from gate.world import WAIT_S, World

pytestmark = pytest.mark.broker


async def taken_over(gates: Gates, load: Load, world: World, since: int) -> None:
    """Waits until requests of every partition that came after `since` sends are answered: nobody waits for the frozen one."""
    names = world.names
    later = [each for each in load.sent[since:] if each.topic == names.requests]
    last = {each.partition: each.offset for each in later}
    assert set(last) == set(range(world.partitions)), "the load has not reached every partition"

    async def answered() -> bool:
        told = {
            (each["request_position"]["partition"], each["request_position"]["offset"])
            for each in await world.data(names.decisions)
        }
        told |= {
            (each["position"]["partition"], each["position"]["offset"])
            for each in await world.data(names.rejected)
            if each["position"]["topic"] == names.requests
        }
        return last.items() <= told

    async with asyncio.timeout(WAIT_S):
        while not await answered():  # noqa: ASYNC110  a log has no event to wait for
            await asyncio.sleep(0.5)
    assert all(process.is_running() for process in gates.processes.values())


@pytest.mark.scenario("SIGSTOP past the session time-out, then SIGCONT")
async def test_a_gate_frozen_past_its_session_answers_nothing_twice(
    kafka_world: World, broker: str, tmp_path: Path, fire: int
) -> None:
    """Its lanes are another's when it wakes in the middle of a turn: it is fenced and put out, joins again, and goes on."""
    names = kafka_world.names
    two = Gates(broker, kafka_world.prefix, kafka_world.partitions, tmp_path, ("gate-1", "gate-2"))
    async with two as gates:
        async with Load(kafka_world.log, names, kafka_world.partitions, seed=11) as load:
            await load.more(60)
            for round_ in range(fire):
                frozen = f"gate-{1 + round_ % 2}"
                gates.pause(frozen)
                since = len(load.sent)
                await load.more(60)
                await taken_over(gates, load, kafka_world, since)
                gates.resume(frozen)
                await load.more(60)
                await gates.ready(frozen)
                await load.more(40)
        await all_answered(kafka_world.log, names)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests


@pytest.mark.scenario("a SIGSTOPped owner with its taker on the same host")
async def test_the_taker_on_a_frozen_owners_host_restores_beside_it(
    kafka_world: World, broker: str, tmp_path: Path, fire: int
) -> None:
    """A gate of the same instance finds the folders locked by the frozen one: it restores into others, and the frozen
    one, awake again, does no harm to either."""
    names = kafka_world.names
    same = {"SEKISHO_INSTANCE": "gate-1"}
    one = Gates(broker, kafka_world.prefix, kafka_world.partitions, tmp_path, ("gate-1",))
    folder = tmp_path / "state" / "gate" / kafka_world.prefix / "gate-1"
    async with one as gates:
        gates.add("taker", variables=same)
        async with Load(kafka_world.log, names, kafka_world.partitions, seed=12) as load:
            await load.more(60)
            gates.pause("gate-1")
            since = len(load.sent)
            await gates.start("taker")
            await load.more(60)
            await taken_over(gates, load, kafka_world, since)
            beside = sorted(each.name for each in folder.iterdir() if "." in each.name)
            assert beside == [f"{number}.1" for number in range(kafka_world.partitions)]
            gates.resume("gate-1")
            await load.more(60 * fire)
            await gates.ready("gate-1")
            await load.more(40)
        await all_answered(kafka_world.log, names)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.duplicates > 0
