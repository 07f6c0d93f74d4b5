"""What the ledger's bench found, as tables for the terminal and as a section of docs/performance.md, and whether the aims are met."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import ratios, spread
from bench.ledger_records import TOLD
from bench.ledger_runs import COPY, LEDGER
from bench.report import FLAT, MILLION, QUIET_LOAD, Aim

Results = Mapping[str, Any]
Row = Sequence[str]
PER_SECOND: Final = 15_000
BATCH: Final = 1_000
VERIFIED_S: Final = 10
MARK: Final = "<!-- the ledger: written by bench.ledger -->"
"""In docs/performance.md, what is above is the gate's, what is below the ledger's."""


def aims(results: Results) -> Iterator[Aim]:
    """Those that the results can tell of."""
    found = _runs(results, LEDGER, BATCH)
    if found:
        rate = spread([each["per_second"] for each in found])
        told = f"{PER_SECOND:,} records/s into PostgreSQL with fsync, batches of {BATCH:,}"
        yield Aim(told, rate.median >= PER_SECOND, rate.whole())
    million = results.get("million")
    if million is None:
        return
    if million["records"] >= MILLION:
        seconds = million["verify_leaves"]
        yield Aim(f"1 M leaves verified in {VERIFIED_S} s", seconds <= VERIFIED_S, f"{seconds:.1f} s")
    first, last = million["fill"]["rss"][0], million["fill"]["rss"][-1]
    told = f"memory of the ledger flat over {million['records']:,} records"
    yield Aim(
        told, last <= first * FLAT, f"{first / 1e6:,.0f} MB after a tenth, {last / 1e6:,.0f} MB at the end"
    )


def _runs(results: Results, contender: str, batch: int) -> list[Mapping[str, Any]]:
    return [
        each for each in results.get("ingest", ()) if (each["contender"], each["batch"]) == (contender, batch)
    ]


def tables(results: Results) -> Iterator[tuple[str, list[Row]]]:
    """Each table: its title, its rows; the first row is the head."""
    if results.get("ingest"):
        yield "Records into PostgreSQL, fsync on, 4 partitions: median (least–most) of interleaved rounds", [
            _INGEST_HEAD, *_ingest_rows(results)
        ]  # fmt: skip
        if any(each["phases_us"] for each in results["ingest"]):
            yield _PHASES, [*_phase_rows(results)]
    if "million" in results:
        yield f"A ledger of {results['million']['records']:,} records", [*_million_rows(results["million"])]
        yield "Bytes a record on disk", [_SIZE_HEAD, *_size_rows(results["million"])]


_PHASES: Final = (
    "Where a record's time goes, waits and the other lanes' work included (the ledger's own phases)"
)
_INGEST_HEAD: Final[Row] = (
    "", "batch", "records/s", "COPY / it", "CPU µs a record", "PostgreSQL's", "the broker's", "batch p50 ms", "p99",
)  # fmt: skip
_SIZE_HEAD: Final[Row] = ("table", "rows", "heap", "out of line", "indexes", "all", "by index")


def _ingest_rows(results: Results) -> Iterator[Row]:
    for contender, batch in dict.fromkeys((each["contender"], each["batch"]) for each in results["ingest"]):
        found, limit = _runs(results, contender, batch), _runs(results, COPY, batch)
        rates = [each["per_second"] for each in found]
        against = ""
        if limit and contender != COPY:
            count = min(len(limit), len(found))
            against = str(ratios([each["per_second"] for each in limit[:count]], rates[:count]))
        cpu, postgres, broker, p50, p99 = (
            statistics.median(each[name] for each in found)
            for name in ("cpu_us", "postgres_us", "broker_us", "p50_ms", "p99_ms")
        )
        yield (
            contender, f"{batch:,}", spread(rates).whole(), against, f"{cpu:.1f}", f"{postgres:.1f}",
            f"{broker:.1f}" if broker else "", f"{p50:.1f}" if p50 else "", f"{p99:.1f}" if p99 else "",
        )  # fmt: skip


def _phase_rows(results: Results) -> Iterator[Row]:
    found = [each for each in results["ingest"] if each["phases_us"] and each["batch"] == BATCH]
    names = list(dict.fromkeys(name for each in found for name in each["phases_us"]))
    yield ("", *(f"{name} µs" for name in names))
    for contender in dict.fromkeys(each["contender"] for each in found):
        mine = [each["phases_us"] for each in found if each["contender"] == contender]
        yield (contender, *(f"{statistics.median(each.get(name, 0) for each in mine):.1f}" for name in names))


def _million_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    fill, records = found["fill"], found["records"]
    rss = [f"{each / 1e6:,.0f}" for each in fill["rss"]]
    yield ("", "found")
    yield "taken in and published by one process", f"{fill['seconds']:.0f} s, {fill['per_second']:,.0f}/s"
    yield "its memory at each tenth, MB", " ".join(rss)
    yield "opening check at a start", f"{found['opening']:.2f} s"
    yield "a publication with nothing new", f"{found['publish_idle_ms']:.1f} ms"
    for name, told in (
        ("function", "an inclusion proof by function"),
        ("endpoint", "by the read endpoint, of a record's id"),
    ):
        times = found[f"proof_{name}"]
        yield told, f"p50 {times['p50']:.2f} ms, p99 {times['p99']:.2f} ms"
    for name, told in (
        ("leaves", "verified: leaves, tiles, checkpoints"),
        ("payloads", "verified: payloads too"),
    ):
        cpu, postgres = found[f"verify_{name}_cpu"]
        yield told, f"{found[f'verify_{name}']:.1f} s (CPU {cpu:.1f} s, PostgreSQL's {postgres:.1f} s)"
    if "verify_go" in found:
        yield "exported without payloads", f"{found['export']:.1f} s"
        yield "that bundle verified by the auditor's Go program", f"{found['verify_go']:.1f} s"
    done = found["purge"]
    told = f"{done['seconds']:.1f} s, {done['per_second']:,.0f}/s"
    yield f"{done['records']:,} due records purged, their bytes erased from the files", told
    yield "published files, bytes a record", f"{found['published_bytes'] / records:,.0f}"


def _size_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    records, whole = found["records"], 0
    for each in sorted(found["sizes"], key=lambda each: -each["total"]):
        whole += each["total"]
        indexes = {name: size / records for name, size in each["indexes"].items()}
        cells = (each["heap_bytes"], each["toast_bytes"], sum(each["indexes"].values()), each["total"])
        yield (
            each["table"], f"{each['rows']:,}", *(f"{size / records:,.0f}" for size in cells),
            ", ".join(f"{name} {size:,.0f}" for name, size in indexes.items() if size >= 1),
        )  # fmt: skip
    yield "all", "", "", "", "", f"{whole / records:,.0f}", ""


def terminal(results: Results) -> str:
    """All tables, and the aims."""
    lines = [f"Records: {TOLD}."]
    for title, rows in tables(results):
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += ["", title]
        lines += ["  " + "   ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", *map(str, aims(results))])


def section(results: Results, head: str) -> str:
    """The ledger's part of docs/performance.md."""
    lines = [
        MARK,
        "",
        head.rstrip(),
        "",
        *_ran_on(results["context"]),
        "",
        "## The ledger's aims",
        "",
        "| Aim | | Found |",
        "|---|---|---|",
    ]
    lines += [
        f"| {each.told} | {'met' if each.met else '**missed**'} | {each.figure} |" for each in aims(results)
    ]
    lines += ["", "## The ledger's figures", "", f"Records: {TOLD}."]
    for title, rows in tables(results):
        lines += ["", f"### {title}", "", _markdown(rows[0]), _markdown(["---"] * len(rows[0]))]
        lines += [_markdown(row) for row in rows[1:]]
    return "\n".join([*lines, ""])


