"""What goes wrong at which step of a transaction, for tests only: an error, a wait, or the end of the process."""

from __future__ import annotations

import asyncio
import enum
import os
import signal
from dataclasses import dataclass, field

from sekisho.log.port import LogError


class Step(enum.Enum):
    """Where in a writer's life something may happen. ANSWER: the acknowledgement of a send is awaited.

    FETCH is of the readers that follow consents and fold outputs; it has no transactional id."""

    START = "start"
    BEGIN = "begin"
    SEND = "send"
    ANSWER = "answer"
    OFFSETS = "offsets"
    BEFORE_COMMIT = "before commit"
    AFTER_COMMIT = "after commit"
    ABORT = "abort"
    FETCH = "fetch"


@dataclass
class _Planned:
    skip: int
    times: int
    where: str
    """Part of the transactional id."""
    error: LogError | None = None
    seconds: float = 0
    until: asyncio.Event | None = None
    crashes: bool = False


@dataclass
class Faults:
    """What shall happen at which step; `happened` lists what did (step, transactional id)."""

    happened: list[tuple[Step, str]] = field(default_factory=list)
    _planned: dict[Step, list[_Planned]] = field(default_factory=dict)

    def fail(self, step: Step, error: LogError, *, skip: int = 0, times: int = 1, where: str = "") -> None:
        """Raises `error` at the step, after letting it pass `skip` times, `times` times."""
        self._plan(step, _Planned(skip, times, where, error=error))

    def delay(self, step: Step, seconds: float, *, skip: int = 0, times: int = 1, where: str = "") -> None:
        """Waits at the step."""
        self._plan(step, _Planned(skip, times, where, seconds=seconds))

    def hold(
        self, step: Step, until: asyncio.Event, *, skip: int = 0, times: int = 1, where: str = ""
    ) -> None:
        """Waits at the step for an event."""
        self._plan(step, _Planned(skip, times, where, until=until))

    def crash(self, step: Step, *, skip: int = 0, where: str = "") -> None:
        """Kills this process at the step, as a power failure does."""
        self._plan(step, _Planned(skip, 1, where, crashes=True))

    def _plan(self, step: Step, planned: _Planned) -> None:
        self._planned.setdefault(step, []).append(planned)

    @property
    def is_spent(self) -> bool:
        """Whether all that was planned has happened."""
        return all(plan.times == 0 for plans in self._planned.values() for plan in plans)

    async def at(self, step: Step, name: str) -> None:
        for plan in self._planned.get(step, ()):
            if plan.times == 0 or plan.where not in name:
                continue
            if plan.skip > 0:
                plan.skip -= 1
                continue
            plan.times -= 1
            self.happened.append((step, name))
            if plan.crashes:
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(plan.seconds)
            if plan.until is not None:
                await plan.until.wait()
            if plan.error is not None:
                raise plan.error
