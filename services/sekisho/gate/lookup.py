"""First decisions fetched back from the log, for requests that were sent twice (runtime.md, State: request ids)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from sekisho.log.port import LogError, Partition, PartitionReader, UnavailableError

_NEAR: Final = 100
"""Decisions read on for the next one wanted, instead of a seek: what is sent again is mostly sent again in order."""


class DecisionLostError(LogError):
    """A decision that the state names is not at its place: the log and the state disagree, take the lane anew."""


class Lookup:
    """Fetches decisions of one partition. The reader has `at` assigned and paused, and so it stands afterwards."""

    def __init__(self, reader: PartitionReader, at: Partition, poll_ms: int, call_seconds: float) -> None:
        self._reader = reader
        self._at = at
        self._poll_ms = poll_ms
        self._call_seconds = call_seconds

    async def decisions(self, offsets: Iterable[int]) -> Mapping[int, bytes]:
        """The decisions (data) at `offsets`. Raises DecisionLostError when one is not there, UnavailableError."""
        wanted = frozenset(offsets)
        found: dict[int, bytes] = {}
        for offset in sorted(wanted):
            if offset not in found:
                await self._read_to(offset, wanted, found)
        return found

    async def _read_to(self, offset: int, wanted: frozenset[int], found: dict[int, bytes]) -> None:
        at, reader = self._at, self._reader
        if not 0 <= offset - await reader.position(at) <= _NEAR:
            reader.seek(at, offset)
        reader.resume(at)
        try:
            async with asyncio.timeout(self._call_seconds):
                while await reader.position(at) <= offset:
                    most = 1 if len(wanted) == 1 else _NEAR
                    for record in (await reader.fetch(self._poll_ms, most, only=[at])).get(at, ()):
                        if record.offset in wanted and record.value is not None:
                            found[record.offset] = record.value
        except TimeoutError as error:
            raise UnavailableError(f"{at.topic}-{at.partition}@{offset} cannot be read") from error
        finally:
            reader.pause(at)
        if offset not in found:
            raise DecisionLostError(f"no decision stands at {at.topic}-{at.partition}@{offset}")
