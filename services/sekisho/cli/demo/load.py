"""A rush: some thousand requests of many persons, steadily sent, while a gate is killed in their midst."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sekisho.cli.demo.sending import Sender, event_of, request_of
from sekisho.cli.demo.story import Scene
from sekisho.cli.demo.watching import Place, Watch
from sekisho.cli.screen import Screen

PERSONS: Final = 300
_PER_SECOND: Final = 500
_AT_ONCE: Final = 50
"""Sends under way together: persons' requests are independent of each other."""
_REPEATED: Final = 100
"""Every so many-th request is sent twice, as a nervous upstream does."""
_ANSWER_SECONDS: Final = 90.0


class Gates(Protocol):
    """The gates of the demo, by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """The first is the one that is killed."""

    @property
    def way(self) -> str:
        """How a gate is killed, in words."""

    async def kill(self, name: str) -> None:
        """Ends it at once, with no chance to tidy up."""

    async def revive(self, name: str) -> None:
        """Starts it again, and returns when it is ready."""


@dataclass(slots=True)
class Rush:
    """The load and what became of it. `requests` is how many are sent, beside those sent twice."""

    screen: Screen
    sender: Sender
    watch: Watch
    gates: Gates
    requests: int
    sent: list[Place] = field(default_factory=list)

    async def run(self, scenes: tuple[Scene, ...]) -> None:
        """Sends everything, kills the first gate after a third, and waits until all is answered."""
        patterns = Patterns.of(scenes)
        await self._together(PERSONS, lambda number: self._consent(patterns, number))
        telling = asyncio.create_task(self._tell())
        try:
            await self._burst(patterns, 0, self.requests // 3)
            victim, other = self.gates.names[0], self.gates.names[1]
            await self.gates.kill(victim)
            self.screen.text(
                f"{victim} killed ({self.gates.way}) with requests on their way; {other} takes its lanes over, "
                f"{victim} starts again",
                first="⚡ ", lead="bold yellow", style="bold yellow",
            )  # fmt: skip
            async with asyncio.TaskGroup() as both:
                both.create_task(self.gates.revive(victim))
                both.create_task(self._burst(patterns, self.requests // 3, self.requests))
            await self.watch.until(self._all_answered, _ANSWER_SECONDS, "The last answers")
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        self._line()

    def _all_answered(self) -> bool:
        return self.sent[-1] in self.watch.decisions and all(at in self.watch.decisions for at in self.sent)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._line()

    def _line(self) -> None:
        decisions = self.watch.decisions
        answered = sum(at in decisions for at in self.sent)
        self.screen.line(f"  sent {len(self.sent):5}   answered {answered:5}", "dim")

    async def _burst(self, patterns: Patterns, first: int, until: int) -> None:
        """The requests of these numbers, at a steady rate."""
        begun = asyncio.get_running_loop().time()
        for at in range(first, until, _AT_ONCE):
            count = min(_AT_ONCE, until - at)
            await self._together(count, lambda number, at=at: self._ask(patterns, at + number))  # type: ignore[misc]
            ahead = begun + (at - first) / _PER_SECOND - asyncio.get_running_loop().time()
            await asyncio.sleep(max(ahead, 0))

    async def _ask(self, patterns: Patterns, number: int) -> None:
        request = request_of(patterns.request(number))
        self.sent.append(await self.sender.request(request))
        if number % _REPEATED == 0:
            self.sent.append(await self.sender.request(request))

    async def _consent(self, patterns: Patterns, number: int) -> None:
        if number % 2 == 0:
            kind = patterns.provision if number % 4 == 0 else patterns.cross_sell
            data = {**kind, "subject_id": person(number), "consent_id": f"CS-L-{number:06}"}
            await self.sender.event("sekisho.consent.granted.v1", event_of(data))

    async def _together(self, count: int, work: Callable[[int], Awaitable[None]]) -> None:
        for at in range(0, count, _AT_ONCE):
            await asyncio.gather(*(work(number) for number in range(at, min(at + _AT_ONCE, count))))


@dataclass(frozen=True, slots=True)
class Patterns:
    """The story's own consents and requests, to be repeated for many persons."""

    cross_sell: Mapping[str, Any]
    provision: Mapping[str, Any]
    requests: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, scenes: tuple[Scene, ...]) -> Patterns:
        """From the day: its consents by kind, and every request that is well formed."""
        consents: dict[str, Mapping[str, Any]] = {}
        requests = []
        for step in (step for scene in scenes for step in scene.steps):
            if step.type == "sekisho.consent.granted.v1":
                consents.setdefault(step.data["kind"], step.data)
            elif step.type is None and step.data and not step.expected.rejected:
                requests.append(step.data)
        return cls(consents["cross_sell"], consents["provision"], tuple(requests))

    def request(self, number: int) -> dict[str, Any]:
        """The request of that number: the day's kinds in turn, the persons in another turn."""
        pattern = self.requests[number % len(self.requests)]
        # shifted by one at each round, so that every kind of request meets every kind of person
        whose = (number * 7 + number // len(self.requests)) % PERSONS
        return {**pattern, "subject": {"id": person(whose), "kind": "individual"}}


def person(number: int) -> str:
    """The id of a person of the rush."""
    return f"C-1{number:05}"
