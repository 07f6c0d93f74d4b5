"""A real broker: it answers, keeps its data over restarts, can be killed and frozen, and dies with the one who started it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from local_kafka import MakeBroker, eventually
from sekisho.local.broker import KafkaPortTakenError, KafkaStartError, cluster_at
from sekisho.local.identity import started_at
from sekisho.local.ports import free_ports


def write(bootstrap: str, topic: str, value: bytes) -> None:
    """Create the topic and write one acknowledged message."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def read_one(bootstrap: str, topic: str) -> bytes | None:
    """The first message of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        message = consumer.poll(60)
        return None if message is None else message.value()
    finally:
        consumer.close()


@pytest.mark.broker
def test_the_shared_broker_takes_and_gives_messages(broker: str, topic_prefix: str) -> None:
    """The session's broker is a real one: what is written is read."""
    write(broker, f"{topic_prefix}hello", b"hello")
    assert read_one(broker, f"{topic_prefix}hello") == b"hello"


@pytest.mark.own_broker
def test_restart_and_sigkill_keep_data_and_address(make_broker: MakeBroker, topic_prefix: str) -> None:
    """After an orderly restart and after SIGKILL the broker is back on the same address with the same data."""
    kafka = make_broker().start()
    bootstrap, first_pid = kafka.bootstrap, kafka.pid
    write(bootstrap, f"{topic_prefix}kept", b"kept")
    kafka.restart()
    second_pid = kafka.pid
    kafka.kill()
    assert not kafka.is_running()
    assert cluster_at(bootstrap, 1.0) is None
    kafka.start()
    assert kafka.bootstrap == bootstrap
    assert len({first_pid, second_pid, kafka.pid}) == 3
    assert read_one(bootstrap, f"{topic_prefix}kept") == b"kept"


@pytest.mark.own_broker
def test_a_stopped_broker_leaves_no_process_and_no_folder(make_broker: MakeBroker) -> None:
    """stop() ends the process and removes the temporary data, also while the broker is frozen."""
    kafka = make_broker().start()
    pid, folder = kafka.pid, kafka.data_dir
    kafka.pause()
    kafka.stop()
    assert started_at(pid) is None
    assert not folder.exists()


@pytest.mark.own_broker
def test_a_frozen_broker_is_silent_until_resumed(make_broker: MakeBroker) -> None:
    """pause() makes the broker hold its connections without an answer; resume() lets it go on."""
    kafka = make_broker().start()
    kafka.pause()
    assert kafka.is_running()
    assert cluster_at(kafka.bootstrap, 1.0) is None
    kafka.resume()
    assert eventually(lambda: cluster_at(kafka.bootstrap, 1.0) is not None)


@pytest.mark.own_broker
def test_a_broker_that_cannot_start_tells_its_last_log_lines(make_broker: MakeBroker) -> None:
    """A setting that Kafka refuses is an error that carries what Kafka said, and leaves nothing running."""
    kafka = make_broker(properties={"num.io.threads": "none"})
    with pytest.raises(KafkaStartError, match=r"num\.io\.threads"):
        kafka.start()
    assert not kafka.is_running()


@pytest.mark.own_broker
def test_a_port_that_is_taken_is_given_up_for_another(
    make_broker: MakeBroker, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another broker listens on the chosen port, a start takes other ports, and never mistakes that broker for its own."""
    taken = int(broker.rpartition(":")[2])
    chosen = iter([(taken, free_ports(1)[0]), free_ports(2)])
    monkeypatch.setattr("sekisho.local.broker.free_ports", lambda _: next(chosen))
    kafka = make_broker().start()
    assert kafka.bootstrap != broker
    assert cluster_at(kafka.bootstrap, 10.0) != cluster_at(broker, 10.0)


@pytest.mark.own_broker
def test_a_restart_does_not_move_to_another_port(make_broker: MakeBroker, tmp_path: Path) -> None:
    """The address is kept over restarts: if another process has taken it meanwhile, the start fails and says so."""
    kafka = make_broker(data_dir=tmp_path / "data").start()
    with pytest.raises(KafkaStartError, match="runs already"):
        kafka.start()
    kafka.stop()
    host, _, port = kafka.bootstrap.rpartition(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(KafkaPortTakenError, match="Address already in use"),
    ):
        kafka.start()
    assert not kafka.is_running()
    kafka.start()


@pytest.mark.own_broker
async def test_a_broker_starts_and_stops_from_async_code(make_broker: MakeBroker) -> None:
    """Started in a worker thread that ends, the broker lives on: it hangs on the process, not on the thread."""
    kafka = make_broker()
    await asyncio.to_thread(kafka.start)
    asyncio.get_running_loop()._default_executor.shutdown()  # type: ignore[attr-defined]
    assert kafka.is_running()
    assert cluster_at(kafka.bootstrap, 10.0) is not None


_PARENT = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from local_kafka import BROKER_LIMITS
from sekisho.local.broker import LocalKafka
kafka = LocalKafka([Path(jar) for jar in {jars!r}], BROKER_LIMITS).start()
print(kafka.pid, kafka.data_dir, flush=True)
time.sleep(600)
"""


@pytest.mark.own_broker
def test_a_broker_dies_with_a_killed_parent(kafka_jars: tuple[Path, ...]) -> None:
    """When the process that started it is killed with SIGKILL, the broker and its temporary data are gone soon after."""
    script = _PARENT.format(path=[str(Path(__file__).parents[1])], jars=[str(jar) for jar in kafka_jars])
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert started_at(int(pid)) is not None
        os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: started_at(int(pid)) is None)
    assert eventually(lambda: not Path(folder).exists())
