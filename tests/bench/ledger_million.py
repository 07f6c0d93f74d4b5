"""A ledger of a million records: filled by the product, then opened, proved from, published to, verified, measured on disk, purged."""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
import psycopg

from bench.figures import percentile
from bench.ledger_child import CLOCKS, Asked, postgres_seconds, publish_setup
from bench.ledger_goverify import auditor, outside
from bench.ledger_runs import Stage, child
from sekisho.ledger.export.redaction import Redaction
from sekisho.ledger.export.writing import ExportPlan, export
from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.keeping.purging import purge
from sekisho.ledger.publish.files import PublishedTree
from sekisho.ledger.publish.finding import RecordFinder
from sekisho.ledger.publish.http import ReadOptions, ReadService
from sekisho.ledger.publish.proofs import PublishedProofs
from sekisho.ledger.publish.publisher import Clocks, NoEvents, Publisher
from sekisho.ledger.publish.starting import open_publisher
from sekisho.ledger.store.connection import Connection, connect, session
from sekisho.ledger.store.sizes import sizes
from sekisho.ledger.verify.database import database
from sekisho.ledger.verify.verification import Options, verify
from sekisho.settings import Settings

_RECORDS: Final = "SELECT record_id::text FROM sekisho_ledger.payload WHERE record_id IS NOT NULL ORDER BY log_id, idx LIMIT %s"
_LOGS: Final = """
    SELECT l.log_id, l.origin, h.size FROM sekisho_ledger.log l JOIN sekisho_ledger.log_head h USING (log_id)
    WHERE l.kind = 'records' ORDER BY h.size DESC"""


