"""Plays the scenes: sends each message, shows it, waits for the answer, shows it, and compares it with the story."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sekisho.cli.demo.sending import Sender, event_of, request_of
from sekisho.cli.demo.story import Expected, Scene, Step
from sekisho.cli.demo.watching import Place, Watch
from sekisho.cli.rendering import (
    bases_of,
    show_decision,
    show_event,
    show_record,
    show_rejected,
    show_request,
)
from sekisho.cli.screen import Screen
from sekisho.domain.book import Rulebook, Text

_ANSWER_SECONDS: Final = 30.0


@dataclass(slots=True)
class Player:
    """One performance. `pause` is the time (s) that a person gets to read each answer."""

    screen: Screen
    sender: Sender
    watch: Watch
    book: Rulebook
    pause: float
    surprises: list[str] = field(default_factory=list)
    """Answers that are not what the story expects."""
    _last: Mapping[str, Any] = field(default_factory=dict)

    async def play(self, scenes: Sequence[Scene]) -> None:
        """All scenes in order."""
        for scene in scenes:
            self.screen.rule(scene.title.ja)
            self.screen.text(scene.title.en, indent=3)
            for step in scene.steps:
                await self._step(step)
                await asyncio.sleep(self.pause)

    async def _step(self, step: Step) -> None:
        self.screen.line()
        if step.say is not None:
            self._say(step.say)
        if step.type is not None:
            await self._event(step)
        elif step.raw is not None:
            at = await self.sender.raw(step.raw, step.subject_id)
            self.screen.text(step.raw.decode(), indent=2, first="bytes ", lead="dim")
            await self._rejected(step, at)
        else:
            await self._request(step)

    def _say(self, said: Text) -> None:
        self.screen.text(f"{said.ja}", first="▶ ", style="bold", lead="bold cyan")
        self.screen.text(said.en, indent=2, style="bold")

    async def _event(self, step: Step) -> None:
        assert step.type is not None
        data = event_of(step.data)
        topic, partition, offset = await self.sender.event(step.type, data, misrouted=step.misrouted)
        show_event(self.screen, step.type, data, indent=2)
        if step.misrouted:
            first = f"{topic}/{partition}/{offset}"
            await self.watch.until(
                lambda: first in self.watch.forwarded, _ANSWER_SECONDS, "The forwarded consent"
            )
            right = self.watch.forwarded[first].partition
            self.screen.text(f"sent to partition {partition}, forwarded to {right}", indent=4, style="yellow")

    async def _request(self, step: Step) -> None:
        request = self._last if step.again else request_of(step.data)
        at = await self.sender.request(request, misrouted=step.misrouted)
        self._last = request
        if not step.again:
            show_request(self.screen, dict(request), indent=2)
        await self.watch.until(lambda: at in self.watch.decisions, _ANSWER_SECONDS, "The decision")
        decision = self.watch.decisions[at]
        bases = bases_of(self.book, request)
        show_decision(self.screen, decision, indent=2, bases=bases)
        record = None
        # the record shares the decision's transaction, but another partition may be read a moment later
        if decision["record_id"] is not None and decision["duplicate_of"] is None:
            id_ = decision["decision_id"]
            await self.watch.until(lambda: id_ in self.watch.records, _ANSWER_SECONDS, "The record")
            record = self.watch.records[id_]
            show_record(self.screen, record, indent=2)
        self._compare(step, decision, record)
        if step.expected.rejected:
            await self._rejected(step, at)

    async def _rejected(self, step: Step, at: Place) -> None:
        await self.watch.until(lambda: at in self.watch.rejected, _ANSWER_SECONDS, "The rejected event")
        found = self.watch.rejected[at]
        show_rejected(self.screen, found, indent=2)
        if found["cause"] != step.expected.rejected:
            self.surprises.append(f"rejected as {found['cause']}, expected {step.expected.rejected}")

    def _compare(self, step: Step, decision: Mapping[str, Any], record: Mapping[str, Any] | None) -> None:
        said = step.say.en if step.say is not None else "a request"
        for surprise in _surprises(step.expected, decision, record):
            self.surprises.append(f"{said}: {surprise}")
            self.screen.text(f"not what the story expects: {surprise}", indent=2, style="bold red")


def _surprises(
    expected: Expected, decision: Mapping[str, Any], record: Mapping[str, Any] | None
) -> Iterator[str]:
    if decision["effect"] != expected.effect:
        yield f"{decision['effect']} and not {expected.effect}"
    lists = (
        (expected.reasons, [each["code"] for each in decision["reasons"]]),
        (expected.consents, [each["consent_id"] for each in decision["consents"]]),
        (expected.near_misses, [each["consent_id"] for each in decision["near_misses"]]),
        (expected.obligations, [each["code"] for each in decision["obligations"]]),
    )
    for wanted, found in lists:
        for missing in set(wanted) - set(found):
            yield f"{missing} is not among {found}"
    if (decision["record_exemption"] or "") != expected.exemption:
        yield f"record exemption {decision['record_exemption']} and not {expected.exemption or None}"
    basis = "" if record is None else record["basis"]
    if basis != expected.record:
        yield f"a record of {basis or 'nothing'} and not of {expected.record or 'nothing'}"
    if expected.duplicate != (decision["duplicate_of"] is not None):
        yield "it was decided anew" if expected.duplicate else "it was taken for a duplicate"
