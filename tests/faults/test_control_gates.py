"""Controls: gates that lack one guarantee in what they read, know and commit. The verifier must find what they do wrong.

Each script has a clean twin: the same with the guarantee in place, in which the verifier finds nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from faults import messages
from faults.judge import judged
from faults.sending import ask_all, consent_of, put_all
from faults.test_controls import any_world
from faults.unsafe_log import Controls, Faults, Frozen, Step, UnsafeLog
from gate.world import LIMITS, World, changed, subject_in
from sekisho.audit import CheckReport
from sekisho.gate.clock import Clocks
from sekisho.gate.deciding import DecidingLane
from sekisho.gate.poison import Trouble
from sekisho.gate.service import GateService
from sekisho.gate.state import IdEntry, IdKey, LaneState
from sekisho.log.port import CommitUnknownError, Partition
from sekisho.rulebook import LoadedRulebook, compile_sources

__all__ = ["any_world"]

LANE = 1


def _requests(count: int, of: str = "purp-1-specified") -> list[messages.Json]:
    return [messages.request(subject_in(LANE, number), of) for number in range(count)]


async def _consents(world: World, count: int = 1) -> None:
    people = [subject_in(LANE, number) for number in range(count)]
    told = [consent_of(world, *event) for person in people for event in messages.consents(person)]
    await put_all(world, told)
    await asyncio.sleep(0.05)  # so that the requests' append times are later


async def _judged(world: World) -> CheckReport:
    await world.close()
    return await judged(world.log, world.names)


# the fencing


async def _with_a_zombie(world: World, controls: Controls) -> CheckReport:
    """A gate that has decided in every lane is told nothing of its group for a while; another takes half of its lanes and
    answers; then the first goes on where it was, and commits."""
    await world.create()
    faults, go_on, frozen = Faults(), asyncio.Event(), Frozen()
    faults.hold(Step.BEGIN, go_on, times=world.partitions, where="gate-")
    # so old a turn aborts by itself, and a call of so long is given up: two guards besides that would hide the third
    patient = changed(LIMITS, turn_seconds=120, call_seconds=120)
    log = UnsafeLog(world.log, faults, controls, frozen=frozen)
    zombie = await world.gate("zombie", limits=patient, log=log)
    await ask_all(world, [messages.request(subject_in(lane), "purp-1-specified") for lane in range(4)])
    await world.until(lambda: len(faults.happened) == world.partitions)
    frozen.frozen = True
    taker = await world.gate("taker", log=UnsafeLog(world.log, None, controls))
    await world.until(lambda: taker.lanes is not None and len(taker.lanes.lanes) == 2)
    await world.decisions(2)
    held = dict(zombie.lanes.lanes) if zombie.lanes is not None else {}
    go_on.set()
    await world.until(
        lambda: all(each.committed_next or each.phase.value == "lost" for each in held.values())
    )
    await frozen.wake()
    await world.shared_by(zombie, taker)
    return await _judged(world)


@pytest.mark.control("the fencing: a transactional id per partition")
async def test_a_zombie_that_is_not_fenced_answers_twice_and_is_found(any_world: World) -> None:
    """With a transactional id per process the former owner commits its turn beside the new owner's."""
    report = await _with_a_zombie(any_world, Controls(unsafe_no_fencing=True))
    assert report.totals["decision.doubled"] == 2, str(report)


async def test_a_zombie_that_is_fenced_answers_nothing(any_world: World) -> None:
    """The same with a transactional id per partition: the taker's start has fenced it."""
    report = await _with_a_zombie(any_world, Controls())
    assert report.ok, str(report)
    assert report.counts.decisions == 4


# the offsets in the transaction


async def _with_a_lost_commit(world: World, controls: Controls) -> CheckReport:
    """A lane's first turn fails at its commit; more requests follow."""
    await world.create()
    faults = Faults()
    faults.fail(Step.BEFORE_COMMIT, CommitUnknownError("the commit never arrived"), where="gate-")
    await ask_all(world, _requests(5))
    gate = await world.gate(log=UnsafeLog(world.log, faults, controls), ready=False)
    await world.until(lambda: faults.is_spent)
    await world.until(lambda: world.is_ready(gate))
    await ask_all(world, _requests(1))
    await world.until(lambda: _next(gate) == 6)
    return await _judged(world)


