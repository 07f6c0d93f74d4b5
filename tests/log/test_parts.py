"""The log room's small parts: batches, the writer's lifecycle, security, configuration, what errors become."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import aiokafka.errors
import aiokafka.producer.sender
import pytest
from aiokafka import TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.producer.transaction_manager import TransactionManager
from hypothesis import given
from hypothesis import strategies as st

from kafka_settings import PLAINTEXT, kafka_config
from sekisho.contracts.routing import partition_for, partition_of
from sekisho.log.client_backoffs import QUICK_RETRIES, QuickAddOffsets, QuickOffsetCommit, QuickProduce
from sekisho.log.client_pipelining import PipeliningSender
from sekisho.log.kafka import KafkaLog, KafkaSecurityError
from sekisho.log.kafka_errors import translated, translated_send
from sekisho.log.lifecycle import PendingSends, WriterLifecycle, in_batches
from sekisho.log.port import (
    FencedError,
    LogError,
    MissingTopicError,
    SendError,
    TooLargeError,
    UnavailableError,
)

SASL = replace(
    PLAINTEXT, protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", username="gate", password="secret"
)


@given(st.lists(st.integers(0, 50)), st.integers(1, 60))
def test_batches_lose_nothing_and_hold_their_limit(sizes: list[int], limit: int) -> None:
    """Cut into runs: all of it, in order, none above the limit but what alone is larger, none needlessly short."""
    runs = [sizes[cut] for cut in in_batches(sizes, limit)]
    assert [size for run in runs for size in run] == sizes
    assert all(len(run) == 1 or sum(run) <= limit for run in runs)
    assert all(sum(before) + after[0] > limit for before, after in itertools.pairwise(runs))


@given(st.text(min_size=1), st.integers(1, 48))
def test_keys_route_as_the_contract_says(key: str, partitions: int) -> None:
    """The log's own routing and the contracts' are one."""
    assert partition_for(key.encode(), partitions) == partition_of(key, partitions)


async def test_a_cancelled_send_counts_as_failed() -> None:
    """Nobody knows whether it arrived: its transaction must not be committed."""
    sends = PendingSends()
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    sends.track(future).cancel()
    with pytest.raises(SendError):
        await sends.settle(1)


async def test_a_send_without_an_answer_is_not_settled() -> None:
    """The wait for acknowledgements ends."""
    sends = PendingSends()
    sends.track(asyncio.get_running_loop().create_future())
    with pytest.raises(SendError, match="no answer"):
        await sends.settle(0.01)


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    """Later failures are its consequences."""
    life = WriterLifecycle("lane", PendingSends())
    life.started()
    life.broke(FencedError("first"))
    life.broke(UnavailableError("second"))
    with pytest.raises(FencedError, match="first"):
        life.begun()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"protocol": "TLS"}, "use one of"),
        ({"protocol": "SASL_SSL"}, "mechanism"),
        ({"protocol": "SASL_PLAINTEXT", "sasl_mechanism": "GSSAPI"}, "use one of"),
        ({"protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "username": "u"}, "password"),
    ],
)
def test_security_that_cannot_work_is_refused(change: dict[str, str], text: str) -> None:
    """Each with what would do."""
    with pytest.raises(KafkaSecurityError, match=text):
        replace(PLAINTEXT, **change)


def test_tls_and_sasl_reach_both_clients() -> None:
    """aiokafka gets a context that checks host names, librdkafka the same by its own names."""
    ours = SASL.for_aiokafka()
    assert isinstance(ours["ssl_context"], ssl.SSLContext)
    assert ours["ssl_context"].check_hostname
    assert ours["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert (ours["security_protocol"], ours["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (ours["sasl_plain_username"], ours["sasl_plain_password"]) == ("gate", "secret")
    assert replace(SASL, ca_file="ca.pem").for_confluent() == {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": "ca.pem",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "gate",
        "sasl.password": "secret",
    }


def test_plaintext_sets_nothing_more() -> None:
    """No context and no user where none is meant."""
    assert PLAINTEXT.for_aiokafka() == {"security_protocol": "PLAINTEXT", "ssl_context": None}
    assert PLAINTEXT.for_confluent() == {"security.protocol": "plaintext"}


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    """The file that cannot be read stands in the message."""
    absent = str(tmp_path / "absent.pem")
    with pytest.raises(KafkaSecurityError, match=r"absent\.pem"):
        replace(PLAINTEXT, protocol="SSL", ca_file=absent).ssl_context()


def test_secrets_are_not_shown() -> None:
    """A configuration that is logged or raised shows no password."""
    shown = repr(replace(kafka_config("h:1"), security=replace(SASL, key_password="hidden-key")))
    assert "secret" not in shown
    assert "hidden-key" not in shown


def test_no_reader_resets_by_itself() -> None:
    """auto_offset_reset is none for both isolation levels, and nothing is committed behind one's back."""
    for committed, level in ((True, "read_committed"), (False, "read_uncommitted")):
        settings = kafka_config("h:1").consumer(committed=committed)
        assert settings["auto_offset_reset"] == "none"
        assert settings["enable_auto_commit"] is False
        assert settings["isolation_level"] == level


