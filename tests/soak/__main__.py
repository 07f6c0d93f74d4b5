"""`make soak`: runs faults drawn from a seed for as long as wanted, and writes a report."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from local_kafka import BROKER_LIMITS, FETCH_LIMITS
from sekisho.local.broker import LocalKafka
from sekisho.local.jars import ensure_jars
from sekisho.local.lock import read_lock
from sekisho.settings import Settings
from soak.drive import Drive, Options
from soak.frozen import run_again_with, taken
from soak.plan import draw
from soak.publish import publish
from soak.report import write

_PROGRESS_SECONDS = 30.0


def seed_of_today() -> int:
    """A seed that changes from day to day and is the same all day."""
    return int(datetime.now(UTC).strftime("%Y%m%d"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600, help="under load and faults (default 3600)")
    parser.add_argument(
        "--seed", type=int, default=None, help="what the faults are drawn from (default: the day)"
    )
    parser.add_argument(
        "--every", type=float, default=12, help="seconds between faults on the average (default 12)"
    )
    parser.add_argument("--rate", type=float, default=200, help="messages a second (default 200)")
    parser.add_argument(
        "--checkpoint", type=float, default=300, help="seconds between checkpoints (default 300)"
    )
    parser.add_argument("--interval", type=float, default=5, help="seconds between samples (default 5)")
    parser.add_argument("--report", type=Path, default=None, help="folder (default build/soak/<time>-<seed>)")
    parser.add_argument(
        "--commit", default=None, help="run this commit's code (default: the working tree's as it is now)"
    )
    parser.add_argument(
        "--publish", type=Path, default=None, help="only make a report's folder a page of docs/"
    )
    parser.add_argument("--plan", action="store_true", help="only print the faults of the seed")
    return parser.parse_args()


def _say(what: str) -> None:
    print(what, flush=True)


async def _run(drive: Drive) -> None:
    """Runs until the end, a failure, or Ctrl-C; what was wrong stands in the outcome."""
    running = asyncio.create_task(drive.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    telling = asyncio.create_task(_tell(drive))
    try:
        await running
    except asyncio.CancelledError:
        drive.outcome.problems.append("stopped from outside before the end")
    except Exception as error:  # noqa: BLE001  whatever it was, the report tells it
        drive.outcome.problems.append(f"{type(error).__name__}: {error}")
        traceback.print_exc()
    finally:
        telling.cancel()


async def _tell(drive: Drive) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_SECONDS)
        if drive.sampler.samples:
            last = drive.sampler.samples[-1]
            drive.say(
                f"  {last['decisions']} decisions, {last['decisions_per_s']:.0f}/s, p99 {last['p99_ms']} ms, "
                f"lag {last['lag']}, {drive.sampler.memory()}"
            )


def main() -> int:
    """0: nothing wrong; 1: something was found (the report tells)."""
    given = _arguments()
    if given.publish is not None:
        print(publish(given.publish, Path("docs")))
        return 0
    seed = seed_of_today() if given.seed is None else given.seed
    options = Options(seed, given.seconds, given.every, given.rate, given.checkpoint, given.interval)
    plan = draw(seed, given.seconds, given.every)
    print(f"seed {seed}: {len(plan)} faults in {given.seconds:g} s. Again: {options.command}")
    if given.plan:
        for fault in plan:
            print(f"{fault.at:8.1f}  {fault}")
        return 0
    started = datetime.now(UTC)
    folder = (given.report or Path("build/soak") / f"{started:%Y%m%d-%H%M%S}-{seed}").absolute()
    if not Path(__file__).is_relative_to(folder):
        if folder.exists() and any(folder.iterdir()):
            print(f"{folder} holds something already: give another --report", file=sys.stderr)
            return 2
        code = taken(Path(__file__).parents[2], given.commit, folder / "code")
        run_again_with(code, [*sys.argv[1:], "--report", str(folder), "--seed", str(seed)])
    # the clients tell of every broken connection: here that is what is wanted
    logging.basicConfig(filename=folder / "driver.log", level=logging.WARNING)
    jars = ensure_jars(read_lock(), Settings.from_environment().local.cache, FETCH_LIMITS)
    began = time.monotonic()
    with LocalKafka(jars, replace(BROKER_LIMITS, java_options=()), data_dir=folder / "broker") as kafka:
        drive = Drive(kafka, folder, options, plan, _say)
        with suppress(KeyboardInterrupt):
            asyncio.run(_run(drive))
    report = write(drive, folder, started)
    wrong = drive.outcome.problems
    for each in wrong:
        print(f"PROBLEM {each}")
    print(
        f"seed {seed}: {'; '.join(wrong) or 'nothing wrong'} after {time.monotonic() - began:.0f} s. Again: {options.command}"
    )
    print(f"report: {report}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
