"""Making and checking the contract's topics, on both logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from log.bench import Bench
from sekisho.contracts.topics import (
    ACCESS_DECISIONS,
    CONSENT_EVENTS,
    GATE_TOPICS,
    PROVISION_RECORDS,
    RULEBOOKS,
    TOPICS,
)
from sekisho.log.memory import MemoryLog
from sekisho.log.port import TopicDescription
from sekisho.log.topics import TopicPlan, check_made, check_topics, create_topics

TEN_YEARS_MS = 10 * 366 * 24 * 3600 * 1000


@pytest.fixture
def plan(topic_prefix: str) -> TopicPlan:
    return TopicPlan(
        prefix=topic_prefix,
        partitions=3,
        replication=1,
        min_insync_replicas=1,
        max_message_bytes=1_048_588,
        audit_years=10,
    )


async def codes(bench: Bench, plan: TopicPlan) -> set[tuple[str, str]]:
    """What the check finds: (code, topic without prefix)."""
    return {
        (found.code, found.topic.removeprefix(plan.prefix)) for found in await check_topics(bench.log, plan)
    }


async def test_created_topics_pass_the_check(bench: Bench, plan: TopicPlan) -> None:
    """All of the contract's topics are made at once as the plan says, and nothing is found wrong with them."""
    made = await create_topics(bench.log, plan)
    assert made == [spec.full_name(plan.prefix) for spec in TOPICS]
    assert await check_topics(bench.log, plan) == []
    described = await bench.log.describe(made)
    assert {described[spec.full_name(plan.prefix)].partitions for spec in GATE_TOPICS} == {3}
    assert described[RULEBOOKS.full_name(plan.prefix)].config["cleanup.policy"] == "compact"


async def test_a_broker_that_has_not_heard_of_a_new_topic_yet_is_asked_again(
    memory_log: MemoryLog, plan: TopicPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was just made is not called missing; what was not made is, at once."""
    made = await create_topics(memory_log, plan, TOPICS[:-1])
    describe, asked = memory_log.describe, 0

    async def late(topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        nonlocal asked
        asked += 1
        found = await describe(topics)
        return found if asked > 2 else {name: found[name] for name in made[:-2]}

    monkeypatch.setattr(memory_log, "describe", late)
    findings = await check_made(memory_log, plan, made)
    assert asked == 3
    assert [(found.code, found.topic) for found in findings] == [
        ("topic.missing", TOPICS[-1].full_name(plan.prefix))
    ]


async def test_retention_is_the_contracts(bench: Bench, plan: TopicPlan) -> None:
    """Consents and records are kept for ever, consents uncompacted, decisions for the audit period."""
    described = await bench.log.describe(await create_topics(bench.log, plan))
    consents, records, decisions = (
        described[spec.full_name(plan.prefix)].config
        for spec in (CONSENT_EVENTS, PROVISION_RECORDS, ACCESS_DECISIONS)
    )
    assert (consents["retention.ms"], consents["cleanup.policy"]) == ("-1", "delete")
    assert records["retention.ms"] == "-1"
    assert decisions["retention.ms"] == str(TEN_YEARS_MS)
    assert consents["message.timestamp.type"] == "LogAppendTime"


async def test_creating_again_makes_only_what_is_missing(bench: Bench, plan: TopicPlan) -> None:
    """What is there is left alone."""
    await create_topics(bench.log, plan)
    await bench.log.delete(CONSENT_EVENTS.full_name(plan.prefix))
    assert await codes(bench, plan) == {("topic.missing", "consent-events")}
    assert await create_topics(bench.log, plan) == [CONSENT_EVENTS.full_name(plan.prefix)]
    assert await create_topics(bench.log, plan) == []


@pytest.mark.parametrize(
    ("name", "partitions", "change", "expected"),
    [
        ("consent-events", 3, {"cleanup.policy": "compact"}, {"topic.cleanup"}),
        ("consent-events", 3, {"retention.ms": "86400000"}, {"topic.retention"}),
        ("consent-events", 3, {"retention.bytes": "1000000"}, {"topic.size"}),
        ("consent-events", 3, {"message.timestamp.type": "CreateTime"}, {"topic.timestamps"}),
        ("access-requests", 5, {}, {"topic.partitions", "topic.uneven"}),
        ("access-decisions", 3, {"retention.ms": "86400000"}, {"topic.retention"}),
        ("provision-records", 3, {"retention.ms": str(TEN_YEARS_MS)}, {"topic.retention"}),
        ("rejected-events", 3, {"max.message.bytes": "1000"}, {"topic.batches"}),
        ("rulebooks", 1, {"cleanup.policy": "delete"}, {"topic.cleanup"}),
        ("access-decisions", 3, {"min.insync.replicas": "2"}, {"topic.insync"}),
    ],
)
async def test_what_is_not_as_the_contract_has_it_is_found(
    memory_bench: Bench,
    plan: TopicPlan,
    name: str,
    partitions: int,
    change: dict[str, str],
    expected: set[str],
) -> None:
    """Each way to be wrong has its own finding, which names the topic and what to do."""
    (spec,) = [each for each in TOPICS if each.name == name]
    full = spec.full_name(plan.prefix)
    await memory_bench.log.create(full, partitions, 1, {**plan.configuration(spec), **change})
    await create_topics(memory_bench.log, plan)
    found = await check_topics(memory_bench.log, plan)
    assert {each.code for each in found} == expected
    assert {each.topic for each in found} == {full}
    assert all(each.remedy for each in found)


async def test_longer_retention_than_wanted_is_no_finding(memory_bench: Bench, plan: TopicPlan) -> None:
    """Keeping more than the audit period is right."""
    await create_topics(memory_bench.log, plan)
    assert await check_topics(memory_bench.log, replace(plan, audit_years=3)) == []
    assert {found.code for found in await check_topics(memory_bench.log, replace(plan, audit_years=30))} == {
        "topic.retention"
    }


@pytest.mark.broker
async def test_fewer_copies_than_wanted_are_found(kafka_bench: Bench, plan: TopicPlan) -> None:
    """The broker tells how many copies there are; each topic with fewer than the settings want is named."""
    await create_topics(kafka_bench.log, plan)
    wanted = replace(plan, replication=3, min_insync_replicas=2)
    assert await codes(kafka_bench, wanted) == {
        (code, spec.name) for spec in TOPICS for code in ("topic.replication", "topic.insync")
    }
