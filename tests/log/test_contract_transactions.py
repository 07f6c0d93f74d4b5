"""The log port's contract: what a transaction promises."""

from __future__ import annotations

import asyncio

from log.bench import Bench, read, read_to
from sekisho.log.port import Outgoing, Partition, TransactionalWriter


def numbered(first: int, count: int) -> list[Outgoing]:
    return [Outgoing(f"k{number}".encode(), f"v{number}".encode()) for number in range(first, first + count)]


async def send_all(writer: TransactionalWriter, at: Partition, records: list[Outgoing]) -> list[int]:
    return list(await asyncio.gather(*await writer.send(at, records)))


async def test_records_of_a_transaction_come_in_order_with_all_that_they_carry(bench: Bench) -> None:
    """Key, value, headers and order survive a transaction."""
    at = Partition(await bench.topic(), 0)
    writer = await bench.writer()
    await writer.begin()
    sent = [
        Outgoing(b"k", b"v0", [("ce_id", b"1"), ("ce_type", "種".encode())]),
        Outgoing(None, b"v1"),
        Outgoing(b"k", None),
    ]
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
    assert len(await read(reader, one, 3)) == 3
    await reader.assign({two: 0})
    assert [record.value for record in await read_to(reader, two, 3)] == [b"v3", b"v4"]


async def test_the_high_watermark_counts_open_transactions_and_the_stable_offset_does_not(
    bench: Bench,
) -> None:
    """With a transaction open the two ends differ, and agree again after its commit and its marker."""
    at = Partition(await bench.topic(), 0)
    reader = await bench.reader(at)
    writer = await bench.writer()
    await writer.begin()
    await send_all(writer, at, numbered(0, 3))
    assert (await reader.high_watermark(at), await reader.last_stable_offset(at)) == (3, 0)
    await writer.commit()
    assert (await reader.high_watermark(at), await reader.last_stable_offset(at)) == (4, 4)
