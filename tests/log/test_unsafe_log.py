"""The faults and controls do what they say, on both logs: else a fault test would prove nothing."""

from __future__ import annotations

import asyncio

import pytest

from faults.unsafe_log import Controls, Faults, Step, UnsafeLog
from log.bench import Bench, Listener, ended, numbered, read, read_to, send_all, until
from sekisho.log.kafka import KafkaLog
from sekisho.log.memory import MemoryLog
from sekisho.log.port import CommitUnknownError, Outgoing, Partition, SendError


def unsafe(bench: Bench, faults: Faults | None = None, controls: Controls | None = None) -> UnsafeLog:
    """The bench's log with something wrong; what it makes is stopped with the bench."""
    assert isinstance(bench.log, MemoryLog | KafkaLog)
    return UnsafeLog(bench.log, faults, controls)


@pytest.mark.parametrize("step", [Step.BEGIN, Step.SEND, Step.ANSWER, Step.OFFSETS, Step.BEFORE_COMMIT])
async def test_a_fault_before_the_commit_commits_nothing(bench: Bench, step: Step) -> None:
    """It is raised at its step, once, and after the abort nothing is there."""
    at = Partition(await bench.topic(), 0)
    faults = Faults()
    faults.fail(step, SendError("planned"))
    writer = unsafe(bench, faults).transactional_writer(bench.name("lane"))
    bench.stop_later(writer)
    await writer.start()

    async def turn() -> None:
        await writer.begin()
        await send_all(writer, at, numbered(0, 1))
        await writer.send_offsets({at: 1}, bench.name("group"))
        await writer.commit()

    with pytest.raises(SendError, match="planned"):
        await turn()
    if step is not Step.BEGIN:
        await writer.abort()
    assert faults.is_spent
    assert [found for found, _ in faults.happened] == [step]
    await turn()
    reader = await bench.reader(at)
    assert len(await read_to(reader, at, await reader.high_watermark(at))) == 1


async def test_a_fault_after_the_commit_leaves_it_committed(bench: Bench) -> None:
    """The caller sees an unknown commit that in truth happened."""
    at = Partition(await bench.topic(), 0)
    faults = Faults()
    faults.fail(Step.AFTER_COMMIT, CommitUnknownError("planned"))
    writer = unsafe(bench, faults).transactional_writer(bench.name("lane"))
    bench.stop_later(writer)
    await writer.start()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    with pytest.raises(CommitUnknownError):
        await writer.commit()
    assert len(await read(await bench.reader(at), at, 1)) == 1


async def test_without_awaiting_sends_a_commit_loses_records(bench: Bench) -> None:
    """The control: a send that fails unnoticed, a commit that succeeds, a record that is nowhere (runtime.md [M])."""
    topic = await bench.topic(partitions=2, max_message_bytes="10000")
    large, good = Partition(topic, 0), Partition(topic, 1)
    writer = unsafe(bench, controls=Controls(unsafe_no_await=True)).transactional_writer(bench.name("lane"))
    bench.stop_later(writer)
    await writer.start()
    await writer.begin()
    await asyncio.gather(*await writer.send(large, [Outgoing(b"k", bytes(20_000))]))
    await asyncio.gather(*await writer.send(good, numbered(0, 1)))
    await writer.commit()
    reader = await bench.reader(large, good)
    assert len(await read(reader, good, 1)) == 1
    assert await reader.high_watermark(large) - await reader.start_offset(large) <= 1  # at most the marker


async def test_without_seeking_back_a_member_stays_where_it_is(bench: Bench) -> None:
    """The control: what was fetched before an abort is not fetched again."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    plain = await bench.plain_writer()
    for record in numbered(0, 2):
        await plain.send(topic, record, 0)
    listener = Listener()
    log = unsafe(bench, controls=Controls(unsafe_no_seek_back=True))
    member = log.group_reader(bench.name("group"), [topic], listener)
    bench.stop_later(member)
    await member.start()
    await until(lambda: at in listener.held, member)
    member.seek(at, 0)
    member.resume(at)
    assert len(await read(member, at, 2)) == 2
    member.seek(at, 0)
    assert await member.position(at) == 2


async def test_without_fencing_a_zombie_commits(bench: Bench) -> None:
    """The control: the first owner of an id commits after a second one has started."""
    at = Partition(await bench.topic(), 0)
    log = unsafe(bench, controls=Controls(unsafe_no_fencing=True))
    zombie, heir = (log.transactional_writer(bench.name("lane")) for _ in range(2))
    bench.stop_later(zombie)
    bench.stop_later(heir)
    await zombie.start()
    await zombie.begin()
    await send_all(zombie, at, numbered(0, 1))
    await heir.start()
    await zombie.commit()
    assert len(await read(await bench.reader(at), at, 1)) == 1


async def test_without_the_high_watermark_a_hidden_suspension_seems_not_to_be_there(bench: Bench) -> None:
    """The control: behind an open transaction the end is told as the stable one."""
    at = Partition(await bench.topic(), 0)
    upstream = await bench.writer("upstream")
    await upstream.begin()
    await send_all(upstream, at, numbered(0, 1))
    reader = unsafe(bench, controls=Controls(unsafe_no_high_watermark=True)).partition_reader()
    bench.stop_later(reader)
    await reader.start()
    assert await reader.high_watermark(at) == 0
    await upstream.commit()
    await ended(await bench.reader(at), at, 2)
    assert await reader.high_watermark(at) == 2
