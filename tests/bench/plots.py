"""The plots of docs/performance.md, as SVG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt

from bench.figures import spread

Results = Mapping[str, Any]


def draw(results: Results, folder: Path) -> list[Path]:
    """Writes one file a plot; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    # the same figures give the same file
    mpl.rcParams["svg.hashsalt"] = "sekisho"
    mpl.rcParams["font.size"] = 9
    written = []
    for name, plot in (
        ("throughput", _throughput), ("latency", _latency), ("phases", _phases), ("subjects", _subjects), ("memory", _memory),
    ):  # fmt: skip
        figure = plt.figure(figsize=(7, 3.2), layout="constrained")
        plot(results, figure)
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
        written.append(path)
    return written


def _throughput(results: Results, figure: Any) -> None:
    axes = figure.add_subplot()
    names: dict[str, list[float]] = {}
    for run in results["throughput"]:
        if run["mix"] == "provisions":
            names.setdefault(run["contender"], []).append(run["per_second"])
    for place, (name, rates) in enumerate(names.items()):
        found = spread(rates)
        axes.barh(place, found.median, color="#b5651d" if name.startswith("gate") else "#7a8ca5")
        axes.plot([found.least, found.most], [place, place], color="black", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("requests a second (median; line: least to most of the rounds)")


def _latency(results: Results, figure: Any) -> None:
    axes = figure.add_subplot()
    styles = {"gate": "-", "send": "--"}
    for found in results["latency"]:
        label = f"{found['contender']} at {found['share']:.0%}"
        axes.plot(
            found["percentiles"],
            [each + 0.5 for each in range(100)],
            styles.get(found["contender"], ":"),
            label=label,
        )
    axes.axvline(25, color="grey", linewidth=0.5)
    axes.set_xscale("log")
    axes.set_xlabel("ms from request to committed decision (grey: 25)")
    axes.set_ylabel("% of requests")
    axes.legend()


def _phases(results: Results, figure: Any) -> None:
    left, right = figure.subplots(1, 2)
    for place, told in enumerate(results["phases"]["turns"]):
        begun = 0.0
        for number, (name, ms) in enumerate(sorted(told["ms"].items())):
            left.bar(
                place, ms, bottom=begun, color=f"C{number}", label=name if place == 0 else None, width=0.5
            )
            begun += ms
    left.set_xticks(
        range(len(results["phases"]["turns"])), [each["when"] for each in results["phases"]["turns"]]
    )
    left.set_ylabel("ms a turn")
    left.legend()
    us = results["phases"]["steps"]["us"]
    rest = results["phases"]["steps"]["total_us"] - sum(us.values())
    parts = {**us, "the rest": max(0.0, rest)}
    right.barh(range(len(parts)), list(parts.values()), color="#b5651d")
    right.set_yticks(range(len(parts)), parts)
    right.invert_yaxis()
    right.set_xlabel("CPU µs a request")


def _subjects(results: Results, figure: Any) -> None:
    left, right = figure.subplots(1, 2)
    found = results["subjects"]
    persons = [each["persons"] for each in found]
    left.plot(persons, [each["cpu_us"] for each in found], "o-", color="#b5651d")
    left.set_ylabel("CPU µs a request")
    right.plot(persons, [each["rss_ready"] / 1e6 for each in found], "o-", label="when ready")
    right.plot(persons, [each["rss_after"] / 1e6 for each in found], "o-", label="after the backlog")
    right.set_ylabel("resident memory, MB")
    right.legend()
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("persons in the state")


def _memory(results: Results, figure: Any) -> None:
    axes = figure.add_subplot()
    for found in results["latency"]:
        if found["contender"] == "gate":
            seconds, rss = zip(*found["rss"], strict=True)
            axes.plot(seconds, [each / 1e6 for each in rss], label=f"at {found['share']:.0%}")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds of load")
    axes.set_ylabel("the gate's resident memory, MB")
    axes.legend()
