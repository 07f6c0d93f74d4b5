"""The log port's contract: what a transaction promises."""

from __future__ import annotations

import asyncio

import pytest

from log.bench import Bench, Listener, ended, numbered, read, read_to, send_all
from sekisho.log.port import (
    FencedError,
    LogError,
    MissingTopicError,
    Outgoing,
    Partition,
    SendError,
    TooLargeError,
)


async def test_records_of_a_transaction_come_in_order_with_all_that_they_carry(bench: Bench) -> None:
    """Key, value, headers (null values too) and order survive a transaction."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    headers = [("ce_id", b"1"), ("ce_type", "種".encode()), ("null", None)]
    sent = [Outgoing(b"k", b"v0", headers), Outgoing(None, b"v1"), Outgoing(b"k", None)]
    assert await send_all(writer, at, sent) == [0]
    await writer.commit()
    found = await read(await bench.reader(at), at, 3)
    assert [(record.key, record.value, list(record.headers)) for record in found] == [
        (record.key, record.value, list(record.headers)) for record in sent
    ]
    assert [(record.topic, record.partition, record.offset) for record in found] == [
        (*at, n) for n in range(3)
    ]


async def test_nothing_is_visible_before_the_commit_and_all_after_it(bench: Bench) -> None:
    """A read_committed reader sees a transaction's records of two partitions only once it is committed."""
    topic = await bench.topic(partitions=2)
    one, two = Partition(topic, 0), Partition(topic, 1)
    reader = await bench.reader(one, two)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, one, numbered(0, 3))
    await send_all(writer, two, numbered(3, 2))
    assert await reader.fetch(300) == {}
    await writer.commit()
    assert [record.value for record in await read(reader, one, 3)] == [b"v0", b"v1", b"v2"]
    await reader.assign({two: 0})
    assert [record.value for record in await read_to(reader, two, 3)] == [b"v3", b"v4"]


async def test_the_high_watermark_counts_open_transactions_and_the_stable_end_does_not(bench: Bench) -> None:
    """With a transaction open the two ends differ, and agree again after its commit and its marker."""
    at = Partition(await bench.topic(), 0)
    reader = await bench.reader(at)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 3))
    assert (await reader.high_watermark(at), await reader.last_stable_offset(at)) == (3, 0)
    await writer.commit()
    await ended(reader, at, 4)
    assert await reader.high_watermark(at) == 4


async def test_what_was_acknowledged_behind_an_open_transaction_is_hidden_but_counted(bench: Bench) -> None:
    """A plain record after an upstream's open transaction is not read, while the high watermark shows that it is there."""
    at = Partition(await bench.topic(), 0)
    upstream, plain = await bench.writer("upstream"), await bench.plain_writer()
    reader = await bench.reader(at)
    await upstream.begin()
    await send_all(upstream, at, numbered(0, 1))
    await plain.send(at.topic, Outgoing(b"k", b"suspension"), 0)
    assert await reader.fetch(300) == {}
    assert await reader.high_watermark(at) == 2
    await upstream.abort()
    assert [record.value for record in await read_to(reader, at, 3)] == [b"suspension"]


async def test_an_aborted_transaction_leaves_a_gap_that_is_skipped(bench: Bench) -> None:
    """Aborted records are never read, their offsets and their marker's stay used, and positions pass over them."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 2))
    await writer.abort()
    await writer.begin()
    await send_all(writer, at, numbered(2, 2))
    await writer.commit()
    found = await read_to(await bench.reader(at), at, 6)
    assert [(record.offset, record.value) for record in found] == [(3, b"v2"), (4, b"v3")]


async def test_a_reader_of_uncommitted_data_sees_what_was_aborted(bench: Bench) -> None:
    """committed=False reads everything that was appended."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 2))
    reader = await bench.reader(at, committed=False)
    assert len(await read(reader, at, 2)) == 2
    await writer.abort()


async def test_offsets_become_visible_with_the_commit_of_their_transaction(bench: Bench) -> None:
    """Committed offsets of a group: None first, unchanged by an abort, the sent ones after a commit."""
    at = Partition(await bench.topic(), 0)
    member = await bench.member(at.topic, Listener())
    writer = await bench.writer()
    assert await member.committed(at) is None
    await writer.begin()
    await writer.send_offsets({at: 5}, bench.name("group"))
    await writer.abort()
    assert await member.committed(at) is None
    await writer.begin()
    await writer.send_offsets({at: 7}, bench.name("group"))
    await writer.commit()
    assert await member.committed(at) == 7


async def test_offsets_and_records_of_one_transaction_go_together(bench: Bench) -> None:
    """One commit makes both the records and the offsets true."""
    topic = await bench.topic(partitions=2)
    source, target = Partition(topic, 0), Partition(topic, 1)
    member = await bench.member(topic, Listener())
    writer = await bench.writer()
    await writer.begin()
    answers = await writer.send(target, numbered(0, 2))
    await writer.send_offsets({source: 3}, bench.name("group"))
    await asyncio.gather(*answers)
    await writer.commit()
    assert await member.committed(source) == 3
    assert len(await read(await bench.reader(target), target, 2)) == 2


async def test_a_second_writer_of_the_same_id_fences_the_first_and_ends_what_it_left_open(
    bench: Bench,
) -> None:
    """After the second start the first owner's open transaction is aborted and its commit raises FencedError."""
    at = Partition(await bench.topic(), 0)
    first = await bench.writer()
    await first.begin()
    await send_all(first, at, numbered(0, 2))
    second = await bench.writer()
    with pytest.raises(FencedError):
        await first.commit()
    with pytest.raises(FencedError):
        await first.begin()
    await second.begin()
    await send_all(second, at, numbered(2, 1))
    await second.commit()
    assert [record.value for record in await read_to(await bench.reader(at), at, 5)] == [b"v2"]


