"""docs/cli.md: the help of every command, as the command itself prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from sekisho.cli.app import root

_WIDTH: Final = 100


def cli_page() -> str:
    """The page, made from the commands' own help."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# The command `sekisho`\n"
    yield "<!-- Written by `python -m sekisho.reference docs`; change the commands in services/sekisho/cli/ instead. -->\n"
    yield "Exit codes of every command: 0 done, 1 found something wrong, 2 wrong usage; 130 after Ctrl-C. What a program may read"
    yield "goes to standard output, what is only for people to standard error. Settings are environment variables: [settings.md](settings.md)."
    yield from _command(root, "sekisho", None)


def _command(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=_WIDTH, max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield f"\n## `{context.command_path}`\n"
    yield "```text"
    yield command.get_help(context)
    yield "```"
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None:
                yield from _command(found, each, context)
