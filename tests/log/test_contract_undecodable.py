"""The log port's contract: a record that cannot be decoded costs no other record."""

from __future__ import annotations

import asyncio

from log.bench import WAIT_S, Bench, Listener, numbered, read, read_to, send_all, until
from sekisho.log.port import Outgoing, Partition, PartitionReader, Record, UndecodableRecordError


async def read_until_stuck(reader: PartitionReader) -> tuple[list[Record], UndecodableRecordError]:
    """Fetches until a record cannot be decoded; gives what came before, and the error."""
    found: list[Record] = []
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                fetched = await reader.fetch(200)
            except UndecodableRecordError as error:
                return found, error
            for records in fetched.values():
                found.extend(records)


async def test_good_ones_come_first_and_the_bad_one_can_be_passed(bench: Bench) -> None:
    """What stands before it is given, then it is told with its position, anew until passed; then the rest is read."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.plain_writer()
    await writer.send(at.topic, Outgoing(b"k", b"before"), 0)
    bad = await bench.append_undecodable(at)
    await writer.send(at.topic, Outgoing(b"k", b"after"), 0)
    reader = await bench.reader(at)
    good, error = await read_until_stuck(reader)
    assert [record.value for record in good] == [b"before"]
    assert (error.at, error.offset) == (at, bad)
    _, again = await read_until_stuck(reader)
    assert again.offset == bad
    reader.seek(at, bad + 1)
    assert [record.value for record in await read(reader, at, 1)] == [b"after"]


async def test_one_partitions_bad_record_loses_nothing_of_another(bench: Bench) -> None:
    """Everything of the healthy partition is read, whatever the order in which partitions are looked at."""
    topic = await bench.topic(partitions=3)
    partitions = [Partition(topic, number) for number in range(3)]
    writer = await bench.plain_writer()
    for at in partitions:
        for record in numbered(0, 4):
            await writer.send(topic, record, at.partition)
    bad = await bench.append_undecodable(partitions[1])
    reader = await bench.reader(*partitions)
    good, error = await read_until_stuck(reader)
    assert error.at == partitions[1]
    reader.seek(partitions[1], bad + 1)
    async with asyncio.timeout(WAIT_S):
        while len(good) < 12:
            good.extend(record for records in (await reader.fetch(200)).values() for record in records)
    assert sorted((record.partition, record.offset) for record in good) == [
        (number, offset) for number in range(3) for offset in range(4)
    ]


async def test_its_position_is_exact_behind_markers_and_aborted_records(bench: Bench) -> None:
    """The gap that a transaction leaves before it does not blur which offset is to be passed."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 3))
    await writer.abort()
    bad = await bench.append_undecodable(at)
    assert bad == 4
    reader = await bench.reader(at)
    good, error = await read_until_stuck(reader)
    assert (good, error.offset) == ([], bad)
    reader.seek(at, bad + 1)
    assert await read_to(reader, at, bad + 1) == []


async def test_two_in_a_row_are_told_one_after_the_other(bench: Bench) -> None:
    """Passing the first leads to the second."""
    at = Partition(await bench.topic(), 0)
    bads = [await bench.append_undecodable(at), await bench.append_undecodable(at)]
    reader = await bench.reader(at)
    for bad in bads:
        _, error = await read_until_stuck(reader)
        assert error.offset == bad
        reader.seek(at, bad + 1)
    assert await reader.fetch(200) == {}


async def test_a_limited_fetch_stops_before_it(bench: Bench) -> None:
    """With max_records the good ones come in portions, and the bad one is still told at its place."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.plain_writer()
    for record in numbered(0, 5):
        await writer.send(at.topic, record, 0)
    bad = await bench.append_undecodable(at)
    reader = await bench.reader(at)
    assert [record.offset for record in await read(reader, at, 2)] == [0, 1]
    good, error = await read_until_stuck(reader)
    assert ([record.offset for record in good], error.offset) == ([2, 3, 4], bad)


async def test_a_paused_partitions_bad_record_bothers_nobody(bench: Bench) -> None:
    """It is told only by a fetch that covers its partition."""
    topic = await bench.topic(partitions=2)
    sick, well = Partition(topic, 0), Partition(topic, 1)
    await bench.append_undecodable(sick)
    writer = await bench.plain_writer()
    reader = await bench.reader(sick, well)
    _, error = await read_until_stuck(reader)
    assert error.at == sick
    reader.pause(sick)
    await writer.send(topic, Outgoing(b"k", b"v"), 1)
    assert [record.value for record in await read(reader, well, 1)] == [b"v"]


async def test_a_groups_member_is_told_too(bench: Bench) -> None:
    """A member meets it as any reader does, and passes it by a seek."""
    topic = await bench.topic()
    at = Partition(topic, 0)
    bad = await bench.append_undecodable(at)
    listener = Listener()
    member = await bench.member(topic, listener)
    await until(lambda: at in listener.held, member)
    member.seek(at, 0)
    member.resume(at)
    _, error = await read_until_stuck(member)
    assert error.offset == bad
    member.seek(at, bad + 1)
    assert await member.fetch(200) == {}
