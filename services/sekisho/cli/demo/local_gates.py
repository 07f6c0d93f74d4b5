"""Two gates as processes of their own on a real Kafka, killed with SIGKILL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from sekisho.cli.here import GateHome, gate_plan
from sekisho.local.ports import free_ports
from sekisho.local.process import ProcessLimits
from sekisho.local.service import ServiceProcess

NAMES: Final = ("gate-1", "gate-2")


class LocalGates:
    """Child processes; `running` starts them and ends them whatever happens."""

    names: tuple[str, ...] = NAMES
    way = "SIGKILL"

    def __init__(self, processes: dict[str, ServiceProcess]) -> None:
        self._processes = processes

    async def ready(self) -> None:
        """Returns when all are ready."""
        for process in self._processes.values():
            await asyncio.to_thread(process.wait_until_ready)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self._processes[name].kill)

    async def revive(self, name: str) -> None:
        """Starts it again with the state that it left behind."""
        process = self._processes[name]
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(process.wait_until_ready)

    def pid(self, name: str) -> int:
        """The pid of a gate."""
        return self._processes[name].pid


@contextmanager
def running(
    home: GateHome, limits: ProcessLimits, folder: Path, variables: dict[str, str]
) -> Iterator[LocalGates]:
    """Starts the gates without waiting for them."""
    with ExitStack() as ending:
        processes = {}
        for name, port in zip(NAMES, free_ports(len(NAMES)), strict=True):
            process = ServiceProcess(gate_plan(name, home, port, variables), folder / f"{name}.log", limits)
            ending.callback(process.stop)
            process.start()
            processes[name] = process
        yield LocalGates(processes)
