"""The bench's own correctness, with tiny numbers: that it measures what it says. No timing is a condition."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from bench import (
    latency,
    ledger,
    ledger_records,
    ledger_report,
    ledger_runs,
    report,
    subjects,
    throughput,
    trust,
    workload,
)
from bench.contenders import BATCH, CONFLUENT, GATE, SEND
from bench.figures import percentile, ratios
from bench.site import Site
from bench.throughput import Sizes, Stage
from bench.workload import PROVISIONS
from sekisho.contracts import access_requests, provision_records
from sekisho.contracts.routing import partition_of
from sekisho.domain.calendar import tokyo_day

SIZES = Sizes(warm=40, main=200, faust_warm=10, faust=20)


@pytest.fixture
def stage(broker: str, tmp_path: Path) -> Stage:
    return Stage(Site(broker), os.getpid(), tmp_path, print)


@pytest.mark.broker
@pytest.mark.timeout(600)
def test_the_contenders_answer_all_that_is_asked(stage: Stage) -> None:
    """The gate and the bare forwarders each write one output of each kind a request, in order; each round gives a rate."""
    runs = throughput.rounds(stage, (SEND, BATCH, CONFLUENT), PROVISIONS, SIZES, 1)
    assert [run.contender for run in runs] == [SEND.name, BATCH.name, CONFLUENT.name]
    assert all(run.requests == SIZES.main and run.per_second > 0 for run in runs)
    ours = [replace(run, contender=GATE.name) for run in runs[:1]]
    told = report.terminal({"throughput": throughput.raw([*ours, *runs])})
    assert "met     at least 1 x the send() pass-through: 1.00" in told


@pytest.mark.broker
@pytest.mark.timeout(600)
def test_latencies_and_restores_are_told_for_every_request(stage: Stage) -> None:
    """A run under an open-loop load has a latency for each request; a gate of some persons is ready and decides."""
    found = latency.measure(stage, GATE, 0.5, 50, 2, None)
    assert found.requests == 100
    assert 0 < found.p50 <= found.p99 <= found.most
    many = subjects.measure(stage, 500, 20, 50)
    assert many.ready_seconds > 0
    assert many.rss_after > 0


def test_the_mix_asks_many_questions_of_the_right_partitions() -> None:
    """Requests can be read, differ in id and question, and stand in their persons' partitions."""
    asked = list(workload.requests(PROVISIONS, 500, seed=1))
    read = [access_requests.decode(each.value) for each in asked]
    assert len({each.request_id for each in read}) == len(read)
    assert len({(each.requester, each.items, each.activity) for each in read}) > 400
    for message, request in zip(asked, read, strict=True):
        assert message.key.decode() == request.subject_id
        assert message.partition == partition_of(request.subject_id, workload.PARTITIONS)


@pytest.mark.parametrize("wrong", ["lost", "twice", "swapped"])
def test_wrong_outputs_do_not_count(wrong: str) -> None:
    """A contender that loses, repeats or reorders a message is found out."""
    asked = list(workload.requests(PROVISIONS, 50, seed=2))
    keys = [[each.key for each in part] for part in trust.by_partition(asked)]
    first = keys[0]
    assert first[0] != first[1]
    keys[0] = {
        "lost": first[1:],
        "twice": [first[0], *first],
        "swapped": [first[1], first[0], *first[2:]],
    }[wrong]
    whole = [[_Output(each.key) for each in part] for part in trust.by_partition(asked)]
    trust.check(SEND, PROVISIONS, asked, whole, whole)
    with pytest.raises(trust.WrongAnswerError):
        trust.check(SEND, PROVISIONS, asked, [[_Output(key) for key in part] for part in keys], whole)


class _Output:
    """As much of a Kafka message as the check of a forwarder looks at."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def key(self) -> bytes:
        return self._key


def test_ratios_are_taken_round_by_round() -> None:
    """What slows one round down slows both sides of its ratio; a percentile is a value that was measured."""
    assert ratios([100, 50, 100], [50, 25, 50]) == (2, 2, 2)
    assert percentile([1, 2, 3, 4], 0.5) == 3
    assert percentile([1, 2, 3, 4], 1.0) == 4


LEDGER: Final = ledger.Extent(
    records=600,
    rounds=1,
    hundreds=200,
    singles=20,
    kafka=200,
    kafka_rounds=1,
    million=1_000,
    proofs=5,
    purged=50,
)


@pytest.mark.database
@pytest.mark.broker
@pytest.mark.timeout(900)
def test_the_ledger_takes_all_in_and_every_figure_is_told(
    broker: str, database_server: str, tmp_path: Path
) -> None:
    """From memory, published and not, from Kafka, singly; what was filled verifies, proves, publishes and is purged."""
    # the CPU of this process stands for the servers', whose ids the fixtures do not tell
    stage = ledger_runs.Stage(database_server, os.getpid(), tmp_path, print)
    found = ledger.ingest(stage, LEDGER)
    found.append(ledger_runs.on_kafka(stage, Site(broker), os.getpid(), LEDGER.kafka, 1).raw())
    assert [each["contender"] for each in found[:3]] == ["COPY", "ledger", "ledger, publishing"]
    assert all(each["per_second"] > 0 and each["seconds"] > 0 for each in found)
    assert all(len(each["rss"]) == 10 for each in found if each["contender"] == "ledger")
    results: dict[str, Any] = {"ingest": found, "million": ledger.million(stage, LEDGER)}
    assert results["million"]["purge"]["records"] == LEDGER.purged
    told = ledger_report.terminal(results)
    assert "15,000 records/s into PostgreSQL" in told
    assert "1 M leaves verified" not in told, "a small ledger tells nothing of that"


def test_the_two_parts_of_the_page_leave_each_other_alone() -> None:
    """Whichever is written anew, the other stays as it was."""
    page = ledger_report.joined("the gate's\n", f"{ledger_report.MARK}\nthe ledger's\n")
    assert (
        ledger_report.joined(page, f"{ledger_report.MARK}\nnew\n")
        == f"the gate's\n\n{ledger_report.MARK}\nnew\n"
    )
    assert ledger_report.joined("new", ledger_report.kept(page)) == page.replace("the gate's", "new")
    assert ledger_report.joined("new", ledger_report.kept("the gate's")) == "new\n"


def test_the_records_are_what_a_gate_writes() -> None:
    """They can be read, are of many persons, in their persons' partitions, and some are due."""
    sent = list(ledger_records.messages(400, seed=1))
    read = [provision_records.decode(each.value) for each in sent]
    assert len({each.record_id for each in read}) == len({each.decision_id for each in read}) == 400
    today = tokyo_day(datetime.now(UTC))
    assert 0 < sum(each.retain_until is not None and each.retain_until < today for each in read) < 200
    for message, record in zip(sent, read, strict=True):
        assert record.subject is not None
        assert message.key.decode() == record.subject.id
        assert message.partition == partition_of(record.subject.id, ledger_records.PARTITIONS)
