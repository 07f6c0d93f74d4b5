"""Where a turn's time goes: by the gate's own lines (waits included), and by the CPU of each step (measured in place)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import throughput, workload
from bench.contenders import Contender, Running, running
from bench.throughput import Sizes, Stage
from bench.workload import PARTITIONS, PROVISIONS

PROFILED: Final = Contender("gate profiled", "the gate with its steps timed", profile=True)


@dataclass(frozen=True)
class Turns:
    """The committed turns in a gate's log: how many, requests a turn, and ms a turn in each phase."""

    when: str
    turns: int
    requests_a_turn: float
    ms: Mapping[str, float]


@dataclass(frozen=True)
class Steps:
    """CPU µs a request: by step, and all of the process."""

    us: Mapping[str, float]
    total_us: float


def turns(when: str, log: Path, skip: int) -> Turns:
    """Reads a gate's log, without the turns of the first `skip` requests of each lane. Raises ValueError where none is left."""
    found: list[dict[str, Any]] = []
    for line in log.read_text("utf-8").splitlines():
        if '"event": "turn"' in line:
            told = json.loads(line)
            if told["outcome"] == "committed" and (told["first_offset"] or 0) >= skip:
                found.append(told)
    if not found:
        raise ValueError(f"no turn in {log}")
    names = {name for each in found for name in each["seconds"]}
    ms = {
        name: sum(each["seconds"].get(name, 0) for each in found) / len(found) * 1000
        for name in sorted(names)
    }
    return Turns(when, len(found), sum(each["requests"] for each in found) / len(found), ms)


def steps(stage: Stage, sizes: Sizes) -> tuple[Steps, Turns]:
    """The CPU of each step over a backlog, and the turns of the same backlog."""
    with stage.site.deployment() as deployment:
        throughput.prepare(deployment, PROFILED)
        with running(PROFILED, deployment, stage.folder) as run:
            sums = stage.folder / "logs" / f"{deployment.prefix}0.sums"
            deployment.ask(workload.requests(PROVISIONS, sizes.warm, seed=77))
            warmed = throughput.work_off(stage, deployment, run, sizes.warm, (0,) * PARTITIONS)
            before, cpu = _sums(run, sums, 1), run.cpu_seconds()
            deployment.ask(workload.requests(PROVISIONS, sizes.main, seed=78))
            seen = throughput.work_off(stage, deployment, run, sizes.main, warmed.samples[-1].offsets)
            after = _sums(run, sums, 2)
            log = run.processes[0].log_path
    us = {step: (after[step] - before[step]) / sizes.main * 1e6 for step in after}
    found = Steps(us, (seen.cpu - cpu) / sizes.main * 1e6)
    told = "  ".join(f"{step} {each:.1f}" for step, each in us.items())
    stage.say(f"  CPU µs a request: {told}  all {found.total_us:.1f}")
    return found, turns("backlog", log, sizes.warm // PARTITIONS)


def _sums(run: Running, path: Path, wanted: int) -> dict[str, float]:
    os.kill(run.processes[0].pid, signal.SIGUSR1)
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= wanted:
            return {name: float(each) for name, each in json.loads(lines[wanted - 1]).items()}
        time.sleep(0.02)
    raise TimeoutError("the gate does not tell its sums")


def raw(found: Steps, told: Sequence[Turns]) -> dict[str, Any]:
    """For JSON."""
    return {"steps": asdict(found), "turns": [asdict(each) for each in told]}
