"""Sends requests at their scheduled times, whether or not anything answers: `python -m bench.generator TOPIC MIX RATE SECONDS SEED`.

An open loop: what is late is sent at once, and its latency counts from its schedule (no coordinated omission).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from confluent_kafka import Producer

from bench import workload
from bench.workload import Message
from sekisho.settings import Settings

START: Final = "start"
LATE: Final = "late_ms"
_LEAD_S: Final = 1.0


class Plan(NamedTuple):
    """What is sent: the same for the same plan, so that an observer knows each request's time by its place."""

    mix: str
    per_second: float
    seconds: float
    seed: int

    def messages(self) -> list[Message]:
        """In the order in which they are sent, one each 1/per_second seconds."""
        mix = next(each for each in (workload.PROVISIONS, workload.USES) if each.name == self.mix)
        return list(workload.requests(mix, int(self.per_second * self.seconds), seed=self.seed))


def main(arguments: Sequence[str]) -> None:
    """Sends, and tells when it began (monotonic time) and how late the latest send was."""
    topic, mix, rate, seconds, seed = arguments
    plan = Plan(mix, float(rate), float(seconds), int(seed))
    messages = plan.messages()
    producer = Producer(
        {
            "bootstrap.servers": Settings.from_environment().kafka.bootstrap,
            "linger.ms": 0,
            # each partition keeps its order, whatever is repeated
            "enable.idempotence": True,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.list_topics(topic, timeout=30)
    begin = time.monotonic() + _LEAD_S
    print(json.dumps({START: begin}), flush=True)
    late = _send(producer, topic, messages, begin, plan.per_second)
    producer.flush(60)
    print(json.dumps({LATE: late * 1000}), flush=True)


def _send(
    producer: Producer, topic: str, messages: Sequence[Message], begin: float, per_second: float
) -> float:
    latest = 0.0
    for number, message in enumerate(messages):
        due = begin + number / per_second
        while (now := time.monotonic()) < due:
            producer.poll(0)
            time.sleep(min(0.0005, due - now))
        latest = max(latest, now - due)
        producer.produce(topic, message.value, message.key, message.partition)
        producer.poll(0)
    return latest


if __name__ == "__main__":
    main(sys.argv[1:])
