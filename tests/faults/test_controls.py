"""Controls: with one guarantee taken away by test-only wiring the verifier must find what is lost, else it proves nothing.

Each is scripted: which turn goes wrong is known, and the same script with the guarantee in place has nothing wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import pytest

from faults import messages
from faults.judge import all_answered, judged
from faults.unsafe_log import Controls, Faults, Step, UnsafeLog
from gate.world import LIMITS, World, changed, subject_in
from sekisho.audit import CheckReport
from sekisho.log.port import Partition

LANE = 1
SMALL = "20000"
"""`max.message.bytes` of the output topics: the answer to a request for hundreds of items does not fit."""


async def create_topics(world: World, decisions: Mapping[str, str]) -> None:
    """The world's topics, with another configuration of the decisions."""
    names = world.names
    for name in names:
        config = decisions if name == names.decisions else world.input_config(name)
        await world.log.create(name, 1 if name == names.rulebooks else world.partitions, 1, config)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.broker)])
def any_world(request: pytest.FixtureRequest) -> World:
    """The control must work on both logs: on Kafka it is the proof, in memory it is quick."""
    found: World = request.getfixturevalue(f"bare_{request.param}_world")
    return found


def _requests(count: int, first: int = 0) -> list[messages.Json]:
    return [messages.request(subject_in(LANE, first + number), "purp-1-specified") for number in range(count)]


def _too_large() -> messages.Json:
    items = [f"no.such_item_{number:03d}" for number in range(400)]
    return messages.request(subject_in(LANE, 90), "purp-1-specified", items=items)


# the await on sends


async def _with_a_large_one(world: World, controls: Controls) -> CheckReport:
    """Good requests and one whose answer does not fit into the log, all in one turn."""
    await create_topics(world, {"max.message.bytes": SMALL})
    await world.ask(*_requests(3), _too_large(), *_requests(3, 3))
    faults = Faults()
    faults.delay(Step.AFTER_COMMIT, 0)
    gate = await world.gate(log=UnsafeLog(world.log, faults, controls))
    if controls.unsafe_no_await:
        await world.until(lambda: faults.is_spent)
    else:
        await world.decisions(7)
    await world.stop(gate)
    return await judged(world.log, world.names)


@pytest.mark.control("the await of the sends")
async def test_a_send_that_is_not_awaited_loses_requests_and_is_found(any_world: World) -> None:
    """A failed send does not poison a transaction: without the await its turn commits, and answers are missing."""
    report = await _with_a_large_one(any_world, Controls(unsafe_no_await=True))
    assert report.totals["request.lost"] > 0, str(report)
    assert all(each.partition == LANE for each in report.findings)


async def test_with_the_await_a_large_answer_costs_no_other_request(any_world: World) -> None:
    """The same turn with the await: the guilty request alone is refused, in writing."""
    report = await _with_a_large_one(any_world, Controls())
    assert report.ok, str(report)
    assert (report.counts.decisions, report.counts.rejected) == (7, 1)


# the seek after an abort


async def _with_an_abort(world: World, controls: Controls) -> CheckReport:
    """The first turn grows too old while it is sent, and is aborted on purpose; more requests follow."""
    await world.create()
    faults = Faults()
    faults.delay(Step.SEND, 1.2)
    await world.ask(*_requests(5))
    log = UnsafeLog(world.log, faults, controls)
    gate = await world.gate(log=log, limits=changed(LIMITS, turn_seconds=1))
    lanes = gate.lanes
    assert lanes is not None
    await world.until(lambda: lanes.lanes[Partition(world.names.requests, LANE)].inbox.epoch > 0)
    if controls.unsafe_no_seek_back:
        await _until_one_is_answered(world)
    else:
        await world.ask(*_requests(5, 5))
        await world.decisions(10)
    await world.stop(gate)
    return await judged(world.log, world.names)


async def _until_one_is_answered(world: World) -> None:
    """Sends one request after the other: what a fetch under way at the abort takes is passed over too."""
    for number in range(5, 25):
        await world.ask(*_requests(1, number))
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                await world.decisions(1)
                return
    raise AssertionError("nothing is answered any more")


@pytest.mark.control("the seek after an abort")
async def test_without_the_seek_an_aborted_turn_is_passed_over_and_found(any_world: World) -> None:
    """The next commit passes over the requests of the aborted turn: they are never answered."""
    report = await _with_an_abort(any_world, Controls(unsafe_no_seek_back=True))
    assert set(report.totals) == {"request.lost"}, str(report)
    assert [each.offset for each in report.findings][:5] == [0, 1, 2, 3, 4]
    assert report.counts.decisions == 1


async def test_with_the_seek_an_aborted_turn_is_done_anew(any_world: World) -> None:
    """The same turn with the seek: everything is answered once."""
    report = await _with_an_abort(any_world, Controls())
    assert report.ok, str(report)
    assert report.counts.decisions == 10


# the high watermark


async def _with_a_hidden_stop(world: World, controls: Controls) -> CheckReport:
    """An upstream transaction is open in front of an acknowledged suspension, then its person is asked about."""
    await world.create()
    names, person = world.names, subject_in(LANE)
    for type_, data in messages.consents(person):
        await world.tell(data, type_)
    gate = await world.gate(log=UnsafeLog(world.log, None, controls))
    upstream = world.log.transactional_writer(f"{world.prefix}upstream")
    await upstream.start()
    await upstream.begin()
    other = messages.told(messages.SUSPENDED, messages.suspension(subject_in(LANE, 1)))
    for answer in await upstream.send(Partition(names.consents, LANE), [other]):
        await answer
    await world.tell(messages.suspension(person), messages.SUSPENDED)
    await asyncio.sleep(0.05)  # so that the request's append time is later
    await world.ask(messages.request(person))
    if controls.unsafe_no_high_watermark:
        await world.decisions(1)
    else:
        await asyncio.sleep(0.5)
    await upstream.commit()
    await upstream.stop()
    await all_answered(world.log, names)
    await world.stop(gate)
    return await judged(world.log, names)


@pytest.mark.control("the high watermark")
async def test_a_decision_up_to_the_stable_end_only_is_found(any_world: World) -> None:
    """The stable end hides an acknowledged suspension behind an open transaction: a decision up to it is stale."""
    report = await _with_a_hidden_stop(any_world, Controls(unsafe_no_high_watermark=True))
    assert report.totals == {"decision.stale_consents": 1}, str(report)


@pytest.mark.scenario("an open upstream transaction before an acknowledged suspension")
async def test_a_decision_up_to_the_high_watermark_knows_the_stop(any_world: World) -> None:
    """The same with the high watermark: the decision waits for the transaction, and refuses."""
    report = await _with_a_hidden_stop(any_world, Controls())
    assert report.ok, str(report)
    assert (report.counts.allowed, report.counts.denied) == (0, 1)
