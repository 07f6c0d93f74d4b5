"""Gates as processes of their own, as an operator starts them: to be killed, stopped, and started again."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from faults import messages
from faults.unsafe_faults import Step
from gate.world import HMAC_KEY, WAIT_S
from sekisho.cli.here import GateHome, gate_plan, write_rulebook
from sekisho.local.ports import free_ports
from sekisho.local.process import ProcessLimits
from sekisho.local.service import ServicePlan, ServiceProcess

LIMITS = ProcessLimits(start_seconds=WAIT_S, stop_seconds=20)
QUICK: Mapping[str, str] = {
    # the least that a broker takes, so that the lanes of a killed gate are free soon
    "SEKISHO_KAFKA_SESSION_SECONDS": "6",
    "SEKISHO_KAFKA_HEARTBEAT_SECONDS": "1",
    "SEKISHO_KAFKA_REBALANCE_SECONDS": "6",
    "SEKISHO_KAFKA_METADATA_SECONDS": "2",
}


class Crash(NamedTuple):
    """Where a gate kills itself: at a step of a transaction of the ids that have `where` in them."""

    step: Step
    skip: int
    where: str = "gate"


class CrashingProcess(ServiceProcess):
    """A gate with the wiring that kills it (`faults.crashing`)."""

    def __init__(self, plan: ServicePlan, log_path: Path, crash: Crash) -> None:
        tests = str(Path(__file__).parents[1])
        super().__init__(
            replace(plan, environment={**plan.environment, "PYTHONPATH": tests}), log_path, LIMITS
        )
        told = (crash.step.name, str(crash.skip), crash.where)
        self.command = (sys.executable, "-m", "faults.crashing", *told)


@dataclass
class Gates:
    """Some gates on one deployment, by name. Use as an async context manager: all end with it."""

    bootstrap: str
    prefix: str
    partitions: int
    folder: Path
    names: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, ServiceProcess] = field(default_factory=dict)

    async def __aenter__(self) -> Gates:
        for name in self.names:
            self.add(name)
        await asyncio.gather(*(self.start(name) for name in self.names))
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(asyncio.to_thread(each.stop) for each in self.processes.values()))

    def add(
        self, name: str, *, crash: Crash | None = None, variables: Mapping[str, str] | None = None
    ) -> None:
        """Plans one gate more, with settings of its own; with `crash` it kills itself at that step."""
        folder = self.folder / "rulebook"
        rulebook = folder if folder.exists() else write_rulebook(messages.rulebook(), folder)
        home = GateHome(self.bootstrap, rulebook, HMAC_KEY.decode(), self.folder / "state")
        (port,) = free_ports(1)
        settings = {
            **QUICK,
            "SEKISHO_TOPIC_PREFIX": self.prefix,
            "SEKISHO_TOPIC_PARTITIONS": str(self.partitions),
            **self.variables,
            **(variables or {}),
        }
        plan = gate_plan(name, home, port, settings)
        log = self.folder / f"{name}.log"
        self.processes[name] = (
            ServiceProcess(plan, log, LIMITS) if crash is None else CrashingProcess(plan, log, crash)
        )

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

    async def ended(self, name: str) -> None:
        """Waits until a gate has ended by itself."""
        await asyncio.to_thread(self.processes[name].wait, LIMITS.start_seconds)

    def pause(self, name: str) -> None:
        """SIGSTOP: the gate stands still, its connections stay open."""
        self.processes[name].pause()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.processes[name].resume()

    def forget(self, name: str) -> None:
        """Deletes a gate's state, as a lost disk does."""
        folder = self.folder / "state" / "gate" / self.prefix / name
        assert folder.is_dir(), f"no state in {folder}"
        shutil.rmtree(folder)
