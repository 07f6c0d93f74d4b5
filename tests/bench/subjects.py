"""How long a gate restores the consents of many persons, and what a decision and its memory cost then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from bench import throughput, trust, workload
from bench.contenders import GATE, running
from bench.throughput import Stage
from bench.workload import PARTITIONS, PROVISIONS


@dataclass(frozen=True)
class Subjects:
    """A gate with so many persons' consents: seconds from its start with an empty folder to readiness, of its CPU, then a
    backlog's rate and CPU µs a request, and memory (bytes) when ready and after the backlog."""

    persons: int
    ready_seconds: float
    restore_cpu_seconds: float
    per_second: float
    cpu_us: float
    rss_ready: int
    rss_after: int
    load: float


def measure(stage: Stage, persons: int, warm: int, main: int) -> Subjects:
    """One number of persons, requests of all of them."""
    with stage.site.deployment() as deployment:
        throughput.prepare(deployment, GATE, persons)
        asked = list(workload.requests(PROVISIONS, warm + main, seed=persons, persons=persons))
        load, begun = psutil.getloadavg()[0], time.monotonic()
        with running(GATE, deployment, stage.folder) as run:
            ready, restored, rss_ready = time.monotonic() - begun, run.cpu_seconds(), run.rss_bytes()
            deployment.ask(asked[:warm])
            warmed = throughput.work_off(stage, deployment, run, warm, (0,) * PARTITIONS)
            since, cpu = warmed.samples[-1].offsets, run.cpu_seconds()
            deployment.ask(asked[warm:])
            seen = throughput.work_off(stage, deployment, run, main, since)
            rss_after = run.rss_bytes()
        records = stage.site.read(deployment.names.records)
    decisions = [one + two for one, two in zip(warmed.decisions, seen.decisions, strict=True)]
    trust.check(GATE, PROVISIONS, asked, decisions, records)
    _, rate = seen.rate(since)
    found = Subjects(
        persons, ready, restored, rate, (seen.cpu - cpu) / main * 1e6, rss_ready, rss_after, load
    )
    stage.say(
        f"  {persons:>9,} persons: ready after {ready:6.1f} s (CPU {restored:5.1f} s), then {rate:7,.0f}/s, CPU "
        f"{found.cpu_us:6.1f} µs a request; memory {rss_ready / 1e6:,.0f}, then {rss_after / 1e6:,.0f} MB   load {load:.1f}"
    )
    return found


def raw(found: Sequence[Subjects]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(each) for each in found]
