"""The gate processes of a run: started, ended and frozen by the driver, and started anew by a supervisor when one fails."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sekisho
from faults import messages
from faults.gates import LIMITS, QUICK
from gate.world import HMAC_KEY
from sekisho.cli.here import GateHome, gate_plan, write_rulebook
from sekisho.local.ports import free_ports
from sekisho.local.process import tail
from sekisho.local.service import ServicePlan, ServiceProcess, ask
from soak.unsafe_gate import Order, give

_TESTS: Final = Path(__file__).parents[1]
_SERVICES: Final = Path(sekisho.__file__).parents[1]
_SUPERVISE_SECONDS: Final = 0.5
_READY_SECONDS: Final = 180.0


class UnsafeGateProcess(ServiceProcess):
    """A gate that takes orders to fail."""

    def __init__(self, plan: ServicePlan, log_path: Path, orders: Path) -> None:
        super().__init__(plan, log_path, LIMITS)
        self.command = (sys.executable, "-m", "soak.unsafe_gate", str(orders))


@dataclass
class Gatehouse:
    """Gates by name on one deployment. `wanted` run or are about to; `starts` and `failures` count."""

    bootstrap: str
    prefix: str
    partitions: int
    folder: Path
    names: tuple[str, ...]
    say: Callable[[str], None]
    wanted: set[str] = field(default_factory=set)
    processes: dict[str, UnsafeGateProcess] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Writes the rulebook and plans the processes; starts nothing."""
        rulebook = write_rulebook(messages.rulebook(), self.folder / "rulebook")
        home = GateHome(self.bootstrap, rulebook, HMAC_KEY.decode(), self.folder / "state")
        variables = {
            **QUICK,
            "PYTHONPATH": os.pathsep.join((str(_SERVICES), str(_TESTS))),
            "SEKISHO_TOPIC_PREFIX": self.prefix,
            "SEKISHO_TOPIC_PARTITIONS": str(self.partitions),
        }
        for name, port in zip(self.names, free_ports(len(self.names)), strict=True):
            plan = gate_plan(name, home, port, variables)
            self.processes[name] = UnsafeGateProcess(plan, self._log(name), self._orders(name))
            self.locks[name] = asyncio.Lock()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _orders(self, name: str) -> Path:
        return self.folder / f"{name}.orders"

    def state_of(self, name: str) -> Path:
        """The folder with a gate's state."""
        return self.folder / "state" / "gate" / self.prefix / name

    def is_running(self, name: str) -> bool:
        """Whether its process lives."""
        return self.processes[name].is_running()

    async def start(self, name: str) -> None:
        """Starts a gate; does not wait until it is ready. From now on it is supervised."""
        self._orders(name).unlink(missing_ok=True)
        await asyncio.to_thread(self.processes[name].start)
        self.starts[name] += 1
        self.wanted.add(name)

    async def kill(self, name: str) -> None:
        """SIGKILL; returns when it is gone."""
        self.wanted.discard(name)
        await asyncio.to_thread(self.processes[name].kill)

    async def stop(self, name: str) -> None:
        """SIGTERM; returns when it is gone. One that had to be killed is a failure that is told."""
        self.wanted.discard(name)
        process = self.processes[name]
        await asyncio.to_thread(process.stop)
        # 143: SIGTERM came before the gate had begun to listen for it, and had opened nothing yet
        if process.exit_code() not in (0, None, 128 + signal.SIGTERM):
            self._failed(name, f"ended with exit code {process.exit_code()} when told to stop")

    def forget(self, name: str) -> None:
        """Deletes a gate's state, as a lost disk does; also under a gate that is writing to it."""
        shutil.rmtree(self.state_of(name), ignore_errors=True)

    def order(self, name: str, order: Order) -> None:
        """Makes a step of a gate's log fail or wait."""
        give(self._orders(name), order)

    async def all_ready(self) -> None:
        """Waits until every gate that shall run says that it is ready. Raises TimeoutError with what is not."""
        unready: list[str] = []
        try:
            async with asyncio.timeout(_READY_SECONDS):
                while True:
                    unready = [name for name in sorted(self.wanted) if not await self._is_ready(name)]
                    if not unready:
                        return
                    await asyncio.sleep(0.3)
        except TimeoutError as error:
            raise TimeoutError(f"not ready within {_READY_SECONDS:.0f} s: {', '.join(unready)}") from error

    async def _is_ready(self, name: str) -> bool:
        return self.is_running(name) and await asyncio.to_thread(self.processes[name].is_ready)

    async def metrics(self, name: str) -> str:
        """A gate's metrics; "" where it does not answer."""
        plan = self.processes[name].plan
        status, body = await asyncio.to_thread(ask, plan.host, plan.port, "/metrics")
        return body if status == 200 else ""

    async def supervise(self) -> None:
        """Starts gates anew that ended by themselves, as any supervisor does, and tells of it."""
        while True:
            await asyncio.sleep(_SUPERVISE_SECONDS)
            for name in sorted(self.wanted):
                if not self.is_running(name) and not self.locks[name].locked():
                    async with self.locks[name]:
                        self._failed(name, f"ended by itself, exit code {self.processes[name].exit_code()}")
                        await self.start(name)

    def _failed(self, name: str, what: str) -> None:
        lines = [line[:400] for line in tail(self._log(name), 3).splitlines()]
        self.failures.append("\n".join((f"{name} {what}", *lines)))
        self.say(f"! {name} {what}")

    async def end(self) -> None:
        """Ends all, frozen ones too."""
        self.wanted.clear()
        await asyncio.gather(*(asyncio.to_thread(each.stop) for each in self.processes.values()))

    def said(self) -> Mapping[tuple[str, str], int]:
        """How often the gates' logs tell of what, from WARNING up: (level, event)."""
        counts: Counter[tuple[str, str]] = Counter()
        for name in self.names:
            if self._log(name).exists():
                with self._log(name).open(encoding="utf-8", errors="replace") as lines:
                    counts.update(filter(None, map(_told, lines)))
        return counts


def _told(line: str) -> tuple[str, str] | None:
    try:
        said = json.loads(line)
    except ValueError:
        return (
            ("not JSON", line.split(":")[0].strip()[:80]) if "Error" in line or "Traceback" in line else None
        )
    level = str(said.get("level", "")).lower() if isinstance(said, dict) else ""
    return (level, str(said.get("event"))[:80]) if level in ("warning", "error", "critical") else None
