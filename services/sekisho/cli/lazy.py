"""A command group that imports a subcommand when it is called, not before."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Lazy(NamedTuple):
    """Where a command stands (`module:name`), and the line that its group's help shows for it."""

    at: str
    summary: str


class LazyGroup(click.Group):
    """A group whose subcommands are given as `commands_at`."""

    def __init__(self, *args: Any, commands_at: Mapping[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """In the order in which they are declared: as a newcomer meets them."""
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now; None where there is none."""
        found = self.commands_at.get(cmd_name)
        if found is None:
            return None
        module, _, name = found.at.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of subcommands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, found.summary) for name, found in self.commands_at.items()])
