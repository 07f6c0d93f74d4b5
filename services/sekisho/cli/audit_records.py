"""`sekisho audit records`: finds, counts and prints the provision records that the ledger keeps."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final, get_args

import click

from sekisho.cli.database import LedgerHome, ledger_home, ledger_session, pseudonyms
from sekisho.cli.outcome import DONE
from sekisho.cli.rendering import show_record
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.domain.vocabulary import RecordBasis, RecordMethod
from sekisho.ledger.search import FoundRecord, RecordQuery, count, find
from sekisho.ledger.store.payloads import Count
from sekisho.settings import Settings

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
_SHOWN: Final = 50
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_BYTE_ORDER_MARK: Final = "\ufeff"
COLUMNS: Final = (
    "record_id", "created_at", "provided_on", "direction", "basis", "method", "controller", "counterparty",
    "counterparty_name", "subject", "items", "consent", "retain_until", "holds", "log", "index",
)  # fmt: skip
"""Of the CSV, in this order."""


@click.command()
@click.option("--person", "subjects", metavar="ID", multiple=True, help="Of this person; may be repeated.")
@click.option("--record", "record_ids", metavar="ID", multiple=True, help="This record; may be repeated.")
@click.option(
    "--recipient", "counterparties", metavar="ID", multiple=True, help="With this counterparty (its id)."
)
@click.option("--controller", "controllers", metavar="ID", multiple=True, help="Of this controller.")
@click.option(
    "--method",
    "methods",
    type=click.Choice(get_args(RecordMethod)),
    multiple=True,
    help="Made by this method.",
)
@click.option(
    "--basis",
    "bases",
    type=click.Choice(get_args(RecordBasis)),
    metavar="BASIS",
    multiple=True,
    help=f"Owed on this basis: {', '.join(get_args(RecordBasis))}.",
)
@click.option(
    "--direction",
    "directions",
    type=click.Choice(["provision", "receipt"]),
    multiple=True,
    help="Provided, or received.",
)
@click.option(
    "--from", "first", type=_DAY, metavar="DAY", help="Created on or after this day (Asia/Tokyo), YYYY-MM-DD."
)
@click.option("--until", "last", type=_DAY, metavar="DAY", help="Created on or before this day (Asia/Tokyo).")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"At most so many. [default: {_SHOWN} on the screen, else all]",
)
@click.option("--count", "only_counts", is_flag=True, help="Only the counts by direction, basis and method.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON object a line: a record each, or with --count the counts.",
)
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="A table for a spreadsheet (UTF-8 with a byte order mark); a cell that it could take for a formula begins with '.",
)
def records(**given: Any) -> int:
    """Lists the provision and receipt records that the ledger keeps, and counts them (log by log, oldest first).

    Several values of one option mean any of them; different options must all hold. Records whose time was over and that
    were deleted are not listed; `sekisho audit verify` accounts for them.

    \b
    Examples:
      sekisho audit records --person C-000001
      sekisho audit records --recipient life-insurer --from 2026-04-01 --csv > records.csv
      sekisho audit records --basis provision.opt_out --count --json
    """  # fmt: skip
    if given["as_json"] and given["as_csv"]:
        raise click.UsageError("--json and --csv exclude each other.")
    if given["as_csv"] and given["only_counts"]:
        raise click.UsageError("--count has no CSV; use --json.")
    settings = Settings.from_environment()
    query = RecordQuery(
        **{name: tuple(given[name]) for name in
           ("subjects", "record_ids", "counterparties", "controllers", "methods", "bases", "directions")},
        created_from=_day(given["first"]),
        created_until=_day(given["last"]),
    )  # fmt: skip
    with ledger_home(settings) as home:
        asyncio.run(_print(settings, home, query, given))
    return DONE


def _day(given: datetime | None) -> Any:
    return None if given is None else given.date()


async def _print(settings: Settings, home: LedgerHome, query: RecordQuery, given: dict[str, Any]) -> None:
    wanted = query.filter(pseudonyms(settings, home) if query.subjects else None)
    async with ledger_session(settings, home, "reader") as connection:
        if given["only_counts"]:
            _print_counts(await count(connection, wanted), as_json=given["as_json"])
        elif given["as_csv"] or given["as_json"]:
            write = _csv_rows if given["as_csv"] else _json_lines
            await write(find(connection, wanted, given["limit"]))
        else:
            screen = stdout_screen()
            shown = await _show(screen, find(connection, wanted, given["limit"] or _SHOWN))
            _tell(screen, shown, await count(connection, wanted))


async def _json_lines(found: AsyncIterator[FoundRecord]) -> None:
    async for each in found:
        click.echo(json.dumps(document(each), ensure_ascii=False))


async def _csv_rows(found: AsyncIterator[FoundRecord]) -> None:
    sys.stdout.write(_BYTE_ORDER_MARK)  # without it Excel takes Japanese for Shift_JIS
    rows = csv.writer(sys.stdout)
    rows.writerow(COLUMNS)
    async for each in found:
        rows.writerow([_cell(value) for value in _columns(each)])


def document(found: FoundRecord) -> dict[str, Any]:
    """A record as the command prints it: the record, its last day, its holds, and where its leaf stands."""
    return {
        "record": found.record.model_dump(mode="json"),
        "retain_until": None if found.retain_until is None else found.retain_until.isoformat(),
        "holds": list(found.holds),
        "log": found.origin,
        "index": found.idx,
        "rid": found.rid,
    }


def _columns(found: FoundRecord) -> Sequence[object]:
    record = found.record
    return (
        record.record_id, record.created_at.isoformat(), record.provided_on, record.direction, record.basis, record.method,
        record.controller, record.counterparty.id, record.counterparty.name,
        None if record.subject is None else record.subject.id, " ".join(record.items),
        None if record.consent is None else record.consent.consent_id, found.retain_until, " ".join(found.holds),
        found.origin, found.idx,
    )  # fmt: skip


def _cell(value: object) -> str:
    """A spreadsheet would calculate a text that begins like a formula: ids come from outside."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


