"""Two gates within this process on the in-memory log. A kill is the abrupt cancelling of all that a gate does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

from sekisho.bootstrap import GateProcess, gate_service
from sekisho.cli.outcome import CommandError
from sekisho.log.port import Log
from sekisho.settings import Settings, child_environment

NAMES: Final = ("gate-1", "gate-2")
_READY_SECONDS: Final = 30.0
_whose: ContextVar[str] = ContextVar("whose", default="")


class MemoryGates:
    """Gates by name, each with the tasks that it made."""

    names: tuple[str, ...] = NAMES
    way = "all its work cancelled"

    def __init__(self, log: Log, variables: dict[str, str]) -> None:
        self._log = log
        self._variables = variables
        self._gates: dict[str, GateProcess] = {}
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {name: set() for name in NAMES}

    def factory(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **named: Any
    ) -> asyncio.Task[Any]:
        """Makes tasks, and remembers which gate made them."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **named)
        herd = self._tasks.get(_whose.get())
        if herd is not None:
            herd.add(task)
            task.add_done_callback(herd.discard)
        return task

    async def start(self, name: str) -> None:
        """Starts one; all that it does bears its name."""
        settings = Settings.from_environment(child_environment({**self._variables, "SEKISHO_INSTANCE": name}))
        token = _whose.set(name)
        try:
            gate = gate_service(settings, self._log)
            self._gates[name] = gate
            await gate.start()
        finally:
            _whose.reset(token)

    async def ready(self) -> None:
        """Returns when all are ready."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not all(gate.health.ready for gate in self._gates.values()):  # noqa: ASYNC110 (asked, as /readyz is)
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise CommandError("The gates did not get ready.") from error

    async def kill(self, name: str) -> None:
        """Cancels everything that the gate is doing."""
        del self._gates[name]
        herd = list(self._tasks[name])
        for task in herd:
            task.cancel()
        await asyncio.wait(herd, timeout=_READY_SECONDS)

    async def revive(self, name: str) -> None:
        """Starts it again with the state that it left behind."""
        await self.start(name)
        await self.ready()

    async def stop(self) -> None:
        """Stops those that run, in an orderly way."""
        for gate in self._gates.values():
            await gate.stop()


@asynccontextmanager
async def running(log: Log, variables: dict[str, str]) -> AsyncIterator[MemoryGates]:
    """Starts the gates and stops them whatever happens."""
    gates = MemoryGates(log, variables)
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(gates.factory)  # type: ignore[arg-type]  # typeshed knows no keyword arguments here
    try:
        for name in NAMES:
            await gates.start(name)
        yield gates
    finally:
        await gates.stop()
        loop.set_task_factory(before)
