"""A cluster of three brokers, each also a controller, three copies of everything: to lose one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from confluent_kafka.admin import AdminClient

from local_kafka import BROKER_LIMITS
from sekisho.local.broker import KafkaPortTakenError, LocalKafka, new_cluster_id
from sekisho.local.ports import free_ports
from sekisho.local.properties import Node, Place

NODES = 3
LIMITS = replace(BROKER_LIMITS, heap="256m", port_attempts=3)
SETTLE_S = 300.0


class Cluster:
    """Three nodes by their ids 1, 2, 3. Use as a context manager: all end with it. All calls block."""

    def __init__(
        self, jars: tuple[Path, ...], folder: Path, properties: Mapping[str, str] | None = None
    ) -> None:
        self._jars = jars
        self._folder = folder
        self._properties = dict(properties or {})
        self.nodes: dict[int, LocalKafka] = {}

    @property
    def bootstrap(self) -> str:
        """Every node's address: one that is away does not keep a client from the others."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def __enter__(self) -> Cluster:
        for attempts_left in reversed(range(LIMITS.port_attempts)):
            self.nodes = self._planned(self._folder / f"cluster-{attempts_left}")
            try:
                self._together(LocalKafka.start)
            except BaseException as error:
                self._together(LocalKafka.stop)
                if not (isinstance(error, KafkaPortTakenError) and attempts_left):
                    raise
            else:
                self.settled()
                return self
        raise AssertionError("unreachable: the last attempt raises")

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._together(LocalKafka.stop)

    def _planned(self, folder: Path) -> dict[int, LocalKafka]:
        ports = iter(free_ports(2 * NODES))
        quorum = tuple(Node(number, next(ports), next(ports)) for number in range(1, NODES + 1))
        cluster_id = new_cluster_id()
        return {
            node.node_id: LocalKafka(
                self._jars,
                LIMITS,
                name=f"node {node.node_id}",
                data_dir=folder / str(node.node_id),
                properties=self._properties,
                place=Place(node, quorum, cluster_id),
            )
            for node in quorum
        }

    def _together(self, what: Callable[[LocalKafka], object]) -> None:
        """At once: no node answers before a majority of the controllers runs."""
        with ThreadPoolExecutor(NODES) as pool:
            for done in [pool.submit(what, node) for node in self.nodes.values()]:
                done.result()

    def whole(self) -> None:
        """Starts what is dead and wakes what is frozen, as a test that failed half-way leaves it; waits as `settled`."""
        dead = [node for node in self.nodes.values() if not node.is_running()]
        for node in self.nodes.values():
            node.resume()
        with ThreadPoolExecutor(NODES) as pool:
            for done in [pool.submit(node.start) for node in dead]:
                done.result()
        self.settled()

    def settled(self) -> None:
        """Waits until every partition has all its copies again, so that the next node may fail."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        give_up = time.monotonic() + SETTLE_S
        while behind := self._behind(admin):
            assert time.monotonic() < give_up, f"copies are still missing of {behind}"
            time.sleep(0.2)

    def _behind(self, admin: AdminClient) -> list[str]:
        found = admin.list_topics(timeout=30)
        if len(found.brokers) < NODES:
            return [f"a cluster of {NODES}, which has {sorted(found.brokers)}"]
        return [
            f"{name}-{number}"
            for name, topic in found.topics.items()
            for number, partition in topic.partitions.items()
            if len(partition.isrs) < len(partition.replicas) or partition.leader not in self.nodes
        ]
