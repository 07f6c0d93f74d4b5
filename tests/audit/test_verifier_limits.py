"""Refusals for which the core was not asked: those that gates truly had to make are accepted, with what they tell."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from audit.scenario import CONFIG, LANE, PREFIX, Forger, memory_log, person
from audit.scenario import Played as Topics
from faults import messages
from faults.judge import check_config
from gate.world import LIMITS, World, changed, codes
from sekisho.audit import CheckReport, check
from sekisho.audit import findings as declared
from sekisho.gate.limits import GateLimits
from sekisho.log.memory import MemoryLog
from sekisho.log.port import Partition


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[World]:
    """A deployment in memory, with topics."""
    world = World(memory_log(), PREFIX, tmp_path)
    await world.create()
    yield world
    await world.close()


async def _verified(world: World, limits: GateLimits) -> CheckReport:
    names = world.names
    config = check_config(
        names, subject_events=limits.subject_events, freshness_ms=int(limits.freshness_seconds * 1000)
    )
    return await check(world.log, config)


async def test_too_many_events_are_accepted_as_a_limit(limited: World) -> None:
    """A person with more events than are folded: refused, and the verifier counts the same events."""
    limits = changed(LIMITS, subject_events=2)
    await limited.gate(limits=limits)
    for _ in range(3):
        await limited.tell(messages.suspension(person(0)), messages.SUSPENDED)
    await limited.ask(messages.request(person(0)))
    (decision,) = await limited.decisions(1)
    assert codes(decision) == ["subject.too_many_events"]
    report = await _verified(limited, limits)
    assert report.ok, str(report)


@pytest.mark.parametrize("output_bytes", [20_000, 5_000])
async def test_too_large_an_answer_is_accepted_as_a_limit(limited: World, output_bytes: int) -> None:
    """The whole answer is above the limit that the refusal names; the items stand in it only if they fit."""
    limits = changed(LIMITS, output_bytes=output_bytes)
    await limited.gate(limits=limits)
    items = [f"no.such_item_{number:03d}" for number in range(150)]
    await limited.ask(messages.request(person(0), "purp-1-specified", items=items))
    (decision,) = await limited.decisions(1)
    assert codes(decision) == ["request.too_large"]
    assert bool(decision["items"]) == (output_bytes == 20_000)
    report = await _verified(limited, limits)
    assert report.ok, str(report)
    assert (report.counts.too_large, report.counts.too_slow) == (1, 0)


def _many_items(number: int = 0) -> messages.Json:
    items = [f"no.such_item_{number:03d}" for number in range(150)]
    return messages.request(person(number), "purp-1-specified", items=items)


def _memory(world: World) -> MemoryLog:
    assert isinstance(world.log, MemoryLog)
    return world.log


def _take(world: World, most: int) -> None:
    """Configures the topic of decisions: batches of so many bytes are taken."""
    topic = _memory(world).store.topics[world.names.decisions]
    topic.config = {**topic.config, "max.message.bytes": str(most)}


async def _refused_by_the_log(world: World, takes: int) -> None:
    """Has a gate answer two requests, the first of which is too large for a topic of decisions of so many bytes."""
    _take(world, takes)
    gate = await world.gate()
    await world.ask(_many_items())
    await world.ask(messages.request(person(1), "purp-1-specified"))
    decisions = await world.decisions(2)
    assert codes(decisions[0]) == ["request.too_large"]
    await world.stop(gate)


async def test_what_the_log_did_not_take_is_accepted_while_it_takes_no_more(limited: World) -> None:
    """The answer is larger than the topic takes: the rejected event is right; a topic that takes it disproves it."""
    await _refused_by_the_log(limited, 20_000)
    report = await _verified(limited, LIMITS)
    assert report.ok, str(report)
    assert (report.counts.too_large, report.counts.rejected) == (1, 1)
    _take(limited, 1_048_588)
    report = await _verified(limited, LIMITS)
    assert report.totals == {"decision.verdict": 1, "decision.envelope": 1, "rejected.unasked": 1}


async def test_a_refusal_for_time_is_believed_in_writing_only_and_counted(limited: World) -> None:
    """Nothing in the topics tells how long a gate took: such a refusal is believed with its rejected event, and told."""
    await _refused_by_the_log(limited, 20_000)
    _take(limited, 1_048_588)
    forger = Forger(Topics(_memory(limited), {}, {}, ()))
    decision = forger.records(limited.names.decisions)[0]
    forger.change(decision, lambda data: data["circumstances"].update(limit="time"))
    report = await forger.check()
    assert report.ok, str(report)
    assert (report.counts.too_large, report.counts.too_slow) == (0, 1)
    assert "1 of them refused because deciding took too long" in str(report)
    forger.erase(forger.records(limited.names.rejected)[0])
    assert (await forger.check()).totals == {"decision.verdict": 1, "decision.envelope": 1}


@pytest.mark.parametrize("limit", [None, "size", 0.5])
async def test_a_refusal_as_too_large_that_names_no_limit_is_found(limited: World, limit: object) -> None:
    """Only a number of bytes can be compared with the answer."""
    limits = changed(LIMITS, output_bytes=20_000)
    gate = await limited.gate(limits=limits)
    await limited.ask(_many_items())
    await limited.decisions(1)
    await limited.stop(gate)
    forger = Forger(Topics(_memory(limited), {}, {}, ()))
    decision = forger.records(limited.names.decisions)[0]
    forger.change(decision, lambda data: data["circumstances"].update(limit=limit))
    assert (await forger.check()).totals == {"decision.verdict": 1, "decision.envelope": 1}


async def test_a_hold_after_a_true_wait_is_accepted(limited: World) -> None:
    """Consents behind an upstream transaction that stays open: refused as stale, and no finding once it has ended."""
    limits = changed(LIMITS, freshness_seconds=0.3, catch_up_seconds=0.1)
    await limited.gate(limits=limits)
    upstream = limited.log.transactional_writer(f"{PREFIX}upstream")
    await upstream.start()
    await upstream.begin()
    event = messages.told(messages.SUSPENDED, messages.suspension(person(1)))
    for answer in await upstream.send(Partition(limited.names.consents, LANE), [event]):
        await answer
    await limited.ask(messages.request(person(0)))
    (decision,) = await limited.decisions(1)
    assert codes(decision) == ["consent.state_stale"]
    await upstream.commit()
    await upstream.stop()
    report = await _verified(limited, limits)
    assert report.ok, str(report)


async def test_an_id_is_free_again_after_the_window(limited: World) -> None:
    """The verifier tells duplicates by the two append times, as gates do."""
    limits = changed(LIMITS, duplicate_window_seconds=0.05)
    await limited.gate(limits=limits)
    asked = messages.request(person(0))
    await limited.ask(asked)
    (first,) = await limited.decisions(1)
    begun = time.monotonic()
    await limited.until(lambda: time.monotonic() > begun + 0.1)
    await limited.ask(asked)
    again = (await limited.decisions(2))[-1]
    assert (again["duplicate_of"], again["decision_id"] == first["decision_id"]) == (None, False)
    config = check_config(limited.names, window_ms=50)
    assert (await check(limited.log, config)).ok
    assert (await check(limited.log, CONFIG)).totals == {"duplicate.missed": 1}


async def test_an_unreadable_record_is_found(day: Topics) -> None:
    """A record that does not follow the contract proves nothing."""
    forger = Forger(day)

    def without_retention(data: dict[str, Any]) -> None:
        del data["retain_until"]

    forger.change(forger.provision_record("provision"), without_retention)
    assert (await forger.check()).totals == {"record.unreadable": 1, "record.missing": 1}


def test_every_kind_of_finding_is_found_in_some_test() -> None:
    """A check that no forgery triggers may be none: each declared kind stands in a test of the verifier."""
    here = Path(__file__)
    tests = "".join(path.read_text(encoding="utf-8") for path in here.parent.glob("test_verifier_*.py"))
    assert [kind for kind in declared.KINDS if f'"{kind}"' not in tests] == []
