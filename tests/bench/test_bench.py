"""The bench's own correctness, with tiny numbers: that it measures what it says. No timing is a condition."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench import latency, report, subjects, throughput, trust, workload
from bench.contenders import BATCH, CONFLUENT, GATE, SEND
from bench.figures import percentile, ratios
from bench.site import Site
from bench.throughput import Sizes, Stage
from bench.workload import PROVISIONS
from sekisho.contracts import access_requests
from sekisho.contracts.routing import partition_of

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
