"""`sekisho rulebook`: what is wrong with a rulebook, what its cases say, what a change means, what a code means."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from sekisho.cli.lazy import Lazy, LazyGroup
from sekisho.cli.outcome import InputError

COMMANDS: Final = {
    "check": Lazy("sekisho.cli.rulebook_check:check", "Says what is wrong with it, by file and line."),
    "test": Lazy("sekisho.cli.rulebook_test:test", "Runs its cases and prints a table."),
    "diff": Lazy(
        "sekisho.cli.rulebook_diff:diff_command", "Says which requests a change would answer otherwise."
    ),
    "explain": Lazy(
        "sekisho.cli.rulebook_explain:explain",
        "Says what a rule or a code means, with its sources and cases.",
    ),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def rulebook() -> None:
    """Checks, tests, compares and explains a rulebook, before a gate decides with it.

    \b
    Examples:
      sekisho rulebook check deploy/rulebook
      sekisho rulebook test deploy/rulebook
      sekisho rulebook diff deploy/rulebook my-rulebook
      sekisho rulebook explain consent.expired
    """


def folder(path: Path) -> Path:
    """The path itself. Raises InputError where it is no folder."""
    if not path.is_dir():
        raise InputError(f"{path}: no such folder", "A rulebook is a folder of YAML files.")
    return path
