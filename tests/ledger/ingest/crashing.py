"""A ledger that kills itself: `python -m ledger.ingest.crashing STEP SKIP URL`, on a log in memory that is the same each time.

The topic has a fixed id and fixed records, so each process finds what a durable log would have.
"""

from __future__ import annotations

import asyncio
import enum
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from ledger.ingest.lodging import Lodging, message, quick, record
from sekisho.ledger.ingest.lane import Fetched, Lane
from sekisho.ledger.ingest.records import ReadRecords, RecordsLane
from sekisho.ledger.ingest.shard import Shard
from sekisho.ledger.store import append
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.rows import Batch
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Partition

RECORDS: Final = 200
PREFIX: Final = "crash-"
TOPIC_ID: Final = "{:022d}"


class Step(enum.Enum):
    """When it kills itself."""

    FETCHED = "fetched"
    READ = "read"
    IN_TRANSACTION = "in_transaction"
    WRITTEN = "written"
    COMMITTED = "committed"


class Bomb:
    """Kills this process at a step, after `skip` times that it passed it."""

    def __init__(self, step: Step | None, skip: int) -> None:
        self._step, self._left = step, skip

    def at(self, step: Step) -> None:
        """The process has come to a step."""
        if step is self._step:
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1


def lane_with(bomb: Bomb) -> type[Lane]:
    """The lane of records that passes by the bomb at each step."""

    class CrashingLane(RecordsLane):
        async def prepare(self, fetched: Fetched) -> ReadRecords:
            bomb.at(Step.FETCHED)
            found = await super().prepare(fetched)
            bomb.at(Step.READ)
            return found

        async def take_in(self, conn: Connection, shard: Shard, batch: ReadRecords) -> Shard:  # type: ignore[override]
            found = await super().take_in(conn, shard, batch)
            bomb.at(Step.COMMITTED)
            return found

    return CrashingLane


def wire(bomb: Bomb, put: Callable[[str, object], None]) -> None:
    """Passes by the bomb before and after the rows of a batch are written; `put` sets the store's function."""
    write: Callable[[Connection, Batch], Awaitable[int]] = append.write

    async def crashing(conn: Connection, batch: Batch) -> int:
        bomb.at(Step.IN_TRANSACTION)
        found = await write(conn, batch)
        bomb.at(Step.WRITTEN)
        return found

    put("write", crashing)


async def the_log() -> MemoryLog:
    """The same topics and records each time."""
    config = MemoryConfig(max_batch_bytes=524_288, transaction_timeout_ms=10_000, rebalance_timeout_s=5)
    log = MemoryLog(config, lambda: int(datetime.now(UTC).timestamp() * 1000))
    lodging = Lodging(log, "", PREFIX)
    await lodging.create()
    for number, name in enumerate(lodging.topics):
        log.store.topics[name].id = TOPIC_ID.format(number)
    for partition in (0, 1):
        batch = [message(record(number)) for number in range(partition * RECORDS, (partition + 1) * RECORDS)]
        for at in range(0, RECORDS, 30):  # each ends with a marker, as a gate's turns do
            await lodging.send(Partition(lodging.topics.records, partition), *batch[at : at + 30])
    return log


async def run(step: Step, skip: int, url: str) -> None:
    """Runs the ledger until it crashes, or has taken in everything."""
    bomb = Bomb(step, skip)
    wire(bomb, lambda name, function: setattr(append, name, function))
    lodging = Lodging(await the_log(), url, PREFIX)
    await lodging.ledger(limits=quick(batch_records=20), records=lane_with(bomb))
    await lodging.until_taken(2 * RECORDS)
    await lodging.close()


if __name__ == "__main__":
    asyncio.run(run(Step[sys.argv[1]], int(sys.argv[2]), sys.argv[3]))
