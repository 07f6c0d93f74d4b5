"""Who is measured: gates as an operator starts them, and bare forwarders; each as processes of their own."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from bench import workload
from bench.forwarding import READY
from bench.site import Deployment
from gate.world import HMAC_KEY
from sekisho.cli.here import GateHome, gate_plan, write_rulebook
from sekisho.local.ports import free_ports
from sekisho.local.process import ChildProcess, ProcessLimits
from sekisho.local.service import ServiceProcess, ask
from sekisho.settings import child_environment

LIMITS: Final = ProcessLimits(start_seconds=180, stop_seconds=20)
_LANES: Final = re.compile(r"^sekisho_lanes_ready (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Contender:
    """One way to move the messages. `module` and `how` are a forwarder's; none: the gate."""

    name: str
    title: str
    processes: int = 1
    module: str | None = None
    how: tuple[str, ...] = ()
    profile: bool = False
    """Whether the gate's steps are timed (`bench.profiled_gate`)."""
    code: Path | None = None
    """Another checkout whose gate it is (`--against`), for comparing one state of the code with another."""


GATE: Final = Contender("gate", "the gate")
TWO_GATES: Final = Contender("gate x2", "two gates", 2)
SEND: Final = Contender("send", "aiokafka send()", 1, "bench.forward_aiokafka", ("send",))
TWO_SENDS: Final = Contender("send x2", "two of aiokafka send()", 2, "bench.forward_aiokafka", ("send",))
BATCH: Final = Contender("send_batch", "aiokafka send_batch()", 1, "bench.forward_aiokafka", ("batch",))
CONFLUENT: Final = Contender("confluent", "confluent-kafka produce()", 1, "bench.forward_confluent")
FAUST: Final = Contender("faust", "Faust agent that only forwards", 1, "bench.forward_faust")
ALL: Final = (GATE, SEND, BATCH, CONFLUENT, FAUST, TWO_GATES, TWO_SENDS)


@dataclass(frozen=True)
class Running:
    """A contender's processes."""

    processes: Sequence[ChildProcess]

    def cpu_seconds(self) -> float:
        """What they have used so far."""
        return sum(sum(psutil.Process(each.pid).cpu_times()[:2]) for each in self.processes)

    def rss_bytes(self) -> int:
        """Their resident memory now."""
        return sum(int(psutil.Process(each.pid).memory_info().rss) for each in self.processes)

    def check(self) -> None:
        """Raises RuntimeError where one has ended."""
        for each in self.processes:
            if not each.is_running():
                raise RuntimeError(f"{each.name} has ended by itself:\n{each.said(30)}")


@contextmanager
def running(
    contender: Contender, deployment: Deployment, folder: Path, pairs: Path | None = None
) -> Iterator[Running]:
    """Starts a contender and waits until its processes share the partitions; ends it in the end."""
    with ExitStack() as ending:
        if contender.module is None:
            started = _gates(contender, deployment, folder, ending)
        else:
            assert pairs is not None, "a forwarder needs to know what to write"
            started = _forwarders(contender, deployment, folder, pairs, ending)
        yield started


def _gates(contender: Contender, deployment: Deployment, folder: Path, ending: ExitStack) -> Running:
    sources = folder / "rulebook"
    if not sources.exists():
        write_rulebook(workload.rulebook(), sources)
    home = GateHome(deployment.site.bootstrap, sources, HMAC_KEY.decode(), folder / "state")
    gates: list[ServiceProcess] = []
    for number, port in enumerate(free_ports(contender.processes)):
        plan = gate_plan(f"gate-{number}", home, port, deployment.variables | _code(contender))
        log = folder / "logs" / f"{deployment.prefix}{number}.log"
        gate = ServiceProcess(plan, log, LIMITS)
        if contender.profile:
            gate = _profiled(gate, environment(deployment, folder))
        gates.append(gate)
        ending.callback(gates[-1].stop)
        gates[-1].start()
    for gate in gates:
        gate.wait_until_ready()
    _wait(lambda: all(_lanes(gate) == workload.PARTITIONS // len(gates) for gate in gates), gates)
    return Running(gates)


def _profiled(gate: ServiceProcess, variables: dict[str, str]) -> ServiceProcess:
    """The same gate with its steps timed; the sums go beside its log."""
    plan = replace(
        gate.plan, environment=dict(gate.plan.environment) | {"PYTHONPATH": variables["PYTHONPATH"]}
    )
    found = ServiceProcess(plan, gate.log_path, gate.limits)
    found.command = (sys.executable, "-m", "bench.profiled_gate", str(gate.log_path.with_suffix(".sums")))
    return found


def _code(contender: Contender) -> dict[str, str]:
    """Where the processes find the code, where that is not the one that runs here."""
    return {} if contender.code is None else {"PYTHONPATH": str(contender.code.absolute() / "services")}


def _lanes(gate: ServiceProcess) -> float:
    found = _LANES.search(ask(gate.plan.host, gate.plan.port, "/metrics")[1])
    return 0 if found is None else float(found.group(1))


def _forwarders(
    contender: Contender, deployment: Deployment, folder: Path, pairs: Path, ending: ExitStack
) -> Running:
    assert contender.module is not None
    command = [sys.executable, "-m", contender.module, *contender.how, str(pairs), str(contender.processes)]
    variables = environment(deployment, folder)
    started: list[ChildProcess] = []
    for number in range(contender.processes):
        log = folder / "logs" / f"{deployment.prefix}{contender.name.replace(' ', '-')}-{number}.log"
        started.append(ChildProcess(contender.name, command, log, LIMITS, environment=variables))
        ending.callback(started[-1].stop)
        started[-1].start()
    _wait(lambda: sum(map(_ready_partitions, started)) == workload.PARTITIONS, started)
    return Running(started)


def environment(deployment: Deployment, folder: Path) -> dict[str, str]:
    """Of the bench's own processes: the gate's settings, and this code."""
    here = str(Path(__file__).parents[1])
    return child_environment(
        {
            **deployment.variables,
            "SEKISHO_RULEBOOK": str(folder),  # read by none of them, but the settings want one
            "SEKISHO_PAYLOAD_HMAC_KEY": HMAC_KEY.decode(),
            "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
    )


def _ready_partitions(process: ChildProcess) -> int:
    # Faust's line begins with a terminal's codes
    found = [line[line.index("{") :] for line in process.said(50).splitlines() if f'{{"{READY}"' in line]
    return len(json.loads(found[-1])[READY]) if found else 0


def _wait(holds: Callable[[], bool], processes: Sequence[ChildProcess]) -> None:
    give_up = time.monotonic() + LIMITS.start_seconds
    while not holds():
        Running(processes).check()
        if time.monotonic() > give_up:
            raise TimeoutError(f"{processes[0].name} is not ready; it said:\n{processes[0].said(30)}")
        time.sleep(0.05)
