"""What tests need of a real Kafka: limits, how brokers are made, and waiting for what must come true."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from sekisho.local.broker import BrokerLimits, LocalKafka
from sekisho.local.jars import FetchLimits
from sekisho.local.process import ProcessLimits

FETCH_LIMITS = FetchLimits(answer_seconds=30, lock_seconds=300)
# generous: several test runs may share two cores, and no time-out is a test's condition
BROKER_LIMITS = BrokerLimits(
    ProcessLimits(start_seconds=240, stop_seconds=15),
    heap="512m",
    port_attempts=5,
    # brokers that live for seconds: without the second compiler one's start takes 2.8 s of processor, not 4.4 [M]
    java_options=("-XX:TieredStopAtLevel=1",),
)


class MakeBroker(Protocol):
    """Makes a broker of the test's own, not started; it ends with the test."""

    def __call__(
        self, *, properties: Mapping[str, str] | None = None, data_dir: Path | None = None
    ) -> LocalKafka: ...


def eventually(holds: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether something comes true within the time-out."""
    give_up = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True
