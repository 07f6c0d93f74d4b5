"""On a real Kafka only: what keeps a member in its group and what puts it out, by the group's own clocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kafka_settings import kafka_config
from log.bench import Bench, Listener, until
from sekisho.log.kafka import KafkaLog
from sekisho.log.port import GroupReader, Partition, PartitionsChangedError, UndecodableRecordError

pytestmark = pytest.mark.broker
MAX_POLL_S = 1.5


@pytest.fixture
async def log(broker: str) -> AsyncIterator[KafkaLog]:
    """A log whose members must poll within a second and a half."""
    made = KafkaLog(replace(kafka_config(broker), max_poll_interval_ms=int(MAX_POLL_S * 1000)))
    yield made
    await made.close()


async def joined(log: KafkaLog, bench: Bench, topic: str, listener: Listener) -> GroupReader:
    member = log.group_reader(bench.name("group"), [topic], listener)
    bench.stop_later(member)
    await member.start()
    return member


async def test_a_member_with_everything_paused_stays_by_fetching(log: KafkaLog, kafka_bench: Bench) -> None:
    """Restoring takes longer than max_poll_interval_ms: fetch(0) on paused partitions keeps the membership alive."""
    topic = await kafka_bench.topic(partitions=2)
    listener = Listener()
    member = await joined(log, kafka_bench, topic, listener)
    await until(lambda: len(listener.held) == 2, member)
    for _ in range(int(3 * MAX_POLL_S / 0.2)):
        assert await member.fetch(0) == {}
        await asyncio.sleep(0.2)
    assert len(member.assignment()) == 2
    assert listener.revocations == []


async def test_a_member_that_does_not_poll_is_put_out_and_comes_back(
    log: KafkaLog, kafka_bench: Bench
) -> None:
    """Without a fetch its share goes to the other; at its next one it gives back what it held and joins again."""
    topic = await kafka_bench.topic(partitions=2)
    one, two = Listener(), Listener()
    hung = await joined(log, kafka_bench, topic, one)
    await until(lambda: len(one.held) == 2, hung)
    other = await joined(log, kafka_bench, topic, two)
    await until(lambda: len(one.held) == 1 and len(two.held) == 1, hung, other)
    told = len(one.revocations)
    await until(lambda: len(two.held) == 2, other)
    await until(lambda: len(one.held) == 1 and len(two.held) == 1, hung, other)
    assert len(one.revocations) > told


async def test_a_fetch_that_raises_does_not_count_as_polling_for_ever(
    log: KafkaLog, kafka_bench: Bench
) -> None:
    """aiokafka's count of running polls would stay up after an error, and the hung member would never be put out."""
    topic = await kafka_bench.topic(partitions=2)
    one, two = Listener(), Listener()
    hung = await joined(log, kafka_bench, topic, one)
    await until(lambda: len(one.held) == 2, hung)
    at = Partition(topic, 0)
    await kafka_bench.append_undecodable(at)
    hung.seek(at, 0)
    hung.resume(at)
    with pytest.raises(UndecodableRecordError):
        await until(lambda: False, hung)
    other = await joined(log, kafka_bench, topic, two)
    await until(lambda: len(two.held) == 2, other)


async def test_every_member_notices_new_partitions(kafka_bench: Bench) -> None:
    """Not only the group's leader, which alone watches the topics."""
    topic = await kafka_bench.topic(partitions=2)
    listeners = [Listener(), Listener()]
    members = [await kafka_bench.member(topic, listener) for listener in listeners]
    await until(lambda: all(len(listener.held) == 1 for listener in listeners), *members)
    await kafka_bench.add_partition(topic, 3)
    for member in members:
        with pytest.raises(PartitionsChangedError):
            await until(lambda: False, member)
