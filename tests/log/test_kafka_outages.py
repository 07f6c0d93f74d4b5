"""On a Kafka of one's own: what is told, and how soon, when the broker is silent or gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from kafka_settings import PLAINTEXT, kafka_config
from local_kafka import MakeBroker
from log.bench import WAIT_S, Listener, numbered, send_all, until
from sekisho.local.broker import LocalKafka
from sekisho.log.kafka import KafkaLog
from sekisho.log.port import CommitUnknownError, FencedError, LogError, Partition, UnavailableError


def impatient(bootstrap: str) -> KafkaLog:
    """A log whose time-outs are short, so that the tests are."""
    return KafkaLog(
        replace(
            kafka_config(bootstrap),
            request_timeout_ms=1_000,
            call_timeout_s=2,
            commit_timeout_s=2,
            stop_timeout_s=1,
            admin_timeout_s=2,
        )
    )


@pytest.fixture(scope="module")
def frozen_broker(kafka_jars: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker for this module's tests: each leaves it running."""
    from local_kafka import BROKER_LIMITS

    properties = {
        # a transaction that is over its time is ended within half a second instead of ten
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
        # a broker that was frozen for some seconds is still the leader: markers under way are not lost for 30 s
        "broker.session.timeout.ms": "60000",
    }
    with LocalKafka(kafka_jars, BROKER_LIMITS, properties=properties) as kafka:  # type: ignore[arg-type]
        yield kafka
        kafka.resume()


@pytest.fixture
async def at(frozen_broker: LocalKafka) -> Partition:
    """A partition of the test's own: no other test's transaction is open there."""
    patient = KafkaLog(kafka_config(frozen_broker.bootstrap))
    topic = f"outage-{uuid4()}"
    await patient.create(topic, 1, 1, {})
    await patient.close()
    return Partition(topic, 0)


@pytest.fixture
async def log(frozen_broker: LocalKafka) -> AsyncIterator[KafkaLog]:
    made = impatient(frozen_broker.bootstrap)
    yield made
    await asyncio.to_thread(frozen_broker.resume)
    await made.close()


def clients_at_work() -> list[str]:
    """Tasks of aiokafka that are still running."""
    names = (repr(task.get_coro()) for task in asyncio.all_tasks())
    return [name for name in names if "Sender." in name or "Coordinator" in name or "Fetcher" in name]


@pytest.mark.own_broker
async def test_a_commit_without_an_answer_is_unknown_and_its_writer_ends(
    log: KafkaLog, frozen_broker: LocalKafka, at: Partition
) -> None:
    """A silent broker makes the commit unknown, not failed; stop ends in its time and leaves no task behind."""
    writer = log.transactional_writer("silent")
    await writer.start()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    await asyncio.to_thread(frozen_broker.pause)
    with pytest.raises(CommitUnknownError):
        await writer.commit()
    with pytest.raises(CommitUnknownError):
        await writer.begin()
    async with asyncio.timeout(WAIT_S):
        await writer.stop()
    assert clients_at_work() == []


@pytest.mark.own_broker
async def test_a_writer_that_cannot_start_says_what_is_wrong(
    log: KafkaLog, frozen_broker: LocalKafka, at: Partition
) -> None:
    """start and every question end in their time with the address and what to look at."""
    await asyncio.to_thread(frozen_broker.pause)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:\d+.*SEKISHO_KAFKA_BOOTSTRAP"):
        await log.transactional_writer("late").start()
    with pytest.raises(UnavailableError):
        await log.describe(["outage"])
    with pytest.raises(UnavailableError):
        await log.partition_reader().high_watermark(at)
    assert clients_at_work() == []


@pytest.mark.own_broker
async def test_a_member_of_a_silent_broker_stops_in_time(
    log: KafkaLog, frozen_broker: LocalKafka, at: Partition
) -> None:
    """Leaving the group gets no answer; stop ends all the same."""
    listener = Listener()
    member = log.group_reader("silent-group", [at.topic], listener)
    await member.start()
    await until(lambda: at in listener.held, member)
    await asyncio.to_thread(frozen_broker.pause)
    assert await member.fetch(300) == {}
    async with asyncio.timeout(WAIT_S):
        await member.stop()
    assert clients_at_work() == []


