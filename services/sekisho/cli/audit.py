"""`sekisho audit`: what an auditor and a compliance officer do, one subcommand a module."""

from __future__ import annotations

from typing import Final

import click

from sekisho.cli.lazy import Lazy, LazyGroup

COMMANDS: Final = {
    "check": Lazy("sekisho.cli.audit_check:check", "Decides everything again from the topics, and compares."),
    "verify": Lazy("sekisho.cli.audit_verify:verify", "Checks the whole ledger, or an exported bundle."),
    "export": Lazy("sekisho.cli.audit_export:export", "Writes the evidence bundle for an auditor."),
    "records": Lazy("sekisho.cli.audit_records:records", "Lists and counts the provision records that are kept."),
    "disclose": Lazy("sekisho.cli.audit_disclose:disclose", "Writes a person's disclosure document (APPI 33(5))."),
    "withhold": Lazy("sekisho.cli.audit_withhold:withhold", "Marks a record that is not, or not wholly, disclosed."),
    "purge": Lazy("sekisho.cli.audit_keeping:purge", "Shows what is due for deletion, or deletes it."),
    "hold": Lazy("sekisho.cli.audit_keeping:hold", "Places, lists and releases legal holds."),
    "extend": Lazy("sekisho.cli.audit_keeping:extend", "Keeps a record or an agreement's records longer."),
}  # fmt: skip


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def audit() -> None:
    """Verifies what gates have done, and what the ledger keeps, discloses and deletes.

    \b
    Examples:
      sekisho audit check
      sekisho audit records --person C-000001
      sekisho audit disclose C-000001 --organization savings-bank
      sekisho audit verify --since old-checkpoint
      sekisho audit purge
    """
