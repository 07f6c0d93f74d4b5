"""`python -m bench.ledger_child JSON`: the product's ledger over an in-memory topic, as a process of its own that is measured.

Lanes, index, watch and, where asked for, the publisher are the product's; only the topic is not Kafka's. The last line that it prints is the result, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import psutil
import structlog

from bench.figures import percentile
from bench.ledger_records import PARTITIONS, messages
from sekisho.bootstrap import quiet_collector
from sekisho.bootstrap_ledger import ingest_limits, ledger_topics
from sekisho.domain.vocabulary import RecordBasis, RecordMethod, values
from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.report import LedgerReport
from sekisho.ledger.ingest.service import Duties, LedgerService, LedgerSetup, Publishing
from sekisho.ledger.publish.keys import KeyPlaces, load_subject_key
from sekisho.ledger.publish.publisher import Clocks as PublishClocks
from sekisho.ledger.publish.publisher import PublishSetup
from sekisho.ledger.publish.service import PublishService, Rhythm
from sekisho.ledger.store.connection import Connection, connect
from sekisho.log.memory import MemoryConfig, MemoryLog
from sekisho.log.port import Outgoing, Partition
from sekisho.settings import Settings
from sekisho.telemetry.health import Health
from sekisho.telemetry.ledger import LedgerMetrics

CLOCKS: Final = Clocks(lambda: datetime.now(UTC), time.monotonic)
_AT_ONCE: Final = 20_000
"""Messages made ahead where they are made while the ledger works."""
_LOOK_S: Final = 0.02
_DEADLINE_S: Final = 1200.0
_KEY: Final = b"b" * 32


@dataclass(frozen=True)
class Asked:
    """What to do. `ahead`: all messages are made before the clock starts. `folder`: where to publish; None: no publisher."""

    url: str
    postgres: int
    records: int
    seed: int
    variables: dict[str, str]
    folder: str | None = None
    ahead: bool = True


@dataclass
class Measured:
    """One run, from the first fetch to the last commit. CPU in µs a record; batches in ms, from their making to the end of their commit; memory in bytes at each tenth."""

    seconds: float = 0.0
    per_second: float = 0.0
    cpu_us: float = 0.0
    postgres_us: float = 0.0
    batches: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    phases_us: dict[str, float] = field(default_factory=dict)
    rss: list[int] = field(default_factory=list)


class Noting(LedgerReport):
    """The product's report, which notes besides how many records are committed and how long each batch took."""

    taken = 0
    began: tuple[float, float, float] | None = None
    """When the first messages were fetched: monotonic time, CPU of this process, CPU of PostgreSQL."""

    def __init__(self, metrics: LedgerMetrics, health: Health, postgres: int) -> None:
        super().__init__(metrics, health, CLOCKS.steady)
        self.spent: dict[str, float] = defaultdict(float)
        self.batches: list[float] = []
        self._postgres = postgres

    def recorded(self, counts: Counter[tuple[str, str]]) -> None:
        """Records were committed."""
        super().recorded(counts)
        self.taken += sum(counts.values())

    def phase(self, name: str, seconds: float) -> None:
        """`leaves`, `database` and `commit` follow one another for each batch."""
        super().phase(name, seconds)
        if self.began is None:
            self.began = (time.monotonic(), time.process_time(), postgres_seconds(self._postgres))
        self.spent[name] += seconds
        if name == "leaves":
            self.batches.append(0.0)
        if name in ("leaves", "database", "commit"):
            self.batches[-1] += seconds