def _ran_on(told: Mapping[str, Any]) -> list[str]:
    busy = (
        "**The machine was busy with other work in this run: rates and latencies say little, the CPU figures and ratios hold.** "
        if told["load"] > QUIET_LOAD
        else ""
    )
    return [
        f"{busy}Run of {told['date']} at commit {told['commit']} on {told['cores']} cores ({told['cpu']}), {told['memory_gb']} GB, "
        f"{told['system']}; Python {told['python']}, PostgreSQL {told['postgres']} (the embedded one, its settings as `sekisho up` has "
        f"them), Kafka {told['kafka']} (one broker on the same cores). Load average (1 minute) before the run: {told['load']}, after "
        f"it: {told['load_after']}. {told['size']}"
    ]


def _markdown(row: Row) -> str:
    return "| " + " | ".join(row) + " |"


def head() -> str:
    """The part of the section that does not change with a run."""
    return Path(__file__).with_name("performance-ledger.md").read_text("utf-8")


def joined(page: str, part: str) -> str:
    """The page with this section in the place of its old one."""
    return "\n\n".join(filter(None, (page.partition(MARK)[0].rstrip(), part.rstrip()))) + "\n"


def kept(page: str) -> str:
    """The ledger's section of a page, for whoever writes the rest anew; empty where it has none."""
    _, mark, rest = page.partition(MARK)
    return mark + rest
