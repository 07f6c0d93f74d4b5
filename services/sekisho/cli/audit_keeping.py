"""`sekisho audit purge`, `hold` and `extend`: what is due is deleted, what must stay stays."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final, TypeVar

import click

from sekisho.cli.database import LedgerHome, ledger_home, ledger_session, pseudonyms
from sekisho.cli.keeping_table import (
    hold_document,
    overview_document,
    report_document,
    show_holds,
    show_overview,
    show_report,
)
from sekisho.cli.outcome import DONE, CommandError, InputError
from sekisho.cli.screen import stdout_screen
from sekisho.cli.signing import publish_now
from sekisho.ledger.keeping.extending import Extended, end_unreadable, extend_agreement, extend_record
from sekisho.ledger.keeping.holding import Named, place, release
from sekisho.ledger.keeping.keeping import Keeping, KeepingError, Statement
from sekisho.ledger.keeping.overview import Overview, overview
from sekisho.ledger.keeping.purging import PurgeReport, purge_record
from sekisho.ledger.keeping.purging import purge as purge_due
from sekisho.ledger.store.holds import all_holds
from sekisho.settings import Settings

_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])
_SHOWN: Final = 20
Found = TypeVar("Found")
_reason = click.option("--reason", metavar="TEXT", required=True, help="Why; it is kept, signed for good.")
_by = click.option("--by", metavar="WHO", required=True, help="Who orders it.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@click.option("--execute", is_flag=True, help="Delete. Without it nothing is changed.")
@click.option("--yes", is_flag=True, help="With --execute: do not ask. Needed where there is no terminal.")
@click.option("--record", "record_id", metavar="ID", help="With --execute: delete this record, if it is due.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N",
    help=f"Delete at most so many; without --execute: list so many. [default: all; lists {_SHOWN}]",
)  # fmt: skip
@click.option(
    "--as-of", type=_DAY, metavar="DAY",
    help="What would be due on this day (Asia/Tokyo) if nothing changed. A simulation: never with --execute.",
)  # fmt: skip
@click.option(
    "--rewrite", is_flag=True,
    help="With --execute: afterwards write all partitions anew, however large, so that no deleted byte stays in the database's files.",
)  # fmt: skip
@_json
def purge(
    execute: bool, yes: bool, record_id: str | None, limit: int | None, as_of: datetime | None, rewrite: bool, as_json: bool
) -> int:  # fmt: skip
    """Shows what is due for deletion and why; with --execute deletes it.

    Due is what is past its last day by the database's clock, this machine's and the newest signed checkpoint's: the
    least counts. Body and salt go; the leaf stays, with a purge leaf beside it that proves it was there. What is held,
    not due or without an end is refused, and the refusal is written down.

    Exit codes: 0 done, 1 refused or failed.

    \b
    Examples:
      sekisho audit purge
      sekisho audit purge --as-of 2029-12-01
      sekisho audit purge --execute
      sekisho audit purge --execute --record 6c1f… --yes
    """  # fmt: skip
    if as_of is not None and execute:
        raise click.UsageError("--as-of is a simulation: a deletion goes by the clocks alone.")
    if not execute and (yes or rewrite or record_id is not None):
        raise click.UsageError("--yes, --rewrite and --record go with --execute.")
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        if not execute:
            day = None if as_of is None else as_of.date()
            table = _overview(settings, home, day, _SHOWN if limit is None else limit)
            _print_overview(table, as_of=day is not None, as_json=as_json)
            return DONE
        if not yes:
            _confirm(settings, home, record_id)
        report = _purge(settings, home, record_id, limit, rewrite=rewrite)
    if as_json:
        click.echo(json.dumps(report_document(report), ensure_ascii=False))
    else:
        show_report(stdout_screen(), report)
    return DONE


def _overview(settings: Settings, home: LedgerHome, as_of: date | None, rows: int) -> Overview:
    return asyncio.run(overview(_keeping(settings, home), as_of=as_of, rows=rows))


def _print_overview(table: Overview, *, as_of: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(overview_document(table, as_of=as_of), ensure_ascii=False))
    else:
        show_overview(stdout_screen(), table, as_of=as_of)


def _confirm(settings: Settings, home: LedgerHome, record_id: str | None) -> None:
    """Asks on a terminal. Raises UsageError where nobody can answer, click.Abort for a no."""
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on: give --yes.")
    if record_id is not None:
        what = (
            f"記録 {record_id} の内容を削除します。取り消せません。 Deletes the record's contents for good."
        )
    else:
        # a checkpoint is signed first, so the machines' clocks tell what will be due
        day = _overview(settings, home, None, 0).clocks.day_without_checkpoint
        due = _overview(settings, home, day, 0).due
        what = f"{due:,}件の内容を削除します。取り消せません。 Deletes the contents of {due:,} for good."
    click.confirm(what, abort=True, err=True)


def _purge(
    settings: Settings, home: LedgerHome, record_id: str | None, limit: int | None, *, rewrite: bool
) -> PurgeReport:
    keeping = _keeping(settings, home)
    with _progress("削除しています deleting") as show:
        if record_id is not None:
            return _run(purge_record(keeping, _uuid(record_id)))
        return _run(purge_due(keeping, limit=limit, on_progress=show, rewrite=rewrite))


@click.group()
def hold() -> None:
    """Legal holds: what they name is not deleted until they are released.

    \b
    Examples:
      sekisho audit hold place --subject C-000001 --reason "…" --by legal
      sekisho audit hold list
      sekisho audit hold release 0f9c… --reason "…" --by legal
    """


@hold.command("place")
@click.option("--subject", "subject_id", metavar="ID", help="All about this person.")
@click.option("--record", "record_id", metavar="ID", help="This record.")
@click.option("--counterparty", metavar="ID", help="All provided to or received from this party.")
@click.option("--agreement", metavar="ID", help="All under this agreement or document that the ledger has.")
@click.option("--controller", metavar="ID", help="All of this controller.")
@click.option("--all", "everything", is_flag=True, help="Everything.")
@_reason
@_by
@_json
def hold_place(reason: str, by: str, as_json: bool, **named: Any) -> int:
    """Places a hold on what is there and on what arrives later. Several options must all hold of a record.

    A hold stops deletion and prolongs nothing: what is due under it is due when it is released.

    \b
    Examples:
      sekisho audit hold place --subject C-000001 --reason "…" --by legal
      sekisho audit hold place --counterparty life-insurer --reason "…" --by legal
      sekisho audit hold place --all --reason "…" --by legal
    """  # fmt: skip
    if named["everything"] == any(value for name, value in named.items() if name != "everything"):
        raise click.UsageError(
            "Give --subject, --record, --counterparty, --agreement or --controller; or --all."
        )
    if named["record_id"] is not None:
        named["record_id"] = _uuid(named["record_id"])
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        subject = named["subject_id"]
        keyed = None if subject is None else pseudonyms(settings, home).subject(subject)
        placed = _run(place(_keeping(settings, home), Named(**named), keyed, Statement(reason, by)))
    if as_json:
        click.echo(json.dumps(placed._asdict()))
    else:
        click.echo(
            f"{placed.covered:,}件の記録に保全 {placed.hold} を設定しました。 A hold on {placed.covered:,}."
        )
    return DONE


@hold.command("release")
@click.argument("hold_id", metavar="HOLD")
@_reason
@_by
@_json
def hold_release(hold_id: str, reason: str, by: str, as_json: bool) -> int:
    """Ends a hold. Other holds on the same records go on.

    \b
    Example:
      sekisho audit hold release 0f9c… --reason "…" --by legal
    """
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        _run(release(_keeping(settings, home), _uuid(hold_id), Statement(reason, by)))
    if as_json:
        click.echo(json.dumps({"hold": _uuid(hold_id), "released": True}))
    else:
        click.echo(f"保全 {hold_id} を解除しました。 The hold is released.")
    return DONE


@hold.command("list")
@click.option("--released", is_flag=True, help="Released ones too.")
@_json
def hold_list(released: bool, as_json: bool) -> int:
    """Lists the holds that stand: what they name (persons by keyed hash), since when, on how many records.

    \b
    Example:
      sekisho audit hold list --json
    """
    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        found = [each for each in asyncio.run(_holds(settings, home)) if released or each.released_at is None]
    if as_json:
        click.echo(json.dumps([hold_document(each) for each in found], ensure_ascii=False))
    else:
        show_holds(stdout_screen(), found)
    return DONE


async def _holds(settings: Settings, home: LedgerHome) -> list[Any]:
    async with ledger_session(settings, home, "reader") as conn:
        return await all_holds(conn)


@click.command()
@click.option("--record", "record_id", metavar="ID", help="This record.")
@click.option("--agreement", metavar="ID", help="All records under this agreement or document.")
@click.option(
    "--unreadable", metavar="TOPIC:P:O",
    help="With --until: this message that nobody could read, named in the ledger's log, ends on that day.",
)  # fmt: skip
@click.option("--until", type=_DAY, metavar="DAY", help="Keep at least until this day (Asia/Tokyo).")
@click.option("--open", "is_open", is_flag=True, help="Keep without an end.")
@click.option(
    "--ended", type=_DAY, metavar="DAY",
    help="With --agreement: its last provision was on this day; kept as long from then as ER 21, 25, 29 say.",
)  # fmt: skip
@_reason
@_by
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list: how long each is kept now.")
def extend(
    record_id: str | None, agreement: str | None, unreadable: str | None, until: datetime | None, is_open: bool,
    ended: datetime | None, reason: str, by: str, as_json: bool,
) -> int:  # fmt: skip
    """Keeps a record or an agreement's records longer. Nothing can be kept shorter: that is refused.

    \b
    Examples:
      sekisho audit extend --record 6c1f… --until 2035-03-31 --reason "…" --by legal
      sekisho audit extend --agreement BATCH-2026 --open --reason "…" --by legal
      sekisho audit extend --agreement BATCH-2026 --ended 2026-11-22 --reason "…" --by op-0123
    """
    if [record_id, agreement, unreadable].count(None) != 2:
        raise click.UsageError("Give one of --record, --agreement and --unreadable.")
    if [until is not None, is_open, ended is not None].count(True) != 1:
        raise click.UsageError("Give one of --until, --open and --ended.")
    if agreement is None and ended is not None:
        raise click.UsageError("--ended goes with --agreement.")
    if unreadable is not None and until is None:
        raise click.UsageError("--unreadable goes with --until.")
    settings, statement = Settings.from_environment(), Statement(reason, by)
    with ledger_home(settings) as home:
        keeping = _keeping(settings, home)
        if record_id is not None:
            found = [_run(extend_record(keeping, _uuid(record_id), _day(until), statement))]
        elif unreadable is not None and until is not None:
            topic, partition, offset = _message(unreadable)
            found = [_run(end_unreadable(keeping, topic, partition, offset, until.date(), statement))]
        else:
            asked = extend_agreement(
                keeping, agreement or "", statement, until=_day(until), last_provision=_day(ended)
            )
            found = _run(asked)
    if as_json:
        click.echo(json.dumps([_document(each) for each in found], ensure_ascii=False))
        return DONE
    for each in found:
        click.echo(f"{each.name}: {_kept(each)}")
    return DONE


def _document(each: Extended) -> dict[str, str | None]:
    """What was extended, as JSON; `until` null: no end yet, then kept until `at_least` if that is a day."""
    return {
        "name": each.name,
        "until": None if each.until is None else each.until.isoformat(),
        "at_least": None if each.at_least is None else each.at_least.isoformat(),
    }


def _kept(each: Extended) -> str:
    if each.until is not None:
        return f"{each.until} まで保存します。 Kept until {each.until}."
    if each.at_least is not None:
        return f"終期未定。少なくとも {each.at_least} まで保存します。 No end yet; kept until {each.at_least} at least."
    return "終期未定。保存を続けます。 No end yet: kept."


def _keeping(settings: Settings, home: LedgerHome) -> Keeping:
    given = settings.ledger
    return Keeping(
        home.url,
        given.origin,
        given.clock_skew_seconds,
        publish_now=lambda: publish_now(settings, home),
        batch=given.purge_records,
    )


def _run(asked: Coroutine[Any, Any, Found]) -> Found:
    """What the act gives. Raises CommandError with the words of its refusal (exit code 1)."""
    try:
        return asyncio.run(asked)
    except KeepingError as error:
        raise CommandError(str(error)) from error


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InputError(
            f"{text} is no id.", "`sekisho audit records --json` and `audit hold list` print them."
        ) from None


def _message(text: str) -> tuple[str, int, int]:
    topic, *place = text.rsplit(":", 2)
    if len(place) != 2 or not all(each.isascii() and each.isdigit() for each in place):
        raise InputError(
            f"{text} is no TOPIC:PARTITION:OFFSET.", "The ledger's log names unreadable messages."
        )
    return topic, int(place[0]), int(place[1])


def _day(given: datetime | None) -> date | None:
    return None if given is None else given.date()


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
