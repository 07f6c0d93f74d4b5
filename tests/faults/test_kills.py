"""Gates killed and stopped under load, and their state deleted, on a real Kafka: judged by the verifier."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from faults.gates import Gates
from faults.judge import all_answered, judged
from faults.load import Load
from gate.world import World

pytestmark = pytest.mark.broker

ROTATION = [
    ("gate-1", signal.SIGKILL),
    ("gate-2", signal.SIGTERM),
    ("gate-3", signal.SIGKILL),
]


@pytest.mark.scenario("SIGTERM and kill -9 rotated over three gates")
async def test_gates_killed_in_rotation_under_load(
    kafka_world: World, broker: str, tmp_path: Path, fire: int
) -> None:
    """SIGKILL and SIGTERM over three gates while requests go on: each is answered once, rightly and in order."""
    names = kafka_world.names
    three = Gates(
        broker, kafka_world.prefix, kafka_world.partitions, tmp_path, ("gate-1", "gate-2", "gate-3")
    )
    async with three as gates:
        async with Load(kafka_world.log, names, kafka_world.partitions, seed=1, per_second=120) as load:
            await load.more(200)
            for name, how in ROTATION * fire:
                await gates.end(name, how)
                await load.more(100)
                await gates.start(name)
                await load.more(100)
        await all_answered(kafka_world.log, names)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests
    assert min(report.counts.records, report.counts.duplicates, report.counts.forwarded) > 0


@pytest.mark.scenario("state deleted while gates are down")
async def test_state_deleted_while_gates_are_down(kafka_world: World, broker: str, tmp_path: Path) -> None:
    """A gate whose folder is gone folds the topics anew: duplicates of what it answered before are known."""
    names = kafka_world.names
    async with Gates(
        broker, kafka_world.prefix, kafka_world.partitions, tmp_path, ("gate-1", "gate-2")
    ) as gates:
        async with Load(kafka_world.log, names, kafka_world.partitions, seed=2) as load:
            for name, how in (("gate-1", signal.SIGTERM), ("gate-2", signal.SIGKILL)):
                await load.more(100)
                await gates.end(name, how)
                gates.forget(name)
                await load.more(50)
                await gates.start(name)
            await load.more(100)
        await all_answered(kafka_world.log, names)
    report = await judged(kafka_world.log, names, load.sent)
    assert report.ok, str(report)
    assert report.counts.duplicates > 0
