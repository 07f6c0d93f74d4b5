"""What is due, what was deleted and what is held: on the screen and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sekisho.cli.screen import Screen
from sekisho.domain.calendar import TOKYO
from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.judging import rule
from sekisho.ledger.keeping.overview import Overview
from sekisho.ledger.keeping.purging import PurgeReport
from sekisho.ledger.store.holds import HoldRow
from sekisho.ledger.store.retention import DueRow

_CLOCKS = {
    "database": ("データベースの時計", "the database's clock"),
    "host": ("この機器の時計", "this machine's clock"),
    "checkpoint": ("最新の署名済みチェックポイント", "the newest signed checkpoint"),
}


def show_overview(screen: Screen, table: Overview, *, as_of: bool) -> None:
    """Prints what a purge would find, and why."""
    screen.rule("保存期間が終わった記録")
    said = (
        f"On {table.day}, if nothing changed until then (a simulation)"
        if as_of
        else f"Past their last day on {table.day}"
    )
    screen.text(said, indent=3, style="dim")
    for group in table.groups:
        screen.line(
            f"{group.due:>9,}  {group.month}  {group.rule:<18} {group.method or group.kind:<10}"
            + (f"  保全中 held {group.held:,}" if group.held else "")
        )
    _count(screen, table.due, "削除の対象", "due: to be deleted")
    _count(screen, table.held, "期間は過ぎたが保全中", "past their last day, but held")
    _count(screen, table.no_end, "終期未定（継続中または不明）", "without an end yet: kept")
    for hold in table.holds:
        screen.text(
            f"保全 {hold.hold}（{hold.at.astimezone(TOKYO):%Y-%m-%d}から{hold.covered:,}件、うち期間経過{hold.due:,}件） "
            f"on {hold.covered:,}, of which {hold.due:,} are past their last day",
            first="  ■ ",
            style="yellow",
        )
    _show_rows(screen, table.rows)
    _show_clocks(screen, table.clocks)
    if not as_of and table.due:
        screen.text("`sekisho audit purge --execute` で削除します。 deletes them.", first="ℹ ", lead="yellow")


def _count(screen: Screen, number: int, ja: str, en: str) -> None:
    screen.text(f"{ja} {en}", first=f"{number:>9,}  ", lead="bold")


def _show_rows(screen: Screen, rows: Sequence[DueRow]) -> None:
    for each in rows:
        held = "  保全中 held" if each.holds else ""
        why = rule(each.kind, each.basis, each.method)
        screen.line(f"    {each.effective}  {why:<18} log {each.log_id} #{each.idx}{held}", "dim")


def _show_clocks(screen: Screen, clocks: Clocks) -> None:
    for name, at in clocks.by_name.items():
        ja, en = _CLOCKS[name]
        least = "  ← 最も遅い。これで判定します the least: it counts" if name == clocks.least else ""
        screen.text(f"{ja} {en}{least}", first=f"  {_tokyo(at)}  ", style="dim")
    if clocks.checkpoint_at is None:
        screen.text(
            "署名済みのチェックポイントがありません。 Nothing was ever signed: nothing is due.",
            first="✗ ",
            style="yellow",
        )


def show_report(screen: Screen, report: PurgeReport) -> None:
    """Prints what a purge did."""
    screen.rule("削除しました")
    screen.text("Deleted", indent=3, style="dim")
    _count(screen, report.purged, "本文とソルトを削除", "bodies and salts deleted, with a purge leaf each")
    _count(screen, report.held, "保全中のため残した", "past their last day and kept by a hold")
    if report.refusal is not None:
        screen.text(
            "削除しなかったことを台帳に記録しました。 What was not deleted is written down in the ledger.",
            first="ℹ ",
            lead="yellow",
        )
    for each in report.erased:
        if not each.clean:
            screen.text(
                f"{each.partition}: 削除済みのバイトがファイルに残っている可能性があります。`--rewrite` で消えます。 "
                "Deleted bytes may still be in its file; --rewrite erases them.",
                first="! ",
                style="yellow",
                lead="yellow",
            )  # fmt: skip
    _show_clocks(screen, report.clocks)


def show_holds(screen: Screen, holds: Sequence[HoldRow]) -> None:
    """Prints holds, one a paragraph."""
    if not holds:
        screen.text("保全はありません。 No hold stands.")
    for each in holds:
        end = "" if each.released_at is None else f"  解除 released {_tokyo(each.released_at)}"
        screen.line(f"{each.hold}  {_tokyo(each.at)}{end}", "bold")
        named = [f"{name}: {', '.join(map(str, value))}" for name, value in _named(each).items()]
        screen.text(f"{each.covered:,}件 records. {'; '.join(named) or '全件 everything'}", indent=4)


def _named(hold: HoldRow) -> dict[str, Any]:
    return {name: value for name, value in hold.selector.to_json().items() if name != "kinds"}


def hold_document(hold: HoldRow) -> dict[str, Any]:
    """A hold as JSON."""
    return {
        "hold": hold.hold,
        "at": hold.at.isoformat(),
        "released_at": None if hold.released_at is None else hold.released_at.isoformat(),
        "covered": hold.covered,
        "selector": _named(hold),
    }


def overview_document(table: Overview, *, as_of: bool) -> dict[str, Any]:
    """What a purge would find, as JSON."""
    return {
        "day": None if table.day is None else table.day.isoformat(),
        "simulated": as_of,
        "due": table.due,
        "held": table.held,
        "no_end": table.no_end,
        "groups": [group._asdict() for group in table.groups],
        "holds": [{**each._asdict(), "at": each.at.isoformat()} for each in table.holds],
        "rows": [
            {
                "log": each.log_id, "index": each.idx, "rid": each.rid, "kind": each.kind, "method": each.method,
                "rule": rule(each.kind, each.basis, each.method), "until": each.effective.isoformat(), "holds": list(each.holds),
            }
            for each in table.rows
        ],
        "clocks": _clocks_document(table.clocks),
    }  # fmt: skip


def report_document(report: PurgeReport) -> dict[str, Any]:
    """What a purge did, as JSON."""
    return {
        "purged": report.purged,
        "held": report.held,
        "refusal": report.refusal,
        "erased": [each._asdict() for each in report.erased],
        "clocks": _clocks_document(report.clocks),
    }


def _clocks_document(clocks: Clocks) -> dict[str, Any]:
    told: dict[str, Any] = {name: at.isoformat() for name, at in clocks.by_name.items()}
    return {**told, "least": clocks.least}


def _tokyo(at: datetime) -> str:
    return f"{at.astimezone(TOKYO):%Y-%m-%d %H:%M:%S} JST"
