"""Every case through a gate on a real Kafka: as the case expects, as the core says, and as the verifier finds it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from cases.on_the_core import all_cases, answer
from cases.through_the_gate import Answered, CaseWorld, DayChangedError, answers, at_any_hour
from faults.judge import judged
from kafka_settings import kafka_config
from sekisho.audit import CheckReport
from sekisho.contracts.verdict_view import verdict_view
from sekisho.log.kafka import KafkaLog
from sekisho.rulebook.cases import Case, compare

pytestmark = pytest.mark.broker


class Run(NamedTuple):
    """All cases, answered, and the verifier's word on the topics."""

    answered: Mapping[str, Answered]
    report: CheckReport


async def _run(bootstrap: str, folder: Path) -> Run:
    world = CaseWorld(KafkaLog(kafka_config(bootstrap)), f"t{uuid.uuid4().hex[:12]}-", folder)
    try:
        await world.create()
        answered = await answers(world)
        return Run(answered, await judged(world.log, world.names))
    finally:
        await world.close()
        await world.log.close()


@pytest.fixture(scope="module")
def run(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Once for all cases; once more where midnight came between."""
    try:
        return asyncio.run(_run(broker, tmp_path_factory.mktemp("gate")))
    except DayChangedError:
        return asyncio.run(_run(broker, tmp_path_factory.mktemp("again")))


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_gate_answers_as_the_case_expects(case: Case, run: Run) -> None:
    """Decision and record from the topics are those that the case pins, in the world moved to today."""
    found = run.answered[case.id]
    assert compare(found.case, found.decision, found.record) == []


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_the_gates_verdict_is_the_cores(case: Case, run: Run) -> None:
    """All but ids, positions and times are equal to the core's answer, in the moved world and in the one as written
    (with which `sekisho decide` is compared)."""
    found = run.answered[case.id]
    seen = verdict_view(found.decision, found.record)
    assert seen == verdict_view(*_plain(answer(found.case, found.days)))
    assert seen == verdict_view(*_plain(answer(case)))


def test_the_verifier_finds_nothing_wrong(run: Run) -> None:
    """The topics hold exactly one right decision for each case, under the rulebook that decided it."""
    assert run.report.ok, str(run.report)
    assert run.report.counts.decisions == len(all_cases())


def test_few_cases_hang_on_the_hour() -> None:
    """Cases whose events lie on the very day of the decision get these moved to the day's ends; such cases are few."""
    changed = [case.id for case in all_cases() if at_any_hour(case) != case]
    assert len(changed) < 0.05 * len(all_cases()), changed


def _plain(documents: object) -> list[dict[str, object]]:
    """As read back from a topic."""
    plain: list[dict[str, object]] = json.loads(json.dumps(documents))
    return plain
