"""Making the contract's topics, and telling in which way those that are there differ from it (contract.md, Topics)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sekisho.contracts.topics import CONSENT_EVENTS, TOPICS, TopicSpec
from sekisho.log.port import Log, TopicDescription, TopicExistsError

# What a broker does where a topic's configuration does not say (Apache Kafka's defaults).
BROKER_DEFAULTS: Final[Mapping[str, str]] = {
    "cleanup.policy": "delete",
    "retention.ms": "604800000",
    "retention.bytes": "-1",
    "message.timestamp.type": "CreateTime",
    "max.message.bytes": "1048588",
    "min.insync.replicas": "1",
}
UNLIMITED: Final = -1
_SEEN_S: Final = 30.0
"""After so long each broker knows of a topic that was made, or something is wrong with it."""
_LOOK_S: Final = 0.1
_INSYNC: Final = "min.insync.replicas"


class Copies(NamedTuple):
    """How many copies of each partition a deployment wants, and how many must have a record before it counts."""

    replication: int
    min_insync_replicas: int


@dataclass(frozen=True)
class TopicPlan:
    """How a deployment wants its topics. `partitions` is of every topic but the compacted ones, which have one."""

    prefix: str
    partitions: int
    replication: int
    min_insync_replicas: int
    max_message_bytes: int
    audit_years: int

    @property
    def copies(self) -> Copies:
        return Copies(self.replication, self.min_insync_replicas)

    def partitions_of(self, spec: TopicSpec) -> int:
        return 1 if spec.compacted else self.partitions

    def configuration(self, spec: TopicSpec) -> dict[str, str]:
        """The topic's configuration as it is created."""
        return {
            **spec.configuration(audit_years=self.audit_years),
            "max.message.bytes": str(self.max_message_bytes),
            "min.insync.replicas": str(self.min_insync_replicas),
        }


@dataclass(frozen=True)
class TopicFinding:
    """One way in which a topic is not as it must be: a constant code, the topic's full name, what is wrong, what to do."""

    code: str
    topic: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.problem}. {self.remedy}"


async def create_topics(log: Log, plan: TopicPlan, specs: Sequence[TopicSpec] = TOPICS) -> list[str]:
    """Creates those that are missing; gives their full names. What is there already is left as it is (`check_topics`
    tells whether it will do)."""
    names = [spec.full_name(plan.prefix) for spec in specs]
    there = await log.describe(names)
    made: list[str] = []
    for spec, name in zip(specs, names, strict=True):
        if name in there:
            continue
        try:
            await log.create(name, plan.partitions_of(spec), plan.replication, plan.configuration(spec))
        except TopicExistsError:
            continue  # another `create` at the same time was first
        made.append(name)
    return made


async def check_topics(log: Log, plan: TopicPlan, specs: Sequence[TopicSpec] = TOPICS) -> list[TopicFinding]:
    """Compares the topics that are there with the contract and the plan. An empty list: all is as it must be."""
    described = await log.describe([spec.full_name(plan.prefix) for spec in specs])
    findings: list[TopicFinding] = []
    for spec in specs:
        name = spec.full_name(plan.prefix)
        if name in described:
            findings.extend(_judge(spec, described[name], plan))
        else:
            remedy = "`sekisho topics create` makes it"
            findings.append(TopicFinding("topic.missing", name, "is missing", remedy))
    findings.extend(_uneven(described, plan, specs))
    return findings


async def check_made(log: Log, plan: TopicPlan, made: Sequence[str]) -> list[TopicFinding]:
    """As `check_topics`, right after `made` were made: of several brokers one that has not heard of them yet calls them
    missing (seen of one that had just been restarted [M]). The question is put again, for half a minute at most."""
    give_up = time.monotonic() + _SEEN_S
    while True:
        findings = await check_topics(log, plan)
        if time.monotonic() > give_up or not any(
            found.code == "topic.missing" and found.topic in made for found in findings
        ):
            return findings
        await asyncio.sleep(_LOOK_S)


