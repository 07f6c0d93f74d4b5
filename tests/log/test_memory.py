"""The in-memory log alone: what on a Kafka would take its clocks and timers."""

from __future__ import annotations

import asyncio

import pytest

from faults.unsafe_memory import UnsafeFaults
from log.bench import Bench, Clock, Listener, numbered, read_to, send_all, until
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.memory_groups import MemoryGroupReader
from sekisho.log.port import FencedError, Outgoing, Partition


async def test_append_times_are_the_clocks(memory_bench: Bench, clock: Clock) -> None:
    """Each record carries what the injected clock said when it was appended."""
    at = Partition(await memory_bench.topic(), 0)
    writer = await memory_bench.plain_writer()
    for _ in range(2):
        clock.now_ms += 7
        await writer.send(at.topic, Outgoing(b"k", b"v"), 0)
    found = await read_to(await memory_bench.reader(at), at, 2)
    assert [record.timestamp for record in found] == [clock.now_ms - 7, clock.now_ms]


async def test_a_transaction_over_its_time_fences_its_only_owner(memory_bench: Bench, clock: Clock) -> None:
    """As on a Kafka: aborted by the log itself, readers go on, its owner's commit is refused."""
    at = Partition(await memory_bench.topic(), 0)
    writer = await memory_bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    reader = await memory_bench.reader(at)
    assert await reader.last_stable_offset(at) == 0
    clock.now_ms += 10_001
    assert await reader.last_stable_offset(at) == 2
    with pytest.raises(FencedError):
        await writer.commit()


async def test_a_member_put_out_learns_of_it_at_its_next_fetch(
    memory_log: MemoryLog, memory_bench: Bench
) -> None:
    """Others get its share without its being asked; then it gives back what it thought it held and joins again."""
    topic = await memory_bench.topic(partitions=2)
    one, two = Listener(), Listener()
    frozen, other = await memory_bench.member(topic, one), await memory_bench.member(topic, two)
    await until(lambda: len(one.held) == 1 and len(two.held) == 1, frozen, other)
    told = len(one.revocations)
    assert isinstance(frozen, MemoryGroupReader)
    UnsafeFaults(memory_log).put_out(memory_bench.name("group"), frozen)
    await until(lambda: len(two.held) == 2, other)
    assert len(one.held) == 1
    assert len(one.revocations) == told
    await until(lambda: len(one.held) == 1 and len(two.held) == 1, frozen, other)
    assert len(one.revocations) == told + 1


async def test_a_member_that_holds_up_a_rebalance_is_put_out(clock: Clock) -> None:
    """Its revocation is awaited for the rebalance time-out and no longer."""
    config = MemoryConfig(max_batch_bytes=1_000, transaction_timeout_ms=1_000, rebalance_timeout_s=0.1)
    log = MemoryLog(config, clock)
    await log.create("topic", 2, 1, {})
    one, two = Listener(hold=None), Listener()
    first = log.group_reader("group", ["topic"], one)
    await first.start()
    await until(lambda: len(one.held) == 2, first)
    one.hold = asyncio.Event()
    second = log.group_reader("group", ["topic"], two)
    await second.start()
    await until(lambda: len(two.held) == 2, second)
    await first.stop()
    await second.stop()


@pytest.mark.xfail(
    strict=True, raises=TimeoutError, reason="the in-memory log has no clock of polls: nobody is put out"
)
async def test_a_member_that_does_not_poll_is_put_out(memory_bench: Bench) -> None:
    """A known gap: on a Kafka the hung member's share goes to the other (test_kafka_membership.py)."""
    topic = await memory_bench.topic(partitions=2)
    two = Listener()
    await memory_bench.member(topic, Listener())
    other = await memory_bench.member(topic, two)
    async with asyncio.timeout(0.5):
        await until(lambda: len(two.held) == 2, other)
