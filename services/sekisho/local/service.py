"""A Sekisho service (a gate) as a process of its own that tells by HTTP when it is ready."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sekisho.local.process import Adopt, ChildProcess, ProcessError, ProcessLimits

_ANSWER_SECONDS = 2.0


class ServiceNotReadyError(ProcessError):
    """A service ended or was not ready in time; carries its last answer and the last lines of its log."""


@dataclass(frozen=True)
class ServicePlan:
    """What to start: `name`; `arguments` of the sekisho command; its whole environment; host and port of its HTTP server."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    host: str
    port: int

    @property
    def address(self) -> str:
        """Where its /metrics, /healthz and /readyz are."""
        return f"http://{self.host}:{self.port}"


def sekisho_command(arguments: Sequence[str]) -> list[str]:
    """The sekisho command with the Python that runs now: the same code, whatever is on the PATH."""
    return [sys.executable, "-m", "sekisho", *arguments]


def ask(host: str, port: int, path: str) -> tuple[int, str]:
    """The status and the body that a service on this machine answers (0 and the reason where it does not). Uses no proxy."""
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
    finally:
        connection.close()


class ServiceProcess(ChildProcess):
    """A planned service as a process. `start()` returns at once, `wait_until_ready()` when /readyz says 200."""

    def __init__(
        self, plan: ServicePlan, log_path: Path, limits: ProcessLimits, *, adopt: Adopt | None = None
    ) -> None:
        command = sekisho_command(plan.arguments)
        super().__init__(plan.name, command, log_path, limits, environment=plan.environment, adopt=adopt)
        self.plan = plan

    def is_ready(self) -> bool:
        """Whether /readyz says 200 now."""
        return ask(self.plan.host, self.plan.port, "/readyz")[0] == http.HTTPStatus.OK

    def wait_until_ready(self) -> None:
        """Wait until /readyz says 200. Raises ServiceNotReadyError after the limit, or as soon as the process has ended."""
        give_up = time.monotonic() + self.limits.start_seconds
        while True:
            status, body = ask(self.plan.host, self.plan.port, "/readyz")
            if status == http.HTTPStatus.OK and self.is_running():
                return
            if not self.is_running():
                raise ServiceNotReadyError(
                    self.name, f"ended with exit code {self.exit_code()}", self.log_path
                )
            if time.monotonic() > give_up:
                what = f"is not ready after {self.limits.start_seconds:g} s (/readyz: {status or 'no answer'}, {body.strip()[:500]})"
                raise ServiceNotReadyError(self.name, what, self.log_path)
            time.sleep(0.05)
