"""One performance, whatever the log: the scenes, the rush, the check; and what it says about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sekisho.cli.demo.checking import checked
from sekisho.cli.demo.load import Gates, Rush
from sekisho.cli.demo.play import Player
from sekisho.cli.demo.sending import Sender
from sekisho.cli.demo.story import the_day
from sekisho.cli.demo.watching import Watch
from sekisho.cli.examples import command, example
from sekisho.cli.here import World
from sekisho.cli.outcome import DONE, FOUND
from sekisho.cli.screen import Screen
from sekisho.contracts.topics import TopicNames
from sekisho.log.port import Log
from sekisho.settings import Settings


@dataclass(frozen=True, slots=True)
class Performance:
    """What is played, where it is shown, how fast."""

    screen: Screen
    settings: Settings
    world: World
    pause: float
    requests: int


class Played(NamedTuple):
    """How it went: the exit code, and how many records stand in the topic."""

    code: int
    records: int


async def perform_on(performance: Performance, log: Log, gates: Gates) -> Played:
    """Plays the day and the rush on a log with running gates, then judges."""
    screen, settings = performance.screen, performance.settings
    names, partitions = TopicNames.prefixed(settings.topic.prefix), settings.topic.partitions
    scenes = the_day(performance.world.days)
    book = performance.world.rulebook.book
    screen.text(f"Rulebook {book.version}, {book.digest[:23]}…; {partitions} partitions, two gates.")
    watch = Watch(log, names, partitions)
    writer = log.writer()
    await writer.start()
    await watch.start()
    try:
        sender = Sender(writer, names, partitions)
        player = Player(screen, sender, watch, book, performance.pause)
        await player.play(scenes)
        screen.rule("午後：窓口が混み、ゲートの一つが倒れる")
        screen.text("The rush: thousands of requests, and a gate is killed among them", indent=3)
        rush = Rush(screen, sender, watch, gates, performance.requests)
        await rush.run(scenes)
    finally:
        await watch.stop()
        await writer.stop()
    report = await checked(screen, settings, log, sender.sent)
    return Played(_verdict(screen, player.surprises, right=report.ok), report.counts.records)


def _verdict(screen: Screen, surprises: Sequence[str], *, right: bool) -> int:
    for each in surprises:
        screen.text(f"not as the story expects: {each}", first="✗ ", style="bold red")
    return DONE if right and not surprises else FOUND


def epilogue(screen: Screen) -> None:
    """What to try next."""
    screen.line()
    screen.line("Everything that was started is being stopped. Next:", "bold")
    for words, what in (
        ("up", "all services, to stay"),
        (f"send {example('insurance-list.yaml')}", "ask them something"),
        ("tail decisions", "watch the answers"),
        ("audit records", "what the ledger keeps"),
        ("audit verify", "prove it"),
        (f"decide {example('expired-consent.yaml')} --readable", ""),
    ):
        # never wrapped, however long the path is: it is there to be copied
        screen.line(f"  {f'{command()} {words}':<51} {what}".rstrip())
