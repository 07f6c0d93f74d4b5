"""What a bench found, as tables for the terminal and as docs/performance.md, and whether the aims are met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.figures import Spread, ratios, spread
from bench.workload import PROVISIONS, USES, Mix

Results = Mapping[str, Any]
P99_MS: Final = 25
RESTORE_S: Final = 60
MILLION: Final = 1_000_000
QUIET_LOAD: Final = 0.7
"""A load average before the run above which something else ran."""
FLAT: Final = 1.25
"""A memory or a cost at the most persons of at most so much of that at the fewest counts as flat."""
GROWTH_B: Final = 100
"""Or memory that grows by at most so many bytes a person: far less than a consent takes."""


class Aim(NamedTuple):
    """One aim of the issue: what, whether it is met, and the figure."""

    told: str
    met: bool
    figure: str

    def __str__(self) -> str:
        return f"{'met   ' if self.met else 'MISSED'}  {self.told}: {self.figure}"


def by_contender(results: Results, mix: Mix, figure: str) -> dict[str, list[float]]:
    """A figure of each contender's rounds, in their order."""
    found: dict[str, list[float]] = {}
    for run in results["throughput"]:
        if run["mix"] == mix.name:
            found.setdefault(run["contender"], []).append(run[figure])
    return found


def aims(results: Results) -> list[Aim]:
    """Those that the results can tell of."""
    return [*_throughput_aims(results), *_latency_aims(results), *_subject_aims(results)]


def _throughput_aims(results: Results) -> Iterator[Aim]:
    if "throughput" not in results:
        return
    rates = by_contender(results, PROVISIONS, "per_second")
    for other, least, told in (("send", 1.0, "the send() pass-through"), ("faust", 10.0, "the Faust agent")):
        if other in rates and "gate" in rates:
            ratio = ratios(rates["gate"], rates[other])
            yield Aim(f"at least {least:g} x {told}", ratio.median >= least, str(ratio))


def _latency_aims(results: Results) -> Iterator[Aim]:
    for found in results.get("latency", ()):
        if found["contender"] == "gate" and found["share"] == 0.5:
            yield Aim(f"p99 at half load ≤ {P99_MS} ms", found["p99"] <= P99_MS, f"{found['p99']:.1f} ms")


def _subject_aims(results: Results) -> Iterator[Aim]:
    found = results.get("subjects", ())
    if not found:
        return
    few, many = found[0], found[-1]
    if many["persons"] >= MILLION:
        met = many["ready_seconds"] <= RESTORE_S
        yield Aim(f"1 M consents restored in {RESTORE_S} s", met, f"{many['ready_seconds']:.1f} s")
    if few is many:
        return
    each = (many["rss_after"] - few["rss_after"]) / (many["persons"] - few["persons"])
    share = many["rss_after"] / few["rss_after"]
    told = f"{few['rss_after'] / 1e6:,.0f} MB at {few['persons']:,}, {many['rss_after'] / 1e6:,.0f} MB at {many['persons']:,} ({each:,.0f} bytes a person)"
    yield Aim("memory flat in the number of subjects", share <= FLAT or each <= GROWTH_B, told)
    cost = many["cpu_us"] / few["cpu_us"]
    yield Aim("cost per decision flat in the number of subjects", cost <= FLAT, f"x {cost:.2f}")


Row = Sequence[str]


def tables(results: Results) -> Iterator[tuple[str, list[Row]]]:
    """Each table: its title, its rows; the first row is the head."""
    if "throughput" in results:
        for mix in (PROVISIONS, USES):
            yield from _throughput_table(results, mix)
    if "latency" in results:
        head = ("", "load", "requests/s", "p50 ms", "p95", "p99", "max", "CPU µs a request", "sent late, ms")
        yield "Latency, request to committed decision", [head, *map(_latency_row, results["latency"])]
    if "phases" in results:
        yield from _phase_tables(results["phases"])
    if "subjects" in results:
        yield (
            "Restore, cost and memory by the number of persons",
            [_SUBJECT_HEAD, *map(_subject_row, results["subjects"])],
        )


_SUBJECT_HEAD: Final[Row] = (
    "persons", "ready after", "its CPU", "requests/s", "CPU µs a request", "memory when ready", "after the backlog",
)  # fmt: skip


def _throughput_table(results: Results, mix: Mix) -> Iterator[tuple[str, list[Row]]]:
    rates, cpus = by_contender(results, mix, "per_second"), by_contender(results, mix, "cpu_us")
    brokers = by_contender(results, mix, "broker_us")
    if not rates:
        return
    rows: list[Row] = [
        (
            "",
            "requests/s",
            "gate(s) / it",
            "CPU µs a request",
            "its CPU / gate's",
            "the broker's CPU µs",
        )
    ]
    for name in rates:
        ours = "gate x2" if name.endswith("x2") else "gate"
        against = ratios(rates[ours], rates[name]) if ours in rates and name != ours else None
        cpu = ratios(cpus[name], cpus[ours]) if ours in cpus and name != ours else None
        rows.append(
            (
                name,
                spread(rates[name]).whole(),
                _or_none(against),
                f"{spread(cpus[name]).median:.1f}",
                _or_none(cpu),
                f"{spread(brokers[name]).median:.1f}",
            )
        )
    yield (
        f"Throughput, {mix.name}: median (least–most) of {len(next(iter(rates.values())))} interleaved rounds",
        rows,
    )


