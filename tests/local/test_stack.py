"""`up` and `down` on real small processes: what is written down is what is ended, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_kafka import BROKER_LIMITS, eventually
from sekisho.local.broker import cluster_at
from sekisho.local.exclusive import exclusive
from sekisho.local.identity import send, started_at
from sekisho.local.ports import LOOPBACK, free_ports
from sekisho.local.process import ChildProcess, ProcessLimits
from sekisho.local.service import ServiceNotReadyError, ServicePlan, ServiceProcess
from sekisho.local.stack import KAFKA, Stack, StackBusyError, StackRunningError, bring_down, bringing_up
from sekisho.local.state import StackState, Started, StateFileError, read_state, write_state

LIMITS = ProcessLimits(start_seconds=30, stop_seconds=5)

SERVER = """
import http.server, sys, time
ready_after = int(sys.argv[2])
class Handler(http.server.BaseHTTPRequestHandler):
    asked = 0
    def do_GET(self):
        Handler.asked += 1
        ready = self.path == "/readyz" and Handler.asked > ready_after
        self.send_response(200 if ready else 503)
        self.end_headers()
        self.wfile.write(b"ready" if ready else b"restoring partition 2")
    def log_message(self, *_):
        print("asked", flush=True)
if ready_after < 0:
    sys.exit("no broker at this address")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A state folder; whatever a test left up in it is brought down."""
    yield tmp_path / "state"
    if (tmp_path / "state").exists() and read_state(tmp_path / "state") is not None:
        bring_down(tmp_path / "state", LIMITS, keep_data=False)


@pytest.fixture(autouse=True)
def _small_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the sekisho command: a small server that says ready after so many questions (its second argument)."""
    monkeypatch.setattr(
        "sekisho.local.service.sekisho_command", lambda arguments: [sys.executable, "-c", SERVER, *arguments]
    )


def plan(name: str, ready_after: int = 0) -> ServicePlan:
    """A service on a free port."""
    (port,) = free_ports(1)
    return ServicePlan(name, (str(port), str(ready_after)), dict(os.environ), LOOPBACK, port)


def test_up_writes_down_what_runs_and_down_ends_exactly_that(state_dir: Path, tmp_path: Path) -> None:
    """down ends the processes of up, the last first, says so, and leaves a process that is not in the state alone."""
    other = ChildProcess("other", ["sleep", "600"], tmp_path / "other.log", LIMITS).start()
    with bringing_up(state_dir, LIMITS) as stack:
        for name in ("gate-1", "gate-2"):
            stack.start_service(plan(name)).wait_until_ready()
    state = read_state(state_dir)
    assert state is not None
    assert [process.name for process in state.alive] == ["gate-1", "gate-2"]
    ended = bring_down(state_dir, LIMITS, keep_data=True)
    assert [(process.name, process.how) for process in ended] == [
        ("gate-2", "stopped"),
        ("gate-1", "stopped"),
    ]
    assert state.alive == ()
    assert read_state(state_dir) is None
    assert other.is_running()
    other.stop()


def test_up_twice_tells_that_it_runs_already(state_dir: Path) -> None:
    """A second up starts nothing and names what runs, where, and how to stop it."""
    with bringing_up(state_dir, LIMITS) as stack:
        started = stack.start_service(plan("gate-1"))
    with pytest.raises(StackRunningError) as caught, bringing_up(state_dir, LIMITS):
        pytest.fail("brought up a second time")
    assert "It runs already" in str(caught.value)
    assert f"pid {started.pid}" in str(caught.value)
    assert started.plan.address in str(caught.value)
    assert "sekisho down" in str(caught.value)
    assert started.is_running()


def test_an_up_whose_gate_has_died_names_the_dead(state_dir: Path) -> None:
    """Where a part of the stack has died, up says which, and does not start beside the rest."""
    with bringing_up(state_dir, LIMITS) as stack:
        stack.start_service(plan("gate-1"))
        stack.start_service(plan("gate-2")).kill()
    with (
        pytest.raises(StackRunningError, match=r"No longer running: gate-2\."),
        bringing_up(state_dir, LIMITS),
    ):
        pytest.fail("brought up beside a running gate")
    assert {process.how for process in bring_down(state_dir, LIMITS, keep_data=True)} == {"stopped", "gone"}


def test_a_failing_up_leaves_nothing_running(state_dir: Path) -> None:
    """An error in the middle of up, Ctrl-C too, ends what was started and leaves no state."""
    started: list[ServiceProcess] = []

    def up_until_ctrl_c() -> None:
        with bringing_up(state_dir, LIMITS) as stack:
            started.append(stack.start_service(plan("gate-1")))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        up_until_ctrl_c()
    assert not started[0].is_running()
    assert read_state(state_dir) is None


def test_a_stale_state_is_recognised_and_its_recycled_pids_are_spared(state_dir: Path) -> None:
    """A state of an earlier boot is stale: up goes on, and the process that has the pid now is not touched."""
    state_dir.mkdir()
    mine = Started("gate-1", os.getpid(), "an-earlier-boot:1", "http://127.0.0.1:1", "gate-1.log")
    write_state(state_dir, StackState((mine,)))
    told: list[StackState] = []
    with bringing_up(state_dir, LIMITS, on_stale=told.append):
        assert read_state(state_dir) is None
    assert told == [StackState((mine,))]
    write_state(state_dir, StackState((mine,)))
    assert [process.how for process in bring_down(state_dir, LIMITS, keep_data=True)] == ["gone"]


