"""`sekisho audit`: what an auditor and a compliance officer do, one subcommand a module."""

from __future__ import annotations

from typing import Final

import click

from sekisho.cli.lazy import Lazy, LazyGroup

COMMANDS: Final = {
    "check": Lazy("sekisho.cli.audit_check:check", "Decides everything again from the topics, and compares."),
}  # fmt: skip


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def audit() -> None:
    """Verifies what gates have done, and what the ledger keeps, discloses and deletes.

    \b
    Examples:
      sekisho audit check
      sekisho audit records --person C-000001
      sekisho audit disclose C-000001 --output disclosure
      sekisho audit verify --since old-checkpoint
      sekisho audit purge
    """
