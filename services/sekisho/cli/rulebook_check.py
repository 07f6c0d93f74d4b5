"""`sekisho rulebook check`: what is wrong with a rulebook, by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sekisho.cli.rulebook import folder


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON object.")
def check(path: Path, as_json: bool) -> int:
    """Validates the rulebook in the folder PATH, and its cases; names file and line of everything that is wrong.

    Problems are what contradicts itself, what names something unknown, and what opens access that nobody can have
    meant. Notes are what stands but opens or serves nothing, and what deserves a second look; they change no exit code.

    Exit codes: 0 it can be used, 1 it cannot, 2 there is nothing to read.

    \b
    Examples:
      sekisho rulebook check deploy/rulebook
      sekisho rulebook check my-rulebook --json
    """
    from sekisho.rulebook import check as examine

    report = examine(folder(path))
    click.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else report.text())
    return report.exit_code
