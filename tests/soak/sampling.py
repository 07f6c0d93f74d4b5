"""What a run is measured by, every few seconds: memory, state, descriptors, throughput, latency, lag, what the gates count."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from sekisho.local.broker import LocalKafka
from soak.follower import Follower
from soak.gatehouse import Gatehouse
from soak.traffic import Traffic

_LINE: Final = re.compile(r"^(sekisho_\w+?)(?:\{(.*)\})? ([-+.\deEinfNa]+)$")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_COUNTED: Final = ("sekisho_transactions_total", "sekisho_lanes_lost_total", "sekisho_state_rebuilds_total")
_MB: Final = 1_000_000

Sample = dict[str, Any]


def quantile(values: Sequence[float], part: float) -> float | None:
    """The smallest value that at least this part of them does not exceed; None of nothing."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(part * len(ranked)) - 1)] if ranked else None


def parsed(exposition: str) -> dict[tuple[str, str], float]:
    """A gate's metrics by (name, the labels' values joined by "/")."""
    found = {}
    for line in exposition.splitlines():
        if match := _LINE.match(line):
            name, labels, value = match.groups()
            found[name, "/".join(value for _, value in _LABEL.findall(labels or ""))] = float(value)
    return found


class Totals:
    """Counters of processes that come and go, added up: what a process counted after its last sample is not known."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, int], dict[tuple[str, str], float]] = defaultdict(dict)

    def add(self, name: str, pid: int, metrics: dict[tuple[str, str], float]) -> None:
        """Takes one process's counters."""
        last = self._last[name, pid]
        for key, value in metrics.items():
            if key[0] in _COUNTED:
                self.counts[key] += int(value - last.get(key, 0))
                last[key] = value


@dataclass
class Sampler:
    """Samples into a file until it is cancelled; `phase` tells what the run was doing."""

    gates: Gatehouse
    kafka: LocalKafka
    traffic: Traffic
    follower: Follower
    clock: Callable[[], float]
    path: Path
    interval: float
    totals: Totals = field(default_factory=Totals)
    samples: list[Sample] = field(default_factory=list)
    phase: str = "load"
    all_latencies: list[float] = field(default_factory=list)
    _before: tuple[float, int, int] = (0.0, 0, 0)

    async def run(self) -> None:
        """Samples on and on."""
        while True:
            await asyncio.sleep(self.interval)
            await self.sample()

    async def sample(self) -> Sample:
        """One sample, also written to the file."""
        now, decisions, requests = self.clock(), self.follower.decisions, self.traffic.requests
        before, self._before = self._before, (now, decisions, requests)
        seconds = max(now - before[0], 1e-3)
        latencies, self.follower.latencies = self.follower.latencies, []
        found: Sample = {
            "t": round(now, 2),
            "phase": self.phase,
            "decisions_per_s": round((decisions - before[1]) / seconds, 1),
            "requests_per_s": round((requests - before[2]) / seconds, 1),
            "decisions": decisions,
            "lag": self.follower.lag,
            "failed_sends": self.traffic.failed,
        }
        for name, part in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            value = quantile(latencies, part)
            found[name] = None if value is None else round(value, 1)
        self.all_latencies.extend(latencies)
        found.update(await asyncio.to_thread(_process, "broker", self._broker_pid()))
        for each in await asyncio.gather(*(self._gate(name) for name in self.gates.names)):
            found.update(each)
        found["consent_lag_s"] = max(
            (found[f"{name}_consent_lag_s"] or 0 for name in self.gates.names), default=0
        )
        self.samples.append(found)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        return found

    def memory(self) -> str:
        """The processes' memory at the last sample, for a line of progress."""
        last = self.samples[-1]
        told = [(name, last[f"{name}_rss_mb"]) for name in ("broker", *self.gates.names)]
        return ", ".join(f"{name} {mb:.0f} MB" for name, mb in told if mb is not None)

    def _broker_pid(self) -> int | None:
        return self.kafka.pid if self.kafka.is_running() else None

    async def _gate(self, name: str) -> Sample:
        pid = self.gates.processes[name].pid if self.gates.is_running(name) else None
        found = await asyncio.to_thread(_process, name, pid)
        found[f"{name}_state_mb"] = round(await asyncio.to_thread(_size, self.gates.state_of(name)) / _MB, 3)
        metrics = parsed(await self.gates.metrics(name)) if pid is not None else {}
        if pid is not None:
            self.totals.add(name, pid, metrics)
        lags = [value for (metric, _), value in metrics.items() if metric == "sekisho_consent_lag_seconds"]
        found[f"{name}_lanes"] = metrics.get(("sekisho_lanes_ready", ""))
        found[f"{name}_consent_lag_s"] = max(lags, default=None)
        return found


def _process(name: str, pid: int | None) -> Sample:
    keys = (f"{name}_pid", f"{name}_rss_mb", f"{name}_fds", f"{name}_threads", f"{name}_cpu_s")
    if pid is not None:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                cpu = process.cpu_times()
                values = (
                    pid,
                    round(process.memory_info().rss / _MB, 2),
                    process.num_fds(),
                    process.num_threads(),
                    round(cpu.user + cpu.system, 2),
                )
            return dict(zip(keys, values, strict=True))
        except psutil.Error:
            # it was ended while it was looked at: that is what the driver does
            return dict.fromkeys(keys)
    return dict.fromkeys(keys)


def _size(folder: Path) -> int:
    """Bytes of the files below a folder, which may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total