async def test_making_a_log_lowers_the_backoff_and_opens_nothing() -> None:
    """aiokafka's 20 ms between two transactions become what the configuration says."""
    KafkaLog(replace(kafka_config("h:1"), commit_backoff_s=0.003))
    assert aiokafka.producer.sender.BACKOFF_OVERRIDE == 0.003


class Answering:
    """What aiokafka's handlers use of a sender."""

    _retry_backoff = 0.1
    client = None
    _txn_manager = SimpleNamespace(offset_committed=lambda at, offset, group: None)

    def __init__(self) -> None:
        self._coordinators = {CoordinationType.GROUP: 1}

    def _coordinator_dead(self, kind: CoordinationType) -> None:
        self._coordinators.pop(kind, None)


NOT_ENOUGH_REPLICAS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT, NO_ERROR = 19, 15, 16, 51, 0


@pytest.mark.parametrize(
    ("tries", "expected"), [(1, 0.003), (QUICK_RETRIES, 0.003), (QUICK_RETRIES + 1, 0.1)]
)
def test_a_batch_that_comes_too_soon_is_repeated_soon_but_not_for_ever(tries: int, expected: float) -> None:
    """What the broker answers while it verifies a transaction waits 3 ms; replicas that are really missing, 100 ms."""
    KafkaLog(replace(kafka_config("h:1"), commit_backoff_s=0.003))
    handler = QuickProduce(Answering(), {TopicPartition("t", 0): SimpleNamespace(retry_count=tries)})
    answer = (0, NOT_ENOUGH_REPLICAS, -1, -1, 0)
    handler.handle_response(SimpleNamespace(API_VERSION=7, topics=[("t", [answer])]))
    assert handler._default_backoff == expected


def test_offsets_that_come_too_soon_are_repeated_soon_but_not_for_ever() -> None:
    """The count is the sender's, and begins anew after a success."""
    KafkaLog(replace(kafka_config("h:1"), commit_backoff_s=0.003))
    sender, at = Answering(), TopicPartition("t", 0)

    def answered(code: int) -> float | None:
        handler = QuickOffsetCommit(sender, {at: SimpleNamespace(offset=1)}, "group")
        backoff: float | None = handler.handle_response(SimpleNamespace(errors=[("t", [(0, code)])]))
        return backoff

    for _ in range(2):
        waits = [answered(COORDINATOR_NOT_AVAILABLE) for _ in range(QUICK_RETRIES + 1)]
        assert waits == [0.003] * QUICK_RETRIES + [0.1]
        assert answered(NO_ERROR) is None
        sender._coordinators[CoordinationType.GROUP] = 1


@pytest.mark.parametrize(("code", "known"), [(COORDINATOR_NOT_AVAILABLE, True), (NOT_COORDINATOR, False)])
def test_a_coordinator_that_only_verifies_is_not_looked_for_anew(code: int, known: bool) -> None:
    """One that says that it is none any more is."""
    KafkaLog(replace(kafka_config("h:1"), commit_backoff_s=0.003))
    sender = Answering()
    handler = QuickOffsetCommit(sender, {TopicPartition("t", 0): SimpleNamespace(offset=1)}, "group")
    handler.handle_response(SimpleNamespace(errors=[("t", [(0, code)])]))
    assert (CoordinationType.GROUP in sender._coordinators) is known


