"""A verifier's report on the screen: what was counted, what is wrong and where, in both languages."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from itertools import groupby
from types import TracebackType
from typing import Final

from sekisho.audit import LABELS, CheckReport, Progress
from sekisho.audit.findings import KINDS, Finding
from sekisho.cli.screen import Screen

_NEED: Final = {"partitions", "requests", "decisions", "allowed", "denied", "records", "rejected"}
"""Counts that are told even where they are 0."""
_PATIENCE_S: Final = 1.0
_EVERY_S: Final = 0.1


def show_report(screen: Screen, report: CheckReport) -> None:
    """Prints a report: counts, findings by kind, what could not be checked, and the verdict."""
    screen.rule("監査：トピックから数え、判定し直した結果")
    screen.text("Audit: counted from the topics, and decided again", indent=3, style="dim")
    for name, count in asdict(report.counts).items():
        if count or name in _NEED:
            label = LABELS[name]
            screen.text(f"{label.ja} {label.en}", first=f"{count:>9,}  ", lead="bold")
    for kind, found in groupby(sorted(report.findings, key=lambda each: each.kind), lambda each: each.kind):
        _show_kind(screen, kind, list(found), report.totals[kind])
    for note in report.notes:
        screen.text(f"{note.ja} {note.en}", first="ℹ ", style="yellow", lead="yellow")
    _show_verdict(screen, report)


def _show_kind(screen: Screen, kind: str, found: list[Finding], total: int) -> None:
    told = KINDS[kind]
    screen.line()
    screen.text(f"{told.ja}（{total}件） {told.en}", first=f"✗ {kind}  ", style="bold red", lead="bold red")
    for each in found:
        screen.text(each.detail, indent=4, first=f"{each.place}  ", lead="bold")
    if total > len(found):
        screen.text(f"ほか{total - len(found)}件 and {total - len(found)} more", indent=4)


def _show_verdict(screen: Screen, report: CheckReport) -> None:
    screen.line()
    if not report.ok:
        wrong = sum(report.totals.values())
        screen.text(
            f"{wrong}件の相違があります。 {wrong} findings.", first="✗ ", style="bold red", lead="bold red"
        )
    elif report.counts.pending:
        screen.text(
            "ここまでに相違はありません。処理待ちが残っています。 Nothing is wrong so far; some is still to be answered.",
            first="✓ ", style="bold green", lead="bold green",
        )  # fmt: skip
    else:
        screen.text(
            "すべての申請に、確定した正しい決定がちょうど一つ。失われたもの、重複したものはありません。 "
            "Every request has exactly one committed decision, and the right one. None lost, none doubled.",
            first="✓ ", style="bold green", lead="bold green",
        )  # fmt: skip


class ProgressLine:
    """One line on stderr that tells how far a check is: on a terminal only, and only when it takes long."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._next = time.monotonic() + _PATIENCE_S
        self._shown = False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def show(self, progress: Progress) -> None:
        """Tells how far it is, not more often than eyes can follow."""
        if not self._visible or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_S
        self._shown = True
        where = f"{progress.topic} {progress.partition}: {progress.done:,} / {progress.total:,}"
        sys.stderr.write(f"\r\x1b[K照合中 checking  {where}")
        sys.stderr.flush()
