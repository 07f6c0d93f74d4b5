"""`sekisho rulebook test`: a rulebook's cases run on the core, with a table."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import click

from sekisho.cli.outcome import DONE, FOUND, InputError
from sekisho.cli.rulebook import folder
from sekisho.cli.screen import Screen, stdout_screen
from sekisho.rulebook.case_run import Result
from sekisho.rulebook.compile import NOT_SOURCES
from sekisho.rulebook.coverage import WITHOUT_CASES
from sekisho.rulebook.families import FAMILIES, family_of
from sekisho.rulebook.testing import NoCasesError, Tally, TestReport, run_cases


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--only", multiple=True, metavar="NAME", help="A rule (WALL-8), a family (WALL) or a case; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as one JSON object.")
def test(path: Path, only: tuple[str, ...], as_json: bool) -> int:
    """Runs the cases of the rulebook in the folder PATH (its folder `cases`) and prints a table.

    A case pins a request, the consent events known of the person, and the whole answer. For each rule: how many of its
    cases allow and deny, and how many passed and failed. Each failure is told with what differs and where the case
    stands. deploy/rulebook/cases/README.md says how to write one.

    Exit codes: 0 all passed, 1 some failed or the rulebook is wrong, 2 there is nothing to run.

    \b
    Examples:
      sekisho rulebook test deploy/rulebook
      sekisho rulebook test my-rulebook --only WALL-8 --only PROV
      sekisho rulebook test my-rulebook --json | jq .failures
    """
    try:
        report = run_cases(folder(path), only)
    except NoCasesError as error:
        raise InputError(error.message, error.remedy) from error
    if as_json:
        click.echo(json.dumps(report.as_dict(), ensure_ascii=False))
    else:
        _show(stdout_screen(), report)
    return FOUND if report.failures else DONE


def _show(screen: Screen, report: TestReport) -> None:
    for family, tallies in groupby(report.tallies, lambda each: family_of(each.rule)):
        _family(screen, family, list(tallies))
    for failed in report.failures:
        _failure(screen, failed)
    screen.line()
    count, failures = len(report.results), len(report.failures)
    said = f"{count} cases: {count - failures} passed, {failures} failed (rulebook {report.version})"
    style = "bold red" if failures else "bold green"
    screen.text(said, first="✗ " if failures else "✓ ", style=style, lead=style)


def _family(screen: Screen, family: str, tallies: list[Tally]) -> None:
    name = FAMILIES.get(family)
    screen.line()
    screen.text("" if name is None else f"{name.ja} {name.en}", first=f"{family}  ", lead="bold", style="dim")
    screen.line(f"  {'rule':<10}{'allow':>7}{'deny':>7}{'passed':>8}{'failed':>8}", "dim")
    for each in tallies:
        row = f"  {each.rule:<10}{each.allow:>7}{each.deny:>7}{each.passed:>8}{each.failed:>8}"
        if each.failed:
            screen.line(row, "bold red")
        elif not each.allow + each.deny:
            why = WITHOUT_CASES.get(each.rule)
            screen.line(f"{row}  {why or 'no case'}", "yellow" if why is None else "dim")
        else:
            screen.line(row)


def _failure(screen: Screen, result: Result) -> None:
    case = result.case
    screen.line()
    head = f"✗ {case.id}  "
    screen.text(
        f"{case.rule}, {case.direction}; {NOT_SOURCES}/{case.place}", first=head, lead="bold red", style="dim"
    )
    screen.text(f"{case.title.ja} {case.title.en}", indent=2)
    for difference in result.differences:
        screen.text(difference, indent=4)
