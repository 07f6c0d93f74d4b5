"""From a request's scheduled time to the moment at which a reader of committed messages has its decision."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench import throughput, trust, workload
from bench.contenders import LIMITS, Contender, Running, environment, running
from bench.figures import percentile
from bench.generator import LATE, START, Plan
from bench.site import Deployment
from bench.throughput import Stage
from bench.workload import PARTITIONS, PROVISIONS, Message
from sekisho.local.process import ChildProcess

SHARES: Final = (0.1, 0.5, 0.8)
_DEADLINE_S: Final = 120.0
WARM: Final = 4000
"""Requests before the measured ones."""


@dataclass(frozen=True)
class Latency:
    """One contender at one rate: ms, and the memory of its processes over time (s, bytes)."""

    contender: str
    share: float
    per_second: float
    requests: int
    p50: float
    p95: float
    p99: float
    most: float
    generator_late_ms: float
    cpu_us: float
    load: float
    rss: list[tuple[float, int]]
    percentiles: list[float]
    """The percentiles 0.5, 1.5 … 99.5, for the plot."""
    log: str


def measure(
    stage: Stage, contender: Contender, share: float, per_second: float, seconds: float, pairs: Path | None
) -> Latency:
    """One contender at one rate for so many seconds, after a warm-up."""
    plan = Plan(PROVISIONS.name, per_second, seconds, seed=int(share * 1000))
    messages = plan.messages()
    with stage.site.deployment() as deployment:
        throughput.prepare(deployment, contender)
        with running(contender, deployment, stage.folder, pairs) as run:
            warm = list(workload.requests(PROVISIONS, WARM, seed=9))
            deployment.ask(warm)
            warmed = throughput.work_off(stage, deployment, run, len(warm), (0,) * PARTITIONS)
            cpu, load = run.cpu_seconds(), psutil.getloadavg()[0]
            seen, generator = _observe(stage, deployment, run, plan, warmed.samples[-1].offsets)
            cpu = (run.cpu_seconds() - cpu) / len(messages) * 1e6
            log = str(run.processes[0].log_path)
    times = _latencies(plan, messages, seen.arrivals, generator[START])
    found = Latency(
        contender=contender.name,
        share=share,
        per_second=per_second,
        requests=len(times),
        p50=percentile(times, 0.5),
        p95=percentile(times, 0.95),
        p99=percentile(times, 0.99),
        most=times[-1],
        generator_late_ms=generator[LATE],
        cpu_us=cpu,
        load=load,
        rss=seen.rss,
        percentiles=[percentile(times, (each + 0.5) / 100) for each in range(100)],
        log=log,
    )
    stage.say(
        f"  {contender.name:6} at {share:4.0%} ({per_second:7,.0f}/s): p50 {found.p50:7.1f}  p95 {found.p95:7.1f}  "
        f"p99 {found.p99:7.1f}  max {found.most:7.1f} ms   (sent at most {found.generator_late_ms:.1f} ms late; load {load:.1f})"
    )
    return found


@dataclass
class _Seen:
    arrivals: list[list[float]]
    rss: list[tuple[float, int]]


def _observe(
    stage: Stage, deployment: Deployment, run: Running, plan: Plan, since: Sequence[int]
) -> tuple[_Seen, dict[str, float]]:
    """Starts the generator and notes when each decision is seen, until all are."""
    consumer = stage.site.consumer()
    consumer.assign(
        [TopicPartition(deployment.names.decisions, number, since[number]) for number in range(PARTITIONS)]
    )
    command = [sys.executable, "-m", "bench.generator", deployment.names.requests, *map(str, plan)]
    log = stage.folder / "logs" / f"{deployment.prefix}generator.log"
    generator = ChildProcess(
        "the generator", command, log, LIMITS, environment=environment(deployment, stage.folder)
    )
    generator.start()
    try:
        seen = _collect(consumer, run, int(plan.per_second * plan.seconds), plan.seconds)
        give_up = time.monotonic() + LIMITS.stop_seconds
        while generator.is_running() and time.monotonic() < give_up:
            time.sleep(0.01)
    finally:
        consumer.close()
        generator.stop()
    told: dict[str, float] = {}
    for line in generator.said(10).splitlines():
        if line.startswith("{"):
            told |= json.loads(line)
    return seen, told


def _collect(consumer: Consumer, run: Running, count: int, seconds: float) -> _Seen:
    seen = _Seen([[] for _ in range(PARTITIONS)], [])
    begun = time.monotonic()
    look = begun
    while count:
        # one by one: `consume` would wait for a full batch
        message = consumer.poll(0.05)
        now = time.monotonic()
        if message is not None:
            count -= _note(message, now, seen)
        if now > look:
            look = now + 1
            seen.rss.append((now - begun, run.rss_bytes()))
            run.check()
        if now > begun + seconds + _DEADLINE_S:
            raise TimeoutError(f"{count} decisions are missing")
    return seen


def _note(message: Any, now: float, seen: _Seen) -> int:
    """Notes one decision; 0 where it is none but the end of a partition."""
    error = message.error()
    if error is None:
        seen.arrivals[message.partition()].append(now)
        return 1
    if error.code() != KafkaError._PARTITION_EOF:
        raise RuntimeError(str(error))
    return 0


def _latencies(
    plan: Plan, messages: Sequence[Message], arrivals: Sequence[Sequence[float]], begin: float
) -> list[float]:
    """In ms, ordered. A partition's n-th decision answers its n-th request: exactly once, in order."""
    due: list[list[float]] = [[] for _ in range(PARTITIONS)]
    for number, message in enumerate(messages):
        due[message.partition].append(begin + number / plan.per_second)
    for wanted, came in zip(due, arrivals, strict=True):
        if len(wanted) != len(came):
            raise trust.WrongAnswerError(f"{len(came)} decisions for {len(wanted)} requests")
    return sorted(
        (came - wanted) * 1000
        for wants, cames in zip(due, arrivals, strict=True)
        for wanted, came in zip(wants, cames, strict=True)
    )


def run(
    stage: Stage, contenders: Sequence[Contender], most: float, seconds: float, pairs: Path
) -> list[Latency]:
    """All contenders at all shares of the gate's greatest rate."""
    return [
        measure(stage, each, share, most * share, seconds, pairs) for share in SHARES for each in contenders
    ]


def raw(found: Sequence[Latency]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(each) for each in found]
