"""The bare pass-through on confluent-kafka: `python -m bench.forward_confluent PAIRS PROCESSES`.

A thread, a consumer and a transactional producer a partition; one transaction a turn, turns of the gate's size.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.forwarding import Forwarding, say_ready


class Lane:
    """One member of the group, which gets one partition."""

    def __init__(self, forwarding: Forwarding, told: threading.Event, number: int) -> None:
        self._names = forwarding.names
        self._most = forwarding.settings.gate.turn_requests
        self._wait_s = forwarding.config.fetch_max_wait_ms / 1000
        self._pairs = itertools.cycle(forwarding.pairs)
        self._forwarding = forwarding
        self._told = told
        # of the thread's own, not of the partition: which one it gets changes while the members come
        self._id = forwarding.transactional_id(f"{os.getpid()}-{number}")
        self.partitions: set[int] = set()

    def run(self) -> None:
        """Until told to end."""
        config = self._forwarding.config
        consumer = Consumer(
            {
                "bootstrap.servers": config.bootstrap,
                "group.id": self._forwarding.group,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": config.fetch_max_wait_ms,
                "session.timeout.ms": config.session_timeout_ms,
            }
        )
        consumer.subscribe([self._names.requests], on_assign=self._assigned, on_revoke=self._revoked)
        producer = self._producer()
        while not self._told.is_set():
            messages = consumer.consume(self._most, timeout=self._wait_s)
            if messages:
                self._turn(consumer, producer, messages)
        consumer.close()

    def _assigned(self, _: Any, given: list[TopicPartition]) -> None:
        self.partitions = {at.partition for at in given}

    def _revoked(self, *_: Any) -> None:
        self.partitions = set()

    def _producer(self) -> Producer:
        config = self._forwarding.config
        producer = Producer(
            {
                "bootstrap.servers": config.bootstrap,
                "transactional.id": self._id,
                "transaction.timeout.ms": config.transaction_timeout_ms,
                "batch.size": config.max_batch_bytes,
            }
        )
        producer.init_transactions()
        return producer

    def _turn(self, consumer: Consumer, producer: Producer, messages: list[Any]) -> None:
        names = self._names
        producer.begin_transaction()
        for message, pair in zip(messages, self._pairs, strict=False):
            if message.error() is not None:
                raise RuntimeError(str(message.error()))
            key, partition = message.key(), message.partition()
            producer.produce(names.decisions, pair.decision, key, partition, headers=pair.decision_headers)
            if pair.record is not None:
                producer.produce(names.records, pair.record, key, partition, headers=pair.record_headers)
        last = messages[-1]
        offsets = [TopicPartition(names.requests, last.partition(), last.offset() + 1)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


def main() -> None:
    """Runs the lanes until SIGTERM."""
    forwarding, told = Forwarding.from_arguments(sys.argv[1:]), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    lanes = [Lane(forwarding, told, number) for number in range(forwarding.lanes)]
    threads = [threading.Thread(target=lane.run) for lane in lanes]
    for thread in threads:
        thread.start()
    said = False
    while not told.wait(0.1):
        if not said and all(len(lane.partitions) == 1 for lane in lanes):
            say_ready([min(lane.partitions) for lane in lanes])
            said = True
        if not all(thread.is_alive() for thread in threads):
            told.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
