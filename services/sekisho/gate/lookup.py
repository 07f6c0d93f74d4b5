"""First decisions fetched back from the log, for requests that were sent twice (runtime.md, State: request ids)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from sekisho.log.port import (
    LogError,
    OffsetOutOfRangeError,
    Partition,
    PartitionReader,
    Record,
    UnavailableError,
    UndecodableRecordError,
)

_log = structlog.get_logger(__name__)
_TAIL: Final = 10
"""Offsets before the end among which the newest record is looked for: the last ones may be transactions' markers."""
_NEAR: Final = 100
"""Decisions read on for the next one wanted, instead of a seek: what is sent again is mostly sent again in order."""


class DecisionLostError(LogError):
    """A decision that the state names is not at its place although the log reaches so far back: the two disagree."""


async def newest_record(reader: PartitionReader, at: Partition, poll_ms: int) -> Record | None:
    """The last record of a partition that can be seen now, if one of its last offsets holds one that can be decoded.

    The reader has `at` assigned and paused, and so it stands afterwards.
    """
    end = await reader.high_watermark(at)
    reader.seek(at, max(await reader.start_offset(at), end - _TAIL))
    reader.resume(at)
    found: Sequence[Record] = ()
    try:
        found = (await reader.fetch(poll_ms, _TAIL, only=[at])).get(at, ())
    except UndecodableRecordError as error:
        _log.warning("newest_record_unreadable", partition=at.partition, offset=error.offset)
    finally:
        reader.pause(at)
    return found[-1] if found else None


class Lookup:
    """Fetches decisions of one partition. The reader has `at` assigned and paused, and so it stands afterwards."""

    def __init__(self, reader: PartitionReader, at: Partition, poll_ms: int, call_seconds: float) -> None:
        self._reader = reader
        self._at = at
        self._poll_ms = poll_ms
        self._call_seconds = call_seconds
        self._kept_from = 0
        """Decisions before are known to be deleted."""

    async def decisions(self, offsets: Iterable[int]) -> Mapping[int, bytes]:
        """The decisions (data) at `offsets`, without those that retention has deleted.

        Raises DecisionLostError when one is not there that should be, UnavailableError.
        """
        wanted = frozenset(offsets)
        found: dict[int, bytes] = {}
        for offset in sorted(wanted):
            if offset not in found and offset >= self._kept_from:
                await self._read_if_kept(offset, wanted, found)
        return found

    async def _read_if_kept(self, offset: int, wanted: frozenset[int], found: dict[int, bytes]) -> None:
        try:
            await self._read_to(offset, wanted, found)
        except OffsetOutOfRangeError as error:
            if offset >= error.start:
                raise DecisionLostError(f"the decisions end before {offset}") from error
            self._kept_from = error.start
            self._reader.seek(self._at, error.start)
            _log.error(
                "first_decisions_deleted",
                partition=self._at.partition,
                kept_from=error.start,
                remedy=f"their duplicates are decided anew: keep {self._at.topic} longer than the duplicate window",
            )

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