class Million:
    """One such ledger, in a database of its own and a folder of its own."""

    def __init__(self, stage: Stage, url: str, records: int) -> None:
        self.stage, self.url, self.records = stage, url, records
        self.folder = stage.home()
        self.settings = Settings.from_environment({})
        self.setup = publish_setup(self.settings, self.folder)
        self.tree = PublishedTree(self.setup.folder)
        self.results: dict[str, Any] = {"records": records}

    def all(self, proofs: int, purged: int) -> dict[str, Any]:
        """Everything, in the order in which it can be."""
        self.fill()
        asyncio.run(self.opening_and_publishing())
        self.proofs(proofs)
        self.verification()
        self.from_outside()
        self.disk()
        asyncio.run(self.purge(purged))
        return self.results

    def fill(self) -> None:
        """Through the ledger with its publisher; the process's memory at each tenth tells whether it grows."""
        asked = Asked(self.url, self.stage.postgres, self.records, 1, {}, str(self.folder), ahead=False)
        found = child(asked, self.stage.say)
        self.results["fill"] = asdict(found)
        self._say(
            "filled",
            f"{found.seconds:.0f} s, {found.per_second:,.0f}/s; memory {_mb(found.rss[0])} … {_mb(found.rss[-1])}",
        )

    async def opening_and_publishing(self) -> None:
        """The opening check at this size; a publication with nothing new, and one after a batch a log."""
        with psycopg.connect(self.url, autocommit=True) as plain:
            plain.execute("VACUUM ANALYZE")
        conn = await connect(self.url, "writer")
        try:
            with _timed() as opened:
                publisher = await self._publisher(conn)
            idle = [await _published(publisher, conn) for _ in range(10)]
        finally:
            await conn.close()
        self.results["opening"] = opened()
        self.results["publish_idle_ms"] = percentile(sorted(idle), 0.5) * 1e3
        self._say(
            "opening check",
            f"{opened():.2f} s; a publication with nothing new {percentile(sorted(idle), 0.5) * 1e3:.1f} ms",
        )

    async def _publisher(self, conn: Connection) -> Publisher:
        return await open_publisher(conn, self.setup, Clocks(CLOCKS.wall, CLOCKS.steady), NoEvents())

    def proofs(self, count: int) -> None:
        """Of leaves drawn at random, by function from the published tiles; of records, by the read endpoint."""
        draw = random.Random(count)
        with psycopg.connect(self.url, autocommit=True) as conn:
            (_, origin, size), *_ = conn.execute(_LOGS).fetchall()
            some = [row[0] for row in conn.execute(_RECORDS, (count * 20,))]
        log = origin.removeprefix(self.setup.origin + "/")
        made, times = PublishedProofs(self.tree), list[float]()
        for _ in range(count):
            index = draw.randrange(size)
            with _timed() as took:
                made.inclusion_file(log, index)
            times.append(took())
        self.results["proof_function"] = _spread(times)
        records = [draw.choice(some) for _ in range(count)]
        self.results["proof_endpoint"] = _spread(asyncio.run(self._asked(records)))
        told = ", ".join(
            f"by {by} p50 {self.results[f'proof_{by}']['p50']:.2f} ms, p99 {self.results[f'proof_{by}']['p99']:.2f}"
            for by in ("function", "endpoint")
        )
        self._say("inclusion proofs", told)

    async def _asked(self, records: Sequence[str]) -> list[float]:
        finder = RecordFinder(lambda: connect(self.url, "reader"))
        service = ReadService(ReadOptions("127.0.0.1", 0), self.tree, self.setup.origin, finder.find)
        await service.start()
        try:
            return await asyncio.to_thread(_ask, str(service.url), records)
        finally:
            await service.stop()
            await finder.close()

    def verification(self) -> None:
        """All leaves, tiles and checkpoints; then the payloads too."""
        for name, payloads in (("leaves", False), ("payloads", True)):
            cpu, postgres = _cpu_seconds(), postgres_seconds(self.stage.postgres)
            with _timed() as took, database(self.url, self.setup.folder) as opening:
                report = verify(opening, Options(datetime.now(UTC), payloads=payloads))
            if not report.ok:
                raise RuntimeError(f"the ledger does not verify: {report.first}")
            spent = _cpu_seconds() - cpu, postgres_seconds(self.stage.postgres) - postgres
            self.results[f"verify_{name}"], self.results[f"verify_{name}_cpu"] = took(), spent
            self._say(
                f"verified, {'payloads too' if payloads else 'leaves alone'}",
                f"{took():.1f} s for {report.leaves:,} leaves (CPU {spent[0]:.1f} s, PostgreSQL's {spent[1]:.1f} s)",
            )

    def from_outside(self) -> None:
        """The auditor's Go program over the exported bundle, payloads left out; None where Go is missing."""
        program = auditor(self.stage.folder)
        if program is None:
            self._say("Go", "is not here: nothing outside measures it")
            return
        bundle = self.stage.folder / "bundle"
        texts, redaction = {"README.md": "bench"}, Redaction(everything=True)
        plan = ExportPlan(bundle, datetime.now(UTC), program.source, texts, redaction)
        with _timed() as took, database(self.url, self.setup.folder) as opening:
            export(opening, plan)
        self.results["export"] = took()
        with _timed() as took:
            outside(program, bundle)
        self.results["verify_go"] = took()
        self._say(
            "Go's verification",
            f"{took():.1f} s (the export without payloads {self.results['export']:.1f} s)",
        )
        shutil.rmtree(bundle)

    def disk(self) -> None:
        """Bytes a record, by table and index."""

        async def measured() -> list[dict[str, Any]]:
            async with session(self.url, "reader") as conn:
                return [each._asdict() | {"total": each.total_bytes} for each in await sizes(conn)]

        found = [each for each in asyncio.run(measured()) if each["total"] > self.records]
        published = sum(path.stat().st_size for path in self.setup.folder.rglob("*") if path.is_file())
        self.results["sizes"], self.results["published_bytes"] = found, published
        whole = sum(each["total"] for each in found)
        self._say(
            "on disk",
            f"{whole / self.records:,.0f} bytes a record in the database, {published / self.records:,.0f} published",
        )

    async def purge(self, most: int) -> None:
        """What is due, as the periodic purge does it: leaves, deletion, and the freed bytes erased from the files."""
        conn = await connect(self.url, "writer")
        try:
            publisher = await self._publisher(conn)

            async def publish_now() -> None:
                await publisher.publish(conn, enter_all=True)

            keeping = Keeping(
                self.url, self.setup.origin, self.settings.ledger.clock_skew_seconds, publish_now
            )
            with _timed() as took:
                report = await purge(keeping, limit=most)
        finally:
            await conn.close()
        self.results["purge"] = {
            "records": report.purged,
            "seconds": took(),
            "per_second": report.purged / took(),
        }
        self._say("purged", f"{report.purged:,} records in {took():.1f} s, {report.purged / took():,.0f}/s")

    def _say(self, what: str, told: str) -> None:
        self.stage.say(f"  {what}: {told}   load {psutil.getloadavg()[0]:.1f}")


async def _published(publisher: Publisher, conn: Connection) -> float:
    with _timed() as took:
        await publisher.publish(conn)
    return took()


def _ask(url: str, records: Sequence[str]) -> list[float]:
    """Each record's proof over one connection. Raises RuntimeError for another answer than a proof."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    times = []
    for record in records:
        with _timed() as took:
            connection.request("GET", f"/proof/record/{record}")
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(f"no proof of a record: {answer.status} {body[:300]!r}")
        times.append(took())
    connection.close()
    return times


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {name: percentile(ordered, share) * 1e3 for name, share in (("p50", 0.5), ("p99", 0.99))}


def _cpu_seconds() -> float:
    """CPU of this process and of those of it that have ended."""
    return sum(os.times()[:4])


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


@contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    """Gives what tells the seconds that its body took."""
    begun = time.monotonic()
    ended: list[float] = []
    try:
        yield lambda: (ended[0] if ended else time.monotonic()) - begun
    finally:
        ended.append(time.monotonic())