async def _show(screen: Screen, found: AsyncIterator[FoundRecord]) -> int:
    shown = 0
    async for each in found:
        shown += 1
        show_record(screen, each.record.model_dump(mode="json"))
        screen.text(each.record.record_id, first="    番号 id    ", lead="dim", style="dim")
        until = "終期未定 no end yet" if each.retain_until is None else f"{each.retain_until} まで until"
        screen.text(f"{until}; {each.origin} #{each.idx}", first="    保存 kept  ", lead="dim", style="dim")
        if each.holds:
            screen.text(", ".join(each.holds), first="    保全 held  ", lead="yellow", style="yellow")
    return shown


def _tell(screen: Screen, shown: int, counted: Sequence[Count]) -> None:
    total = sum(each.records for each in counted)
    if shown < total:
        screen.line()
        screen.text(
            f"ほか{total - shown}件 and {total - shown} more: --limit, --json or --csv give them.",
            style="yellow",
        )
    _show_counts(screen, counted, total)


def _print_counts(counted: Sequence[Count], *, as_json: bool) -> None:
    if not as_json:
        _show_counts(stdout_screen(), counted, sum(each.records for each in counted))
        return
    lines: list[dict[str, Any]] = [each._asdict() for each in counted]
    click.echo(json.dumps({"records": sum(each.records for each in counted), "counts": lines}))


def _show_counts(screen: Screen, counted: Sequence[Count], total: int) -> None:
    screen.line()
    screen.text("件の記録 records kept", first=f"{total:>9,}  ", lead="bold")
    for each in sorted(counted, key=_order):
        screen.text(
            f"{each.direction}  {each.basis}  {each.method}", first=f"{each.records:>9,}  ", style="dim"
        )


def _order(each: Count) -> tuple[str, str, str]:
    return str(each.direction), str(each.basis), str(each.method)