class NotPublishing:
    """Stands for the publisher where ingestion alone is measured."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    async def start(self) -> None:
        """Nothing is published."""

    async def stop(self) -> None:
        """Nothing was published."""
        self._stopped.set()

    async def publish_now(self) -> None:
        """Nothing is published."""

    async def wait_until_stopped(self) -> None:
        """Until `stop`."""
        await self._stopped.wait()


def postgres_seconds(pid: int) -> float:
    """CPU of a server and its processes so far, those that have ended included."""
    server = psutil.Process(pid)
    found = float(sum(server.cpu_times()[:4]))
    for each in server.children():
        with suppress(psutil.NoSuchProcess):  # it ended just now: its time counts at the server
            found += sum(each.cpu_times()[:2])
    return found


def publish_setup(settings: Settings, folder: Path) -> PublishSetup:
    """As bootstrap makes it."""
    ledger = settings.ledger
    return PublishSetup(
        ledger.origin, folder / "published", KeyPlaces(folder / "keys"), ledger.meta_seconds, ledger.clock_skew_seconds
    )  # fmt: skip


class Run:
    """One measured run."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.settings = Settings.from_environment(asked.variables)
        self.log = MemoryLog(MemoryConfig(1 << 20, 60_000, 10), lambda: time.time_ns() // 1_000_000)
        self.topics = ledger_topics(self.settings)
        self._messages = messages(asked.records, seed=asked.seed)
        self._made = 0
        health = Health()
        self.metrics = LedgerMetrics(values(RecordMethod), values(RecordBasis), health)
        self.report = Noting(self.metrics, health, asked.postgres)

    async def measure(self) -> Measured:
        """Takes all records in."""
        for name in self.topics:
            await self.log.create(name, PARTITIONS, 1, {})
        self._make(self.asked.records if self.asked.ahead else _AT_ONCE)
        found = Measured()
        async with self._ledger():
            for tenth in range(1, 11):
                await self._until(self.asked.records * tenth // 10)
                found.rss.append(psutil.Process().memory_info().rss)
                if not self.asked.ahead:
                    print(f"    {self.report.taken:,} records, {found.rss[-1] / 1e6:,.0f} MB", flush=True)
            assert self.report.began is not None, "records were taken in"
            begun, cpu, postgres = self.report.began
            count = self.asked.records
            found.seconds = time.monotonic() - begun
            found.per_second = count / found.seconds
            found.cpu_us = (time.process_time() - cpu) / count * 1e6
            found.postgres_us = (postgres_seconds(self.asked.postgres) - postgres) / count * 1e6
        batches = sorted(self.report.batches)
        found.batches = len(batches)
        found.p50_ms, found.p99_ms = percentile(batches, 0.5) * 1e3, percentile(batches, 0.99) * 1e3
        found.phases_us = {
            name: spent / self.asked.records * 1e6 for name, spent in self.report.spent.items()
        }
        return found

    def _make(self, most: int) -> None:
        """Appends further messages to the topic, and forgets those that are long taken in."""
        for sent in self._messages:
            at = Partition(self.topics.records, sent.partition)
            self.log.store.partition(at).append([Outgoing(sent.key, sent.value, sent.headers)], 0, None)
            self._made += 1
            most -= 1
            if most <= 0:
                break
        self.log.store.notify()

    async def _until(self, taken: int) -> int:
        give_up = time.monotonic() + _DEADLINE_S
        while self.report.taken < taken:
            if self._made < self.asked.records and self._made - self.report.taken < _AT_ONCE:
                self._forget()
                self._make(_AT_ONCE // 4)
            if time.monotonic() > give_up:
                raise TimeoutError(f"the ledger has taken in {self.report.taken} of {taken} records")
            await asyncio.sleep(_LOOK_S)
        return self.report.taken

    def _forget(self) -> None:
        """As the ledger's trimmer does: so far back, no partition has anything that is not taken in."""
        for number in range(PARTITIONS):
            part = self.log.store.partition(Partition(self.topics.records, number))
            part.delete_before(max(part.start, part.end - _AT_ONCE))

    @asynccontextmanager
    async def _ledger(self) -> AsyncIterator[None]:
        folder = None if self.asked.folder is None else Path(self.asked.folder)

        async def key(_: Connection) -> bytes:
            return (
                _KEY if folder is None else load_subject_key(KeyPlaces(folder / "keys"), may_make=True).secret
            )

        limits = ingest_limits(self.settings)
        setup = LedgerSetup(self.asked.url, self.settings.ledger.origin, self.topics, limits, CLOCKS)
        duties = Duties(lambda: self._publishing(folder), key, None, lambda _: ())
        service = LedgerService(self.log, setup, self.report, duties)
        quiet_collector()  # as the ledger's process does
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    async def _connected(self) -> Connection:
        return await connect(self.asked.url, "writer", application="bench publisher")

    def _publishing(self, folder: Path | None) -> Publishing:
        if folder is None:
            return NotPublishing()
        rhythm = Rhythm(self.settings.ledger.checkpoint_seconds, 1, 60)
        setup = publish_setup(self.settings, folder)
        clocks = PublishClocks(CLOCKS.wall, CLOCKS.steady)
        return cast(
            "Publishing", PublishService(self._connected, setup, clocks, self.report, rhythm)
        )  # mode has no types


def main(arguments: list[str]) -> int:
    """One run as the JSON says."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    told: dict[str, Any] = json.loads(arguments[0])
    print(json.dumps(asdict(asyncio.run(Run(Asked(**told)).measure()))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
