"""What an operator may do to a gate that stands still, always in writing: skip a record, accept a loss.

Both write a rejected event, kept as long as the decisions, that restores and replays honour (runtime.md, Poison, State).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from sekisho.contracts.topics import TopicNames
from sekisho.domain.book import Text
from sekisho.gate.clock import Clocks
from sekisho.gate.limits import GateLimits
from sekisho.gate.opening import LostRequestsError, bounds, resume_at
from sekisho.gate.rejecting import Rejecter
from sekisho.gate.restore import Progress, Restorer, Source
from sekisho.gate.skips import Skips
from sekisho.gate.state import LaneState
from sekisho.gate.topics import Topics, describe
from sekisho.log.port import (
    AssignmentListener,
    GroupReader,
    Log,
    OffsetOutOfRangeError,
    Partition,
    PartitionReader,
    UnavailableError,
    UndecodableRecordError,
)

SKIPPED: Final = Text(
    "読み出せないメッセージを、運用者の判断で飛ばしました。",
    "The message, which cannot be read, was passed over by an operator's decision.",
)


class NotSkippableError(Exception):
    """The record can be read, or is not there: skipping it would lose what it says, or says nothing."""


class LostRange(NamedTuple):
    """Requests of one partition that an operator has accepted as lost."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Remedies:
    """The remedies on one deployment's log. `group` is the deciding lanes' group."""

    log: Log
    names: TopicNames
    group: str
    transactional_prefix: str
    hmac_key: bytes
    limits: GateLimits
    clocks: Clocks

    async def skip(self, partition: int, offset: int) -> bool:
        """Passes a consent event that cannot be decoded; False if it was passed before.

        Raises NotSkippableError for one that can be read or is not there, UnavailableError when an open transaction of
        an upstream system hides it, LogError.
        """
        topics = await describe(self.log, self.names)
        if not 0 <= partition < topics.partitions:
            raise NotSkippableError(f"there is no partition {partition}: there are {topics.partitions}")
        parts = topics.partitions_of(partition)
        await self._require_undecodable(parts.consents, offset)
        if await self._is_skipped(parts.rejected, parts.consents, offset):
            return False
        rejecter = self._rejecter(topics, self.names.consents, partition)
        writer = self.log.writer()
        await writer.start()
        try:
            await writer.send(parts.rejected.topic, rejecter.reject(offset, "skipped", SKIPPED), partition)
        finally:
            await writer.stop()
        return True

    async def accept_loss(self) -> list[LostRange]:
        """Goes on behind requests that were deleted undecided, or whose fate nothing tells; gives what was accepted."""
        topics = await describe(self.log, self.names)
        found = [await self._accept(topics, partition) for partition in range(topics.partitions)]
        return [each for each in found if each is not None]

    # skipping

    async def _require_undecodable(self, at: Partition, offset: int) -> None:
        reader = self.log.partition_reader()
        await reader.start()
        deadline = self.clocks.steady() + self.limits.call_seconds
        try:
            await reader.assign({at: offset})
            while await reader.position(at) <= offset:
                if (await reader.fetch(self.limits.poll_ms, 1, only=[at])).get(at):
                    break
                if await reader.position(at) >= await reader.high_watermark(at):
                    break
                if self.clocks.steady() > deadline:
                    raise UnavailableError(
                        f"{at.topic}-{at.partition}@{offset} did not come within {self.limits.call_seconds} s: a "
                        "transaction that an upstream system has not ended hides it; end it, then skip again"
                    )
        except UndecodableRecordError as error:
            if error.offset == offset:
                return
        except OffsetOutOfRangeError as error:
            raise NotSkippableError(str(error)) from error
        finally:
            await reader.stop()
        raise NotSkippableError(
            f"{at.topic}-{at.partition}@{offset} can be read, or holds nothing: not skipped"
        )

    async def _is_skipped(self, rejected: Partition, about: Partition, offset: int) -> bool:
        skips = Skips(self.log, rejected, about, self.limits)
        await skips.open()
        try:
            return await skips.has(offset)
        finally:
            await skips.close()

    # accepting a loss

    async def _accept(self, topics: Topics, partition: int) -> LostRange | None:
        reader = self.log.partition_reader()
        await reader.start()
        try:
            lost = await self._lost(topics, partition, reader)
        finally:
            await reader.stop()
        if lost is not None:
            await self._write(topics, lost)
        return lost

    async def _lost(self, topics: Topics, partition: int, reader: PartitionReader) -> LostRange | None:
        parts = topics.partitions_of(partition)
        outputs = {at: await bounds(reader, at) for at in (parts.decisions, parts.rejected)}
        await reader.assign({at: found.start for at, found in outputs.items()})
        reader.pause(*outputs)
        with tempfile.TemporaryDirectory() as folder:
            state = LaneState(Path(folder))
            try:
                await Restorer(reader, parts, state, self.limits, self._progress).outputs()
                marks = state.marks
            finally:
                state.close()
        committed = await self._group().committed(parts.requests)
        trimmed = any(found.start > 0 for found in outputs.values())
        try:
            resume_at(marks, committed, await bounds(reader, parts.requests), answered=trimmed)
        except LostRequestsError as error:
            return LostRange(partition, error.first, error.last)
        return None

    def _progress(self, _source: Source) -> Progress:
        return Progress(self.clocks, self.limits.restore_seconds)

    def _group(self) -> GroupReader:
        return self.log.group_reader(self.group, [self.names.requests], _Bystander())

    async def _write(self, topics: Topics, lost: LostRange) -> None:
        """The rejected event and the group's offset in one transaction, by an id of its own: the stopped lane, which is
        tried again from time to time, would fence its own id's writer."""
        parts = topics.partitions_of(lost.partition)
        text = Text(
            f"申請 {lost.first}〜{lost.last} は、判断の前に失われました（運用者が確認済み）。",
            f"Requests {lost.first} to {lost.last} were lost before they were decided (accepted by an operator).",
        )
        rejected = self._rejecter(topics, self.names.requests, lost.partition).reject(
            lost.last, "lost_range", text
        )
        writer = self.log.transactional_writer(f"{self.transactional_prefix}{lost.partition}")
        await writer.start()
        try:
            await writer.begin()
            for answer in await writer.send(parts.rejected, [rejected]):
                await answer
            await writer.send_offsets({parts.requests: lost.last + 1}, self.group)
            await writer.commit()
        finally:
            await writer.stop()

    def _rejecter(self, topics: Topics, topic: str, partition: int) -> Rejecter:
        return Rejecter(topic, topics.id(topic), partition, self.hmac_key, self._now)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.clocks.wall(), UTC)


class _Bystander(AssignmentListener):
    """Of a group reader that never joins: it only asks for committed offsets."""

    def assigned(self, partitions: frozenset[Partition]) -> None:
        """Never called."""

    async def revoked(self, partitions: frozenset[Partition]) -> None:
        """Never called."""
