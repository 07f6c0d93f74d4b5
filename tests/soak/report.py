"""The report of a run: what was done, what was found, how it grew, the curves, and the samples to look again."""

from __future__ import annotations

import csv
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil

from soak import frozen, plots
from soak.drive import Drive, Verdict
from soak.plan import GATES, STEADY
from soak.sampling import Sample, quantile
from soak.trends import Trend, lives, trend

WARM_UP_S: Final = 600.0
"""Of each process, a sixth of a shorter run: caches, the allocator's arenas and RocksDB's buffers fill first."""

Rows = Sequence[Sequence[object]]


def table(head: Sequence[str], rows: Rows) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return (
        "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in lines)
        + "\n"
    )


def write(drive: Drive, folder: Path, started: datetime) -> Path:
    """Writes everything of a run that has ended, well or not; gives the report's path."""
    samples = drive.sampler.samples
    _csv(folder / "samples.csv", samples)
    _faults(folder / "faults.csv", drive)
    pictures = _pictures(folder, drive) if len(samples) > 1 else []
    parts = [
        "# A soak of the gate\n",
        _summary(drive, started),
        _found(drive),
        "## Checkpoints\n",
        table(
            ("at (s)", "verified", "until answered (s)", "requests", "took (s)", "attempts", "result"),
            [_verdict(each) for each in drive.outcome.verdicts],
        ),
        "## Growth\n",
        f"A straight line within each life of a process, its first {_warm_up(samples):.0f} s left out; {STEADY} is never ended "
        "by the driver.\n",
        _growth(samples),
        "## Curves\n",
        *(f"![{name}]({name})\n" for name in pictures),
        "## Faults\n",
        table(("fault", "times"), sorted((kind.value, count) for kind, count in drive.performer.counts.items())),
        "## What the gates counted\n",
        "Added up from their `/metrics`; what a process counted between its last sample and its end is missing.\n",
        table(("metric", "label", "count"), [(*key, count) for key, count in sorted(drive.sampler.totals.counts.items()) if count]),
        "## What the gates logged from WARNING up\n",
        table(("level", "event", "times"), [(*key, count) for key, count in sorted(drive.gates.said().items())]),
        _own_ends(drive),
        "Raw data beside this file: `samples.csv`, `samples.jsonl`, `faults.csv`, one log for each gate, `broker/broker.log`.\n",
    ]  # fmt: skip
    path = folder / "report.md"
    path.write_text("\n".join(parts), "utf-8")
    return path


def _summary(drive: Drive, started: datetime) -> str:
    outcome, samples = drive.outcome, drive.sampler.samples
    latencies, loaded = drive.sampler.all_latencies, [each for each in samples if each["phase"] == "load"]
    rates = [each["decisions_per_s"] for each in loaded]
    rows: list[tuple[object, object]] = [
        ("result", "; ".join(outcome.problems).splitlines()[0][:300] if outcome.problems else "nothing wrong"),
        ("run again", f"`{outcome.options.command}`"),
        ("seed", outcome.options.seed),
        ("code", frozen.of(Path(__file__).parents[2]) or "the checkout"),
        ("started (UTC)", f"{started:%Y-%m-%d %H:%M:%S}"),
        ("faults drawn", f"one every {outcome.options.every:g} s on the average; {outcome.options.rate:g} messages/s"),
        ("lasted", f"{outcome.ended / 60:.1f} min, {sum(v.verified_s + v.answered_s for v in outcome.verdicts) / 60:.1f} of them checkpoints"),
        ("faults", f"{sum(drive.performer.counts.values())} of {len(outcome.plan)} planned"),
        ("gate starts", ", ".join(f"{name} {count}" for name, count in sorted(drive.gates.starts.items()))),
        ("acknowledged messages", f"{drive.traffic.acknowledged}, of them {drive.traffic.requests} requests; {drive.traffic.failed} sends failed"),
        ("decisions, rejected events seen", f"{drive.follower.decisions}, {drive.follower.rejected}"),
        ("throughput under load (decisions/s)", _spread(rates)),
        ("latency, append → committed decision seen (ms)", _latency(latencies)),
        ("machine", f"{platform.system()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, Python {platform.python_version()}, broker on the same cores"),
    ]  # fmt: skip
    return table(("", ""), rows)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "no samples"
    return f"median {quantile(values, 0.5):.0f}, least {min(values):.0f}, most {max(values):.0f}"


def _latency(values: Sequence[float]) -> str:
    if not values:
        return "no decisions"
    told = ", ".join(
        f"{name} {quantile(values, part):.0f}" for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    )
    return f"{told}, most {max(values):.0f} (faults included)"


