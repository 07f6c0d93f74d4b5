"""`python -m bench.ledger [PART…]`: what the ledger costs, on an embedded PostgreSQL of its own.

Parts: ingest, kafka, million; all by default. Raw figures go to build/bench, tables to standard output.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import psutil
import structlog

from bench import ledger_report as report
from bench import ledger_runs as runs
from bench.context import context
from bench.gate import LIMITS as BROKER_LIMITS
from bench.ledger_million import Million
from bench.ledger_runs import Stage
from bench.site import BROKER, Site
from local_kafka import FETCH_LIMITS
from local_postgres import POSTGRES_LIMITS
from sekisho.local.broker import LocalKafka
from sekisho.local.jars import ensure_jars
from sekisho.local.lock import read_lock
from sekisho.local.postgres import LocalPostgres
from sekisho.local.postgres_install import MAJOR
from sekisho.settings import Settings


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    records: int
    rounds: int
    hundreds: int
    """Records at batches of 100."""
    singles: int
    kafka: int
    kafka_rounds: int
    million: int
    proofs: int
    purged: int

    def told(self) -> str:
        """In words."""
        return (
            f"{self.records:,} records a round, {self.rounds} rounds; on Kafka {self.kafka:,}, {self.kafka_rounds} rounds; singly "
            f"{self.singles:,}; proofs of {self.proofs:,} leaves."
        )


FULL: Final = Extent(100_000, 3, 20_000, 1_500, 100_000, 2, 1_000_000, 1_000, 100_000)
QUICK: Final = Extent(12_000, 1, 2_000, 200, 8_000, 1, 20_000, 100, 2_000)
PARTS: Final = ("ingest", "kafka", "million")


def ingest(stage: Stage, extent: Extent) -> list[dict[str, Any]]:
    """Interleaved rounds at batches of 1,000; then smaller batches, once each."""
    found = []
    for number in range(1, extent.rounds + 1):
        found.append(runs.copy(stage, 1_000, extent.records, number))
        for publishing in (False, True):
            found.append(runs.in_memory(stage, 1_000, extent.records, number, publishing=publishing))
    for batch, records in ((100, extent.hundreds), (1, extent.singles)):
        found.append(runs.copy(stage, batch, records, 1))
        found.append(runs.in_memory(stage, batch, records, 1, publishing=False))
    return [each.raw() for each in found]


def kafka(stage: Stage, extent: Extent) -> list[dict[str, Any]]:
    """End to end, on a broker of its own."""
    jars = ensure_jars(read_lock(), Settings.from_environment().local.cache, FETCH_LIMITS)
    with LocalKafka(jars, BROKER_LIMITS, properties=BROKER) as broker:
        site = Site(broker.bootstrap)
        rounds = range(1, extent.kafka_rounds + 1)
        return [runs.on_kafka(stage, site, broker.pid, extent.kafka, number).raw() for number in rounds]


def million(stage: Stage, extent: Extent) -> dict[str, Any]:
    """Everything that a large ledger is asked for."""
    with stage.ledger_database() as url:
        return Million(stage, url, extent.million).all(extent.proofs, extent.purged)


def measure(folder: Path, extent: Extent, parts: Sequence[str], say: Callable[[str], None]) -> dict[str, Any]:
    """The parts in their order, on one PostgreSQL."""
    told = context() | {"postgres": MAJOR, "size": extent.told()}
    found: dict[str, Any] = {}
    with LocalPostgres(POSTGRES_LIMITS, data_dir=folder / "postgres") as postgres:
        stage = Stage(postgres.url, postgres.pid, folder, say)
        for part in (each for each in PARTS if each in parts):
            say(f"{part}:")
            if part == "million":
                found["million"] = million(stage, extent)
            else:
                found.setdefault("ingest", []).extend((ingest if part == "ingest" else kafka)(stage, extent))
    return {"context": told | {"load_after": round(psutil.getloadavg()[0], 2)}, **found}


def write(results: dict[str, Any], docs: Path) -> None:
    """The ledger's section of docs/performance.md; what is the gate's stays."""
    path = docs / "performance.md"
    page = path.read_text("utf-8") if path.exists() else ""
    docs.mkdir(parents=True, exist_ok=True)
    path.write_text(report.joined(page, report.section(results, report.head())), "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for; the section is written where `--docs` says so. 1 where an aim is missed."""
    asked = _parser().parse_args(arguments)
    extent = QUICK if asked.quick else FULL
    if asked.rounds is not None:
        extent = replace(extent, rounds=asked.rounds, kafka_rounds=asked.rounds)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asked.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        folder = Path(tempfile.mkdtemp(prefix="ledger-", dir=asked.out)).absolute()
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        results = measure(folder, extent, asked.parts or PARTS, lambda line: print(line, flush=True))
    (asked.out / "ledger.json").write_text(json.dumps(results, indent=1), "utf-8")
    print(report.terminal(results))
    if asked.docs is not None:
        write(results, asked.docs)
    return 0 if all(each.met for each in report.aims(results)) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.ledger", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="little of everything, for development")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the raw figures go")
    parser.add_argument(
        "--docs", type=Path, help="where performance.md is, whose part on the ledger is written"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