def _next(gate: GateService) -> int:
    """How far the lane has committed."""
    found = [
        each for each in (gate.lanes.lanes.values() if gate.lanes else ()) if each.seat.at.partition == LANE
    ]
    return found[0].committed_next if found else 0


@pytest.mark.control("offsets are committed in the outputs' transaction")
async def test_offsets_committed_outside_lose_requests_and_are_found(any_world: World) -> None:
    """The offsets stand although the answers do not: the requests are passed over."""
    report = await _with_a_lost_commit(any_world, Controls(unsafe_offsets_outside=True))
    assert report.totals == {"request.lost": 5}, str(report)


async def test_offsets_within_the_transaction_lose_none(any_world: World) -> None:
    """The same with the offsets in the transaction."""
    report = await _with_a_lost_commit(any_world, Controls())
    assert report.ok, str(report)
    assert report.counts.decisions == 6


async def _with_a_router_taken_again(world: World, controls: Controls) -> CheckReport:
    """A misrouted suspension is forwarded; then the router's lane is taken anew."""
    await world.create()
    stop = consent_of(world, messages.SUSPENDED, messages.suspension(subject_in(2)), LANE)
    await put_all(world, [stop])
    for count in (2, 3 if controls.unsafe_no_router_offsets else 2):
        gate = await world.gate(log=UnsafeLog(world.log, None, controls))
        await world.wait_for(world.names.consents, count)
        at = Partition(world.names.consents, LANE)
        if not controls.unsafe_no_router_offsets:
            await world.until(partial(_router_stands, gate, at))
        await world.stop(gate)
    return await _judged(world)


def _router_stands(gate: GateService, at: Partition) -> bool:
    lane = None if gate.router_lanes is None else gate.router_lanes.lanes.get(at)
    return lane is not None and max(lane.committed_next, lane.start_at) == 1


@pytest.mark.control("the router commits how far it is")
async def test_a_router_without_offsets_forwards_twice_and_is_found(any_world: World) -> None:
    """It begins anew at each start."""
    report = await _with_a_router_taken_again(any_world, Controls(unsafe_no_router_offsets=True))
    assert report.totals == {"consent.forwarded_twice": 1}, str(report)


async def test_a_router_with_offsets_forwards_once(any_world: World) -> None:
    """The same with its offsets in the transaction."""
    report = await _with_a_router_taken_again(any_world, Controls())
    assert report.ok, str(report)


# what a gate reads of consents


async def _with_a_revoked_consent(world: World, controls: Controls) -> CheckReport:
    """An upstream transaction with consents is aborted after a request about them was sent."""
    await world.create()
    upstream = world.log.transactional_writer(f"{world.prefix}upstream")
    await upstream.start()
    await upstream.begin()
    told = [messages.told(*event) for event in messages.consents(subject_in(LANE))]
    for answer in await upstream.send(Partition(world.names.consents, LANE), told):
        await answer
    await ask_all(world, _requests(1, messages.ALLOWED_PROVISION))
    gate = await world.gate(log=UnsafeLog(world.log, None, controls))
    if controls.unsafe_read_uncommitted:
        await world.until(lambda: _next(gate) == 1)
    await upstream.abort()
    await upstream.stop()
    await world.until(lambda: _next(gate) == 1)
    return await _judged(world)


@pytest.mark.control("consents are read committed")
async def test_a_consent_that_was_taken_back_and_served_is_found(any_world: World) -> None:
    """A reader of uncommitted data allows a provision on a consent that never was."""
    report = await _with_a_revoked_consent(any_world, Controls(unsafe_read_uncommitted=True))
    assert report.totals["decision.verdict"] == 1, str(report)
    assert report.counts.allowed == 1


async def test_a_consent_that_was_taken_back_serves_nothing(any_world: World) -> None:
    """The same with committed data only: refused."""
    report = await _with_a_revoked_consent(any_world, Controls())
    assert report.ok, str(report)
    assert report.counts.denied == 1


