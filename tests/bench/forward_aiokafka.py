"""The bare pass-through on aiokafka: `python -m bench.forward_aiokafka send|batch PAIRS PROCESSES`.

One transaction a turn, turns of the gate's size, a producer a partition, the gate's client options: what exactly-once
costs with nothing decided. `send` hands each record to `send()`, `batch` fills batches for `send_batch()`.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from collections import deque
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from bench.forwarding import Forwarding, Pair, say_ready


class Lane:
    """One partition: takes up to a turn of what has come, forwards it in one transaction, and again."""

    def __init__(self, forwarding: Forwarding, partition: int, how: str) -> None:
        self._names = forwarding.names
        self._group = forwarding.group
        self._at = TopicPartition(forwarding.names.requests, partition)
        self._most = forwarding.settings.gate.turn_requests
        self._pairs: Iterator[Pair] = itertools.cycle(forwarding.pairs)
        self._send = self._by_send if how == "send" else self._by_batch
        config = forwarding.config
        self._producer = AIOKafkaProducer(
            **config.connection("lane"),
            **config.producer(),
            transactional_id=forwarding.transactional_id(partition),
            transaction_timeout_ms=config.transaction_timeout_ms,
        )
        self.inbox: deque[ConsumerRecord] = deque()
        self.arrived = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            while self.inbox:
                await self._turn([self.inbox.popleft() for _ in range(min(self._most, len(self.inbox)))])

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def _turn(self, records: Sequence[ConsumerRecord]) -> None:
        producer = self._producer
        await producer.begin_transaction()
        sent = await self._send(records)
        offsets = producer.send_offsets_to_transaction({self._at: records[-1].offset + 1}, self._group)
        await asyncio.gather(*sent, offsets)
        await producer.commit_transaction()

    async def _by_send(self, records: Sequence[ConsumerRecord]) -> list[Awaitable[Any]]:
        sent: list[Awaitable[Any]] = []
        send, partition, names = self._producer.send, self._at.partition, self._names
        for record, pair in zip(records, self._pairs, strict=False):
            sent.append(
                await send(
                    names.decisions, pair.decision, record.key, partition, headers=pair.decision_headers
                )
            )
            if pair.record is not None:
                sent.append(
                    await send(names.records, pair.record, record.key, partition, headers=pair.record_headers)
                )
        return sent

    async def _by_batch(self, records: Sequence[ConsumerRecord]) -> list[Awaitable[Any]]:
        pairs = list(itertools.islice(self._pairs, len(records)))
        told = [
            (record.key, pair.decision, pair.decision_headers)
            for record, pair in zip(records, pairs, strict=True)
        ]
        noted = [
            (record.key, pair.record, pair.record_headers)
            for record, pair in zip(records, pairs, strict=True)
            if pair.record is not None
        ]
        return [
            *await self._batches(self._names.decisions, told),
            *await self._batches(self._names.records, noted),
        ]

    async def _batches(self, topic: str, records: Sequence[tuple[bytes, bytes, Any]]) -> list[Awaitable[Any]]:
        batches: list[Any] = []
        for key, value, headers in records:
            if not batches or _append(batches[-1], key, value, headers) is None:
                batches.append(self._producer.create_batch())
                _append(batches[-1], key, value, headers)
        return [
            await self._producer.send_batch(batch, topic, partition=self._at.partition) for batch in batches
        ]


def _append(batch: Any, key: bytes, value: bytes, headers: Any) -> Any:
    return batch.append(timestamp=None, key=key, value=value, headers=headers)


async def _forward(forwarding: Forwarding, how: str) -> None:
    config = forwarding.config
    consumer = AIOKafkaConsumer(
        forwarding.names.requests,
        **config.connection("member") | config.consumer(committed=True) | config.member(forwarding.group)
        | {"auto_offset_reset": "earliest"},
    )  # fmt: skip
    await consumer.start()
    wait_ms = config.fetch_max_wait_ms
    while len(consumer.assignment()) != forwarding.lanes:
        assert not await consumer.getmany(timeout_ms=wait_ms), "the backlog comes when all are ready"
    lanes = {at: Lane(forwarding, at.partition, how) for at in consumer.assignment()}
    await asyncio.gather(*(lane.start() for lane in lanes.values()))
    tasks = [asyncio.create_task(lane.run()) for lane in lanes.values()]
    polling = asyncio.create_task(_poll(consumer, lanes, wait_ms, forwarding.settings.gate.turn_requests * 4))
    say_ready([at.partition for at in lanes])
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    ending = asyncio.create_task(told.wait())
    done, _ = await asyncio.wait({ending, polling, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    for task in done - {ending}:
        task.result()  # none ends by itself but with an error
    for task in (polling, *tasks):
        task.cancel()
    await asyncio.gather(polling, *tasks, return_exceptions=True)
    await asyncio.gather(consumer.stop(), *(lane.stop() for lane in lanes.values()))


async def _poll(consumer: AIOKafkaConsumer, lanes: dict[Any, Lane], wait_ms: int, full: int) -> None:
    while True:
        for at, lane in lanes.items():
            if len(lane.inbox) > full:
                consumer.pause(at)
            else:
                consumer.resume(at)
        found = await consumer.getmany(timeout_ms=wait_ms)
        for at, records in found.items():
            lanes[at].inbox.extend(records)
            lanes[at].arrived.set()
        if not found:
            await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(_forward(Forwarding.from_arguments(sys.argv[2:]), sys.argv[1]))
