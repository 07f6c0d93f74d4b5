"""The root of the command: which subcommands there are, and what every one of them shares."""

from __future__ import annotations

from typing import Final

import click

from sekisho.cli.guard import GuardedGroup
from sekisho.cli.lazy import Lazy

COMMANDS: Final = {
    "demo": Lazy("sekisho.cli.demo.command:demo", "Plays a post office's day through a real Kafka."),
    "up": Lazy("sekisho.cli.stack:up", "Starts Kafka, PostgreSQL, two gates and the ledger."),
    "down": Lazy("sekisho.cli.stack:down", "Stops what `up` started."),
    "send": Lazy("sekisho.cli.send:send", "Publishes requests and consent events from a file."),
    "tail": Lazy("sekisho.cli.tail:tail", "Shows what is on a topic, or arrives on it."),
    "decide": Lazy("sekisho.cli.decide:decide", "Decides requests from a file, without Kafka."),
    "rulebook": Lazy("sekisho.cli.rulebook:rulebook", "Checks, tests, compares and explains a rulebook."),
    "topics": Lazy("sekisho.cli.topics:topics", "Creates and checks the topics."),
    "gate": Lazy("sekisho.cli.gate:gate", "Runs a gate; passes what holds one up."),
    "ledger": Lazy("sekisho.cli.ledger:ledger", "Runs the ledger; accepts what only an operator can."),
    "audit": Lazy(
        "sekisho.cli.audit:audit", "Verifies, finds, discloses and deletes: what auditors and officers do."
    ),
}


@click.group(
    "sekisho",
    cls=GuardedGroup,
    commands_at=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="sekisho", message="%(prog)s %(version)s")
def root(debug: bool) -> None:
    """Sekisho, the gatekeeper for savings and insurance data.

    It checks each request for a person's data against that person's consents and the rulebook, answers with reasons
    and writes the record of every provision to a third party.

    \b
    First steps:
      sekisho demo                    a whole day on a real Kafka, explained
      sekisho decide FILE             one decision, without Kafka
      sekisho up                      all services, to play with

    Exit codes: 0 done, 1 found something wrong, 2 wrong usage.
    """
    del debug  # read by the guard, before anything else runs
