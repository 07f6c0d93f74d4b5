"""`sekisho audit verify`: the ledger checked from outside, in its database or in an exported bundle."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from sekisho.cli.outcome import DONE, FOUND, CommandError
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.settings import Settings

if TYPE_CHECKING:
    from sekisho.ledger.verify.report import Report
    from sekisho.ledger.verify.sources import Opening

_PATH: Final = click.Path(path_type=Path)
_SKEW_S: Final = 300.0
"""By how much the clocks of the ledger's machines and the verifier's may differ before it is told."""
_WORDS: Final = {"leaves": "葉 leaves", "payloads": "内容 payloads"}


@click.command()
@click.option(
    "--since",
    "older",
    metavar="CHECKPOINT",
    type=_PATH,
    multiple=True,
    help="A checkpoint that you kept (a file, or a folder of them): the ledger must extend it. May be repeated.",
)
@click.option(
    "--bundle", metavar="DIR", type=_PATH, help="Verify an exported bundle: files alone, no database."
)
@click.option(
    "--published", metavar="DIR", type=_PATH, help="The published files. [default: the ledger's own]"
)
@click.option(
    "--keys",
    "keys_file",
    metavar="FILE",
    type=_PATH,
    help="Your verifier keys, one a line. [default: those beside the ledger]",
)
@click.option(
    "--write-checkpoints",
    "checkpoints",
    metavar="DIR",
    type=_PATH,
    help="Where nothing is wrong: write each log's checkpoint and the keys there, for the next --since.",
)
@click.option("--leaves-only", is_flag=True, help="Leave the payloads out.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def verify(
    older: tuple[Path, ...],
    bundle: Path | None,
    published: Path | None,
    keys_file: Path | None,
    checkpoints: Path | None,
    leaves_only: bool,
    as_json: bool,
) -> int:
    """Checks every leaf, tile, checkpoint and payload of the ledger, its retention and each purge. Nothing is written to it.

    A ledger that was cut short or rewritten by somebody who holds its signing key is found only with --since: keep
    checkpoints where those who run the ledger cannot reach them.

    Exit codes: 0 all holds, 1 something is wrong (the first broken place is named).

    \b
    Examples:
      sekisho audit verify
      sekisho audit verify --since kept/2025 --keys kept/2025/keys --write-checkpoints kept/2026
      sekisho audit verify --bundle evidence --keys kept/2025/keys --since kept/2025
    """  # fmt: skip
    from sekisho.ledger.verify.sources import SourceError
    from sekisho.ledger.verify.verification import Options
    from sekisho.ledger.verify.verification import verify as verified

    settings = Settings.from_environment()
    try:
        with ExitStack() as stack:
            opening, subject_key = _opening(stack, settings, bundle, published)
            options = Options(
                now=datetime.now(UTC),
                keys=() if keys_file is None else tuple(_text(keys_file).split()),
                older=older,
                skew_seconds=max(_SKEW_S, settings.ledger.clock_skew_seconds),
                subject_key=subject_key,
                payloads=not leaves_only,
            )
            with _progress() as on_progress:
                report = verified(opening, options, on_progress)
            if checkpoints is not None and report.ok:
                write_checkpoints(opening, checkpoints)
    except SourceError as error:
        raise CommandError(str(error)) from error
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        show_verification(stdout_screen(), report)
    return DONE if report.ok else FOUND


def _opening(
    stack: ExitStack, settings: Settings, bundle: Path | None, published: Path | None
) -> tuple[Opening, bytes | None]:
    """How to open what is to be verified, and the key of the persons' hashes where it is at hand."""
    from sekisho.ledger.verify.bundle import BundleOpening
    from sekisho.ledger.verify.database import database

    if bundle is not None:
        return BundleOpening(bundle), None
    from sekisho.cli.database import key_places, ledger_home
    from sekisho.ledger.publish.keys import load_subject_key
    from sekisho.ledger.publish.secret_files import KeyFileError

    home = stack.enter_context(ledger_home(settings))
    folder = published or home.folder / "published"
    if published is not None and not published.is_dir():
        raise CommandError(f"{published} is no folder: name the one that holds the published files")
    try:
        key = load_subject_key(key_places(settings, home), may_make=False).secret
    except (KeyFileError, FileNotFoundError):
        key = None
        click.echo(
            "人の検索用ハッシュの鍵が手元にないため、その列は検証しません。 No subject key: its column is not checked.",
            err=True,
        )
    return stack.enter_context(database(home.url, folder if folder.is_dir() else None)), key


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error