def _found(drive: Drive) -> str:
    problems = drive.outcome.problems
    said = "\n\n".join(f"```\n{each}\n```" for each in problems) if problems else (
        "Every acknowledged request has exactly one decision or rejected event, in order and right; every acknowledged "
        "consent event is there; no transaction is open. So the verifier says over all partitions at the end, and so did "
        "it at each checkpoint."
    )  # fmt: skip
    last = drive.outcome.verdicts[-1].report if drive.outcome.verdicts else None
    return f"## What was found\n\n{said}\n" + (
        f"\nThe verifier's counts: {next(last.lines())}.\n" if last else ""
    )


def _warm_up(samples: Sequence[Sample]) -> float:
    return min(WARM_UP_S, samples[-1]["t"] / 6) if samples else WARM_UP_S


def _verdict(each: Verdict) -> tuple[object, ...]:
    which = "all" if each.partitions is None else f"partition {min(each.partitions)}"
    return (
        f"{each.at:.0f}", which, f"{each.answered_s:.1f}", each.report.counts.requests, f"{each.verified_s:.1f}",
        each.attempts, "nothing wrong" if each.report.ok else dict(each.report.totals),
    )  # fmt: skip


def _growth(samples: Sequence[Sample]) -> str:
    rows = [
        ("memory (RSS, MB)", name, *_trend(trend(lives(samples, name, "rss_mb"), _warm_up(samples))))
        for name in ("broker", *GATES)
    ]
    rows += [
        ("state (MB)", name, *_trend(trend(lives(samples, name, "state_mb"), _warm_up(samples))))
        for name in GATES
    ]
    rows += [
        ("file descriptors", name, *_trend(trend(lives(samples, name, "fds"), _warm_up(samples))))
        for name in ("broker", *GATES)
    ]
    head = ("what", "process", "per hour", "R²", "first", "last", "lives", "observed (h)")
    return table(head, rows)


def _trend(found: Trend | None) -> tuple[str, ...]:
    if found is None:
        return ("too short", "", "", "", "", "")
    return (
        f"{found.per_hour:+.1f}", f"{found.explained:.2f}", f"{found.first:.1f}", f"{found.last:.1f}",
        str(found.lives), f"{found.hours:.2f}",
    )  # fmt: skip


def _own_ends(drive: Drive) -> str:
    failures = drive.gates.failures
    told = "\n".join(f"```\n{each}\n```" for each in failures) if failures else "None."
    return f"## Gates that ended by themselves, or not in time\n\n{told}\n"


def _pictures(folder: Path, drive: Drive) -> list[str]:
    samples, happened, gates = drive.sampler.samples, drive.performer.happened, drive.gates.names
    wanted: list[tuple[str, str, str, Iterable[tuple[str, str]], bool]] = [
        ("throughput.svg", "Throughput", "per second",
         (("decisions_per_s", "committed decisions"), ("requests_per_s", "acknowledged requests")), False),
        ("latency.svg", "Latency: request appended → decision committed, as a read_committed reader sees it", "ms",
         (("p50_ms", "p50"), ("p95_ms", "p95"), ("p99_ms", "p99")), True),
        ("lag.svg", "Requests without an answer", "requests", (("lag", "open requests"),), False),
        ("consent-lag.svg", "Age of the oldest consent event not applied", "s", (("consent_lag_s", "oldest lane"),), False),
        ("memory.svg", "Memory of each process (RSS)", "MB",
         ((f"{name}_rss_mb", name) for name in ("broker", *gates)), False),
        ("state.svg", "Size of each gate's state folder", "MB", ((f"{name}_state_mb", name) for name in gates), False),
        ("descriptors.svg", "Open file descriptors", "descriptors",
         ((f"{name}_fds", name) for name in ("broker", *gates)), False),
    ]  # fmt: skip
    for name, title, unit, lines, is_log in wanted:
        plots.draw(folder / name, samples, happened, title, unit, list(lines), is_log=is_log)
    return [name for name, *_ in wanted]


def _csv(path: Path, samples: Sequence[Sample]) -> None:
    names = list(dict.fromkeys(name for each in samples for name in each))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer: Any = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(samples)


def _faults(path: Path, drive: Drive) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("began_s", "ended_s", "kind", "target", "seconds", "detail", "note"))
        for each in drive.performer.happened:
            fault = each.fault
            writer.writerow(
                (f"{each.began:.2f}", f"{each.ended:.2f}", fault.kind.value, fault.target, fault.seconds, fault.detail, each.note)
            )  # fmt: skip
