"""The process crashes at every step of a turn, and a taker goes on: judged by the verifier."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faults.gates import Crash, Gates
from faults.judge import all_answered, judged
from faults.load import Load
from faults.unsafe_log import Step
from gate.world import World

pytestmark = pytest.mark.broker

PARTITIONS = 2
AT_ONCE = 6
"""Deployments that are tried at the same time: each is a process that takes seconds to start."""

CRASHES: dict[str, Crash] = {
    "before the id is initialized": Crash(Step.START, 1),
    "before a transaction begins": Crash(Step.BEGIN, 2),
    "before the first batch is sent": Crash(Step.SEND, 0),
    "between two batches": Crash(Step.SEND, 4),
    "while answers are awaited": Crash(Step.ANSWER, 5),
    "before the offsets": Crash(Step.OFFSETS, 2),
    "before the commit": Crash(Step.BEFORE_COMMIT, 1),
    "after the commit took effect": Crash(Step.AFTER_COMMIT, 1),
    "before an abort": Crash(Step.ABORT, 0),
    "before the router's commit": Crash(Step.BEFORE_COMMIT, 0, "router"),
    "after the router's commit took effect": Crash(Step.AFTER_COMMIT, 0, "router"),
}


async def crash_and_take_over(world: World, broker: str, crash: Crash, load_seed: int) -> None:
    """A gate kills itself at the step under load; another, with a state of its own, answers all."""
    names = world.names
    await world.create()
    # a turn that is always too old aborts on purpose
    slow = {"SEKISHO_GATE_TURN_SECONDS": "0.001"} if crash.step is Step.ABORT else {}
    deployment = Gates(broker, world.prefix, world.partitions, world.folder, ())
    async with deployment as gates:
        gates.add("crashing", crash=crash, variables=slow)
        async with Load(world.log, names, world.partitions, seed=load_seed, per_second=40) as load:
            await load.more(16)
            process = gates.processes["crashing"]
            await asyncio.to_thread(process.start)
            await gates.ended("crashing")
            assert process.exit_code() in (-9, 137), process.said(5)
            await world.gate("taker", ready=False)
            await load.more(16)
        await all_answered(world.log, names)
    await world.close()
    report = await judged(world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests


@pytest.mark.scenario("the process crashes at every step of a turn")
async def test_a_crash_at_any_step_loses_and_doubles_nothing(
    kafka_world: World, broker: str, tmp_path: Path, fire: int
) -> None:
    """SIGKILL from within, at each call of the writer, of a lane's and of the router's transactions: what was open is
    aborted by the taker, what was committed is not done again."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, name: str, crash: Crash) -> None:
        async with places:
            prefix = f"{kafka_world.prefix}{number}-"
            world = World(kafka_world.log, prefix, tmp_path / str(number), partitions=PARTITIONS)
            (tmp_path / str(number)).mkdir()
            try:
                await crash_and_take_over(world, broker, crash, number)
            except Exception as error:
                raise AssertionError(f"a crash {name}: {error}") from error
            finally:
                await world.close()

    tried = [
        (1000 * round_ + number, name, crash._replace(skip=crash.skip + round_))
        for round_ in range(fire)
        for number, (name, crash) in enumerate(CRASHES.items())
        if not (round_ and crash.step in (Step.START, Step.ABORT))
    ]
    await asyncio.gather(*(one(*each) for each in tried))
