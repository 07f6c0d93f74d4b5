"""What the tests of the log port share: a bench with one log on it, and the words to read and wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sekisho.log.port import (
    GroupReader,
    Log,
    Outgoing,
    Partition,
    PartitionReader,
    Record,
    TransactionalWriter,
    Writer,
)

WAIT_S = 120.0


@dataclass
class Clock:
    """Milliseconds since the epoch, as told."""

    now_ms: int = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Listener:
    """Notes what a group tells; `hold` keeps a revocation waiting until it is set, `asked` tells that one has begun."""

    held: set[Partition] = field(default_factory=set)
    revocations: list[frozenset[Partition]] = field(default_factory=list)
    assignments: list[frozenset[Partition]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def assigned(self, partitions: frozenset[Partition]) -> None:
        self.assignments.append(partitions)
        self.held.update(partitions)

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        self.revocations.append(partitions)
        self.held.difference_update(partitions)


class Outside(Protocol):
    """What happens to a log from outside, each kind in its own way."""

    def now_ms(self) -> int: ...

    async def append_undecodable(self, at: Partition) -> int: ...

    async def add_partition(self, topic: str, partitions: int) -> None:
        """Gives the topic `partitions` in all, one more than it had."""


class Bench:
    """One log under test, what the tests made on it, and the words that the tests share."""

    def __init__(self, log: Log, prefix: str, outside: Outside) -> None:
        self.log = log
        self.now_ms = outside.now_ms
        self.append_undecodable = outside.append_undecodable
        self.add_partition = outside.add_partition
        self._prefix = prefix
        self._started: list[PartitionReader | TransactionalWriter | Writer] = []

    def name(self, name: str) -> str:
        """A topic's, group's or transactional id's full name in this test."""
        return f"{self._prefix}{name}"

    async def topic(self, name: str = "topic", partitions: int = 1, **config: str) -> str:
        """Makes a topic of this test's own; `max_message_bytes="…"` stands for max.message.bytes."""
        settings = {key.replace("_", "."): value for key, value in config.items()}
        await self.log.create(self.name(name), partitions, 1, settings)
        return self.name(name)

    async def writer(self, transactional_id: str = "lane") -> TransactionalWriter:
        writer = self.log.transactional_writer(self.name(transactional_id))
        await writer.start()
        self._started.append(writer)
        return writer

    async def plain_writer(self) -> Writer:
        writer = self.log.writer()
        await writer.start()
        self._started.append(writer)
        return writer

    async def reader(self, *partitions: Partition, committed: bool = True) -> PartitionReader:
        """A reader of these partitions from their starts."""
        reader = self.log.partition_reader(committed=committed)
        await reader.start()
        self._started.append(reader)
        await reader.assign({at: await reader.start_offset(at) for at in partitions})
        return reader

    async def member(self, topic: str, listener: Listener, group: str = "group") -> GroupReader:
        reader = self.log.group_reader(self.name(group), [topic], listener)
        await reader.start()
        self._started.append(reader)
        return reader

    def stop_later(self, part: PartitionReader | TransactionalWriter | Writer) -> None:
        """Has it stopped at the test's end."""
        self._started.append(part)

    async def close(self) -> None:
        for part in reversed(self._started):
            await part.stop()
        await self.log.close()


async def read(reader: PartitionReader, at: Partition, count: int) -> list[Record]:
    """Reads `count` records of a partition; fails when they do not come."""
    found: list[Record] = []
    async with asyncio.timeout(WAIT_S):
        while len(found) < count:
            found.extend((await reader.fetch(200, count - len(found))).get(at, ()))
    return found


async def read_to(reader: PartitionReader, at: Partition, end: int) -> list[Record]:
    """Reads all records of a partition up to a position."""
    found: list[Record] = []
    async with asyncio.timeout(WAIT_S):
        while await reader.position(at) < end:
            found.extend((await reader.fetch(200)).get(at, ()))
    return found


async def ended(reader: PartitionReader, at: Partition, end: int) -> None:
    """Waits until the markers stand: the stable end is the end of the log."""
    async with asyncio.timeout(WAIT_S):
        while await reader.last_stable_offset(at) < end:  # noqa: ASYNC110  only the broker can tell
            await asyncio.sleep(0.01)


async def until(condition: Callable[[], bool], *members: PartitionReader) -> None:
    """Waits for a condition while the members poll, as a consumer must."""
    async with asyncio.timeout(WAIT_S):
        while not condition():
            for member in members:
                await member.fetch(0)
            await asyncio.sleep(0.02)


def numbered(first: int, count: int) -> list[Outgoing]:
    """Records k0/v0, k1/v1 and so on."""
    return [Outgoing(f"k{number}".encode(), f"v{number}".encode()) for number in range(first, first + count)]


async def send_all(writer: TransactionalWriter, at: Partition, records: list[Outgoing]) -> list[int]:
    """Sends and awaits every batch; gives their base offsets."""
    return list(await asyncio.gather(*await writer.send(at, records)))
