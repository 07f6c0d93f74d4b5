"""On a real Kafka only: what happens inside of one batch."""

from __future__ import annotations

import pytest

from log.bench import Bench
from log.raw_kafka import append_undecodable
from log.test_contract_undecodable import read_until_stuck
from sekisho.log.port import Partition


@pytest.mark.broker
async def test_the_good_records_of_the_bad_ones_own_batch_are_not_lost(
    kafka_bench: Bench, broker: str
) -> None:
    """aiokafka drops the records before it in the same batch when unpacking fails; the port gives them first."""
    at = Partition(await kafka_bench.topic(), 0)
    bad = await append_undecodable(broker, at, good_before=[b"v0", b"v1", b"v2"])
    good, error = await read_until_stuck(await kafka_bench.reader(at))
    assert [record.value for record in good] == [b"v0", b"v1", b"v2"]
    assert error.offset == bad == 3
