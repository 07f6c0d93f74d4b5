"""`sekisho audit export`: the evidence bundle for an auditor who distrusts us."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from sekisho.cli.audit_verify import _progress
from sekisho.cli.outcome import DONE, CommandError, InputError
from sekisho.cli.screen import stdout_screen
from sekisho.settings import Settings

if TYPE_CHECKING:
    from sekisho.cli.database import LedgerHome
    from sekisho.ledger.export.redaction import Redaction
    from sekisho.ledger.export.writing import Exported

_PACKAGED: Final = Path(__file__).parents[1] / "auditor"
_CHECKOUT: Final = Path(__file__).parents[3] / "deploy" / "auditor"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--redact",
    "records",
    metavar="RECORD_ID",
    multiple=True,
    help="Leave this record's payload out; may be repeated.",
)
@click.option(
    "--redact-file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True),
    help="The same, one id a line.",
)
@click.option(
    "--redact-subject", "subjects", metavar="ID", multiple=True, help="Leave out all payloads of this person."
)
@click.option(
    "--log",
    "logs",
    metavar="LOG",
    multiple=True,
    help="Payloads of this log alone (its origin, or the end of it); leaves are always whole.",
)
@click.option(
    "--without-payloads", is_flag=True, help="Leaves, tiles and checkpoints alone: no personal data at all."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON object.")
def export(folder: Path, as_json: bool, **given: Any) -> int:
    """Writes an evidence bundle to DIR, which is new or empty: whole, or nothing.

    Anybody verifies it with a short Go program on public modules (its source and a README are in it), with tessera's fsck, or
    with `sekisho audit verify --bundle`. What is left out can still be verified as far as its leaf goes.

    \b
    Examples:
      sekisho audit export evidence-2026
      sekisho audit export evidence-2026 --redact-subject C-000001
      sekisho audit export evidence-2026 --without-payloads
    """  # fmt: skip
    from sekisho.cli.database import ledger_home
    from sekisho.ledger.export.readme import README
    from sekisho.ledger.export.writing import ExportError, ExportPlan
    from sekisho.ledger.export.writing import export as exported
    from sekisho.ledger.verify.database import database
    from sekisho.ledger.verify.sources import SourceError

    settings = Settings.from_environment()
    with ledger_home(settings) as home:
        redaction = _redaction(settings, home, given)
        _publish(settings, home)
        started = monotonic()
        try:
            with database(home.url, home.folder / "published") as opening, _progress() as on_progress:
                plan = ExportPlan(
                    folder,
                    datetime.now(UTC),
                    auditor_path(),
                    {"README.md": README},
                    _of_logs(opening, redaction, given["logs"]),
                )
                done = exported(opening, plan, on_progress)
        except (ExportError, SourceError, OSError) as error:
            raise CommandError(f"No bundle was written: {error}") from error
    _show(folder, done, monotonic() - started, as_json=as_json)
    return DONE


def auditor_path() -> Path:
    """The Go program's source. Raises CommandError if the package was put together without it."""
    for path in (_PACKAGED, _CHECKOUT):
        if path.is_dir():
            return path
    raise CommandError(
        f"the auditor's program is neither in {_PACKAGED} nor in {_CHECKOUT}: reinstall sekisho"
    )


def _redaction(settings: Settings, home: LedgerHome, given: dict[str, Any]) -> Redaction:
    from sekisho.cli.database import pseudonyms
    from sekisho.ledger.export.redaction import Redaction
    from sekisho.ledger.publish.secret_files import KeyFileError

    named = [*given["records"], *(given["redact_file"].read_text().split() if given["redact_file"] else ())]
    try:
        records = frozenset(UUID(each) for each in named)
    except ValueError as error:
        raise InputError(f"a record id is a UUID: {error}") from error
    subjects: frozenset[bytes] = frozenset()
    if given["subjects"]:
        try:
            keyed = pseudonyms(settings, home)
        except (KeyFileError, FileNotFoundError) as error:
            raise CommandError(f"persons cannot be found: {error}") from error
        subjects = frozenset(keyed.subject(each) for each in given["subjects"])
    return Redaction(records, subjects, everything=given["without_payloads"])


def _of_logs(opening: Any, redaction: Redaction, logs: tuple[str, ...]) -> Redaction:
    """With the logs that were named, as origins."""
    if not logs:
        return redaction
    with opening() as source:
        known = [log.origin for log in source.logs()]
    found = set()
    for name in logs:
        mine = [origin for origin in known if origin == name or origin.endswith(f"/{name}")]
        if not mine:
            raise InputError(
                f"there is no log {name}",
                "`sekisho audit verify --json` and the bundle's manifest name them.",
            )
        found.update(mine)
    from dataclasses import replace

    return replace(redaction, logs=frozenset(found))


def _publish(settings: Settings, home: LedgerHome) -> None:
    """Signs all that is committed, where this machine may; else the bundle ends with the newest checkpoints."""
    from sekisho.cli.signing import publish_now
    from sekisho.ledger.publish.edge import AlteredLogError
    from sekisho.ledger.publish.key_history import KeyHistoryError
    from sekisho.ledger.publish.opening import OpeningError
    from sekisho.ledger.publish.publisher import ClockBehindError, KeyChangedError
    from sekisho.ledger.publish.secret_files import KeyFileError
    from sekisho.ledger.store.errors import StoreError

    try:
        asyncio.run(publish_now(settings, home))
    except (
        AlteredLogError, ClockBehindError, KeyChangedError, KeyFileError, KeyHistoryError, OpeningError, OSError, StoreError,
    ) as error:  # fmt: skip
        click.echo(
            f"新しいチェックポイントに署名できません。最新の署名済みの時点までを書き出します。 Nothing new could be signed, so the bundle ends with the newest "
            f"checkpoints: {error}",
            err=True,
        )


def _show(folder: Path, done: Exported, seconds: float, *, as_json: bool) -> None:
    if as_json:
        told = {
            "folder": str(folder), "logs": done.logs, "leaves": done.leaves, "payloads": done.payloads, "redacted": done.redacted,
            "unsigned": done.unsigned, "not_proved": done.not_proved, "seconds": round(seconds, 3),
        }  # fmt: skip
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    screen = stdout_screen()
    screen.rule("証拠一式を書き出しました")
    screen.text(f"Evidence bundle: {folder} ({seconds:.1f} s)", indent=3, style="dim")
    for number, ja, en in (
        (len(done.logs), "ログ", "logs"), (done.leaves, "葉", "leaves"), (done.payloads, "内容", "payloads"),
        (done.redacted, "除いた内容", "payloads left out"), (done.unsigned, "未署名のため含まない葉", "leaves not signed yet, left behind"),
    ):  # fmt: skip
        screen.text(f"{ja} {en}", first=f"{number:>12,}  ", lead="bold")
    for origin in done.not_proved:
        screen.text(
            f"整合性証明を作れません: {origin} No consistency proof: its tiles are not whole.",
            first="✗ ",
            lead="bold red",
        )
    screen.text(
        f"検証の手順は {folder}/README.md にあります。 How to verify it: {folder}/README.md",
        first="ℹ ",
        lead="yellow",
    )
