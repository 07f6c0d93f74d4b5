"""docs/faults.md says what the fault tests prove, and they prove all that the design asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.page import Proof, page, proofs

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

SCENARIOS = (
    "SIGTERM and kill -9 rotated over three gates",
    "SIGSTOP past the session time-out, then SIGCONT",
    "a SIGSTOPped owner with its taker on the same host",
    "abort injected at every step of a turn",
    "the process crashes at every step of a turn",
    "state deleted mid-restore",
    "a restore longer than max_poll_interval_ms",
    "lane A→B→A with an aborted turn, then a duplicate",
    "group offsets deleted",
    "consent topic deleted and re-created",
    "partitions added",
    "an open upstream transaction before an acknowledged suspension",
    "a misrouted suspension with an abort at its forward",
    "a bad header key",
    "a zstd batch",
    "an unknown codec",
    "a bad checksum",
    "an output over its limit",
)
"""Of runtime.md's section Proof, what concerns gates, lanes and topics."""
CONTROLS = (
    "the await of the sends",
    "the seek after an abort",
    "the fencing: a transactional id per partition",
    "the high watermark",
)


@pytest.fixture(scope="module")
def found() -> list[Proof]:
    """What the tests are marked with."""
    return proofs()


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_of_the_design_has_its_test(found: list[Proof], name: str) -> None:
    """A test is marked with it."""
    assert [each.test for each in found if each.kind == "scenario" and each.name == name]


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_of_the_design_has_its_test(found: list[Proof], name: str) -> None:
    """A test is marked with it."""
    assert [each.test for each in found if each.kind == "control" and each.name == name]


def test_every_control_says_what_is_found_and_has_a_clean_twin(found: list[Proof]) -> None:
    """A control without a finding would be none, and without its twin it might find what is always wrong."""
    controls = [each for each in found if each.kind == "control"]
    assert [each.test for each in controls if not each.findings] == []
    assert [each.test for each in controls if not each.twin and not each.is_clean] == []


def test_every_scenario_is_judged(found: list[Proof]) -> None:
    """By the verifier: either nothing may be wrong, or what it says of what was done to the topics is told."""
    judged_elsewhere = {  # in a function of their file: its rounds run beside each other, or tests share it
        "test_a_crash_at_any_step_loses_and_doubles_nothing",
        "test_a_broker_that_fails_and_comes_back_under_load",
    }
    scenarios = [each for each in found if each.kind == "scenario"]
    unjudged = {each.test for each in scenarios if not each.is_clean and not each.findings}
    assert unjudged <= judged_elsewhere


def test_the_page_is_up_to_date() -> None:
    """`make faults` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
