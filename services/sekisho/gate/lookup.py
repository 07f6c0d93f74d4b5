"""First decisions fetched back from the log, for requests that were sent twice (runtime.md, State: request ids)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sekisho.log.port import LogError, Partition, PartitionReader


class DecisionLostError(LogError):
    """A decision that the state names is not at its place: the log and the state disagree, take the lane anew."""


async def fetch_decisions(
    reader: PartitionReader, at: Partition, offsets: Iterable[int], poll_ms: int
) -> Mapping[int, bytes]:
    """The decisions (data) at `offsets`. The reader has `at` assigned and paused, and so it stands afterwards.

    Raises DecisionLostError when one of them is not there.
    """
    found: dict[int, bytes] = {}
    for offset in sorted(set(offsets)):
        reader.seek(at, offset)
        reader.resume(at)
        try:
            found[offset] = await _one(reader, at, offset, poll_ms)
        finally:
            reader.pause(at)
    return found


async def _one(reader: PartitionReader, at: Partition, offset: int, poll_ms: int) -> bytes:
    while await reader.position(at) <= offset:
        for record in (await reader.fetch(poll_ms, 1, only=[at])).get(at, ()):
            if record.offset == offset and record.value is not None:
                return record.value
    raise DecisionLostError(f"no decision stands at {at.topic}-{at.partition}@{offset}")
