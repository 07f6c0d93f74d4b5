"""`sekisho rulebook`: what is wrong with a rulebook, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sekisho.cli.outcome import InputError


@click.group()
def rulebook() -> None:
    """Checks a rulebook before a gate decides with it.

    \b
    Example:
      sekisho rulebook check deploy/rulebook
    """


@rulebook.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def check(path: Path, as_json: bool) -> int:
    """Validates the rulebook in the folder PATH; names file and line of everything that is wrong.

    Exit codes: 0 it can be used, 1 it cannot, 2 there is nothing to read.

    \b
    Examples:
      sekisho rulebook check deploy/rulebook
      sekisho rulebook check my-rulebook --json
    """
    from sekisho.rulebook import check as examine

    if not path.is_dir():
        raise InputError(f"{path}: no such folder", "A rulebook is a folder of YAML files.")
    report = examine(path)
    click.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else report.text())
    return report.exit_code
