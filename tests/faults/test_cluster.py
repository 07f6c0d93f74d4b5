"""Three brokers, three copies, two of which must have a record: one node at a time killed, restarted and frozen, the
coordinator of a transaction among them while the transaction ends. Judged by the verifier."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType

from faults.clusters import NODES, Cluster
from faults.gates import Gates
from faults.judge import all_answered, judged
from faults.load import Load
from faults.unsafe_log import Faults, Step, UnsafeLog
from gate.world import WAIT_S, World
from kafka_settings import patient
from sekisho.local.broker import LocalKafka
from sekisho.local.service import sekisho_command
from sekisho.log.kafka import KafkaLog
from sekisho.settings import child_environment

pytestmark = pytest.mark.own_broker

FROZEN_S = 12.0
"""Longer than the sessions of the gates' members (6 s) and of the brokers (9 s): the cluster has gone on without the node."""
TOLERANCE_MS = 20_000
"""A record that its leader has appended is acknowledged when the copies have it: while a node is missed, only when its
session (9 s) is over. So long may two partitions' append times and their acknowledgements differ in order."""


@pytest.fixture(scope="module")
def cluster(kafka_jars: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for this module's tests: each leaves it whole, or the next one's `world` makes it so."""
    with Cluster(kafka_jars, tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture
async def world(cluster: Cluster, topic_prefix: str, tmp_path: Path) -> AsyncIterator[World]:
    """A deployment on the cluster, its topics made by `sekisho topics create` as an operator does."""
    await asyncio.to_thread(cluster.whole)
    world = World(KafkaLog(patient(cluster.bootstrap)), topic_prefix, tmp_path)
    variables = {
        "SEKISHO_KAFKA_BOOTSTRAP": cluster.bootstrap,
        "SEKISHO_TOPIC_PREFIX": topic_prefix,
        "SEKISHO_TOPIC_PARTITIONS": str(world.partitions),
        "SEKISHO_TOPIC_REPLICATION": str(NODES),
        "SEKISHO_TOPIC_MIN_INSYNC_REPLICAS": str(NODES - 1),
    }
    made = await asyncio.create_subprocess_exec(
        *sekisho_command(["topics", "create"]), env=child_environment(variables)
    )
    assert await made.wait() == 0
    yield world
    await world.close()
    await world.log.close()


class CoordinatorKiller(Faults):
    """Once armed, kills the node that coordinates a transaction as soon as that transaction's commit is answered.

    At that moment its end is decided and acknowledged, and its markers are still to be written (or just being so).
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._coordinators: dict[str, int] = {}
        self._killed: asyncio.Future[int] | None = None

    async def at(self, step: Step, name: str) -> None:
        """Nothing is awaited here: each step on the way to the signal gives the markers time."""
        if step is Step.AFTER_COMMIT and self._killed is not None and not self._killed.done():
            number = self._coordinators[name]
            os.kill(self._cluster.nodes[number].pid, signal.SIGKILL)
            self._killed.set_result(number)

    async def next_kill(self, transactional_ids: list[str]) -> int:
        """Waits for the next commit of one of these; gives the number of the node that was killed at it."""
        client = AIOKafkaClient(bootstrap_servers=self._cluster.bootstrap)
        await client.bootstrap()
        try:
            for name in transactional_ids:
                found = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
                self._coordinators[name] = int(found)
        finally:
            await client.close()
        self._killed = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(WAIT_S):
            return await self._killed


async def test_topics_are_made_with_their_copies(world: World) -> None:
    """`sekisho topics create` gives each topic the copies that the settings want, and says how many must have a record."""
    described = await world.log.describe(world.names)
    assert {topic.config["min.insync.replicas"] for topic in described.values()} == {str(NODES - 1)}
    client = AIOKafkaClient(bootstrap_servers=world.log._config.bootstrap)  # type: ignore[attr-defined]
    await client.bootstrap()
    try:
        for name in world.names:
            await client.add_topic(name)
        await client.force_metadata_update()
        partitions = [
            partition for name in world.names for partition in client.cluster._partitions[name].values()
        ]
    finally:
        await client.close()
    assert {len(partition.replicas) for partition in partitions} == {NODES}


@pytest.mark.scenario("the coordinator killed while a transaction ends, in a cluster of three")
async def test_a_coordinator_killed_between_a_commit_and_its_markers(
    world: World, cluster: Cluster, fire: int
) -> None:
    """Another node takes the coordinator's place and writes the markers: what was acknowledged stands, and only once."""
    names = world.names
    killer = CoordinatorKiller(cluster)
    ids = [f"{world.prefix}{kind}-{lane}" for kind in ("gate", "router") for lane in range(world.partitions)]
    async with Load(world.log, names, world.partitions, seed=21) as load:
        gate = await world.gate(log=UnsafeLog(world.log, killer))
        for _ in range(2 * fire):
            await load.more(40)
            node = cluster.nodes[await killer.next_kill(ids)]
            await asyncio.to_thread(node.kill)  # it is dead already; this waits for it
            await load.more(40)
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(cluster.settled)
        await load.more(40)
    await all_answered(world.log, names, tolerance_ms=TOLERANCE_MS)
    await world.stop(gate)
    report = await judged(world.log, names, load.sent, tolerance_ms=TOLERANCE_MS)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests


def killed(node: LocalKafka) -> None:
    node.kill()


def frozen(node: LocalKafka) -> None:
    node.pause()


def stopped(node: LocalKafka) -> None:
    node.stop()


def back(node: LocalKafka) -> None:
    if node.is_running():
        node.resume()
    else:
        node.start()


@pytest.mark.scenario("brokers of a cluster of three killed and restarted under load")
async def test_brokers_fail_in_turn_under_load(
    world: World, cluster: Cluster, tmp_path: Path, fire: int
) -> None:
    """A node killed, the next frozen past its session, the next restarted: two gates go on deciding all the while."""
    names = world.names
    gates = Gates(cluster.bootstrap, world.prefix, world.partitions, tmp_path, ("gate-1", "gate-2"))
    async with gates:
        async with Load(world.log, names, world.partitions, seed=22) as load:
            await load.more(100)
            for _ in range(fire):
                for node, fails in zip(cluster.nodes.values(), (killed, frozen, stopped), strict=True):
                    await asyncio.to_thread(fails, node)
                    await asyncio.gather(load.more(80), asyncio.sleep(FROZEN_S if fails is frozen else 0))
                    await asyncio.to_thread(back, node)
                    await asyncio.to_thread(cluster.settled)
            await load.more(50)
            await asyncio.gather(*(gates.ready(name) for name in gates.names))
        await all_answered(world.log, names, tolerance_ms=TOLERANCE_MS)
    report = await judged(world.log, names, load.sent, tolerance_ms=TOLERANCE_MS)
    assert report.ok, str(report)
    assert report.counts.requests == load.requests
    assert min(report.counts.records, report.counts.duplicates, report.counts.forwarded) > 0
