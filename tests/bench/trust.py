"""What must hold of a contender's outputs before its times count: a benchmark of a wrong answer measures nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json

from bench.contenders import FAUST, Contender
from bench.forwarding import Pair
from bench.workload import PARTITIONS, PROVISIONS, Message, Mix

Outputs = Sequence[Sequence[Any]]
"""Kafka messages by partition, in their order."""


class WrongAnswerError(Exception):
    """A contender's outputs are not what its inputs demand."""


def by_partition(asked: Sequence[Message]) -> list[list[Message]]:
    """Requests in the order in which their partitions have them."""
    found: list[list[Message]] = [[] for _ in range(PARTITIONS)]
    for each in asked:
        found[each.partition].append(each)
    return found


def check(
    contender: Contender, mix: Mix, asked: Sequence[Message], decisions: Outputs, records: Outputs
) -> None:
    """Raises WrongAnswerError unless each request has one output of each kind, in order. Faust may give more than one (at
    least once) and is stopped before its end: none missing up to where it got."""
    for partition, requests in enumerate(by_partition(asked)):
        wanted = [each.key for each in requests]
        told = [each.key() for each in decisions[partition]]
        noted = [each.key() for each in records[partition]]
        if contender == FAUST:
            _part(wanted, told, f"{contender.name}: decisions of {partition}")
            continue
        _same(wanted, told, f"{contender.name}: decisions of {partition}")
        if contender.module is not None or mix == PROVISIONS:
            _same(wanted * mix.records, noted, f"{contender.name}: records of {partition}")
        if contender.module is None:
            _decided(mix, requests, decisions[partition])


def _same(wanted: Sequence[bytes], found: Sequence[bytes], what: str) -> None:
    if list(found) != list(wanted):
        raise WrongAnswerError(f"{what}: {len(found)} for {len(wanted)} requests, or in another order")


def _part(wanted: Sequence[bytes], found: Sequence[bytes], what: str) -> None:
    beyond = Counter(found) - Counter(wanted)
    if beyond or not found:
        raise WrongAnswerError(f"{what}: {len(found)} outputs, {beyond.total()} of them asked for by nobody")


def _decided(mix: Mix, requests: Sequence[Message], decisions: Sequence[Any]) -> None:
    for request, decision in zip(requests, decisions, strict=True):
        said = from_json(decision.value())
        if f'"{said["request_id"]}"'.encode() not in request.value:
            raise WrongAnswerError(f"the decision of {said['request_id']} stands where another's should")
        if said["circumstances"] is not None:
            raise WrongAnswerError(f"a limit decided, no rule: {said['circumstances']}")
        if mix == PROVISIONS and said["effect"] != "allow":
            raise WrongAnswerError(f"a provision was refused: {said['reasons']}")


def pairs(decisions: Outputs, records: Outputs, mix: Mix) -> list[Pair]:
    """The gate's decisions, each with its record, for the forwarders to write as often."""
    found: list[Pair] = []
    for partition in range(PARTITIONS):
        noted = iter(records[partition])
        for decision in decisions[partition]:
            record = next(noted) if mix.records else None
            found.append(
                Pair(
                    decision.value(),
                    list(decision.headers() or ()),
                    None if record is None else record.value(),
                    [] if record is None else list(record.headers() or ()),
                )
            )
    return found
