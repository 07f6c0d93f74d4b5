"""Readers that are slow, blind, or hold on to what they must let go. For tests only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from faults.unsafe_controls import Controls
from faults.unsafe_faults import Faults, Step
from sekisho.log.port import GroupReader, Partition, PartitionReader, Record


class UnsafeReader:
    """A reader that may be slow, blind, or take the stable end for the end."""

    def __init__(self, reader: PartitionReader, controls: Controls, faults: Faults | None = None) -> None:
        self._reader = reader
        self._controls = controls
        self._faults = faults or Faults()

    async def start(self) -> None:
        await self._reader.start()

    async def stop(self) -> None:
        await self._reader.stop()

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        await self._reader.assign(positions)

    def seek(self, at: Partition, offset: int) -> None:
        self._reader.seek(at, offset)

    async def position(self, at: Partition) -> int:
        return await self._reader.position(at)

    def pause(self, *partitions: Partition) -> None:
        self._reader.pause(*partitions)

    def resume(self, *partitions: Partition) -> None:
        self._reader.resume(*partitions)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        await self._faults.at(Step.FETCH, ",".join(at.topic for at in only))
        found = await self._reader.fetch(timeout_ms, max_records, only)
        if not self._controls.unsafe_blind_to:
            return found
        return {at: each for at, each in found.items() if at.topic != self._controls.unsafe_blind_to}

    async def start_offset(self, at: Partition) -> int:
        return await self._reader.start_offset(at)

    async def high_watermark(self, at: Partition) -> int:
        if self._controls.unsafe_no_high_watermark:
            return await self._reader.last_stable_offset(at)
        return await self._reader.high_watermark(at)

    async def last_stable_offset(self, at: Partition) -> int:
        return await self._reader.last_stable_offset(at)


class UnsafeGroupReader(UnsafeReader):
    """A group's member that may refuse to go back while it holds a partition."""

    def __init__(self, reader: GroupReader, controls: Controls) -> None:
        super().__init__(reader, controls)
        self._member = reader
        self._furthest: dict[Partition, int] = {}

    def seek(self, at: Partition, offset: int) -> None:
        self._forget_lost()
        if self._controls.unsafe_no_seek_back and offset < self._furthest.get(at, -1):
            return
        self._furthest[at] = offset
        self._reader.seek(at, offset)

    async def fetch(
        self, timeout_ms: int, max_records: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        found = await self._reader.fetch(timeout_ms, max_records, only)
        self._forget_lost()
        for at, records in found.items():
            self._furthest[at] = records[-1].offset + 1
        return found

    def _forget_lost(self) -> None:
        held = self._member.assignment()
        self._furthest = {at: offset for at, offset in self._furthest.items() if at in held}

    def assignment(self) -> frozenset[Partition]:
        return self._member.assignment()

    async def committed(self, at: Partition) -> int | None:
        return await self._member.committed(at)

    async def rejoin(self) -> None:
        self._furthest.clear()
        await self._member.rejoin()