def _judge(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> Iterator[TopicFinding]:
    for check in _CHECKS:
        finding = check(spec, topic, plan)
        if finding is not None:
            yield finding
    yield from judge_copies(topic, plan.copies)


def judge_copies(topic: TopicDescription, wanted: Copies) -> Iterator[TopicFinding]:
    """Whether a broker may be lost as the settings say. More copies than wanted are right; a higher minimum is not: then
    the loss of a broker that should be survived stops all writing."""
    if topic.replication is not None and topic.replication < wanted.replication:
        problem = f"has {topic.replication} copies of a partition, the settings want {wanted.replication}"
        remedy = "Add copies with `kafka-reassign-partitions.sh`, or set SEKISHO_TOPIC_REPLICATION to what is there"
        yield TopicFinding("topic.replication", topic.name, problem, remedy)
    found = int(_setting(topic, _INSYNC))
    if found != wanted.min_insync_replicas:
        effect = (
            "what only that many have counts as written"
            if found < wanted.min_insync_replicas
            else "with fewer nothing is written"
        )
        problem = f"{_INSYNC} is {found}, the settings want {wanted.min_insync_replicas}: {effect}"
        remedy = _set(topic, _INSYNC, str(wanted.min_insync_replicas))
        yield TopicFinding("topic.insync", topic.name, problem, remedy)


def _partitions(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    wanted = plan.partitions_of(spec)
    if not spec.gate or topic.partitions == wanted:
        return None
    problem = f"has {topic.partitions} partitions, the settings want {wanted}"
    remedy = (
        "The count decides where a person's events lie and is never changed: set SEKISHO_TOPIC_PARTITIONS to what "
        "is there, or begin anew under another SEKISHO_TOPIC_PREFIX"
    )
    return TopicFinding("topic.partitions", topic.name, problem, remedy)


def _timestamps(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    del plan
    found = _setting(topic, "message.timestamp.type")
    if spec.timestamp_type == "CreateTime" or found == spec.timestamp_type:
        return None
    effect = (
        "a gate cannot compare its clock with the brokers' when it starts"
        if spec.tells_time
        else "a sender's old timestamp would have the broker delete at once"
    )
    problem = f"message.timestamp.type is {found}: {effect}"
    return TopicFinding(
        "topic.timestamps", topic.name, problem, _set(topic, "message.timestamp.type", spec.timestamp_type)
    )


def _compaction(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    del plan
    found = _setting(topic, "cleanup.policy")
    if found == spec.cleanup_policy:
        return None
    loss = "messages of a key are lost" if "compact" in found else "rulebooks that replay needs are lost"
    problem = f"cleanup.policy is {found}: {loss}"
    return TopicFinding(
        "topic.cleanup", topic.name, problem, _set(topic, "cleanup.policy", spec.cleanup_policy)
    )


def _retention(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    wanted = int(spec.configuration(audit_years=plan.audit_years)["retention.ms"])
    found = int(_setting(topic, "retention.ms"))
    if found == UNLIMITED or (wanted != UNLIMITED and found >= wanted) or spec.compacted:
        return None
    why = (
        "it is the evidence and the changelog of consents" if spec is CONSENT_EVENTS else f"kept: {spec.kept}"
    )
    problem = f"retention.ms is {found}, less than {wanted} ({why})"
    return TopicFinding("topic.retention", topic.name, problem, _set(topic, "retention.ms", str(wanted)))


def _size_limit(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    del plan
    found = _setting(topic, "retention.bytes")
    if spec.compacted or int(found) == UNLIMITED:
        return None
    problem = f"retention.bytes is {found}: the broker deletes by size before the time is over"
    return TopicFinding("topic.size", topic.name, problem, _set(topic, "retention.bytes", str(UNLIMITED)))


def _batches(spec: TopicSpec, topic: TopicDescription, plan: TopicPlan) -> TopicFinding | None:
    del spec
    found = int(_setting(topic, "max.message.bytes"))
    if found >= plan.max_message_bytes:
        return None
    problem = f"max.message.bytes is {found}: batches of up to {plan.max_message_bytes} bytes are refused"
    return TopicFinding(
        "topic.batches", topic.name, problem, _set(topic, "max.message.bytes", str(plan.max_message_bytes))
    )


_Check = Callable[[TopicSpec, TopicDescription, TopicPlan], TopicFinding | None]
_CHECKS: Final[Sequence[_Check]] = (
    _partitions,
    _timestamps,
    _compaction,
    _retention,
    _size_limit,
    _batches,
)


def _uneven(
    described: Mapping[str, TopicDescription], plan: TopicPlan, specs: Sequence[TopicSpec]
) -> Iterator[TopicFinding]:
    """The gate's topics must agree with each other, whatever the settings say: outputs go to the input's number."""
    gate = [
        described[name] for spec in specs if spec.gate and (name := spec.full_name(plan.prefix)) in described
    ]
    if len({topic.partitions for topic in gate}) <= 1:
        return
    usual = Counter(topic.partitions for topic in gate).most_common(1)[0][0]
    for topic in gate:
        if topic.partitions != usual:
            problem = f"has {topic.partitions} partitions, other gate topics {usual}"
            remedy = "All must have the same: keep what holds data, make the others anew while they are empty"
            yield TopicFinding("topic.uneven", topic.name, problem, remedy)


def _setting(topic: TopicDescription, name: str) -> str:
    return topic.config.get(name, BROKER_DEFAULTS[name])


def _set(topic: TopicDescription, name: str, value: str) -> str:
    return f"Set it with `kafka-configs.sh --alter --topic {topic.name} --add-config {name}={value}`"
