"""Which records of a partition have their rejected event already, and which of them an operator has passed in writing:
`skipped` (runtime.md, Poison)."""

from __future__ import annotations

from pydantic_core import from_json

from sekisho.gate.limits import GateLimits
from sekisho.log.port import Log, Partition


class Skips:
    """Reads one partition of rejected events on demand, for what they say about one input partition."""

    def __init__(self, log: Log, rejected: Partition, about: Partition, limits: GateLimits) -> None:
        self._reader = log.partition_reader()
        self._rejected = rejected
        self._about = about
        self._limits = limits
        self._skipped: set[int] = set()
        self._written: set[int] | None = None

    async def open(self) -> None:
        """Starts at the beginning of what is there. Raises UnavailableError, MissingTopicError."""
        await self._reader.start()
        await self._reader.assign({self._rejected: await self._reader.start_offset(self._rejected)})
        self._reader.pause(self._rejected)

    async def close(self) -> None:
        """Stops the reader."""
        await self._reader.stop()

    async def has(self, offset: int) -> bool:
        """Whether the record at `offset` was skipped, read afresh if it is not known yet."""
        if offset not in self._skipped:
            await self._read_on()
        return offset in self._skipped

    async def written(self) -> frozenset[int]:
        """The offsets of all records that have their rejected event by now: all is read for it, from the beginning."""
        self._reader.seek(self._rejected, await self._reader.start_offset(self._rejected))
        found: set[int] = set()
        self._written = found
        await self._read_on()
        self._written = None
        return frozenset(found)

    async def _read_on(self) -> None:
        end = await self._reader.last_stable_offset(self._rejected)
        self._reader.resume(self._rejected)
        while await self._reader.position(self._rejected) < end:
            found = await self._reader.fetch(self._limits.poll_ms, only=[self._rejected])
            for record in found.get(self._rejected, ()):
                self._note(record.value)
        self._reader.pause(self._rejected)

    def _note(self, value: bytes | None) -> None:
        data = from_json(value or b"{}")
        position = data.get("position") or {}
        if (position.get("topic"), position.get("partition")) != self._about:
            return
        if data.get("cause") == "skipped":
            self._skipped.add(position["offset"])
        if self._written is not None:
            self._written.add(position["offset"])
