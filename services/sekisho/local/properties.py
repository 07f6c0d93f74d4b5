"""The settings of a local Kafka node: what Kafka 4.3 needs to be one small, honest, single-purpose broker (runtime.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sekisho.local.ports import LOOPBACK

# Kafka's own defaults are for a cluster of three or more: with one node, every internal topic would wait for replicas for ever.
_SINGLE_NODE = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    # Nobody could take over what it leads: it would only be without a leader while it still ends transactions, and lose their
    # markers (ADR 0013). It ends without a word, and gives its old self up when it comes back (recovery.py).
    "controlled.shutdown.enable": "false",
    # For the same reason it is not given up when it is frozen, or starved on a busy machine, as after 9 s by default. What ended
    # is given up at its next start, which need not wait for this.
    "broker.session.timeout.ms": "60000",
}

# With three: every copy counts, and one node may fail (runtime.md, Proof).
_THREE_NODES = {
    **_SINGLE_NODE,
    "controlled.shutdown.enable": "true",
    # Kafka's own: with less, nodes that are starved on a busy machine are given up, and where it is all three nobody leads
    "broker.session.timeout.ms": "9000",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
}

# A small machine, one user, and no guesses: a topic that is not there is an error, not a new topic with default settings.
_SMALL = {
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
}


@dataclass(frozen=True)
class Node:
    """One combined broker and controller: its id and its two loopback ports."""

    node_id: int
    broker_port: int
    controller_port: int

    @property
    def bootstrap(self) -> str:
        """host:port for clients."""
        return f"{LOOPBACK}:{self.broker_port}"

    @property
    def voter(self) -> str:
        """How the controllers name each other: id@host:port."""
        return f"{self.node_id}@{LOOPBACK}:{self.controller_port}"


@dataclass(frozen=True)
class Place:
    """A node's place in a cluster of several: which node it is, all nodes, and the id that they share."""

    node: Node
    quorum: tuple[Node, ...]
    cluster_id: str


def server_properties(
    node: Node, quorum: tuple[Node, ...], logs: Path, extra: Mapping[str, str]
) -> dict[str, str]:
    """The properties of one node of the quorum, its data in `logs`; `extra` wins over everything else.

    A static quorum: the voters' ports stand only here, not in the data, so a node may come back on other ports.
    """
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": ",".join(voter.voter for voter in quorum),
        "listeners": f"PLAINTEXT://{node.bootstrap},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.bootstrap}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(logs),
        **(_SINGLE_NODE if len(quorum) == 1 else _THREE_NODES),
        **_SMALL,
        **extra,
    }


def controller_properties(node: Node, logs: Path, session_ms: int) -> dict[str, str]:
    """The properties of a node of its own while it is only its controller, on the same data; it gives up a broker that
    does not tell of itself for `session_ms` (recovery.py)."""
    return {
        "process.roles": "controller",
        "node.id": str(node.node_id),
        "controller.quorum.voters": node.voter,
        "listeners": f"CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(logs),
        "broker.session.timeout.ms": str(session_ms),
        "broker.heartbeat.interval.ms": str(max(1, session_ms // 4)),
    }


def render(properties: Mapping[str, str]) -> str:
    """The properties as a Java properties file (its escapes for backslashes included)."""
    return "".join(f"{key}={value}\n".replace("\\", "\\\\") for key, value in properties.items())