def write_checkpoints(opening: Opening, folder: Path) -> None:
    """What to give to the next run."""
    from sekisho.ledger.verify.bundle import flat
    from sekisho.ledger.verify.published import log_path
    from sekisho.ledger.verify.signed import newest, read_signed

    folder.mkdir(parents=True, exist_ok=True)
    with opening() as source:
        for log in source.logs():
            note = newest(read_signed(source, log, None).signed).note
            (folder / f"{flat(log_path(log.origin))}.checkpoint").write_bytes(note)
        (folder / "keys").write_text("".join(f"{key}\n" for key in source.keys()))  # noqa: SIM118 (a source is no dictionary)
    click.echo(f"チェックポイントを {folder} に書きました。 Checkpoints are in {folder}.", err=True)


@contextmanager
def _progress() -> Iterator[Any]:
    """A bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        tasks: dict[tuple[str, int], Any] = {}

        def show(what: str, done: int, total: int) -> None:
            key = what, total
            if key not in tasks:
                tasks[key] = bar.add_task(_WORDS.get(what, what), total=total)
            bar.update(tasks[key], completed=done)

        yield show


def show_verification(screen: Screen, report: Report) -> None:
    """Prints a report: what was counted, what it cannot show, and the verdict."""
    screen.rule("台帳の検証")
    screen.text("Verification of the ledger", indent=3, style="dim")
    for name, ja, en in _COUNTS:
        number = getattr(report, name)
        screen.text(f"{ja} {en}", first=f"{number:>12,}  ", lead="bold")
    seconds = f"{report.leaves_seconds:.1f} s + {report.payloads_seconds:.1f} s"
    screen.text(f"葉と内容の検証にかかった時間 ({seconds}) for leaves and payloads", indent=14, style="dim")
    for note in report.notes():
        screen.text(f"{note.ja} {note.en}", first="ℹ ", style="yellow", lead="yellow")
    screen.line()
    show_verdict(screen, report)


def show_verdict(screen: Screen, report: Report) -> None:
    """Prints that all holds, or the first broken place and how many others there are."""
    from sekisho.ledger.verify.findings import KINDS

    first = report.first
    if first is None:
        screen.text(_GOOD, first="✓ ", style="bold green", lead="bold green")
        return
    meaning = KINDS[first.kind]
    screen.text(
        f"最初の不一致 First broken place: {first.place}", first="✗ ", style="bold red", lead="bold red"
    )
    screen.text(f"{meaning.ja} {meaning.en}", indent=2)
    screen.text(first.detail, indent=2, style="dim")
    for kind, number in sorted(report.totals.items()):
        rest = number - (kind == first.kind)
        if rest:
            screen.text(
                f"ほか {rest} 件 and {rest} more: {KINDS[kind].ja} {KINDS[kind].en}",
                indent=2,
                first=f"{kind}  ",
            )


_COUNTS: Final = (
    ("logs", "ログ", "logs"),
    ("leaves", "葉（形式・ハッシュ・順序・時刻）", "leaves: form, hash, order, time"),
    ("tiles", "ハッシュタイル", "hash tiles"),
    ("bundles", "エントリーバンドル", "entry bundles"),
    ("checkpoints", "チェックポイントの署名", "checkpoint signatures"),
    ("roots", "葉から再計算したルート", "roots recomputed from the leaves"),
    ("payloads", "内容（コミットメント・保存期限・検索列）", "payloads: commitment, retention, columns"),
    ("statements", "保全や延長の理由書", "statements of holds, extensions, keys"),
    ("purged", "削除済み（削除の適法性）", "purged: each purge was lawful"),
    ("open", "期限未定", "with no end yet"),
    ("held", "法的保全中", "under legal hold"),
)
_GOOD: Final = "記録の改変、期限前の消去、並べ替え、追加は見つかりません。 Nothing was altered, removed early, reordered or added."
