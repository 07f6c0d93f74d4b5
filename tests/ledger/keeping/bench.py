"""How long a purge takes: `PYTHONPATH=tests python -m ledger.keeping.bench [RECORDS]`, on a PostgreSQL of its own with fsync.

Prints deletion and erasure apart, and CPU beside wall-clock: on a busy machine only the former means much.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

import psutil

from ledger.keeping.held_world import NOW, Wanted, World, day_before
from local_postgres import POSTGRES_LIMITS
from sekisho.ledger.keeping import purging
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.keeping import Statement
from sekisho.ledger.keeping.overview import overview
from sekisho.local.postgres import LocalPostgres

Result = TypeVar("Result")
_BATCH = 1_000
_BODY = "x" * 900
"""With its other members a provision record's usual 1.1 kB."""


async def measure(records: int) -> dict[str, float]:
    """Seconds of each part of a purge of so many records, half of them in one month and a tenth more that stay."""
    with LocalPostgres(POSTGRES_LIMITS) as postgres:
        world = World(postgres.url)
        await world.make()
        await _fill(world, records, Wanted(day_before(), marker=_BODY))
        await _fill(world, records // 10, Wanted(day_before() + timedelta(days=40), marker=_BODY))
        await world.sign()
        found: dict[str, float] = {}
        found["overview_s"], table = await _timed(overview(world.keeping))
        assert table.due == records
        why = Statement("bench", "bench")
        found["hold_all_s"], placed = await _timed(place(world.keeping, Named(everything=True), None, why))
        found["release_s"], _ = await _timed(release(world.keeping, placed.hold, why))
        steps = [time.perf_counter()]
        cpu, server = time.process_time(), _server_cpu(postgres)
        found["purge_s"], report = await _timed(
            purging.purge(world.keeping, on_progress=lambda *_: steps.append(time.perf_counter()))
        )
        assert report.purged == records, report
        found["purge_client_cpu_s"] = time.process_time() - cpu
        found["purge_server_cpu_s"] = _server_cpu(postgres) - server
        batches = sorted(after - before for before, after in itertools.pairwise(steps))
        found["batch_p50_s"], found["batch_max_s"] = batches[len(batches) // 2], batches[-1]
        found["deleting_s"] = steps[-1] - steps[0]
        assert len(world.acts("purge")) == records
        assert world.clock.host == NOW
        return found


def _server_cpu(postgres: LocalPostgres) -> float:
    """CPU seconds of the server's processes, those that ended included."""
    assert postgres.pid is not None
    main = psutil.Process(postgres.pid)
    told = [process.cpu_times() for process in (main, *main.children(recursive=True))]
    ended = main.cpu_times()
    own: float = sum(each.user + each.system for each in told)
    return own + float(ended.children_user + ended.children_system)


async def _fill(world: World, records: int, wanted: Wanted) -> None:
    for _ in range(0, records, _BATCH):
        await world.take([wanted] * min(_BATCH, records))


async def _timed(asked: Awaitable[Result]) -> tuple[float, Result]:
    began = time.perf_counter()
    found = await asked
    return time.perf_counter() - began, found


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for name, seconds in asyncio.run(measure(count)).items():
        print(f"{name:>20} {seconds:8.3f}")
