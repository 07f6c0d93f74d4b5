"""The log port's contract: reading partitions assigned by hand, and plain writing."""

from __future__ import annotations

import asyncio

import pytest

from log.bench import WAIT_S, Bench, ended, numbered, read, read_to, send_all
from sekisho.contracts.routing import partition_for
from sekisho.log.port import (
    MissingTopicError,
    NotAssignedError,
    OffsetOutOfRangeError,
    Outgoing,
    Partition,
    TooLargeError,
)


async def fill(bench: Bench, at: Partition, count: int) -> None:
    writer = await bench.plain_writer()
    for record in numbered(0, count):
        await writer.send(at.topic, record, at.partition)


async def test_a_written_record_stands_where_its_acknowledgement_says(bench: Bench) -> None:
    """A plain write gives partition and offset; what is read there is what was written."""
    at = Partition(await bench.topic(partitions=3), 2)
    writer = await bench.plain_writer()
    assert await writer.send(at.topic, Outgoing(b"k", b"v0", [("h", b"1")]), 2) == (at, 0)
    assert await writer.send(at.topic, Outgoing(b"k", b"v1"), 2) == (at, 1)
    found = await read(await bench.reader(at), at, 2)
    assert [(r.offset, r.key, r.value, list(r.headers)) for r in found] == [
        (0, b"k", b"v0", [("h", b"1")]),
        (1, b"k", b"v1", []),
    ]


@pytest.mark.parametrize("key", ["C-000001", "お客さま", "a", "C-999999"])
async def test_a_key_routes_by_murmur2(bench: Bench, key: str) -> None:
    """Without a partition the record goes where every Kafka default client would put its key."""
    topic = await bench.topic(partitions=12)
    writer = await bench.plain_writer()
    at, _ = await writer.send(topic, Outgoing(key.encode(), b"v"))
    assert at.partition == partition_for(key.encode(), 12)


async def test_a_record_above_the_topics_limit_is_refused(bench: Bench) -> None:
    """A plain write above max.message.bytes raises TooLargeError, and the writer goes on."""
    at = Partition(await bench.topic(max_message_bytes="10000"), 0)
    writer = await bench.plain_writer()
    with pytest.raises(TooLargeError):
        await writer.send(at.topic, Outgoing(b"k", bytes(20_000)), 0)


async def test_append_times_never_run_backwards_and_are_the_logs(bench: Bench) -> None:
    """With LogAppendTime each record carries the log's own time in ms."""
    at = Partition(await bench.topic(message_timestamp_type="LogAppendTime"), 0)
    await fill(bench, at, 3)
    stamps = [record.timestamp for record in await read(await bench.reader(at), at, 3)]
    assert stamps == sorted(stamps)
    assert all(abs(stamp - bench.now_ms()) < 60_000 for stamp in stamps)


async def test_reading_starts_where_it_is_told_and_positions_follow(bench: Bench) -> None:
    """Assigning gives the position; reading moves it; seeking sets it anew, back and forth."""
    at = Partition(await bench.topic(), 0)
    await fill(bench, at, 5)
    reader = await bench.reader(at)
    await reader.assign({at: 2})
    assert await reader.position(at) == 2
    assert [record.offset for record in await read(reader, at, 3)] == [2, 3, 4]
    assert await reader.position(at) == 5
    reader.seek(at, 1)
    assert [record.offset for record in await read(reader, at, 1)] == [1]
    reader.seek(at, 4)
    assert [record.offset for record in await read(reader, at, 1)] == [4]


async def test_at_most_so_many_records_come_as_were_asked_for(bench: Bench) -> None:
    """max_records bounds a fetch over all partitions; what was left comes with the next one, nothing is lost."""
    topic = await bench.topic(partitions=2)
    one, two = Partition(topic, 0), Partition(topic, 1)
    await fill(bench, one, 4)
    await fill(bench, two, 4)
    reader = await bench.reader(one, two)
    offsets: dict[Partition, list[int]] = {one: [], two: []}
    async with asyncio.timeout(WAIT_S):
        while sum(map(len, offsets.values())) < 8:
            found = await reader.fetch(200, 3)
            assert sum(map(len, found.values())) <= 3
            for at, records in found.items():
                offsets[at].extend(record.offset for record in records)
    assert offsets == {one: [0, 1, 2, 3], two: [0, 1, 2, 3]}