async def _with_consents(world: World, controls: Controls) -> CheckReport:
    """A provision that a consent allows."""
    await world.create()
    await _consents(world)
    await ask_all(world, _requests(1, messages.ALLOWED_PROVISION))
    gate = await world.gate(log=UnsafeLog(world.log, None, controls))
    await world.until(lambda: _next(gate) == 1)
    return await _judged(world)


@pytest.mark.control("every consent event up to the position is applied")
async def test_a_state_that_lacks_what_its_position_claims_is_found(any_world: World) -> None:
    """The position moves on, the events are dropped."""
    report = await _with_consents(any_world, Controls(unsafe_blind_to=any_world.names.consents))
    assert report.totals["decision.verdict"] == 1, str(report)


async def test_a_state_that_has_what_its_position_claims_is_clean(any_world: World) -> None:
    """The same with all events."""
    report = await _with_consents(any_world, Controls())
    assert report.ok, str(report)
    assert report.counts.allowed == 1


# what a gate knows of requests, rules and time


class Forgetful(DecidingLane):
    """Knows no request again."""

    def _open(self) -> LaneState:
        state = super()._open()

        def forgotten(key: IdKey) -> IdEntry | None:
            del key
            return None

        state.entry = forgotten  # type: ignore[method-assign]
        return state


async def _with_a_duplicate(world: World, lane: type[DecidingLane]) -> CheckReport:
    """A provision asked for twice, in two turns."""
    await world.create()
    await _consents(world)
    await world.gate(lane=lane)
    asked = _requests(1, messages.ALLOWED_PROVISION)
    for count in (1, 2):
        await ask_all(world, asked)
        await world.decisions(count)
    return await _judged(world)


@pytest.mark.control("a duplicate gets the first decision")
async def test_a_duplicate_decided_anew_is_found(any_world: World) -> None:
    """And recorded anew: two records of one provision."""
    report = await _with_a_duplicate(any_world, Forgetful)
    assert report.totals["duplicate.missed"] == 1, str(report)


async def test_a_duplicate_that_is_known_is_clean(any_world: World) -> None:
    """The same with what was committed in mind."""
    report = await _with_a_duplicate(any_world, DecidingLane)
    assert report.ok, str(report)
    assert (report.counts.duplicates, report.counts.records) == (1, 1)


async def _with_the_guilty(world: World) -> CheckReport:
    """Three requests, each answered in writing."""
    await world.create()
    await ask_all(world, _requests(3))
    await world.gate()
    await world.decisions(3)
    return await _judged(world)


