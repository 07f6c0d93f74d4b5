"""How fast records come into the ledger: what limits it (COPY of the same bytes), the ledger on a topic in memory, and on Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg

from bench import workload
from bench.figures import percentile
from bench.ledger_child import Asked, Measured, postgres_seconds
from bench.ledger_records import messages
from bench.site import Deployment, Site
from local_postgres import fresh_database
from sekisho.cli.here import GateHome, ledger_plan
from sekisho.ledger.store.schema import migrate
from sekisho.local.ports import free_ports
from sekisho.local.process import ProcessLimits
from sekisho.local.service import ServiceProcess

COPY: Final = "COPY"
LEDGER: Final = "ledger"
PUBLISHING: Final = "ledger, publishing"
KAFKA: Final = "ledger, on Kafka"
LIMITS: Final = ProcessLimits(start_seconds=180, stop_seconds=60)
_DEADLINE_S: Final = 600.0


@dataclass(frozen=True)
class Run:
    """One contender's one round."""

    contender: str
    batch: int
    round: int
    records: int
    measured: Measured
    broker_us: float
    load: float

    def raw(self) -> dict[str, Any]:
        """For JSON, flat."""
        told = asdict(self)
        measured: dict[str, Any] = told.pop("measured")
        return told | measured


@dataclass
class Stage:
    """Where it is measured: an embedded PostgreSQL as the product starts it."""

    server: str
    postgres: int
    folder: Path
    say: Callable[[str], None]
    number: int = 0

    @contextmanager
    def ledger_database(self) -> Iterator[str]:
        """A fresh database with the ledger's schema."""
        with fresh_database(self.server) as url:
            migrate(url)
            yield url

    def home(self) -> Path:
        """A folder of its own for keys and what is published."""
        self.number += 1
        found = self.folder / f"home-{self.number}"
        found.mkdir()
        return found


def copy(stage: Stage, batch: int, records: int, number: int) -> Run:
    """The limit: the same messages' bytes into one plain table, one transaction a batch; singly by INSERT."""
    rows = [sent.value for sent in messages(records, seed=number)]
    times: list[float] = []
    with fresh_database(stage.server) as url, psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE TABLE plain (value bytea NOT NULL)")
        conn.execute("CHECKPOINT")
        begun, cpu, postgres = time.monotonic(), time.process_time(), postgres_seconds(stage.postgres)
        for at in range(0, records, batch):
            start = time.monotonic()
            if batch == 1:
                conn.execute("INSERT INTO plain VALUES (%b)", (rows[at],))
            else:
                _copied(conn, rows[at : at + batch])
            times.append(time.monotonic() - start)
        seconds = time.monotonic() - begun
        spent, served = time.process_time() - cpu, postgres_seconds(stage.postgres) - postgres
    times.sort()
    found = Measured(seconds, records / seconds, spent / records * 1e6, served / records * 1e6, len(times))
    found.p50_ms, found.p99_ms = percentile(times, 0.5) * 1e3, percentile(times, 0.99) * 1e3
    return _told(stage, Run(COPY, batch, number, records, found, 0.0, psutil.getloadavg()[0]))


def _copied(conn: psycopg.Connection[Any], values: Sequence[bytes]) -> None:
    rows = b"".join([b"\0\1" + len(value).to_bytes(4, "big") + value for value in values])
    with conn.cursor() as cursor, cursor.copy("COPY plain FROM STDIN (FORMAT BINARY)") as into:
        into.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows + b"\xff\xff")


def in_memory(stage: Stage, batch: int, records: int, number: int, *, publishing: bool) -> Run:
    """The ledger's own cost: its process over a topic in memory."""
    with stage.ledger_database() as url:
        folder = str(stage.home()) if publishing else None
        found = child(
            Asked(url, stage.postgres, records, number, {"SEKISHO_LEDGER_BATCH_RECORDS": str(batch)}, folder)
        )
    name = PUBLISHING if publishing else LEDGER
    return _told(stage, Run(name, batch, number, records, found, 0.0, psutil.getloadavg()[0]))