@pytest.mark.own_broker
async def test_an_answer_that_comes_late_does_no_harm(
    log: KafkaLog, frozen_broker: LocalKafka, at: Partition
) -> None:
    """After an outage a reader goes on where it was, and a new owner of the id takes over."""
    reader = log.partition_reader()
    await reader.start()
    await reader.assign({at: await reader.high_watermark(at)})
    first = log.transactional_writer("interrupted")
    await first.start()
    await first.begin()
    await send_all(first, at, numbered(0, 1))
    await asyncio.to_thread(frozen_broker.pause)
    with pytest.raises(LogError):
        await first.abort()
    await first.stop()
    await asyncio.to_thread(frozen_broker.resume)
    second = log.transactional_writer("interrupted")
    await second.start()
    await second.begin()
    await send_all(second, at, numbered(7, 1))
    await second.commit()
    async with asyncio.timeout(WAIT_S):
        while not (found := await reader.fetch(300)):
            pass
    assert [record.value for record in found[at]] == [b"v7"]
    await second.stop()
    await reader.stop()


@pytest.mark.own_broker
async def test_a_transaction_over_its_time_fences_its_only_owner(
    frozen_broker: LocalKafka, at: Partition
) -> None:
    """The broker aborts it by itself: FencedError also comes to an owner without a rival (runtime.md [M])."""
    log = KafkaLog(replace(kafka_config(frozen_broker.bootstrap), transaction_timeout_ms=1_000))
    writer = log.transactional_writer("slow")
    await writer.start()
    await writer.begin()
    await send_all(writer, at, numbered(0, 1))
    reader = log.partition_reader()
    async with asyncio.timeout(WAIT_S):
        while await reader.last_stable_offset(at) < await reader.high_watermark(at):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    with pytest.raises(FencedError):
        await writer.commit()
    await writer.stop()
    await log.close()


@pytest.mark.own_broker
async def test_a_broker_that_dies_and_comes_back_keeps_what_was_committed(make_broker: MakeBroker) -> None:
    """Killed and started again on its data: committed records and offsets are there, and a member goes on."""
    at = Partition("outage", 0)
    kafka = make_broker()
    await asyncio.to_thread(kafka.start)
    log = KafkaLog(kafka_config(kafka.bootstrap))
    await log.create(at.topic, 1, 1, {})
    listener = Listener()
    member = log.group_reader("survivors", [at.topic], listener)
    await member.start()
    await until(lambda: at in listener.held, member)
    writer = log.transactional_writer("survivor")
    await writer.start()
    await writer.begin()
    await send_all(writer, at, numbered(0, 3))
    await writer.send_offsets({at: 2}, "survivors")
    await writer.commit()
    # the markers are there: a single broker killed before that was seen to leave the offset unstable for minutes [M]
    assert await member.committed(at) == 2
    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)
    assert await member.committed(at) == 2
    await until(lambda: at in member.assignment(), member)
    member.seek(at, 2)
    member.resume(at)
    async with asyncio.timeout(WAIT_S):
        while not (found := await member.fetch(300)):
            pass
    assert [record.offset for record in found[at]] == [2]
    await writer.stop()
    await member.stop()
    await log.close()


async def test_nobody_listening_is_told_as_a_refusal() -> None:
    """A port where nothing listens: the address, that it refuses, and what to check; no broker needed."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        log = impatient(f"127.0.0.1:{port}")
        with pytest.raises(UnavailableError, match=rf"127.0.0.1:{port} refuses .*SEKISHO_KAFKA_BOOTSTRAP"):
            await log.writer().start()
        with pytest.raises(UnavailableError, match="refuses"):
            await log.describe(["outage"])


async def test_a_wrong_address_is_told_long_before_the_time_of_a_change_is_over() -> None:
    """Administration waits long for all brokers, but not for one that was never there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        log = KafkaLog(replace(kafka_config(address), request_timeout_ms=1_000, admin_timeout_s=600))
        async with asyncio.timeout(WAIT_S):
            with pytest.raises(UnavailableError, match="refuses"):
                await log.describe(["outage"])
            with pytest.raises(UnavailableError, match="refuses"):
                await log.create("outage", 1, 1, {})


async def test_something_else_listening_is_told_as_such() -> None:
    """A port that takes connections and speaks no Kafka: the settings of protocol and TLS are named."""
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    log = impatient(f"127.0.0.1:{port}")
    with pytest.raises(UnavailableError, match=r"takes TCP connections.*protocol"):
        await log.partition_reader().start()
    silent.close()


async def test_tls_to_a_plain_port_is_told() -> None:
    """The security protocol stands in the message."""
    plain = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    log = KafkaLog(
        replace(
            kafka_config(f"127.0.0.1:{port}"), security=replace(PLAINTEXT, protocol="SSL"), call_timeout_s=2
        )
    )
    with pytest.raises(UnavailableError, match="security protocol SSL"):
        await log.writer().start()
    plain.close()
