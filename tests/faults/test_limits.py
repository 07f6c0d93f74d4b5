"""Requests that no turn could ever finish with: each is answered in writing, and those behind it are decided."""

from __future__ import annotations

import time
from typing import Any

import pytest

from faults import messages
from faults.judge import judged
from faults.sending import ask_all, consent_of, put_all
from faults.test_controls import any_world
from gate.world import LIMITS, World, changed, codes, subject_in
from sekisho.contracts.ruling import Ruling
from sekisho.gate import turn
from sekisho.gate.ruling import Asked, rule
from sekisho.gate.state import IdEntry, IdKey, LaneState
from sekisho.log.port import Partition

__all__ = ["any_world"]

LANE = 1


def work(seconds: float) -> None:
    """Keeps the processor for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.scenario("a request that takes longer to decide than a turn may be old")
async def test_a_request_that_always_takes_too_long_is_refused_alone(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would have its turn aborted for ever: tried as often as any turn, it is refused in writing, its neighbours
    are decided."""
    await any_world.create()
    asked = [messages.request(subject_in(LANE, number), "purp-1-specified") for number in range(5)]

    def slow(request: Asked, *rest: Any) -> Ruling:
        if request.key is not None and request.key.request_id == asked[2]["request_id"]:
            work(0.6)
        return rule(request, *rest)

    monkeypatch.setattr(turn, "rule", slow)
    await ask_all(any_world, asked)
    gate = await any_world.gate(limits=changed(LIMITS, turn_seconds=0.5))
    decisions = await any_world.decisions(5)
    (rejected,) = await any_world.rejected(1)
    await any_world.stop(gate)
    assert [codes(each) == ["request.too_large"] for each in decisions] == [False, False, True, False, False]
    assert rejected["cause"] == "too_large"
    assert "longer" in rejected["message"]["en"]
    told = {"kind": "limit", "code": "request.too_large", "limit": "time"}
    assert [each["circumstances"] for each in decisions] == [None, None, told, None, None]
    report = await judged(any_world.log, any_world.names)
    assert report.ok, str(report)


@pytest.mark.scenario("a machine that stands still while one request is decided")
async def test_a_request_is_not_refused_for_what_the_machine_does(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own turn is aborted more often than would make it guilty, by stalls that are none of its work: it is allowed."""
    await any_world.create()
    asked = messages.request(subject_in(LANE), "purp-1-specified")
    stalls = iter([0.6] * (LIMITS.turn_attempts * 2))

    def stalled(request: Asked, *rest: Any) -> Ruling:
        time.sleep(next(stalls, 0.0))
        return rule(request, *rest)

    monkeypatch.setattr(turn, "rule", stalled)
    await ask_all(any_world, [asked])
    gate = await any_world.gate(limits=changed(LIMITS, turn_seconds=0.5))
    (decision,) = await any_world.decisions(1)
    await any_world.rejected(0)
    await any_world.stop(gate)
    assert (decision["effect"], decision["circumstances"]) == ("allow", None)
    assert next(stalls, None) is None
    report = await judged(any_world.log, any_world.names)
    assert report.ok, str(report)


@pytest.mark.scenario("first decisions deleted within the duplicate window")
@pytest.mark.parametrize("name", ["a", "with no state"])
async def test_a_duplicate_whose_first_decision_is_deleted_is_decided_anew(
    any_world: World, name: str
) -> None:
    """Retention was cut below the duplicate window: with its state or without one, a gate answers as for a new request,
    and duplicates of what is kept are known."""
    world = any_world
    await world.create()
    names = world.names
    person = subject_in(LANE)
    await put_all(world, [consent_of(world, *event) for event in messages.consents(person)])
    asked = [messages.request(person) for _ in range(4)]
    gate = await world.gate("a")
    for number, each in enumerate(asked):
        await ask_all(world, [each])
        await world.decisions(number + 1)
    await world.stop(gate)
    kept = (await world.read(names.decisions, LANE))[2].offset
    await world.log.delete_records(Partition(names.decisions, LANE), kept)
    gate = await world.gate(name)
    await ask_all(world, [*asked, asked[0]])
    await world.decisions(2 + 5)
    await world.stop(gate)
    told = [each["duplicate_of"] for each in await world.data(names.decisions, LANE)]
    assert told == [None, None, None, None, 2, 3, 4]
    report = await judged(world.log, names)
    assert report.ok, str(report)


@pytest.mark.scenario("a state that names a decision where none stands")
async def test_a_state_that_disagrees_with_the_log_stops_its_lane_with_a_remedy(any_world: World) -> None:
    """The lane says once what to do, instead of being taken anew for ever; with the folder deleted it goes on."""
    world = any_world
    await world.create()
    names = world.names
    asked = messages.request(subject_in(LANE), "purp-1-specified")
    await ask_all(world, [asked])
    gate = await world.gate("a")
    await world.decisions(1)
    await world.stop(gate)
    state = LaneState(world.folder / "a" / str(LANE))
    key = IdKey(asked["subject"]["id"], asked["requester"]["organization"], asked["request_id"])
    entry = state.entry(key)
    assert isinstance(entry, IdEntry)
    state.apply_outputs({key: entry._replace(decision_offset=entry.decision_offset + 1)}, (), state.marks)
    state.close()
    gate = await world.gate("a")
    await ask_all(world, [asked])
    at = Partition(names.requests, LANE)
    await world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    assert gate.lanes is not None
    assert "delete its state folder" in gate.lanes.stopped[at]
    await world.stop(gate)
    gate = await world.gate("with no state")
    await world.decisions(2)
    await world.stop(gate)
    report = await judged(world.log, names)
    assert report.ok, str(report)
    assert report.counts.duplicates == 1