async def test_a_fenced_writer_cannot_send_into_a_new_transaction(bench: Bench) -> None:
    """A zombie between two transactions is refused at its next one, and nothing of it becomes visible."""
    at = Partition(await bench.topic(), 0)
    zombie = await bench.writer()
    await zombie.begin()
    await send_all(zombie, at, numbered(0, 1))
    await zombie.commit()
    await bench.writer()

    async def one_more_turn() -> None:
        await zombie.begin()
        await send_all(zombie, at, numbered(1, 1))
        await zombie.commit()

    with pytest.raises(FencedError):
        await one_more_turn()
    reader = await bench.reader(at)
    end = await reader.high_watermark(at)
    assert [record.value for record in await read_to(reader, at, end)] == [b"v0"]


async def test_what_a_failed_step_raises_is_not_its_own_cause(bench: Bench) -> None:
    """Whoever follows an error's causes comes to an end."""
    at = Partition(await bench.topic(max_message_bytes="10000"), 0)
    fenced = await bench.writer()
    await fenced.begin()
    large = await bench.writer()
    with pytest.raises(FencedError) as offsets:
        await fenced.send_offsets({at: 1}, bench.name("group"))
    await large.begin()
    await large.send(at, [Outgoing(b"k", bytes(20_000))])
    with pytest.raises(TooLargeError) as commit:
        await large.commit()
    for error in (offsets.value, commit.value):
        seen: list[BaseException] = []
        found: BaseException | None = error
        while found is not None:
            assert not any(found is one for one in seen)
            seen.append(found)
            found = found.__cause__ or found.__context__


async def test_a_failed_send_must_be_followed_by_an_abort(bench: Bench) -> None:
    """A batch above max.message.bytes raises TooLargeError; commit then refuses, abort ends it, nothing is visible."""
    at = Partition(await bench.topic(max_message_bytes="10000"), 0)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    with pytest.raises(TooLargeError):
        await send_all(writer, at, [Outgoing(b"k", bytes(20_000))])
    with pytest.raises(SendError):
        await writer.commit()
    await writer.abort()
    with pytest.raises(SendError):
        await writer.begin()
    reader = await bench.reader(at)
    await ended(reader, at, 2)
    assert await read_to(reader, at, 2) == []


async def test_a_failed_send_that_nobody_awaited_still_stops_the_commit(bench: Bench) -> None:
    """The writer settles its sends itself: a transaction whose send failed cannot be committed by forgetting it."""
    at = Partition(await bench.topic(max_message_bytes="10000"), 0)
    writer = await bench.writer()
    await writer.begin()
    await writer.send(at, [Outgoing(b"k", bytes(20_000))])
    with pytest.raises(TooLargeError):
        await writer.commit()


async def test_records_are_cut_into_batches_that_the_topic_takes(bench: Bench) -> None:
    """Sending more than one batch holds gives one awaitable per batch, each with its base offset, in order."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    bases = await send_all(writer, at, [Outgoing(b"k", bytes(100_000)) for _ in range(12)])
    await writer.commit()
    assert len(bases) == 3
    assert bases == sorted(bases)
    assert bases[0] == 0
    found = await read_to(await bench.reader(at), at, 13)
    assert [record.offset for record in found] == list(range(12))


async def test_a_writer_goes_on_after_a_deliberate_abort(bench: Bench) -> None:
    """An abort with no failed send leaves the writer usable."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    for outcome in (writer.abort, writer.commit, writer.abort, writer.commit):
        await writer.begin()
        await send_all(writer, at, numbered(0, 1))
        await outcome()
    assert len(await read_to(await bench.reader(at), at, 8)) == 2


async def test_an_empty_transaction_commits(bench: Bench) -> None:
    """begin, commit with nothing sent is no error and appends nothing."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    await writer.commit()
    assert await (await bench.reader(at)).high_watermark(at) == 0


async def test_sending_to_what_is_not_there_says_so(bench: Bench) -> None:
    """A partition beyond the topic's count is a MissingTopicError, and the writer takes no more work."""
    topic = await bench.topic()
    writer = await bench.writer()
    await writer.begin()
    with pytest.raises(MissingTopicError):
        await writer.send(Partition(topic, 7), numbered(0, 1))
    with pytest.raises(MissingTopicError):
        await writer.commit()
    await writer.abort()


async def test_calls_out_of_turn_are_refused(bench: Bench) -> None:
    """No commit, send or offsets outside of a transaction, no second begin inside of one, nothing after stop."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    with pytest.raises(RuntimeError):
        await writer.commit()
    with pytest.raises(RuntimeError):
        await writer.send(at, numbered(0, 1))
    await writer.begin()
    with pytest.raises(RuntimeError):
        await writer.begin()
    await writer.stop()
    with pytest.raises(LogError):
        await writer.begin()


async def test_the_next_owner_sees_what_the_last_one_committed(bench: Bench) -> None:
    """Offsets read after a new owner's start are those of the old owner's last commit, its open transaction undone."""
    at = Partition(await bench.topic(), 0)
    member = await bench.member(at.topic, Listener())
    old = await bench.writer()
    await old.begin()
    await old.send_offsets({at: 4}, bench.name("group"))
    await old.commit()
    await old.begin()
    await old.send_offsets({at: 9}, bench.name("group"))
    await bench.writer()
    assert await member.committed(at) == 4
