"""Which topics a gate works with, as the log describes them, and that they stay what they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sekisho.contracts.topics import TopicNames
from sekisho.gate.state import Identity
from sekisho.log.port import Log, MissingTopicError, Partition, TopicDescription
from sekisho.log.topics import BROKER_DEFAULTS

_TIMESTAMPS: Final = "message.timestamp.type"
APPEND_TIME: Final = "LogAppendTime"
_KEPT: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Of consent events: they are the evidence, for ever, never compacted or trimmed (contract.md, Topics)."""

_DELETION: Final = ("cleanup.policy", "retention.ms")


class TopicsChangedError(Exception):
    """The topics are not (or no longer) as a gate needs them; the text says what to do. Nothing may be decided."""


class Topics(NamedTuple):
    """The topics as found at start."""

    names: TopicNames
    partitions: int
    described: Mapping[str, TopicDescription]

    def id(self, topic: str) -> str:
        """A topic's id: another one is another topic, whatever its name."""
        return self.described[topic].id

    def is_stamped(self, topic: str) -> bool:
        """Whether the brokers, and not the senders, say when its records were written."""
        return _is_stamped(self.described[topic])

    def identity(self) -> Identity:
        """What a lane's state is folded from."""
        folded = (self.names.requests, self.names.consents, self.names.decisions, self.names.rejected)
        return Identity(self.partitions, {name: self.id(name) for name in folded})

    def partitions_of(self, partition: int) -> LanePartitions:
        """The partitions of one number."""
        return LanePartitions(*(Partition(name, partition) for name in self.names.shared))


class LanePartitions(NamedTuple):
    """What one lane reads and writes."""

    requests: Partition
    consents: Partition
    decisions: Partition
    records: Partition
    rejected: Partition


async def describe(log: Log, names: TopicNames) -> Topics:
    """Looks at the topics. Raises MissingTopicError, and TopicsChangedError when their partition counts differ, when
    inputs are not stamped by the brokers, or when consent events would be compacted or deleted."""
    described = await log.describe(names)
    missing = [name for name in names if name not in described]
    if missing:
        raise MissingTopicError(f"missing: {', '.join(missing)}; `sekisho topics create` makes them")
    for name in (names.requests, names.consents):
        if not _is_stamped(described[name]):
            raise TopicsChangedError(
                f"{name} has {_TIMESTAMPS}={described[name].config[_TIMESTAMPS]}; times are judged by the brokers' append times: set it to "
                f"{APPEND_TIME} (`sekisho topics check`)"
            )
    _check_kept(described[names.consents])
    counts = {name: described[name].partitions for name in names.shared}
    if len(set(counts.values())) != 1:
        raise TopicsChangedError(f"all gate topics must have the same number of partitions: {counts}")
    return Topics(names, counts[names.requests], dict(described))


def _is_stamped(topic: TopicDescription) -> bool:
    return topic.config.get(_TIMESTAMPS, APPEND_TIME) == APPEND_TIME


def _check_kept(consents: TopicDescription) -> None:
    for name, wanted in _KEPT.items():
        found = consents.config.get(name, BROKER_DEFAULTS[name])
        if found != wanted:
            raise TopicsChangedError(
                f"{consents.name} has {name}={found}: consent events are the evidence, kept for ever; set it to {wanted} "
                "(`sekisho topics check`)"
            )


def check_window(topics: Topics, window_seconds: float) -> None:
    """Raises TopicsChangedError where decisions are deleted while requests may still be duplicates of theirs: such a
    duplicate would be decided, and perhaps recorded, a second time (contract.md: once within the window)."""
    decisions = topics.described[topics.names.decisions]
    told = {name: decisions.config.get(name, BROKER_DEFAULTS[name]) for name in _DELETION}
    kept_ms, window_ms = int(told["retention.ms"]), int(window_seconds * 1000)
    if "delete" in told["cleanup.policy"].split(",") and 0 <= kept_ms < window_ms:
        raise TopicsChangedError(
            f"{decisions.name} has retention.ms={kept_ms}, and the duplicate window is {window_ms} ms: a request sent "
            "twice would be decided twice; set it to the window at least (`sekisho topics check`), or shorten the window "
            "(SEKISHO_GATE_DUPLICATE_WINDOW_DAYS)"
        )


def compare(started: Topics, found: Topics) -> None:
    """Raises TopicsChangedError when a topic was made anew or has other partitions than at the start."""
    if found.partitions != started.partitions:
        raise TopicsChangedError(
            f"the topics had {started.partitions} partitions and have {found.partitions}: keys route elsewhere now; "
            "make the topics anew with their first count"
        )
    anew = [name for name in started.names if found.id(name) != started.id(name)]
    if anew:
        raise TopicsChangedError(
            f"made anew since the start: {', '.join(anew)}; find out why, then start again"
        )