def test_down_with_nothing_up_does_nothing(state_dir: Path) -> None:
    """down where nothing was brought up ends nothing and says nothing."""
    assert bring_down(state_dir, LIMITS, keep_data=True) == ()


def test_a_frozen_or_stubborn_process_is_ended_too(state_dir: Path) -> None:
    """A process that is frozen or ignores SIGTERM is ended by down, and told as what it took."""
    with bringing_up(state_dir, LIMITS) as stack:
        stack.start_service(plan("gate-1")).pause()
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
        process = ChildProcess(
            "gate-2",
            [sys.executable, "-c", stubborn],
            state_dir / "gate-2.log",
            LIMITS,
            adopt=lambda adopted: stack._note(adopted, ""),
        ).start()
        assert eventually(lambda: process.said(1) == "on")
    ended = bring_down(state_dir, ProcessLimits(30, 1), keep_data=True)
    assert {process.name: process.how for process in ended} == {"gate-1": "stopped", "gate-2": "killed"}


def test_two_at_once_do_not_meet(state_dir: Path) -> None:
    """While one up or down is at work, another one says so and does nothing."""
    state_dir.mkdir()
    with exclusive(state_dir / ".lock", 0), pytest.raises(StackBusyError), bringing_up(state_dir, LIMITS):
        pytest.fail("brought up beside another")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2, "processes": []}', '{"format": 1, "processes": [{"pid": 1}]}']
)
def test_a_state_that_cannot_be_read_ends_nothing(state_dir: Path, text: str) -> None:
    """A damaged or foreign state file is an error for up and down, and says what to do."""
    state_dir.mkdir()
    (state_dir / "stack.json").write_text(text)
    with pytest.raises(StateFileError, match="remove the file"), bringing_up(state_dir, LIMITS):
        pytest.fail("brought up over an unreadable state")
    with pytest.raises(StateFileError):
        bring_down(state_dir, LIMITS, keep_data=True)
    (state_dir / "stack.json").unlink()


def test_the_state_file_is_readable_json(state_dir: Path) -> None:
    """What is written down is what is read back."""
    state_dir.mkdir()
    state = StackState((Started("kafka", 1, "boot:1", "127.0.0.1:9092", "broker.log"),))
    write_state(state_dir, state)
    assert json.loads((state_dir / "stack.json").read_text())["processes"][0]["address"] == "127.0.0.1:9092"
    assert read_state(state_dir) == state
    assert state.address("kafka") == "127.0.0.1:9092"
    assert state.address("gate-9") is None


def test_a_service_is_waited_for_until_it_is_ready(tmp_path: Path) -> None:
    """503 on /readyz is not ready; 200 is."""
    service = ServiceProcess(plan("gate-1", ready_after=3), tmp_path / "gate-1.log", LIMITS)
    service.start()
    service.wait_until_ready()
    assert service.is_ready()
    assert service.said(100).count("asked") >= 4
    service.stop()
    assert not service.is_ready()


def test_a_service_that_ends_early_tells_its_last_words(tmp_path: Path) -> None:
    """A service that ends instead of getting ready is an error with its exit code and its last log lines, at once."""
    service = ServiceProcess(plan("gate-1", ready_after=-1), tmp_path / "gate-1.log", LIMITS)
    service.start()
    with pytest.raises(ServiceNotReadyError, match=r"exit code 1.*\n.*no broker at this address"):
        service.wait_until_ready()


def test_a_service_that_never_gets_ready_tells_its_last_answer(tmp_path: Path) -> None:
    """After the limit the error carries what /readyz said last."""
    service = ServiceProcess(plan("gate-1", ready_after=10**9), tmp_path / "gate-1.log", LIMITS)
    service.start()
    assert eventually(lambda: "asked" in service.said(5) or service.is_ready())
    service.limits = ProcessLimits(0.3, 5)
    with pytest.raises(ServiceNotReadyError, match="503, restoring partition 2"):
        service.wait_until_ready()
    service.stop()


@pytest.mark.own_broker
def test_a_broker_lives_on_keeps_its_data_and_is_brought_down(
    state_dir: Path, kafka_jars: tuple[Path, ...]
) -> None:
    """The broker of up is written down with its address, comes back on the kept data, and goes with its data where asked."""
    with bringing_up(state_dir, LIMITS) as stack:
        bootstrap = stack.start_kafka(kafka_jars, BROKER_LIMITS)
    state = read_state(state_dir)
    assert state is not None
    assert state.address(KAFKA) == bootstrap
    assert cluster_at(bootstrap, 10.0) is not None
    assert [process.how for process in bring_down(state_dir, BROKER_LIMITS.process, keep_data=True)] == [
        "stopped"
    ]
    with bringing_up(state_dir, LIMITS) as stack:
        second = stack.start_kafka(kafka_jars, BROKER_LIMITS)
        assert cluster_at(second, 10.0) is not None
    bring_down(state_dir, BROKER_LIMITS.process, keep_data=False)
    assert not (state_dir / "kafka").exists()


def test_a_killed_up_can_still_be_brought_down(state_dir: Path) -> None:
    """What was started is written down before anybody waits for it: a killed up leaves nothing unknown behind."""
    state_dir.mkdir()
    stack = Stack(state_dir, LIMITS)
    service = stack.start_service(plan("gate-1", ready_after=10**9))
    noted = read_state(state_dir)
    assert noted is not None
    assert [process.pid for process in noted.alive] == [service.pid]
    bring_down(state_dir, LIMITS, keep_data=True)
    assert started_at(service.pid) is None
    assert not send(service.pid, noted.processes[0].started, signal.SIGTERM)