def child(asked: Asked, say: Callable[[str], None] = lambda _: None) -> Measured:
    """Runs `bench.ledger_child`, telling how far it is. Raises RuntimeError with what it said where it fails."""
    command = [sys.executable, "-m", "bench.ledger_child", json.dumps(asdict(asked))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment) as run,
    ):
        assert run.stdout is not None, "it is a pipe"
        last = ""
        for line in run.stdout:
            last = line.rstrip()
            if not last.startswith("{"):
                say(last)
        if run.wait():
            errors.seek(0)
            raise RuntimeError(f"the ledger's process failed:\n{errors.read()[-4000:]}")
    return Measured(**json.loads(last))


def on_kafka(stage: Stage, site: Site, broker: int, records: int, number: int) -> Run:
    """End to end: `sekisho ledger` as an operator starts it, from a backlog that appears at once to the last commit."""
    warm = records // 10
    with (
        stage.ledger_database() as url,
        site.deployment() as deployment,
        _process(stage, deployment, url) as process,
        psycopg.connect(url, autocommit=True) as conn,
    ):
        _send(deployment, warm, number * 2)
        _rate(conn, process, warm)
        ours, theirs = psutil.Process(process.pid), psutil.Process(broker)
        cpu, postgres = _cpu(ours), postgres_seconds(stage.postgres)
        _send(deployment, records, number * 2 + 1)
        sent = _cpu(theirs)
        seconds, rate = _rate(conn, process, warm + records)
        cpu, postgres = _cpu(ours) - cpu, postgres_seconds(stage.postgres) - postgres
        found = Measured(seconds, rate, cpu / records * 1e6, postgres / records * 1e6)
        found.rss = [ours.memory_info().rss]
        broker_us = (_cpu(theirs) - sent) / records * 1e6
    return _told(stage, Run(KAFKA, 1000, number, records, found, broker_us, psutil.getloadavg()[0]))


def _cpu(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))


@contextmanager
def _process(stage: Stage, deployment: Deployment, url: str) -> Iterator[ServiceProcess]:
    http, read = free_ports(2)
    home = GateHome(deployment.site.bootstrap, stage.folder, "unused" * 8, stage.folder / "state")
    variables = deployment.variables | {"SEKISHO_LEDGER_READ_PORT": str(read)}
    plan = ledger_plan(home, url, stage.home(), http, variables)
    process = ServiceProcess(plan, stage.folder / "logs" / f"{deployment.prefix}ledger.log", LIMITS)
    process.start()
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.stop()


def _send(deployment: Deployment, records: int, seed: int) -> None:
    deployment.backlog(
        deployment.names.records,
        (
            (workload.Message(each.partition, each.key, each.value), each.headers)
            for each in messages(records, seed=seed)
        ),
    )


def _rate(conn: psycopg.Connection[Any], process: ServiceProcess, until: int) -> tuple[float, float]:
    """Seconds and records a second, from the first commit that is seen to the last; genesis leaves do not count."""
    query = "SELECT sum(size - 1)::int8 FROM sekisho_ledger.log_head JOIN sekisho_ledger.log USING (log_id) WHERE kind = 'records'"
    seen: list[tuple[float, int]] = []
    begun = time.monotonic()
    while True:
        row = conn.execute(query).fetchone()
        size = int(row[0] or 0) if row else 0
        if not seen or size != seen[-1][1]:
            seen.append((time.monotonic(), size))
        if size >= until:
            break
        if time.monotonic() > begun + _DEADLINE_S or not process.is_running():
            raise TimeoutError(f"the ledger has taken in {size} of {until} records:\n{process.said(30)}")
        time.sleep(0.02)
    first = next((each for each in seen[1:]), (begun, 0))
    if first is seen[-1]:
        first = (begun, seen[0][1])
    seconds = seen[-1][0] - first[0]
    return seconds, (seen[-1][1] - first[1]) / seconds


def _told(stage: Stage, run: Run) -> Run:
    found = run.measured
    stage.say(
        f"  round {run.round}: {run.contender:18} at {run.batch:5,}: {found.per_second:9,.0f}/s   CPU {found.cpu_us:6.1f} µs a record, "
        f"PostgreSQL's {found.postgres_us:5.1f}"
        + (f", the broker's {run.broker_us:5.1f}" if run.broker_us else "")
        + f"   load {run.load:.1f}"
    )
    return run