async def test_only_the_partitions_asked_for_are_read(bench: Bench) -> None:
    """`only` narrows a fetch and leaves the others' positions where they are."""
    topic = await bench.topic(partitions=2)
    one, two = Partition(topic, 0), Partition(topic, 1)
    await fill(bench, one, 1)
    await fill(bench, two, 1)
    reader = await bench.reader(one, two)
    async with asyncio.timeout(WAIT_S):
        while not (found := await reader.fetch(200, only=[two])):
            pass
    assert list(found) == [two]
    assert await reader.position(one) == 0
    assert len(await read(reader, one, 1)) == 1


async def test_a_paused_partition_gives_nothing_until_resumed(bench: Bench) -> None:
    """Pausing holds records back without moving the position."""
    at = Partition(await bench.topic(), 0)
    await fill(bench, at, 2)
    reader = await bench.reader(at)
    reader.pause(at)
    assert await reader.fetch(300) == {}
    assert await reader.position(at) == 0
    reader.resume(at)
    assert len(await read(reader, at, 2)) == 2


async def test_a_fetch_waits_for_what_comes(bench: Bench) -> None:
    """A fetch at the end returns once a record is appended, without running into its time-out."""
    at = Partition(await bench.topic(), 0)
    reader = await bench.reader(at)
    writer = await bench.plain_writer()
    waiting = asyncio.ensure_future(reader.fetch(int(WAIT_S * 1000)))
    await asyncio.sleep(0.1)
    await writer.send(at.topic, Outgoing(b"k", b"v"), 0)
    async with asyncio.timeout(WAIT_S / 2):
        assert [record.value for record in (await waiting)[at]] == [b"v"]


async def test_a_marker_alone_moves_the_position_and_ends_the_wait(bench: Bench) -> None:
    """An aborted transaction gives no record, yet the waiting fetch returns and the position reaches the end."""
    at = Partition(await bench.topic(), 0)
    reader = await bench.reader(at)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    await writer.abort()
    await ended(reader, at, 2)
    async with asyncio.timeout(WAIT_S / 2):
        while await reader.position(at) < 2:
            assert await reader.fetch(int(WAIT_S * 1000)) == {}
    assert await reader.position(at) == 2


async def test_a_position_outside_of_the_log_is_never_moved_by_itself(bench: Bench) -> None:
    """Before the start or after the end: OffsetOutOfRangeError that tells both, and no automatic reset."""
    at = Partition(await bench.topic(), 0)
    await fill(bench, at, 5)
    await bench.log.delete_records(at, 3)
    reader = await bench.reader(at)
    assert await reader.start_offset(at) == 3
    for outside in (1, 50):
        reader.seek(at, outside)
        with pytest.raises(OffsetOutOfRangeError) as caught:
            await read(reader, at, 1)
        error = caught.value
        assert (error.at, error.offset, error.start, error.end) == (at, outside, 3, 5)
        assert await reader.position(at) == outside
    reader.seek(at, 3)
    assert [record.offset for record in await read(reader, at, 2)] == [3, 4]


async def test_what_is_not_assigned_is_refused(bench: Bench) -> None:
    """seek, position, pause and resume of a foreign partition raise NotAssignedError."""
    topic = await bench.topic(partitions=2)
    reader = await bench.reader(Partition(topic, 0))
    foreign = Partition(topic, 1)
    with pytest.raises(NotAssignedError):
        reader.seek(foreign, 0)
    with pytest.raises(NotAssignedError):
        await reader.position(foreign)
    with pytest.raises(NotAssignedError):
        reader.pause(foreign)
    with pytest.raises(NotAssignedError):
        reader.resume(foreign)


async def test_assigning_replaces_what_was_assigned(bench: Bench) -> None:
    """After a new assignment only its partitions are read, unpaused, from the positions given."""
    topic = await bench.topic(partitions=2)
    one, two = Partition(topic, 0), Partition(topic, 1)
    await fill(bench, one, 2)
    await fill(bench, two, 2)
    reader = await bench.reader(one)
    reader.pause(one)
    await reader.assign({two: 1})
    assert [record.offset for record in await read_to(reader, two, 2)] == [1]
    with pytest.raises(NotAssignedError):
        await reader.position(one)


async def test_what_does_not_exist_cannot_be_assigned(bench: Bench) -> None:
    """A missing topic or partition is told at once instead of being waited for."""
    reader = await bench.reader()
    with pytest.raises(MissingTopicError):
        await reader.assign({Partition(bench.name("nowhere"), 0): 0})
    topic = await bench.topic()
    with pytest.raises(MissingTopicError):
        await reader.high_watermark(Partition(topic, 9))
