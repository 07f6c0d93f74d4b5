"""`sekisho rulebook diff`: what a change of the rulebook means, in answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from sekisho.cli.deciding import Limits, Question, answer, question
from sekisho.cli.documents import read_file
from sekisho.cli.outcome import DONE, FOUND, InputError
from sekisho.cli.rulebook import folder
from sekisho.cli.screen import Screen, mapping, stdout_screen
from sekisho.domain.book import Rulebook
from sekisho.rulebook.compile import load
from sekisho.rulebook.diff import Asked, DiffReport, diff, of_cases
from sekisho.rulebook.meaning import grouped
from sekisho.rulebook.problems import RulebookError
from sekisho.settings import Settings

_NAMED: Final = 6
"""Entries named of a change that many share."""
_HOW: Final = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


@click.command("diff")
@click.argument("before", metavar="A", type=click.Path(path_type=Path))
@click.argument("after", metavar="B", type=click.Path(path_type=Path))
@click.option(
    "--requests", type=click.File("rb"), help="Requests to put to both, as `sekisho decide` reads them."
)
@click.option("--words", is_flag=True, help="Show the texts that differ, not only how many.")
@click.option("--json", "as_json", is_flag=True, help="Print what differs as one JSON object.")
def diff_command(before: Path, after: Path, requests: BinaryIO | None, words: bool, as_json: bool) -> int:
    """Says what changes in meaning from the rulebook in folder A to the one in folder B.

    Every case of both folders, and every request of the file, is put to both: what would be answered otherwise (effect,
    items, reasons, bases, obligations, record) is told, with the rule that makes the difference; then which entries of
    the data changed. The compiled rulebooks are compared: order, files and shorthand do not count, nor do words, which
    are counted apart.

    Exit codes: 0 the same in meaning, 1 something differs, 2 one of them cannot be read.

    \b
    Examples:
      sekisho rulebook diff deploy/rulebook my-rulebook
      sekisho rulebook diff old new --requests last-week.jsonl
      sekisho rulebook diff old new --json | jq .by_rule
    """
    try:
        pair = load(folder(before)), load(folder(after))
        asked = of_cases(before, after)
    except RulebookError as error:
        raise InputError(str(error), "Two rulebooks can be compared once both can be used.") from error
    if requests is not None:
        asked += _of_documents([question(each) for each in read_file(requests)])
    report = diff(*pair, asked)
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        _show(stdout_screen(), report, words=words)
    return DONE if report.same else FOUND


def _of_documents(questions: list[Question]) -> Iterator[Asked]:
    gate = Settings.from_environment().gate
    limits = Limits(gate.max_value_bytes, gate.max_events_per_subject, gate.max_output_bytes)
    for index, asked in enumerate(questions):
        request = mapping(asked.document.value["request"])
        action = str(request.get("action"))
        title = f"{action} for {request.get('purpose')}"
        yield Asked(
            str(request.get("request_id")),
            title,
            asked.document.at(),
            action,
            _Document(asked, index, limits),
        )


class _Document:
    """A document put to a rulebook; what is rejected of it is told once."""

    def __init__(self, asked: Question, index: int, limits: Limits) -> None:
        self._asked, self._index, self._limits = asked, index, limits
        self._told = False

    def __call__(self, book: Rulebook) -> tuple[Mapping[str, Any], Mapping[str, Any] | None] | None:
        given = answer(self._asked, self._index, book, self._limits)
        for line in () if self._told else given.rejected:
            click.echo(line, err=True)
        self._told = True
        return None if given.decision is None else (given.decision, given.record)


def _show(screen: Screen, report: DiffReport, *, words: bool) -> None:
    for mark, loaded in (("A", report.before), ("B", report.after)):
        screen.text(
            f"rulebook {loaded.book.version} {loaded.book.digest}",
            first=f"{mark}  ",
            lead="bold",
            style="dim",
        )
    _answers(screen, report)
    _data(screen, report)
    if report.words:
        screen.line()
        screen.text(
            f"{len(report.words)} texts or citations differ" + ("" if words else " (--words shows them)")
        )
        for where, old, new in report.words if words else ():
            screen.text(where, indent=2, style="dim")
            screen.text(old or "not there", indent=4, first="- ", lead="red")
            screen.text(new or "not there", indent=4, first="+ ", lead="green")
    screen.line()
    if report.same:
        screen.text("The same in meaning.", first="✓ ", style="bold green", lead="bold green")
    else:
        screen.text(
            f"{len(report.answers)} of {report.asked} requests are answered otherwise; {len(report.data)} entries of the data differ.",
            first="≠ ", style="bold yellow", lead="bold yellow",
        )  # fmt: skip


def _answers(screen: Screen, report: DiffReport) -> None:
    if report.answers or not report.asked:
        screen.line()
    if not report.asked:
        screen.text("No request was put to both: neither folder has cases. Give --requests.", style="yellow")
    for changed in report.answers:
        before, after = changed.answer.effect
        effect = before if before == after else f"{before} → {after}"
        by = f"by {', '.join(changed.answer.rules)}" if changed.answer.rules else ""
        screen.text(f"{effect}, {by}", first=f"{changed.asked.name}  ", lead="bold")
        screen.text(f"{changed.asked.title}  {changed.asked.where}", indent=2, style="dim")
        for line in changed.answer.lines:
            screen.text(line, indent=4)
    if report.answers:
        screen.line()
        effects = ", ".join(f"{a} → {b}: {n}" for (a, b), n in report.by_effect().items())
        screen.text(effects, first="by effect  ", lead="dim")
        rules = ", ".join(f"{rule}: {count}" for rule, count in report.by_rule().items())
        screen.text(rules, first="by rule    ", lead="dim")


def _data(screen: Screen, report: DiffReport) -> None:
    section = ""
    for at, how, entries, details in grouped(report.data):
        if at != section:
            screen.line()
            screen.text(at.replace("_", " "), style="bold")
            section = at
        mark, style = _HOW[how]
        named = ", ".join(entries[:_NAMED]) + (
            f" and {len(entries) - _NAMED} more" if len(entries) > _NAMED else ""
        )
        screen.text(named, indent=2, first=f"{mark} ", lead=style)
        for detail in details:
            screen.text(detail, indent=6, style="dim")
