"""A broker, a PostgreSQL and services that are kept running for a person: `sekisho up` and `sekisho down`.

Every process is written down in the state folder before anybody waits for it, with its start time, and `down` ends exactly
these. Nothing else is ever touched.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sekisho.local.broker import BrokerLimits, LocalKafka
from sekisho.local.exclusive import HeldElsewhereError, exclusive
from sekisho.local.identity import gone_within, send, started_at
from sekisho.local.postgres import LocalPostgres, PostgresLimits
from sekisho.local.postgres_folder import PostgresFolder
from sekisho.local.process import ChildProcess, ProcessError, ProcessLimits
from sekisho.local.service import ServicePlan, ServiceProcess
from sekisho.local.state import StackState, Started, forget_state, read_state, write_state

KAFKA = "kafka"
"""The broker's name in the state."""

POSTGRES = "postgres"
"""PostgreSQL's name in the state."""

_KAFKA_DATA = "kafka"
_POSTGRES_DATA = "postgres"


class StackRunningError(Exception):
    """`up` was asked for and something of an earlier `up` still runs; carries its state."""

    def __init__(self, state: StackState) -> None:
        self.state = state
        lines = [f"  {found.name:<10} pid {found.pid:<8} {found.address}" for found in state.alive]
        gone = [found.name for found in state.processes if found not in state.alive]
        note = f"\nNo longer running: {', '.join(gone)}." if gone else ""
        super().__init__("\n".join(["It runs already:", *lines]) + f"{note}\n`sekisho down` stops it.")


class StackBusyError(Exception):
    """Another `sekisho up` or `sekisho down` is at work in the same state folder."""


@dataclass(frozen=True)
class Ended:
    """What `down` did with one process: `how` is "stopped", "killed" (did not end in time) or "gone" (had ended before)."""

    name: str
    pid: int
    how: str


def _end(process: Started, seconds: float) -> Ended:
    """Its stop signal, and SIGKILL after `seconds`, to this very process and no other."""
    pid, started = process.pid, process.started
    how = "gone"
    if send(pid, started, signal.Signals(process.stop_signal)):
        # a frozen process would take it only when it goes on
        send(pid, started, signal.SIGCONT)
        how = "stopped"
    if not gone_within(pid, started, seconds):
        send(pid, started, signal.SIGKILL)
        how = "killed"
        if not gone_within(pid, started, seconds):
            raise ProcessError(
                process.name, f"(pid {pid}) does not end, not even by SIGKILL", Path(process.log)
            )
    return Ended(process.name, pid, how)


@contextmanager
def _alone(state_dir: Path) -> Iterator[None]:
    state_dir.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(state_dir / ".lock", 0):
            yield
    except HeldElsewhereError as error:
        raise StackBusyError(
            f"another `sekisho up` or `down` is at work in {state_dir}; wait for it."
        ) from error


class Stack:
    """The stack while it is being brought up. Use `bringing_up`, which ends everything if it does not get up whole."""

    def __init__(self, state_dir: Path, limits: ProcessLimits) -> None:
        self._state_dir = state_dir
        self._limits = limits
        self.state = StackState()

    def _note(self, process: ChildProcess, address: str) -> None:
        started = started_at(process.pid)
        if started is not None:
            log, stop_signal = str(process.log_path), int(process.stop_signal)
            noted = Started(process.name, process.pid, started, address, log, stop_signal)
            self.state = self.state.having(noted)
            write_state(self._state_dir, self.state)

    def _note_address(self, name: str, address: str) -> None:
        noted = next(process for process in self.state.processes if process.name == name)
        self.state = self.state.having(replace(noted, address=address))
        write_state(self._state_dir, self.state)

    def start_kafka(
        self, jars: Sequence[Path], limits: BrokerLimits, properties: Mapping[str, str] | None = None
    ) -> str:
        """Start a broker that lives on, on the data of the last `up` if there is any; return host:port.

        Raises what `LocalKafka.start` raises.
        """
        data = self._state_dir / _KAFKA_DATA
        kafka = LocalKafka(
            jars,
            limits,
            name=KAFKA,
            data_dir=data,
            properties=properties,
            adopt=lambda process: self._note(process, ""),
        )
        kafka.start()
        self._note_address(KAFKA, kafka.bootstrap)
        return kafka.bootstrap

    def start_postgres(
        self,
        limits: PostgresLimits,
        properties: Mapping[str, str] | None = None,
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Start a PostgreSQL that lives on, on the data of the last `up` if there is any; return its URL.

        It listens on a socket alone, so the URL holds no secret. Raises what `LocalPostgres.start` raises.
        """
        postgres = LocalPostgres(
            limits,
            name=POSTGRES,
            data_dir=self._state_dir / _POSTGRES_DATA,
            properties=properties,
            adopt=lambda process: self._note(process, ""),
            on_progress=on_progress,
        )
        postgres.start()
        self._note_address(POSTGRES, postgres.url)
        return postgres.url

    def start_service(self, plan: ServicePlan) -> ServiceProcess:
        """Start a service that lives on, without waiting for it. Raises ProcessError."""
        log_path = self._state_dir / f"{plan.name}.log"
        service = ServiceProcess(
            plan, log_path, self._limits, adopt=lambda process: self._note(process, plan.address)
        )
        service.start()
        return service


@contextmanager
def bringing_up(
    state_dir: Path, limits: ProcessLimits, *, on_stale: Callable[[StackState], None] = lambda _: None
) -> Iterator[Stack]:
    """A new stack to fill; on any error (Ctrl-C too) everything that was started is ended.

    A state whose processes are all gone (the machine was restarted) is told to `on_stale` and replaced.
    Raises StackRunningError, StackBusyError, StateFileError.
    """
    with _alone(state_dir):
        old = read_state(state_dir)
        if old is not None and old.alive:
            raise StackRunningError(old)
        if old is not None:
            on_stale(old)
            forget_state(state_dir)
        stack = Stack(state_dir, limits)
        try:
            yield stack
        except BaseException:
            _end_all(state_dir, limits)
            raise


def _end_all(state_dir: Path, limits: ProcessLimits) -> tuple[Ended, ...]:
    state = read_state(state_dir) or StackState()
    # the services first, while their broker and database still take their last commits
    ended = tuple(_end(process, limits.stop_seconds) for process in reversed(state.processes))
    PostgresFolder(state_dir.absolute() / _POSTGRES_DATA).forget_sockets()
    forget_state(state_dir)
    return ended


def bring_down(state_dir: Path, limits: ProcessLimits, *, keep_data: bool) -> tuple[Ended, ...]:
    """End exactly the processes that `up` wrote down, the last started first; tell what was done with each.

    Empty where nothing was up. Without `keep_data` the broker's and PostgreSQL's data go too.
    Raises StackBusyError, StateFileError, ProcessError.
    """
    with _alone(state_dir):
        ended = _end_all(state_dir, limits)
        if not keep_data:
            shutil.rmtree(state_dir / _KAFKA_DATA, ignore_errors=True)
            shutil.rmtree(state_dir / _POSTGRES_DATA, ignore_errors=True)
    return ended
