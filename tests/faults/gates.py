"""Gates as processes of their own, as an operator starts them: to be killed, stopped, and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from faults import messages
from gate.world import HMAC_KEY
from sekisho.cli.here import GateHome, gate_plan, write_rulebook
from sekisho.local.ports import free_ports
from sekisho.local.process import ProcessLimits
from sekisho.local.service import ServiceProcess

LIMITS = ProcessLimits(start_seconds=90, stop_seconds=20)
QUICK: Mapping[str, str] = {
    # the least that a broker takes, so that the lanes of a killed gate are free soon
    "SEKISHO_KAFKA_SESSION_SECONDS": "6",
    "SEKISHO_KAFKA_HEARTBEAT_SECONDS": "1",
    "SEKISHO_KAFKA_REBALANCE_SECONDS": "6",
    "SEKISHO_KAFKA_METADATA_SECONDS": "2",
}


@dataclass
class Gates:
    """Some gates on one deployment, by name. Use as an async context manager: all end with it."""

    bootstrap: str
    prefix: str
    partitions: int
    folder: Path
    names: tuple[str, ...]
    processes: dict[str, ServiceProcess] = field(default_factory=dict)

    async def __aenter__(self) -> Gates:
        rulebook = write_rulebook(messages.rulebook(), self.folder / "rulebook")
        home = GateHome(self.bootstrap, rulebook, HMAC_KEY.decode(), self.folder / "state")
        variables = {
            **QUICK,
            "SEKISHO_TOPIC_PREFIX": self.prefix,
            "SEKISHO_TOPIC_PARTITIONS": str(self.partitions),
        }
        for name, port in zip(self.names, free_ports(len(self.names)), strict=True):
            plan = gate_plan(name, home, port, variables)
            self.processes[name] = ServiceProcess(plan, self.folder / f"{name}.log", LIMITS)
        await asyncio.gather(*(self.start(name) for name in self.names))
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(asyncio.to_thread(each.stop) for each in self.processes.values()))

    async def start(self, name: str) -> None:
        """Starts a gate and waits until it is ready."""
        await asyncio.to_thread(self.processes[name].start)
        await self.ready(name)

    async def ready(self, name: str) -> None:
        """Waits until a gate has what the group gives it."""
        await asyncio.to_thread(self.processes[name].wait_until_ready)

    async def end(self, name: str, how: signal.Signals) -> None:
        """Ends a gate: SIGKILL at once, SIGTERM in its own time; returns when it is gone."""
        process = self.processes[name]
        await asyncio.to_thread(process.kill if how is signal.SIGKILL else process.stop)

    def forget(self, name: str) -> None:
        """Deletes a gate's state, as a lost disk does."""
        folder = self.folder / "state" / "gate" / self.prefix / name
        assert folder.is_dir(), f"no state in {folder}"
        shutil.rmtree(folder)