@pytest.mark.parametrize(("code", "expected"), [(CONCURRENT, 0.003), (COORDINATOR_NOT_AVAILABLE, 0.1)])
def test_a_group_added_before_the_last_markers_stand_is_added_again_soon(code: int, expected: float) -> None:
    """Only for the markers; what else the coordinator lacks is awaited at the usual pace."""
    KafkaLog(replace(kafka_config("h:1"), commit_backoff_s=0.003))
    handler = QuickAddOffsets(Answering(), "group")
    assert handler.handle_response(SimpleNamespace(error_code=code)) == expected


class Coordinator:
    """A client whose requests are answered one by one, when told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, asyncio.Future[SimpleNamespace]]] = []

    async def send(self, node: int, request: object, *, group: object) -> SimpleNamespace:
        answer: asyncio.Future[SimpleNamespace] = asyncio.get_running_loop().create_future()
        self.asked.append((type(request).__name__, answer))
        return await answer


def sender_in_transaction() -> tuple[PipeliningSender, Coordinator]:
    """A sender whose transaction has a partition and a group's offset to add."""
    client, manager = Coordinator(), TransactionManager("id", 10_000)
    manager.set_pid_and_epoch(1, 0)
    manager.begin_transaction()
    manager.maybe_add_partition_to_txn(TopicPartition("t", 0))
    manager.add_offsets_to_txn({TopicPartition("in", 0): SimpleNamespace(offset=1)}, "group")
    sender = PipeliningSender(
        client,
        acks=-1,
        txn_manager=manager,
        message_accumulator=None,
        retry_backoff_ms=1,
        request_timeout_ms=1,
    )
    sender._coordinators[CoordinationType.TRANSACTION] = 1
    return sender, client


async def test_the_group_is_asked_for_right_behind_the_partitions() -> None:
    """Both are on their way before the first is answered; batches need not wait for the second; it is asked for once."""
    sender, client = sender_in_transaction()
    first = asyncio.ensure_future(sender._do_add_partitions_to_txn(sender._txn_manager.partitions_to_add()))
    await asyncio.sleep(0.01)
    assert [name for name, _ in client.asked] == ["AddPartitionsToTxnRequest", "AddOffsetsToTxnRequest"]
    client.asked[0][1].set_result(SimpleNamespace(errors=[("t", [(0, NO_ERROR)])]))
    assert await first
    second = asyncio.ensure_future(sender._do_add_offsets_to_txn("group"))
    client.asked[1][1].set_result(SimpleNamespace(error_code=NO_ERROR))
    assert await second
    assert sender._txn_manager.consumer_group_to_add() is None
    assert len(client.asked) == 2


async def test_a_group_that_is_refused_is_told_when_it_is_waited_for() -> None:
    """A fenced sender ends by it, as it would have without asking ahead."""
    sender, client = sender_in_transaction()
    first = asyncio.ensure_future(sender._do_add_partitions_to_txn(sender._txn_manager.partitions_to_add()))
    await asyncio.sleep(0.01)
    client.asked[0][1].set_result(SimpleNamespace(errors=[("t", [(0, NO_ERROR)])]))
    client.asked[1][1].set_result(SimpleNamespace(error_code=aiokafka.errors.InvalidProducerEpoch.errno))
    assert await first
    with pytest.raises(aiokafka.errors.ProducerFenced):
        await sender._do_add_offsets_to_txn("group")


@pytest.mark.parametrize(
    ("error", "port", "port_of_send"),
    [
        (aiokafka.errors.ProducerFenced(), FencedError, FencedError),
        (aiokafka.errors.InvalidProducerEpoch(), FencedError, FencedError),
        (aiokafka.errors.MessageSizeTooLargeError(), TooLargeError, TooLargeError),
        (aiokafka.errors.RecordListTooLargeError(), TooLargeError, TooLargeError),
        (aiokafka.errors.UnknownTopicOrPartitionError(), MissingTopicError, SendError),
        (aiokafka.errors.TopicAuthorizationFailedError("t"), LogError, SendError),
        (aiokafka.errors.KafkaTimeoutError(), UnavailableError, SendError),
        (aiokafka.errors.OutOfOrderSequenceNumber(), UnavailableError, SendError),
    ],
)
def test_a_clients_error_becomes_the_ports(
    error: Exception, port: type[LogError], port_of_send: type[LogError]
) -> None:
    """Each with what was being done."""
    assert type(translated(error, "doing this")) is port
    assert type(translated_send(error, "doing this")) is port_of_send
    assert "doing this" in str(translated(error, "doing this"))
