"""Readers of the in-memory log: partitions assigned by hand, and the positions that a group's member shares with them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from sekisho.log.memory_partition import MemoryRecord
from sekisho.log.memory_store import Store
from sekisho.log.port import NotAssignedError, Partition, UndecodableRecordError

Fetched = dict[Partition, Sequence[MemoryRecord]]


class Positions:
    """What a reader holds: each partition's position (None: not set yet) and which are paused."""

    def __init__(self) -> None:
        self.of: dict[Partition, int | None] = {}
        self.paused: set[Partition] = set()

    def need(self, at: Partition) -> None:
        if at not in self.of:
            raise NotAssignedError(f"{at.topic}-{at.partition} is not (or no longer) this reader's")

    def get(self, at: Partition) -> int:
        self.need(at)
        position = self.of[at]
        if position is None:
            raise NotAssignedError(f"{at.topic}-{at.partition} has no position yet: seek first")
        return position

    def readable(self, only: Sequence[Partition]) -> list[Partition]:
        return [at for at in self.of if at not in self.paused and (not only or at in only)]


class MemoryPartitionReader:
    """The port's PartitionReader on the in-memory log."""

    def __init__(self, store: Store, *, committed: bool) -> None:
        self._store = store
        self._committed = committed
        self._held = Positions()

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        self._held = Positions()

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        for at in positions:
            self._store.partition(at)
        self._held = Positions()
        self._held.of.update(positions)

    def seek(self, at: Partition, offset: int) -> None:
        self._held.need(at)
        self._held.of[at] = offset

    async def position(self, at: Partition) -> int:
        return self._held.get(at)

    def pause(self, *partitions: Partition) -> None:
        for at in partitions:
            self._held.need(at)
        self._held.paused.update(partitions)

    def resume(self, *partitions: Partition) -> None:
        for at in partitions:
            self._held.get(at)
        self._held.paused.difference_update(partitions)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[MemoryRecord]]:
        deadline = time.monotonic() + timeout_ms / 1000
        await asyncio.sleep(0)
        while True:
            held = self._held
            before = dict(held.of)
            found = self._drain(held, max_records, only)
            remaining = deadline - time.monotonic()
            if found or held.of != before or remaining <= 0:
                return found
            await self._store.changed(remaining)

    def _drain(self, held: Positions, max_records: int | None, only: Sequence[Partition]) -> Fetched:
        found: Fetched = {}
        left = max_records
        obstacle: UndecodableRecordError | None = None
        for at in held.readable(only):
            result = self._store.partition(at).read(held.get(at), committed=self._committed, limit=left)
            held.of[at] = result.position
            obstacle = obstacle or result.obstacle
            if result.records:
                found[at] = result.records
            if left is not None:
                left -= len(result.records)
                if left == 0:
                    break
        if obstacle is not None and not found:
            raise obstacle
        return found

    async def start_offset(self, at: Partition) -> int:
        return self._store.partition(at).start

    async def high_watermark(self, at: Partition) -> int:
        await asyncio.sleep(0)
        return self._store.partition(at).end

    async def last_stable_offset(self, at: Partition) -> int:
        return self._store.partition(at).stable_end
