"""`python -m bench.gate [PART…]`: the gate against what Kafka alone can do, all on one broker of its own.

Parts: throughput, latency, phases, subjects; all by default. Raw figures go to build/bench, tables to standard output.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import psutil

from bench import latency, ledger_report, phases, plots, report, subjects, throughput
from bench.contenders import ALL, GATE, SEND, Contender
from bench.context import context
from bench.site import BROKER, Site
from bench.throughput import Sizes, Stage
from bench.workload import PROVISIONS, USES
from local_kafka import BROKER_LIMITS, FETCH_LIMITS
from sekisho.local.broker import LocalKafka
from sekisho.local.jars import ensure_jars
from sekisho.local.lock import read_lock
from sekisho.settings import Settings


@dataclass(frozen=True)
class Extent:
    """How much is measured."""

    sizes: Sizes
    rounds: int
    uses_rounds: int
    latency_seconds: float
    persons: tuple[int, ...]
    subject_requests: int

    def told(self) -> str:
        """In words."""
        return (
            f"{self.sizes.main:,} requests a round ({self.sizes.faust:,} of Faust), {self.rounds} rounds ({self.uses_rounds} of uses); "
            f"latency over {self.latency_seconds:g} s each."
        )


FULL: Final = Extent(
    Sizes(warm=6_000, main=40_000, faust_warm=1_000, faust=6_000), 5, 3, 20, (10_000, 100_000, 1_000_000), 20_000
)  # fmt: skip
QUICK: Final = Extent(
    Sizes(warm=2_000, main=10_000, faust_warm=500, faust=2_000), 1, 1, 5, (1_000, 10_000, 50_000), 4_000
)
LIMITS: Final = replace(BROKER_LIMITS, java_options=())
"""The broker as a product runs it, with both of Java's compilers."""
PARTS: Final = ("throughput", "latency", "phases", "subjects")


@dataclass
class Bench:
    """One run: where, how much, whom, and what was found so far."""

    stage: Stage
    extent: Extent
    contenders: Sequence[Contender]
    results: dict[str, Any] = field(default_factory=dict)

    def throughput(self) -> None:
        """All contenders on provisions, gate and send() on uses."""
        runs = throughput.rounds(
            self.stage, self.contenders, PROVISIONS, self.extent.sizes, self.extent.rounds
        )
        both = [each for each in self.contenders if each in (GATE, SEND)]
        if both and self.extent.uses_rounds:
            runs += throughput.rounds(self.stage, both, USES, self.extent.sizes, self.extent.uses_rounds)
        self.results["throughput"] = throughput.raw(runs)

    def latency(self) -> None:
        """Gate and send() at shares of the gate's greatest rate; measured first where it is not known."""
        runs = self.results.get("throughput") or throughput.raw(
            throughput.rounds(self.stage, [GATE], PROVISIONS, self.extent.sizes, 1)
        )
        most = statistics.median(
            run["per_second"]
            for run in runs
            if (run["contender"], run["mix"]) == (GATE.name, PROVISIONS.name)
        )
        pairs = self.stage.folder / f"{PROVISIONS.name}.pairs"
        found = latency.run(self.stage, (GATE, SEND), most, self.extent.latency_seconds, pairs)
        self.results["latency"] = latency.raw(found)

    def phases(self) -> None:
        """The turns of the run at half load, where there was one, and of a backlog."""
        steps, backlog = phases.steps(self.stage, self.extent.sizes)
        told = [backlog]
        for found in self.results.get("latency", ()):
            if found["contender"] == GATE.name and found["share"] == 0.5:
                skip = latency.WARM // 4
                told.append(phases.turns("half load", Path(found["log"]), skip))
        self.results["phases"] = phases.raw(steps, told)

    def subjects(self) -> None:
        """By the number of persons."""
        warm, main = self.extent.subject_requests // 5, self.extent.subject_requests
        self.results["subjects"] = subjects.raw(
            [subjects.measure(self.stage, persons, warm, main) for persons in self.extent.persons]
        )


def measure(
    bootstrap: str, broker_pid: int, folder: Path, extent: Extent, contenders: Sequence[Contender],
    parts: Sequence[str], say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """The parts on a broker that runs, in their order."""
    told = context()
    bench = Bench(Stage(Site(bootstrap), broker_pid, folder, say), extent, contenders)
    for part in PARTS:
        if part in parts:
            say(f"{part}:")
            getattr(bench, part)()
    told |= {"load_after": round(psutil.getloadavg()[0], 2), "size": extent.told()}
    return {"context": told, **bench.results}


def write(results: dict[str, Any], docs: Path) -> None:
    """docs/performance.md and its plots; the ledger's section of the page stays."""
    docs.mkdir(parents=True, exist_ok=True)
    path = docs / "performance.md"
    kept = ledger_report.kept(path.read_text("utf-8")) if path.exists() else ""
    path.write_text(ledger_report.joined(report.page(results, report.head()), kept), "utf-8")
    plots.draw(results, docs / "performance")


def main(arguments: Sequence[str]) -> int:
    """Runs what is asked for; the page is written by a full run of all parts, or where `--docs` says so."""
    asked = _parser().parse_args(arguments)
    extent = _extent(asked)
    asked.out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as ending:
        # of this run alone: several may run at a time
        folder = Path(tempfile.mkdtemp(prefix="work-", dir=asked.out))
        if not asked.keep:
            ending.callback(shutil.rmtree, folder, ignore_errors=True)
        jars = ensure_jars(read_lock(), Settings.from_environment().local.cache, FETCH_LIMITS)
        kafka = ending.enter_context(LocalKafka(jars, LIMITS, properties=BROKER))
        parts = asked.parts or PARTS
        results = measure(kafka.bootstrap, kafka.pid, folder, extent, _contenders(asked), parts, _say)
    (asked.out / "gate.json").write_text(json.dumps(results, indent=1), "utf-8")
    print(report.terminal(results))
    if asked.docs is not None:
        write(results, asked.docs)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.gate", description=__doc__)
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="little of everything, for development")
    names = ", ".join(each.name for each in ALL)
    parser.add_argument("--only", help=f"contenders of the throughput, separated by commas: {names}")
    parser.add_argument(
        "--against", type=Path, help="another checkout, whose gate is measured too (`gate then`)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the processes' logs, in a folder work-…")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the raw figures go")
    parser.add_argument("--docs", type=Path, help="where to write performance.md (all parts are needed)")
    return parser


def _extent(asked: argparse.Namespace) -> Extent:
    extent = QUICK if asked.quick else FULL
    return extent if asked.rounds is None else replace(extent, rounds=asked.rounds)


def _contenders(asked: argparse.Namespace) -> list[Contender]:
    names = [each.name for each in ALL] if asked.only is None else asked.only.split(",")
    found = [each for each in ALL if each.name in names]
    if asked.against is not None:
        found.insert(0, Contender("gate then", f"the gate of {asked.against}", code=asked.against))
    return found


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
