"""`sekisho decide`: decisions without Kafka."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click
from pydantic_core import to_json

from sekisho.cli.deciding import Answer, Limits, answer, question
from sekisho.cli.documents import Document, read_file
from sekisho.cli.outcome import DONE, FOUND, InputError
from sekisho.domain.book import Rulebook
from sekisho.settings import Settings


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--rulebook",
    "rulebook_path",
    type=click.Path(path_type=Path),
    help="The rulebook's folder. Without it SEKISHO_RULEBOOK, else the sample rulebook.",
)
@click.option("--readable", is_flag=True, help="Show the decisions in words instead of JSON lines.")
def decide(file: BinaryIO, rulebook_path: Path | None, readable: bool) -> int:
    """Decides each document of FILE (`-`: stdin) without Kafka.

    A document is `{at, events: [...], request: {...}}`: the time to decide at, the consent events known then (as in the
    topics: `{type, data}`, oldest first) and an access request. YAML documents, JSON or JSON lines; each is independent
    of the others. Prints one decision a line, in order, with the record it would write under "record".

    Exit codes: 0 decided (allow or deny), 1 a request or an event was rejected (stderr says which), 2 not such a file.

    \b
    Examples:
      sekisho decide deploy/examples/expired-consent.yaml --readable
      sekisho decide cases.jsonl --rulebook my-rulebook | jq .effect
    """
    questions = [question(each) for each in read_file(file)]
    settings = Settings.from_environment()
    book = _book(rulebook_path or settings.rulebook)
    limits = Limits(
        settings.gate.max_value_bytes, settings.gate.max_events_per_subject, settings.gate.max_output_bytes
    )
    found = False
    for index, asked in enumerate(questions):
        given = answer(asked, index, book, limits)
        for line in given.rejected:
            click.echo(line, err=True)
            found = True
        _print(given, asked.document, book, readable=readable)
    return FOUND if found else DONE


def _book(path: Path | None) -> Rulebook:
    from sekisho.rulebook import load, sample_path

    if path is None:
        path = sample_path()
        click.echo(
            "Deciding with the sample rulebook (give --rulebook or SEKISHO_RULEBOOK for another).", err=True
        )
    elif not path.is_dir():
        raise InputError(f"{path}: no such folder", "A rulebook is a folder of YAML files.")
    return load(path).book


def _print(given: Answer, document: Document, book: Rulebook, *, readable: bool) -> None:
    if given.decision is None:
        return
    line = to_json({**given.decision, "record": given.record})
    if readable:
        _show(document.value["request"], json.loads(line), book)
    else:
        click.echo(line)


def _show(request: Mapping[str, Any], decision: Mapping[str, Any], book: Rulebook) -> None:
    from sekisho.cli.rendering import bases_of, show_decision, show_record, show_request
    from sekisho.cli.screen import stdout_screen

    screen = stdout_screen()
    show_request(screen, dict(request))
    show_decision(screen, dict(decision), bases=bases_of(book, request))
    if decision["record"] is not None:
        show_record(screen, decision["record"])
    screen.line()
