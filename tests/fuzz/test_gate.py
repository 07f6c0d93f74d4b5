"""The short part of `make fuzz` through a whole gate, in memory and on a real Kafka."""

from __future__ import annotations

import pytest

from fuzz.by_chance import gate
from fuzz.sending import Senders, line_of_send, send_of
from fuzz.through_gate import run
from kafka_settings import kafka_config
from sekisho.log.kafka import KafkaLog

SEED = 4


def test_whatever_is_sent_is_answered_once_and_stops_no_lane() -> None:
    """Good and bad requests and consents, well and wrongly placed, some again: each answered as the contract says, the
    lanes the same at the end, the verifier content."""
    print(f"seed {SEED}")
    assert gate(6_000, SEED, lambda done: None)["answered"] == 6_000


@pytest.mark.broker
async def test_whatever_is_sent_to_a_real_kafka_is_answered(broker: str) -> None:
    """The same on Kafka: headers, keys and values go over the wire."""
    print(f"seed {SEED}")
    senders = Senders(SEED)
    log = KafkaLog(kafka_config(broker))
    try:
        assert await run((senders.batch(250) for _ in range(8)), log) == 2_000
    finally:
        await log.close()


def test_the_same_seed_sends_the_same() -> None:
    """A finding can be made again; a line of the corpus is the send that was written."""
    sends = Senders(1).batch(300)
    assert sends == Senders(1).batch(300)
    assert [send_of(line_of_send(send)) for send in sends] == sends
