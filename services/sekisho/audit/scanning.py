"""Reads partitions as an outsider: committed data only, from the first offset to the end that a snapshot saw.

The snapshot orders its questions so that what it sees is consistent while gates go on: the decisions' end first, then
the other outputs' (a transaction that was committed in the one has ended in the others), the inputs' last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import Final, NamedTuple

from sekisho.audit.config import CheckConfig, OnProgress, Progress
from sekisho.audit.findings import Findings
from sekisho.log.port import Partition, PartitionReader, Record, UnavailableError, UndecodableRecordError

_AT_ONCE: Final = 500
"""Records looked at in one go: other work of the event loop gets its turn in between."""


class Range(NamedTuple):
    """The offsets of a partition that are looked at: from `start` up to, not including, `end`."""

    start: int
    end: int

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and self.start <= offset < self.end


class Undecodable(NamedTuple):
    """A position at which the log cannot give a record."""

    offset: int


Scanned = Record | Undecodable


async def snapshot(
    reader: PartitionReader, config: CheckConfig, partitions: Iterable[int], findings: Findings
) -> dict[Partition, Range]:
    """What is looked at of every partition. A transaction still open after the time for settling is a finding.

    Raises UnavailableError, MissingTopicError.
    """
    numbers, names = list(partitions), config.topics
    seen: dict[Partition, Range] = {}
    for topics in ((names.decisions,), (names.records, names.rejected), (names.consents,)):
        settling = [
            _settled(reader, Partition(topic, number), config, findings)
            for topic in topics
            for number in numbers
        ]
        seen.update(await asyncio.gather(*settling))
    for number in numbers:
        at = Partition(names.requests, number)
        seen[at] = Range(await reader.start_offset(at), await reader.last_stable_offset(at))
    return seen


async def _settled(
    reader: PartitionReader, at: Partition, config: CheckConfig, findings: Findings
) -> tuple[Partition, Range]:
    """Waits until no transaction that was open when asked is open any more; the two ends tell (runtime.md, Proof)."""
    mark = await reader.high_watermark(at)
    deadline = time.monotonic() + config.settle_seconds
    while (stable := await reader.last_stable_offset(at)) < mark:
        if time.monotonic() > deadline:
            detail = f"read_committed ends at {stable}, read_uncommitted at {mark}"
            findings.add("transaction.open", *at, stable, detail)
            break
        await asyncio.sleep(config.poll_ms / 1000)
    return at, Range(await reader.start_offset(at), stable)


async def scan(
    reader: PartitionReader, at: Partition, span: Range, config: CheckConfig, on_progress: OnProgress | None
) -> AsyncIterator[Scanned]:
    """Every committed record of a span, in order, and the places of those that cannot be decoded.

    Raises UnavailableError when reading gets no further.
    """
    if span.end <= span.start:
        return
    await reader.assign({at: span.start})
    moved, position = time.monotonic(), span.start
    while position < span.end:
        for item in await _fetched(reader, at, config.poll_ms):
            if item.offset < span.end:
                yield item
        before, position = position, await reader.position(at)
        if position > before:
            moved = time.monotonic()
        elif time.monotonic() - moved > config.stall_seconds:
            raise UnavailableError(f"reading {at.topic}-{at.partition} gets no further than {position}")
        if on_progress is not None:
            done = min(position, span.end) - span.start
            on_progress(Progress(at.topic, at.partition, done, span.end - span.start))


async def _fetched(reader: PartitionReader, at: Partition, poll_ms: int) -> list[Scanned]:
    try:
        return list((await reader.fetch(poll_ms, _AT_ONCE, only=[at])).get(at, ()))
    except UndecodableRecordError as error:
        reader.seek(at, error.offset + 1)
        return [Undecodable(error.offset)]
