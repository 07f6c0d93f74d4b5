"""`python -m bench.gate [PART…] [--rounds N] [--quick]`: the gate against what Kafka alone can do, on one broker of its own."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import throughput
from bench.contenders import ALL, GATE, Contender
from bench.figures import ratios, spread
from bench.site import BROKER, Site
from bench.throughput import Sizes, Stage
from bench.workload import PROVISIONS, USES
from local_kafka import BROKER_LIMITS, FETCH_LIMITS
from sekisho.local.broker import LocalKafka
from sekisho.local.jars import ensure_jars
from sekisho.local.lock import read_lock
from sekisho.settings import Settings

FULL = Sizes(warm=6_000, main=40_000, faust_warm=1_000, faust=6_000)
QUICK = Sizes(warm=2_000, main=10_000, faust_warm=500, faust=2_000)


def main(arguments: Sequence[str]) -> int:
    """Runs the parts that are asked for, all by default."""
    parser = argparse.ArgumentParser(prog="bench.gate", description=__doc__)
    parser.add_argument("parts", nargs="*", default=["throughput"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="little of everything, for development")
    parser.add_argument(
        "--only", help="contenders, separated by commas: " + ", ".join(each.name for each in ALL)
    )
    parser.add_argument(
        "--against", type=Path, help="another checkout, whose gate is measured too (`gate then`)"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    asked = parser.parse_args(arguments)
    names = [each.name for each in ALL] if asked.only is None else asked.only.split(",")
    contenders = [each for each in ALL if each.name in names]
    if asked.against is not None:
        contenders.insert(0, Contender("gate then", f"the gate of {asked.against}", code=asked.against))
    sizes = QUICK if asked.quick else FULL
    with ExitStack() as ending:
        jars = ensure_jars(read_lock(), Settings.from_environment().local.cache, FETCH_LIMITS)
        kafka = ending.enter_context(LocalKafka(jars, BROKER_LIMITS, properties=BROKER))
        folder = asked.out / "work"
        shutil.rmtree(folder, ignore_errors=True)
        stage = Stage(Site(kafka.bootstrap), kafka.pid, folder, _say)
        runs = throughput.rounds(stage, contenders, PROVISIONS, sizes, asked.rounds)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "throughput.json").write_text(json.dumps(throughput.raw(runs), indent=1))
    found = throughput.rates(runs)
    for name, rate in found.items():
        against = f"   gate / it: {ratios(found[GATE.name], rate)}" if GATE.name in found else ""
        print(f"{name:12} {spread(rate).whole()} a second{against}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
