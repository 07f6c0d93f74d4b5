"""Taking records out of an aiokafka consumer so that one that cannot be decoded costs no other record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import aiokafka.errors as kafka
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from sekisho.log.client_internals import counted_poll, current_position, note_poll, stuck_at, wait_for_data
from sekisho.log.kafka_errors import translated
from sekisho.log.kafka_offsets import Offsets
from sekisho.log.port import LogError, OffsetOutOfRangeError, Partition, Record, UndecodableRecordError

Fetched = dict[Partition, Sequence[Record]]


class _CannotDecodeError(Exception):
    """Unpacking a fetched batch failed; carries why."""


class Fetching:
    """Fetches from one consumer, partition by partition.

    Never `getmany` over several: where it meets a record that it cannot decode it forgets what it had already taken
    from the others, their positions moved [S].
    """

    def __init__(self, consumer: AIOKafkaConsumer, offsets: Offsets, timeout_s: float) -> None:
        self._consumer = consumer
        self._offsets = offsets
        self._timeout_s = timeout_s
        self._obstacles: dict[Partition, UndecodableRecordError] = {}

    def seek(self, at: Partition, offset: int) -> None:
        self._obstacles.pop(at, None)
        self._consumer.seek(TopicPartition(*at), offset)

    async def fetch(
        self, readable: Callable[[], Sequence[Partition]], timeout_ms: int, max_records: int | None
    ) -> Fetched:
        """What is there in what `readable` gives (asked anew after each wait: a rebalance changes it)."""
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            try:
                note_poll(self._consumer)
                partitions = readable()
                before = self._positions(partitions)
                found = await self._drain(partitions, max_records)
                remaining = deadline - time.monotonic()
                if found or remaining <= 0 or self._positions(partitions) != before:
                    return found
                await wait_for_data(self._consumer, remaining)
            except (kafka.KafkaError, kafka.ConsumerStoppedError) as error:
                raise translated(error, "fetch") from error

    def _positions(self, partitions: Sequence[Partition]) -> list[int | None]:
        return [current_position(self._consumer, at) for at in partitions]

    async def _drain(self, partitions: Sequence[Partition], max_records: int | None) -> Fetched:
        for at in partitions:
            if at in self._obstacles:
                raise self._obstacles[at]
        found: Fetched = {}
        left = max_records
        for at in partitions:
            try:
                records = await self._take(at, left)
            except LogError:
                if found:  # what these gave is not lost; the error comes again, its position has not moved
                    return found
                raise
            if records:
                found[at] = records
            if left is not None:
                left -= len(records)
                if left == 0:
                    break
        return found

    async def _take(self, at: Partition, limit: int | None) -> Sequence[Record]:
        before = current_position(self._consumer, at)
        try:
            return await self._poll(at, limit)
        except kafka.OffsetOutOfRangeError as error:
            raise await self._out_of_range(at, before) from error
        except _CannotDecodeError as error:
            assert before is not None, "something was fetched, so there was a position to fetch from"
            return await self._up_to_obstacle(at, before, limit, error)

    async def _poll(self, at: Partition, limit: int | None) -> Sequence[ConsumerRecord]:
        """One partition's fetched records without waiting. Raises _CannotDecodeError."""
        try:
            with counted_poll(self._consumer):
                found = await self._consumer.getmany(TopicPartition(*at), timeout_ms=0, max_records=limit)
        except (kafka.CorruptRecordException, kafka.UnsupportedCodecError) as error:
            raise _CannotDecodeError(str(error) or repr(error)) from error
        except (kafka.KafkaError, kafka.ConsumerStoppedError):
            raise
        except Exception as error:
            raise _CannotDecodeError(f"{type(error).__name__}: {error}") from error
        records: Sequence[ConsumerRecord] = found.get(TopicPartition(*at), ())
        return records

    async def _up_to_obstacle(
        self, at: Partition, before: int, limit: int | None, why: _CannotDecodeError
    ) -> Sequence[Record]:
        """Goes back to where the failed poll began and reads on one by one. Raises UndecodableRecordError if the first
        one is bad; a checksum that is right the second time was the network's."""
        bad = stuck_at(self._consumer, at)
        self._consumer.seek(TopicPartition(*at), before)
        good: list[Record] = []
        deadline = time.monotonic() + self._timeout_s
        while (limit is None or len(good) < limit) and time.monotonic() < deadline:
            try:
                records = await self._poll(at, 1)
            except _CannotDecodeError as again:
                offset = stuck_at(self._consumer, at)
                self._obstacles[at] = UndecodableRecordError(
                    at, before if offset is None else offset, str(again)
                )
                if not good:
                    raise self._obstacles[at] from why
                return good
            good.extend(records)
            if bad is not None and good and good[-1].offset >= bad:
                return good
            if not records:
                await wait_for_data(self._consumer, min(0.1, self._timeout_s))
        return good

    async def _out_of_range(self, at: Partition, offset: int | None) -> OffsetOutOfRangeError:
        starts = await self._offsets.starts([at])
        end = await self._offsets.high_watermark(at)
        return OffsetOutOfRangeError(at, -1 if offset is None else offset, starts[at], end)
