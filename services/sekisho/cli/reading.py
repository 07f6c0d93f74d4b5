"""Reads a topic as an outsider: committed messages, in the order of their times, from where one wants to begin."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple

from sekisho.cli.outcome import InputError
from sekisho.log.port import (
    Log,
    MissingTopicError,
    Partition,
    PartitionReader,
    Record,
    UndecodableRecordError,
)

_POLL_MS: Final = 500
_AT_ONCE: Final = 500


class Start(NamedTuple):
    """Where to begin: the `newest` so many of all partitions, or the first one, or one partition's offset."""

    newest: int | None = None
    partition: int | None = None
    offset: int = 0

    @classmethod
    def beginning(cls) -> Start:
        """Everything that is there."""
        return cls()

    @classmethod
    def last(cls, count: int) -> Start:
        """The newest `count`."""
        return cls(newest=count)

    @classmethod
    def at(cls, partition: int, offset: int) -> Start:
        """One partition from an offset."""
        return cls(partition=partition, offset=offset)


class Tailing(NamedTuple):
    """How to read: from where, whether to wait at the end, at most how many."""

    start: Start
    follow: bool
    most: int | None


async def tailed(log: Log, topic: str, tailing: Tailing) -> AsyncIterator[Record]:
    """The committed records of a topic. What is there at the start comes sorted by time, then what arrives.

    Raises MissingTopicError, and InputError for a partition or an offset that is not there.
    """
    described = (await log.describe([topic])).get(topic)
    if described is None:
        raise MissingTopicError(f"there is no topic {topic}")
    reader = log.partition_reader()
    await reader.start()
    left = tailing.most
    try:
        ends = await _assign(reader, topic, described.partitions, tailing.start)
        async for record in _in_order(reader, ends, tailing):
            yield record
            if left is not None and (left := left - 1) <= 0:
                return
    finally:
        await reader.stop()


async def _in_order(
    reader: PartitionReader, ends: Mapping[Partition, int], tailing: Tailing
) -> AsyncIterator[Record]:
    there = [record async for record in _until(reader, ends)]
    there.sort(key=lambda record: record.timestamp)
    count = tailing.start.newest
    for record in there if count is None else there[max(len(there) - count, 0) :]:
        yield record
    while tailing.follow:
        for record in await _fetched(reader):
            yield record


async def _assign(
    reader: PartitionReader, topic: str, partitions: int, start: Start
) -> Mapping[Partition, int]:
    """Assigns the partitions at their first positions; the ends as they are now, of those with something to read."""
    chosen = range(partitions) if start.partition is None else [start.partition]
    if start.partition is not None and start.partition >= partitions:
        raise InputError(f"{topic} has the partitions 0 to {partitions - 1}")
    positions: dict[Partition, int] = {}
    ends: dict[Partition, int] = {}
    for number in chosen:
        at = Partition(topic, number)
        first, end = await reader.start_offset(at), await reader.last_stable_offset(at)
        positions[at] = _first(start, first, end)
        if not first <= positions[at] <= end:
            raise InputError(f"{topic} {number} has the offsets {first} to {end - 1}")
        if positions[at] < end:
            ends[at] = end
    await reader.assign(positions)
    return ends


def _first(start: Start, first: int, end: int) -> int:
    if start.partition is not None:
        return start.offset
    if start.newest is None:
        return first
    # a turn of one record takes two offsets, with the marker of its transaction
    return max(first, end - 2 * start.newest - 2)


async def _until(reader: PartitionReader, ends: Mapping[Partition, int]) -> AsyncIterator[Record]:
    """What stands before `ends`."""
    waiting = dict(ends)
    while waiting:
        for record in await _fetched(reader):
            yield record
        for at in list(waiting):
            if await reader.position(at) >= waiting[at]:
                del waiting[at]


async def _fetched(reader: PartitionReader) -> Sequence[Record]:
    """The next records; one that cannot be decoded is passed over, as tail shows what can be read."""
    try:
        found = await reader.fetch(_POLL_MS, _AT_ONCE)
    except UndecodableRecordError as error:
        import click

        click.echo(f"{error}; passed over", err=True)
        reader.seek(error.at, error.offset + 1)
        return ()
    return [record for records in found.values() for record in records]
