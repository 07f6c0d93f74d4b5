"""`sekisho demo`: starts what it needs, plays the day, kills a gate under load, counts from the topics, stops everything."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from sekisho.cli.demo.ending import terminable
from sekisho.cli.screen import Screen, stdout_screen


@click.command()
@click.option(
    "--in-memory", is_flag=True, help="Without Kafka: the gates run in this process; nothing is durable."
)
@click.option(
    "--no-pause", is_flag=True, help="Do not pause after each answer (default where stdout is no terminal)."
)
@click.option(
    "--requests",
    type=click.IntRange(min=30),
    default=3000,
    show_default=True,
    help="How many requests the rush has in which a gate is killed.",
)
def demo(in_memory: bool, no_pause: bool, requests: int) -> int:
    """Plays a post office's day through a real Kafka on this machine, and checks it.

    It fetches and starts Kafka in a temporary folder, starts two gates, sends consents and requests, shows each with its
    decision, kills a gate with SIGKILL in the middle of a rush, and ends with what it counted from the topics. All that
    it started is stopped at the end, also on Ctrl-C. With SEKISHO_KAFKA_BOOTSTRAP it plays on that Kafka, under topic
    names of its own, which it deletes at the end.

    Exit codes: 0 every request was decided exactly once and rightly, 1 something was not.

    \b
    Examples:
      sekisho demo
      sekisho demo --in-memory
      SEKISHO_KAFKA_BOOTSTRAP=localhost:9092 sekisho demo
    """
    screen = stdout_screen()
    pause = 0.0 if no_pause or not screen.is_terminal else 0.7
    with terminable(), tempfile.TemporaryDirectory(prefix="sekisho-demo-") as folder:
        if in_memory:
            from sekisho.cli.demo.on_memory import perform

            return perform(screen, Path(folder), pause, requests)
        return _on_kafka(screen, Path(folder), pause, requests)


def _on_kafka(screen: Screen, folder: Path, pause: float, requests: int) -> int:
    from sekisho.cli.demo.on_kafka import perform

    with ExitStack() as ending:
        try:
            return perform(screen, folder, pause, requests, ending)
        except (KeyboardInterrupt, SystemExit):
            screen.line("Stopping everything that was started …", "yellow")
            raise
