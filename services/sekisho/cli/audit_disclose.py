"""`sekisho audit disclose`: a person's disclosure document, and the operator's count beside it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import click

from sekisho.audit import disclosure as documents
from sekisho.audit.disclosure import (
    Disclosure,
    DisclosureError,
    ExpiredRecord,
    Instructions,
    KeptRecord,
    Statements,
)
from sekisho.cli.database import LedgerHome, ledger_home, ledger_session, pseudonyms, told_on_stderr
from sekisho.cli.disclosure_letter import answer_of, document_id, request_of, today
from sekisho.cli.documents import read_documents
from sekisho.cli.outcome import DONE, InputError
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.domain.book import Rulebook
from sekisho.ledger.disclosing import PersonsRecords, persons_records, place
from sekisho.settings import Settings

_FORMATS: Final = ("pdf", "html", "json")
_DAY: Final = click.DateTime(formats=["%Y-%m-%d"])


@dataclass(frozen=True)
class Wanted:
    """What to write, for whom, where. `output` None: a folder named by the document."""

    subject_id: str
    organization: str | None
    received_on: date | None
    instructions: Instructions
    output: Path | None
    formats: tuple[str, ...]


@click.command()
@click.argument("subject_id", metavar="SUBJECT")
@click.option(
    "--organization",
    metavar="ID",
    help="Who answers, as the rulebook names it; its records alone are disclosed.",
)
@click.option(
    "--instructions",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A YAML or JSON file with `request`, `answer` and `statements`: who asks and how, the letter's sender and contact, decisions on single records.",
)
@click.option(
    "--received-on",
    type=_DAY,
    metavar="DAY",
    help="When the request came in, YYYY-MM-DD. [default: today, Asia/Tokyo]",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder for the documents. [default: disclosure-<document id>]",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(_FORMATS),
    multiple=True,
    help="Only this format; may be repeated. [default: all]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the person's notice as JSON instead of writing documents."
)
def disclose(
    subject_id: str,
    organization: str | None,
    path: Path | None,
    received_on: datetime | None,
    output: Path | None,
    formats: tuple[str, ...],
    as_json: bool,
) -> int:
    """Writes what a person may see of the provision and receipt records about them (APPI 33(5)), in Japanese.

    notice.pdf, .html and .json are for the person: every record of the organization that is kept, or the statement that
    there is none. operator/sheet.* is the operator's own complete count, with what is withheld and why, and never goes
    out. What is withheld is stated with `sekisho audit withhold`, or in the instructions' `statements`.

    \b
    Examples:
      sekisho audit disclose C-000001 --organization savings-bank
      sekisho audit disclose C-900003 --instructions deploy/examples/disclosure.yaml
      sekisho audit disclose C-000001 --organization savings-bank --json
    """  # fmt: skip
    settings = Settings.from_environment()
    day = None if received_on is None else received_on.date()
    wanted = Wanted(subject_id, organization, day, _instructions(path), output, formats or _FORMATS)
    book = _book(settings)
    stated = wanted.instructions.answer
    if stated is not None and stated.as_of != today():
        told_on_stderr(
            f"(the letter will say {stated.as_of} for the day of the search; it is made on {today()})"
        )
    with ledger_home(settings) as home:
        found = asyncio.run(found_in(settings, home, subject_id))
        key = pseudonyms(settings, home).subject(subject_id)
    made = made_of(wanted, book, found, key)
    if as_json:
        click.echo(documents.notice_json(made))
        return DONE
    folder = wanted.output or Path(f"disclosure-{made.notice.document_id}")
    written = write_documents(folder, made, wanted.formats)
    _tell(stdout_screen(), made, written)
    return DONE


def _instructions(path: Path | None) -> Instructions:
    if path is None:
        return Instructions()
    found = read_documents(str(path), path.read_bytes())
    if len(found) != 1:
        raise InputError(f"{path}: {len(found)} documents", "The instructions are one YAML or JSON document.")
    try:
        return documents.read_instructions(found[0].value)
    except DisclosureError as error:
        raise InputError(
            f"{path}: {error.ja} {error.en}", "deploy/examples/disclosure.yaml shows a whole file."
        ) from error


def _book(settings: Settings) -> Rulebook:
    from sekisho.rulebook import load, sample_path

    if settings.rulebook is None:
        told_on_stderr("(SEKISHO_RULEBOOK is not given: names are those of the sample rulebook)")
    return load(settings.rulebook or sample_path()).book


async def found_in(settings: Settings, home: LedgerHome, subject_id: str) -> PersonsRecords:
    """All that the ledger has for the person. Raises StoreError, DamagedRecordError, KeyFileError."""
    async with ledger_session(settings, home, "reader") as connection:
        return await persons_records(connection, pseudonyms(settings, home).subject(subject_id))


def made_of(wanted: Wanted, book: Rulebook, found: PersonsRecords, key: bytes) -> Disclosure:
    """The notice and the sheet. Raises InputError, CommandError."""
    request = request_of(wanted.instructions, wanted.subject_id, wanted.received_on or today())
    number = document_id(request, wanted.organization, hashlib.sha256(key).digest())
    answer = answer_of(wanted.instructions, book, wanted.organization, number, found.reference)
    stated = statements_of(found, wanted.instructions.statements)
    names = {id_: item.name.ja for id_, item in book.items.items()}
    try:
        return documents.disclose(request, answer, stated, kept_of(found), expired_of(found), names)
    except DisclosureError as error:
        raise InputError(f"{error.ja} {error.en}") from error


def statements_of(found: PersonsRecords, stated: Statements) -> Statements:
    """What is stated in the instructions, and what is marked in the ledger."""
    return stated.model_copy(
        update={
            "withheld": (*stated.withheld, *(documents.Withholding(**each) for each in found.withheld)),
            "excluded": (*stated.excluded, *(documents.Exclusion(**each) for each in found.excluded)),
        }
    )


def kept_of(found: PersonsRecords) -> list[KeptRecord]:
    """What is kept, each with its place in the ledger and the last day that counts."""
    return [
        KeptRecord(each.record, place(each), each.retain_until, open_ended=each.retain_until is None)
        for each in found.kept
    ]


def expired_of(found: PersonsRecords) -> list[ExpiredRecord]:
    """What was kept once, by the place of its leaf."""
    return [
        ExpiredRecord(each.name, each.created_on, each.purged_on, each.disclosable, each.controller)
        for each in found.purged
    ]


def write_documents(folder: Path, made: Disclosure, formats: tuple[str, ...]) -> list[Path]:
    """For this user alone: they are about a person. Raises InputError where one is there already."""
    notice: Mapping[str, Any] = {
        "pdf": documents.notice_pdf, "html": documents.notice_html, "json": documents.notice_json,
    }  # fmt: skip
    sheet: Mapping[str, Any] = {
        "pdf": documents.sheet_pdf, "html": documents.sheet_html, "json": documents.sheet_json,
    }  # fmt: skip
    paths = {folder / f"notice.{each}": notice[each] for each in formats}
    paths |= {folder / "operator" / f"sheet.{each}": sheet[each] for each in formats}
    for path in paths:
        if path.exists():
            raise InputError(f"{path} is there already.", "Name another folder with --output.")
    contents = {path: writer(made) for path, writer in paths.items()}  # all of them, or none
    for path, content in contents.items():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
    return list(paths)


def _tell(screen: Screen, made: Disclosure, written: list[Path]) -> None:
    screen.line("本人への通知 For the person:", "bold")
    for path in written:
        if path.parent.name != "operator":
            screen.line(f"  {path}")
    screen.line("事業者の控え（本人に渡さない） The operator's own, never to go out:", "bold")
    for path in written:
        if path.parent.name == "operator":
            screen.line(f"  {path}")
    counts = made.sheet.counts
    screen.line()
    screen.text(
        f"台帳にある記録 {counts.total} 件。 Records that the ledger has: {counts.total}.", style="bold"
    )
    for category, number in counts.categories.items():
        if number:
            screen.text(category, first=f"{number:>9,}  ", style="dim")
    if not counts.total:
        screen.text(
            "この番号の記録は台帳にありません。番号に誤りがないか確かめてください。 The ledger has nothing under this id: make sure "
            "that it is the right one.",
            first="! ", lead="yellow", style="yellow",
        )  # fmt: skip
    for warning in made.sheet.warnings:
        screen.text(f"{warning.ja} {warning.en}", first="! ", lead="yellow", style="yellow")
