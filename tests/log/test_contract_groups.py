"""The log port's contract: groups, their hand-overs and their members' lives."""

from __future__ import annotations

import asyncio

import pytest

from log.bench import Bench, Listener, numbered, read, until
from sekisho.log.port import (
    GroupReader,
    LogError,
    MissingTopicError,
    NotAssignedError,
    Partition,
    PartitionsChangedError,
)


async def both_settled(
    topic: str, one: Listener, two: Listener, members: list[GroupReader], partitions: int = 4
) -> None:
    whole = {Partition(topic, number) for number in range(partitions)}
    await until(
        lambda: (
            one.held | two.held == whole and not one.held & two.held and bool(one.held) and bool(two.held)
        ),
        *members,
    )


async def test_a_lone_member_gets_everything(bench: Bench) -> None:
    """One member is assigned all partitions, and says so."""
    topic = await bench.topic(partitions=4)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: len(listener.held) == 4, member)
    assert member.assignment() == frozenset(listener.held)


async def test_an_assigned_partition_waits_for_its_owner(bench: Bench) -> None:
    """It comes paused and without a position: nothing is read before seek and resume."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    writer = await bench.plain_writer()
    for record in numbered(0, 3):
        await writer.send(topic, record, 0)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: at in listener.held, member)
    assert await member.fetch(300) == {}
    with pytest.raises(NotAssignedError):
        member.resume(at)
    with pytest.raises(NotAssignedError):
        await member.position(at)
    member.seek(at, 1)
    member.resume(at)
    assert [record.offset for record in await read(member, at, 2)] == [1, 2]


async def test_a_second_member_takes_its_share_after_the_first_gave_it_back(bench: Bench) -> None:
    """The first member's revocation is awaited before anything is assigned anew."""
    topic = await bench.topic(partitions=4)
    one, two = Listener(), Listener()
    first = await bench.member(topic, one)
    await until(lambda: len(one.held) == 4, first)
    one.hold = asyncio.Event()
    second = await bench.member(topic, two)
    await until(one.asked.is_set, first, second)
    assert not two.held
    assert first.assignment() == frozenset()
    one.hold.set()
    await both_settled(topic, one, two, [first, second])
    assert one.revocations == [frozenset(Partition(topic, number) for number in range(4))]


async def test_a_member_that_stops_leaves_its_share_to_the_others(bench: Bench) -> None:
    """After a stop the rest of the group holds everything; the stopped one's listener is not called."""
    topic = await bench.topic(partitions=4)
    one, two = Listener(), Listener()
    first, second = await bench.member(topic, one), await bench.member(topic, two)
    await both_settled(topic, one, two, [first, second])
    told = len(two.revocations)
    await second.stop()
    await until(lambda: len(one.held) == 4, first)
    assert len(two.revocations) == told


async def test_a_member_that_rejoins_gives_back_first_and_is_assigned_anew(bench: Bench) -> None:
    """rejoin revokes what is held, leaves, and comes back through a new assignment."""
    topic = await bench.topic(partitions=2)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: len(listener.held) == 2, member)
    before = len(listener.assignments)
    await member.rejoin()
    assert listener.revocations[-1] == frozenset(Partition(topic, number) for number in range(2))
    await until(lambda: len(listener.assignments) > before and len(listener.held) == 2, member)


async def test_offsets_of_a_group_outlive_its_members(bench: Bench) -> None:
    """What was committed is read afresh by whoever comes next."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    listener = Listener()
    member = await bench.member(topic, listener)
    writer = await bench.writer()
    await writer.begin()
    await writer.send_offsets({at: 6}, bench.name("group"))
    await writer.commit()
    await member.stop()
    heir = await bench.member(topic, Listener())
    assert await heir.committed(at) == 6


async def test_a_members_fetch_does_not_wait_for_a_rebalance(bench: Bench) -> None:
    """With timeout 0 a fetch returns at once, even while the group is waiting for another's revocation."""
    topic = await bench.topic(partitions=2)
    one, two = Listener(), Listener()
    first = await bench.member(topic, one)
    await until(lambda: len(one.held) == 2, first)
    one.hold = asyncio.Event()
    second = await bench.member(topic, two)
    await until(one.asked.is_set, first, second)
    async with asyncio.timeout(1):
        assert await first.fetch(0) == {}
        assert await second.fetch(0) == {}
    one.hold.set()


async def test_partitions_taken_away_are_refused(bench: Bench) -> None:
    """After a hand-over the old owner's seek raises NotAssignedError."""
    topic = await bench.topic(partitions=2)
    one, two = Listener(), Listener()
    first = await bench.member(topic, one)
    await until(lambda: len(one.held) == 2, first)
    second = await bench.member(topic, two)
    await both_settled(topic, one, two, [first, second], partitions=2)
    (lost,) = two.held
    with pytest.raises(NotAssignedError):
        first.seek(lost, 0)


async def test_a_topic_that_grows_stops_its_group_for_good(bench: Bench) -> None:
    """aiokafka would take the new partition unasked; here every fetch raises from then on, and nothing new is told."""
    topic = await bench.topic(partitions=2)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: len(listener.held) == 2, member)
    await bench.add_partition(topic, 3)
    with pytest.raises(PartitionsChangedError):
        await until(lambda: False, member)
    with pytest.raises(PartitionsChangedError):
        await member.fetch(0)
    assert all(at.partition < 2 for assignment in listener.assignments for at in assignment)


async def test_a_group_of_a_missing_topic_does_not_start(bench: Bench) -> None:
    """A member waits for no topic: it says which is missing."""
    with pytest.raises(MissingTopicError):
        await bench.member(bench.name("nowhere"), Listener())


async def test_a_groups_offsets_can_be_deleted_when_nobody_is_in_it(bench: Bench) -> None:
    """With members it is refused; without, the group's positions are gone."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: at in listener.held, member)
    writer = await bench.writer()
    await writer.begin()
    await writer.send_offsets({at: 6}, bench.name("group"))
    await writer.commit()
    with pytest.raises(LogError):
        await bench.log.delete_group_offsets(bench.name("group"))
    await member.stop()
    await bench.log.delete_group_offsets(bench.name("group"))
    assert await (await bench.member(topic, Listener())).committed(at) is None


async def test_deleting_the_offsets_of_an_unknown_group_is_no_error(bench: Bench) -> None:
    """What is not there is forgotten already."""
    await bench.log.delete_group_offsets(bench.name("nobody"))
