"""Measures publication by hand: `python -m ledger.publish.measure [leaves]` (from tests/). Prints one line a figure.

CPU time is this process's; wall-clock times are those of the machine as it is, with its load beside them.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from ledger.publish.ground import LOG, ORIGIN, TOPIC_ID, Ground
from local_postgres import POSTGRES_LIMITS
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.http import ReadOptions, ReadService
from sekisho.ledger.publish.proofs import PublishedProofs
from sekisho.ledger.store.connection import session
from sekisho.ledger.store.schema import migrate
from sekisho.local.postgres import LocalPostgres

ROUNDS = 20
ASKED = 5_000


@asynccontextmanager
async def _ground() -> AsyncIterator[Ground]:
    with tempfile.TemporaryDirectory() as folder, LocalPostgres(POSTGRES_LIMITS) as postgres:
        migrate(postgres.url)
        async with session(postgres.url, "writer") as conn:
            yield Ground(postgres.url, Path(folder) / "ledger", conn)


async def _timed(what: str, work: Callable[[], Awaitable[object]]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    _tell(
        what, f"{(time.perf_counter() - wall) * 1e3:.1f} ms, CPU {(time.process_time() - cpu) * 1e3:.1f} ms"
    )


def _tell(what: str, figure: str) -> None:
    print(f"{what}: {figure} (load {os.getloadavg()[0]:.1f})", flush=True)


def _spread(what: str, times: list[float]) -> None:
    times.sort()
    p50, p99 = (times[int(len(times) * part)] * 1e3 for part in (0.5, 0.99))
    _tell(what, f"p50 {p50:.2f} ms, p99 {p99:.2f} ms of {len(times)}")


async def _rounds(what: str, ground: Ground, log_count: int, leaves: int) -> None:
    """Checkpoints of so many logs that grew by so many leaves."""
    publisher = await ground.open()
    walls, cpus = [], []
    for _ in range(ROUNDS):
        for number in range(log_count if leaves else 0):
            await ground.grow(leaves, f"provision-records/{TOPIC_ID}/{number}/2026")
        wall, cpu = time.perf_counter(), time.process_time()
        await publisher.publish(ground.conn)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    _spread(what, walls)
    _tell(f"{what}, CPU", f"{sum(cpus) / len(cpus) * 1e3:.1f} ms each")


async def _proofs(ground: Ground, size: int) -> None:
    proofs, chance = PublishedProofs(PublishedTree(ground.published)), random.Random(1)
    times = []
    for _ in range(ASKED):
        began = time.perf_counter()
        proofs.inclusion_file(LOG, chance.randrange(size))
        times.append(time.perf_counter() - began)
    _spread("inclusion proof, in the process", times)
    service = ReadService(ReadOptions("127.0.0.1", 0), PublishedTree(ground.published), ORIGIN)
    await service.start()
    times = []
    async with aiohttp.ClientSession() as http:
        for _ in range(ASKED):
            began = time.perf_counter()
            question: dict[str, str | int] = {"log": LOG, "index": chance.randrange(size), "size": size}
            async with http.get(f"{service.url}/proof/inclusion", params=question) as answer:
                assert answer.status == 200
                await answer.read()
            times.append(time.perf_counter() - began)
    await service.stop()
    _spread("inclusion proof, over HTTP", times)


async def _main(size: int) -> None:
    async with _ground() as ground:
        for number in range(12):
            await ground.grow(300, f"provision-records/{TOPIC_ID}/{number}/2026")
        await ground.publish()
        await _rounds("12 idle logs", ground, 12, 0)
        await _rounds("one log, 1,000 new leaves", ground, 1, 1000)
        await _rounds("12 logs, 1,000 new leaves each", ground, 12, 1000)
    async with _ground() as ground:
        await ground.grow(size)
        await _timed(f"first publication of {size:,} leaves", ground.publish)
        await _timed(f"opening with {size:,} leaves", ground.open)
        await _proofs(ground, size)
        await ground.grow(1000)
        await _timed("1,000 more, opening included", ground.publish)
        files = [path.stat().st_size for path in ground.published.rglob("*") if path.is_file()]
        _tell("published", f"{len(files)} files, {sum(files) / 1e6:.0f} MB")


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