@pytest.mark.control("a refusal as too large has its reason in the topics")
async def test_a_gate_that_refuses_what_it_could_answer_is_found(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes every request for one whose answer the log does not take, and says so in writing."""
    monkeypatch.setattr(Trouble, "is_guilty", lambda trouble, offset: trouble is not None and offset >= 0)
    report = await _with_the_guilty(any_world)
    assert report.totals["decision.verdict"] == report.totals["rejected.unasked"] == 3, str(report)
    assert report.counts.too_large == 0


async def test_a_gate_that_answers_what_it_can_is_clean(any_world: World) -> None:
    """The same with nothing that the log does not take."""
    report = await _with_the_guilty(any_world)
    assert report.ok, str(report)
    assert (report.counts.too_large, report.counts.too_slow, report.counts.rejected) == (0, 0, 0)


async def test_a_gate_that_says_that_it_is_slow_is_counted(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That a gate took too long cannot be disproved: the report says how often it was claimed."""
    for name in ("is_guilty", "is_slow"):
        monkeypatch.setattr(Trouble, name, lambda trouble, offset: trouble is not None and offset >= 0)
    report = await _with_the_guilty(any_world)
    assert report.ok, str(report)
    assert (report.counts.too_slow, report.counts.rejected) == (3, 3)


def _in_disguise() -> LoadedRulebook:
    """A rulebook that says something else under the digest and the sources of the published one."""
    true = messages.rulebook()
    texts = {
        name: text.replace("同意", "承諾") if name.startswith("rules/") else text
        for name, text in true.texts.items()
    }
    assert texts != true.texts
    book = replace(compile_sources(texts).book, digest=true.book.digest)
    return replace(true, book=book)


async def _with_a_rulebook(world: World, rulebook: LoadedRulebook) -> CheckReport:
    """A provision without a consent: the refusal's words are the rulebook's."""
    await world.create()
    await ask_all(world, _requests(1, messages.ALLOWED_PROVISION))
    gate = await world.start(replace(world.setup("a"), rulebook=rulebook))
    await world.until(lambda: _next(gate) == 1)
    return await _judged(world)


@pytest.mark.control("the rulebook that decides is the one that the decision names")
async def test_an_answer_by_another_rulebook_is_found(any_world: World) -> None:
    """It names a published rulebook and was decided by another."""
    report = await _with_a_rulebook(any_world, _in_disguise())
    assert report.totals["decision.verdict"] == 1, str(report)


async def test_an_answer_by_the_named_rulebook_is_clean(any_world: World) -> None:
    """The same with the rulebook itself."""
    report = await _with_a_rulebook(any_world, messages.rulebook())
    assert report.ok, str(report)


async def _with_a_clock(world: World, ahead: float) -> CheckReport:
    """A backlog decided by a clock that nothing guards."""
    await world.create()
    await ask_all(world, _requests(2))
    wall, steady = world.clocks
    world.clocks = Clocks(lambda: wall() + ahead, steady)
    gate = await world.gate(limits=changed(LIMITS, clock_seconds=10 * ahead + 5))
    await world.until(lambda: _next(gate) == 2)
    return await _judged(world)


@pytest.mark.control("the clock guard")
async def test_decisions_of_a_day_that_has_not_come_are_found(any_world: World) -> None:
    """The clock is a day ahead, the guard looks away."""
    report = await _with_a_clock(any_world, 86_400)
    assert report.totals["decision.not_yet"] == 2, str(report)


async def test_a_guarded_clock_that_is_ahead_decides_no_backlog(any_world: World) -> None:
    """The same with the guard: the gate's own rulebook, read back, tells it; nothing is decided until the clock is right."""
    world, off = any_world, [86_400.0]
    await world.create()
    await ask_all(world, _requests(2))
    wall, steady = world.clocks
    world.clocks = Clocks(lambda: wall() + off[0], steady)
    gate = await world.gate(ready=False)
    await world.until(lambda: gate.lanes is not None and len(gate.lanes.lanes) == world.partitions)
    assert not world.is_ready(gate)
    off[0] = 0.0
    await world.until(lambda: _next(gate) == 2)
    report = await _judged(world)
    assert report.ok, str(report)


async def test_decisions_by_a_right_clock_are_clean(any_world: World) -> None:
    """The same with a clock that is right."""
    report = await _with_a_clock(any_world, 0)
    assert report.ok, str(report)


async def _with_an_open_upstream(world: World, freshness_seconds: float) -> CheckReport:
    """Consents behind an upstream transaction that stays open for a moment, and a request about them."""
    await world.create()
    upstream = world.log.transactional_writer(f"{world.prefix}upstream")
    await upstream.start()
    await upstream.begin()
    told: Sequence[messages.Json] = [messages.suspension(subject_in(LANE))]
    records = [messages.told(messages.SUSPENDED, each) for each in told]
    for answer in await upstream.send(Partition(world.names.consents, LANE), records):
        await answer
    await ask_all(world, _requests(1))
    limits = changed(LIMITS, freshness_seconds=freshness_seconds, catch_up_seconds=0.05)
    gate = await world.gate(limits=limits, ready=False)
    if freshness_seconds:
        await asyncio.sleep(0.5)
    else:
        await world.until(lambda: _next(gate) == 1)
    await upstream.commit()
    await upstream.stop()
    await world.until(lambda: _next(gate) == 1)
    return await _judged(world)


@pytest.mark.control("a request waits for its consents before it is refused")
async def test_a_refusal_without_the_wait_is_found(any_world: World) -> None:
    """Refused as stale at once."""
    report = await _with_an_open_upstream(any_world, 0)
    assert report.totals == {"decision.hold_unjustified": 1}, str(report)


async def test_a_request_that_waited_is_clean(any_world: World) -> None:
    """The same with the wait: decided once the transaction has ended."""
    report = await _with_an_open_upstream(any_world, LIMITS.freshness_seconds)
    assert report.ok, str(report)