def _or_none(found: Spread | None) -> str:
    return "" if found is None else str(found)


def _latency_row(found: Mapping[str, Any]) -> Row:
    return (
        found["contender"],
        f"{found['share']:.0%}",
        f"{found['per_second']:,.0f}",
        *(f"{found[each]:.1f}" for each in ("p50", "p95", "p99", "most", "cpu_us", "generator_late_ms")),
    )


def _phase_tables(found: Mapping[str, Any]) -> Iterator[tuple[str, list[Row]]]:
    names = sorted({name for told in found["turns"] for name in told["ms"]})
    rows: list[Row] = [("", "turns", "requests a turn", *(f"{name} ms" for name in names))]
    for told in found["turns"]:
        figures = (f"{told['ms'].get(name, 0):.2f}" for name in names)
        rows.append((told["when"], str(told["turns"]), f"{told['requests_a_turn']:.0f}", *figures))
    yield "Where a turn's time goes, waits and the other lanes' work included (the gate's own lines)", rows
    us, total = found["steps"]["us"], found["steps"]["total_us"]
    steps: list[Row] = [("step", "CPU µs a request")]
    steps += [(name, f"{each:.1f}") for name, each in us.items()]
    steps += [("the rest", f"{total - sum(us.values()):.1f}"), ("all", f"{total:.1f}")]
    yield "Where the gate's CPU goes (each step timed in place, which itself costs a few µs)", steps


def _subject_row(found: Mapping[str, Any]) -> Row:
    return (
        f"{found['persons']:,}", f"{found['ready_seconds']:.1f} s", f"{found['restore_cpu_seconds']:.1f} s",
        f"{found['per_second']:,.0f}", f"{found['cpu_us']:.1f}", f"{found['rss_ready'] / 1e6:,.0f} MB",
        f"{found['rss_after'] / 1e6:,.0f} MB",
    )  # fmt: skip


def terminal(results: Results) -> str:
    """All tables, and the aims."""
    lines = [f"Mixes: {PROVISIONS.told}; {USES.told}."]
    for title, rows in tables(results):
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += ["", title]
        lines += [
            "  "
            + "   ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
    return "\n".join([*lines, "", *map(str, aims(results))])


PLOTS: Final = {
    "Throughput, provisions": "throughput",
    "Latency": "latency",
    "Where a turn's time goes": "phases",
    "Restore": "subjects",
}


def page(results: Results, head: str) -> str:
    """docs/performance.md: what it ran on, how to read it, the aims, the tables and plots."""
    lines = [
        head.rstrip(),
        "",
        *_ran_on(results["context"]),
        "",
        "## Aims",
        "",
        "| Aim | | Found |",
        "|---|---|---|",
    ]
    lines += [
        f"| {each.told} | {'met' if each.met else '**missed**'} | {each.figure} |" for each in aims(results)
    ]
    lines += ["", "## Figures", "", f"Mixes: *provisions*: {PROVISIONS.told}; *uses*: {USES.told}."]
    for title, rows in tables(results):
        lines += ["", f"### {title}", "", _markdown(rows[0]), _markdown(["---"] * len(rows[0]))]
        lines += [_markdown(row) for row in rows[1:]]
        lines += [
            f"\n![{title}](performance/{plot}.svg)"
            for begin, plot in PLOTS.items()
            if title.startswith(begin)
        ]
    lines += ["", "### Memory under load", "", "![Memory over the latency runs](performance/memory.svg)"]
    return "\n".join([*lines, ""])


def _ran_on(told: Mapping[str, Any]) -> list[str]:
    busy = (
        "**The machine was busy with other work in this run: rates and latencies say little, the CPU figures hold.** "
        if told["load"] > QUIET_LOAD
        else ""
    )
    return [
        f"{busy}Run of {told['date']} at commit {told['commit']} on {told['cores']} cores ({told['cpu']}), {told['memory_gb']} GB, "
        f"{told['system']}; Python {told['python']}, Kafka {told['kafka']} (one broker on the same cores), aiokafka {told['aiokafka']}, "
        f"confluent-kafka {told['confluent_kafka']}, faust-streaming {told['faust']}. Load average (1 minute) before the run: "
        f"{told['load']}, after it: {told['load_after']}; the run itself makes about 2. {told['size']}"
    ]


def _markdown(row: Row) -> str:
    return "| " + " | ".join(row) + " |"


def head() -> str:
    """The part of the page that does not change with a run."""
    return Path(__file__).with_name("performance-head.md").read_text("utf-8")
