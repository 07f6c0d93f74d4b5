"""`make fuzz`: a million inputs in all, by guidance and by chance, into the decoding and through the gate.

Each part is a process of its own, as many at a time as there are processors. A finding ends its part, is kept in
tests/fuzz/corpus (where `make test` replays it from then on), and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MILLION: Final = 1_000_000
SHARES: Final = {
    "guided request": 0.2, "guided consent": 0.15, "guided envelope": 0.1, "guided gate": 0.002,
    "chance request": 0.2, "chance consent": 0.15, "chance envelope": 0.098, "chance gate": 0.1,
}  # fmt: skip
"""Of all inputs. An input of the guided gate is a batch of up to twelve messages."""
PIECE: Final = 100_000
"""Inputs of one process at most."""
_DONE: Final = re.compile(r"^#(\d+)\b")
_TOLD_EVERY_S: Final = 5.0


@dataclass
class Part:
    """One process."""

    way: str
    target: str
    count: int
    seed: int
    folder: Path
    done: int = 0
    code: int | None = None
    cpu_seconds: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.way} {self.target}"

    def run(self) -> None:
        """Runs it to its end."""
        module = "fuzz.guided" if self.way == "guided" else "fuzz.by_chance"
        command = [sys.executable, "-m", module, self.target, str(self.count), str(self.seed)]
        if self.way == "guided":
            command.append(str(self.folder))
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout is not None
        for line in process.stdout:
            found = _DONE.match(line)
            if found is not None:
                self.done = int(found[1])
            else:
                self.said = [*self.said[-40:], line.rstrip()[:600]]
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = self.code = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = used.ru_utime + used.ru_stime
        self.done = self.count if self.code == 0 else self.done


def parts_of(inputs: int, seed: int, folder: Path, *, guided: bool) -> list[Part]:
    """All parts, the long ones first; without atheris what it would have made is made by chance."""
    found: list[Part] = []
    for share, of_all in SHARES.items():
        way, _, target = share.partition(" ")
        left = max(1, round(inputs * of_all))
        while left > 0:
            number = len(found)
            count = min(left, PIECE)
            place = folder / f"{way}-{target}-{number}"
            found.append(Part(way if guided else "chance", target, count, seed + number, place))
            left -= count
    return sorted(found, key=lambda part: -part.count)


def run_all(parts: list[Part], jobs: int, inputs: int) -> None:
    """Runs the parts, so many at a time, and says every few seconds how far they are."""
    waiting = iter(parts)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                part = next(waiting, None)
            if part is None:
                return
            part.run()
            word = "nothing broke" if part.code == 0 else f"BROKEN (exit code {part.code})"
            print(f"\r{part.name}: {part.done:,} inputs, {part.cpu_seconds:.0f} s of CPU, {word}", flush=True)

    begun = time.monotonic()
    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        workers[0].join(_TOLD_EVERY_S) if workers[0].is_alive() else time.sleep(_TOLD_EVERY_S / 5)
        done, seconds = sum(part.done for part in parts), time.monotonic() - begun
        line = f"{done:,} of {inputs:,} inputs, {seconds:.0f} s"
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line}\x1b[K")
        elif int(seconds) % 60 < _TOLD_EVERY_S:
            print(line, file=sys.stderr, flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=MILLION, help="inputs in all (default: a million)")
    parser.add_argument("--seed", type=int, default=20261122, help="of everything; printed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at a time")
    parser.add_argument("--keep", action="store_true", help="add what was new to the corpus")
    told = parser.parse_args()
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print(
            "NO COVERAGE GUIDANCE: there is no atheris for this Python; all inputs are made by chance alone"
        )
    with tempfile.TemporaryDirectory(prefix="sekisho-fuzz-") as folder:
        parts = parts_of(told.inputs, told.seed, Path(folder), guided=guided)
        print(
            f"seed {told.seed}, {sum(part.count for part in parts):,} inputs, {told.jobs} processes at a time"
        )
        begun = time.monotonic()
        run_all(parts, told.jobs, told.inputs)
        if told.keep:
            from fuzz.keeping import keep  # loads the product, which this process needs for nothing else

            keep(Path(folder))
    broken = [part for part in parts if part.code != 0]
    for part in broken:
        print(f"\n{part.name}, seed {part.seed}:", *part.said, sep="\n")
    spent = sum(part.cpu_seconds for part in parts)
    done = sum(part.done for part in parts)
    print(
        f"{done:,} inputs in {time.monotonic() - begun:.0f} s ({spent:.0f} s of CPU): {len(broken)} parts broken"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
