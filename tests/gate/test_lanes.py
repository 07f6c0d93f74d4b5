"""Lanes through their lives: failures at every step of a turn, moves between gates, lost offsets, changed topics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from faults.unsafe_log import Faults, Step, UnsafeLog
from faults.unsafe_memory import UnsafeFaults
from gate.test_consents import remedies
from gate.world import LIMITS, World, changed, codes, effects, request, subject_in, suspension
from sekisho.gate.deciding import DecidingLane
from sekisho.gate.lane import LaneStoppedError
from sekisho.gate.remedies import LostRange
from sekisho.gate.service import GateService
from sekisho.gate.state import LaneState, StateError
from sekisho.gate.topics import TopicsChangedError
from sekisho.log.memory import MemoryLog
from sekisho.log.port import (
    CommitUnknownError,
    FencedError,
    LogError,
    MissingTopicError,
    Partition,
    SendError,
    TopicDescription,
    UnavailableError,
)
from sekisho.log.topics import Copies


async def answered_once(world: World, sent: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Waits until all are answered; every request has exactly one decision."""
    decisions = await world.decisions(len(sent))
    assert {each["request_id"] for each in decisions} == {each["request_id"] for each in sent}
    assert len({each["decision_id"] for each in decisions}) == len(sent)
    return decisions


def some(count: int = 12) -> list[dict[str, Any]]:
    """Requests of persons of every partition."""
    return [request(subject_in(number % 4, number // 4)) for number in range(count)]


STEPS = [
    (Step.START, UnavailableError("no coordinator")),
    (Step.BEGIN, UnavailableError("nothing answers")),
    (Step.SEND, SendError("not sent")),
    (Step.ANSWER, SendError("not acknowledged")),
    (Step.OFFSETS, UnavailableError("nothing answers")),
    (Step.OFFSETS, FencedError("another owner")),
    (Step.BEFORE_COMMIT, FencedError("another owner")),
    (Step.BEFORE_COMMIT, CommitUnknownError("no answer")),
    (Step.AFTER_COMMIT, CommitUnknownError("no answer")),
]


@pytest.mark.parametrize(
    ("step", "error"), STEPS, ids=[f"{step.name}-{type(error).__name__}" for step, error in STEPS]
)
async def test_a_failure_at_any_step_of_a_turn_loses_and_doubles_nothing(
    world: World, step: Step, error: LogError
) -> None:
    """After any failure of the transaction machinery the lane is let go and taken again; each request is answered once."""
    faults = Faults()
    await world.gate(log=UnsafeLog(world.log, faults), ready=False)
    sent = some()
    faults.fail(step, error, times=2)
    await world.ask(*sent[:6])
    if step is Step.START:
        await world.gate("b", ready=False)  # the rebalance has lanes taken anew
    await world.until(lambda: faults.is_spent)
    await world.ask(*sent[6:])
    await answered_once(world, sent)
    await world.rejected(0)


async def test_a_turn_that_grew_too_old_is_aborted_and_done_again(world: World) -> None:
    """A deliberate abort keeps the lane, seeks back to the committed offset, and answers each request once."""
    faults = Faults()
    gate = await world.gate(log=UnsafeLog(world.log, faults), limits=changed(LIMITS, turn_seconds=0.1))
    lanes = dict(gate.lanes.lanes) if gate.lanes is not None else {}
    faults.delay(Step.ANSWER, 0.2)
    sent = some()
    await world.ask(*sent)
    await answered_once(world, sent)
    assert faults.is_spent
    assert gate.lanes is not None
    assert gate.lanes.lanes == lanes


async def test_without_the_seek_after_an_abort_requests_are_lost(world: World) -> None:
    """The control: a lane that does not seek back passes over the aborted turn's requests."""

    class Careless(DecidingLane):
        async def seek_back(self) -> None:
            """Forgets to."""

    faults = Faults()
    await world.gate(
        log=UnsafeLog(world.log, faults),
        limits=changed(LIMITS, turn_seconds=0.1),
        lane=Careless,
    )
    faults.delay(Step.ANSWER, 0.2)
    lost, answered = request(subject_in(0)), request(subject_in(0))
    await world.ask(lost)
    await world.until(lambda: faults.is_spent)
    await world.ask(answered)
    (decision,) = await world.decisions(1)
    assert decision["request_id"] == answered["request_id"]


async def test_requests_that_came_while_a_lane_stood_still_are_all_decided(world: World) -> None:
    """A lane that stopped while it ran is taken again: what was fetched for the former one, or while the new one was
    being taken, is decided too, and in its order."""
    taking, go_on = asyncio.Event(), asyncio.Event()
    takes: list[int] = []

    class Stops(DecidingLane):
        async def take(self) -> int:
            start = await super().take()
            if self.seat.at.partition == 0:
                takes.append(start)
                if len(takes) > 1:
                    taking.set()
                    await go_on.wait()
            return start

        async def step(self) -> None:
            if self.seat.at.partition == 0 and len(takes) == 1 and self.inbox.newest() is not None:
                raise LaneStoppedError("a refusal cannot be written")
            await super().step()

    # long enough for the polls to find what comes meanwhile
    gate = await world.gate(lane=Stops, limits=replace(LIMITS, backoff_max_seconds=2.0))
    at = Partition(world.names.requests, 0)
    sent = [request(subject_in(0)) for _ in range(3)]
    await world.ask(sent[0])
    await world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    await world.ask(sent[1])
    await asyncio.sleep(10 * LIMITS.poll_ms / 1000)  # polls that must not hand it to the lane that stopped
    await taking.wait()
    await world.ask(sent[2])
    await asyncio.sleep(10 * LIMITS.poll_ms / 1000)  # polls that must not hand it to the lane
    go_on.set()
    decisions = await answered_once(world, sent)
    assert [each["request_id"] for each in decisions] == [each["request_id"] for each in sent]


# moves


async def test_lanes_move_between_gates_without_loss(world: World) -> None:
    """A gate joins, another leaves, under load: every request has one decision."""
    sent: list[dict[str, Any]] = []

    async def load() -> None:
        sent.extend(batch := some(8))
        await world.ask(*batch)

    first = await world.gate("a")
    await load()
    second = await world.gate("b", ready=False)
    await load()
    await world.shared_by(first, second)
    await load()
    await world.stop(first)
    await load()
    third = await world.gate("c", ready=False)
    await world.stop(second)
    await load()
    await world.shared_by(third)
    await answered_once(world, sent)


async def test_a_gate_stops_within_its_time(world: World) -> None:
    """Told to stop, a gate finishes or aborts its turn, closes, and leaves both groups."""
    faults = Faults()
    gate = await world.gate(log=UnsafeLog(world.log, faults))
    faults.delay(Step.BEFORE_COMMIT, 30)
    sent = some(1)
    await world.ask(*sent)
    await world.until(lambda: faults.is_spent)
    begun = time.monotonic()
    await world.stop(gate)
    assert time.monotonic() - begun < world.setup("a").stop_seconds
    await world.gate("b")
    await answered_once(world, sent)


async def test_a_state_that_another_process_holds_is_left_alone(world: World) -> None:
    """A frozen former owner on the same host holds its folder's lock: a fresh folder is restored beside it."""
    first = await world.gate("same")
    asked = request(subject_in(0))
    await world.ask(asked)
    await world.decisions(1)
    second = await world.gate("same", ready=False)
    await world.shared_by(first, second)
    await world.ask(asked)
    assert (await world.decisions(2))[1]["duplicate_of"] == 0


async def test_a_corrupt_state_is_thrown_away_and_restored(world: World) -> None:
    """A folder that cannot be opened costs nothing but the restore."""
    gate = await world.gate("a")
    subject = subject_in(0)
    await world.tell(suspension(subject))
    await world.ask(request(subject))
    await world.decisions(1)
    await world.stop(gate)
    (world.folder / "a" / "0" / "CURRENT").write_text("garbage")
    await world.gate("a")
    await world.ask(request(subject))
    assert codes((await world.decisions(2))[1]) == ["subject.use_suspended"]


async def test_a_state_that_cannot_be_read_stops_its_lane(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request is rejected for the gate's own disk: the lane says what to do, and decides once that is done."""
    gate = await world.gate()
    read = LaneState.events

    def spoilt(state: LaneState, *rest: Any) -> Any:
        if state.path.name == "0":
            raise StateError("0: Corruption: block checksum mismatch")
        return read(state, *rest)

    monkeypatch.setattr(LaneState, "events", spoilt)
    await world.ask(request(subject_in(0)), request(subject_in(1)))
    at = Partition(world.names.requests, 0)
    await world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    assert gate.lanes is not None
    assert "delete its state folder" in gate.lanes.stopped[at]
    await world.decisions(1)
    monkeypatch.undo()
    assert effects(await world.decisions(2)) == ["allow", "allow"]
    await world.rejected(0)


# poison


async def test_the_one_record_whose_answer_does_not_fit_the_log_is_refused(
    memory_log: MemoryLog, world: World
) -> None:
    """A turn that failed twice runs one record at a time; the guilty one gets deny `request.too_large` and a rejected
    event, all others their decisions."""
    await memory_log.delete(world.names.decisions)
    await memory_log.create(world.names.decisions, 4, 1, {"max.message.bytes": "9000"})
    large = request(subject_in(0), items=[f"no.such.item.{number}" for number in range(120)])
    sent = [
        request(subject_in(0)),
        request(subject_in(0)),
        large,
        request(subject_in(0)),
        request(subject_in(0)),
    ]
    await world.ask(*sent)
    await world.gate(ready=False)
    decisions = await answered_once(world, sent)
    assert effects(decisions) == ["allow", "allow", "deny", "allow", "allow"]
    assert codes(decisions[2]) == ["request.too_large"]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["request_id"]) == ("too_large", large["request_id"])


async def test_a_rejected_event_that_cannot_be_written_stops_the_lane(
    memory_log: MemoryLog, world: World
) -> None:
    """Nothing is passed over in silence: the lane stands still and says so, others go on."""
    await memory_log.delete(world.names.rejected)
    await memory_log.create(world.names.rejected, 4, 1, {"max.message.bytes": "100"})
    await world.ask(request(subject_in(0)) | {"misspelt": 1})
    gate = await world.gate(ready=False)
    await world.until(
        lambda: gate.lanes is not None and Partition(world.names.requests, 0) in gate.lanes.stopped
    )
    assert not world.health[id(gate)].ready
    assert await world.read(world.names.decisions, 0) == []


# offsets


async def test_lost_group_offsets_are_read_from_the_outputs(world: World) -> None:
    """The outputs tell the truth: the lane resumes behind its last decision or rejected event."""
    gate = await world.gate("a")
    sent = some(8)
    await world.ask(*sent)
    await world.ask(request(subject_in(0)) | {"request_id": 7})
    await world.rejected(1)
    await answered_once(world, sent)
    await world.stop(gate)
    await world.log.delete_group_offsets(f"{world.prefix}gate")
    await world.gate("with no state")
    more = some(4)
    await world.ask(*more)
    await answered_once(world, [*sent, *more])
    await world.rejected(1)


async def test_offsets_set_back_decide_nothing_twice(world: World) -> None:
    """A request that has its output is passed over, wherever the group's offset stands."""
    gate = await world.gate("a")
    sent = some(8)
    await world.ask(*sent)
    await answered_once(world, sent)
    await world.stop(gate)
    writer = world.log.transactional_writer(f"{world.prefix}administrator")
    await writer.start()
    await writer.begin()
    offsets = {Partition(world.names.requests, partition): 0 for partition in range(4)}
    await writer.send_offsets(offsets, f"{world.prefix}gate")
    await writer.commit()
    await writer.stop()
    await world.gate("b")
    more = some(4)
    await world.ask(*more)
    await answered_once(world, [*sent, *more])


async def test_requests_deleted_undecided_stop_the_lane_until_the_loss_is_accepted(world: World) -> None:
    """The committed offset lies below the log's start: the lane says so; accepting names the range in a rejected event."""
    gate = await world.gate("a")
    subject = subject_in(2)
    await world.ask(request(subject))
    await world.decisions(1)
    await world.stop(gate)
    await world.ask(request(subject), request(subject), request(subject))
    at = Partition(world.names.requests, 2)
    await world.log.delete_records(at, 3)
    gate = await world.gate("a", ready=False)
    await world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    assert "accept-loss" in gate.lanes.stopped[at] if gate.lanes is not None else False
    assert await remedies(world).accept_loss() == [LostRange(2, 1, 2)]
    assert await remedies(world).accept_loss() == []
    decisions = await world.decisions(2)
    assert [each["request_position"]["offset"] for each in decisions] == [0, 3]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["offset"]) == ("lost_range", 2)
    assert "1 to 2" in rejected["message"]["en"]


async def test_with_offsets_and_outputs_gone_the_lane_stops(world: World) -> None:
    """Nothing tells where to resume: nothing is decided a second time on a guess."""
    gate = await world.gate("a")
    await world.ask(request(subject_in(2)))
    await world.decisions(1)
    await world.stop(gate)
    await world.log.delete_group_offsets(f"{world.prefix}gate")
    decisions = Partition(world.names.decisions, 2)
    reader = world.log.partition_reader()
    await world.log.delete_records(decisions, await reader.high_watermark(decisions))
    gate = await world.gate("with no state", ready=False)
    await world.until(
        lambda: gate.lanes is not None and list(gate.lanes.stopped) == [Partition(world.names.requests, 2)]
    )


# opening checks


async def stopped(world: World, gate: GateService, partition: int) -> str:
    """Why a lane stands still, once it does."""
    at = Partition(world.names.requests, partition)
    await world.until(lambda: gate.lanes is not None and at in gate.lanes.stopped)
    assert gate.lanes is not None
    return gate.lanes.stopped[at]


async def test_trimmed_consent_events_stop_the_lane(world: World) -> None:
    """Consent events are kept for ever: where the log's start is not 0, evidence is gone."""
    for _ in range(2):
        await world.tell(suspension(subject_in(1)))
    await world.log.delete_records(Partition(world.names.consents, 1), 1)
    gate = await world.gate(ready=False)
    assert "begins at 1" in await stopped(world, gate, 1)


@pytest.mark.parametrize("folder", ["a", "another"], ids=["same folder", "no state"])
async def test_a_consent_topic_made_anew_stops_the_lane(world: World, folder: str) -> None:
    """The state knows the topic's id; without a state, the decisions tell that consents were known that are gone."""
    gate = await world.gate("a")
    await world.tell(suspension(subject_in(1)))
    await world.ask(request(subject_in(1)))
    await world.decisions(1)
    await world.stop(gate)
    await world.log.delete(world.names.consents)
    await world.log.create(world.names.consents, 4, 1, world.input_config(world.names.consents))
    gate = await world.gate(folder, ready=False)
    assert await stopped(world, gate, 1)


async def test_partitions_added_at_any_time_stop_every_lane(world: World, memory_log: MemoryLog) -> None:
    """Keys route elsewhere with another count: all lanes are lost and the gate is not ready."""
    gate = await world.gate()
    UnsafeFaults(memory_log).add_partition(world.names.requests)
    await world.until(
        lambda: gate.lanes is not None and gate.lanes.halted is not None and not gate.lanes.lanes
    )
    assert not world.health[id(gate)].ready


async def test_an_output_topic_made_anew_stops_every_lane(world: World, memory_log: MemoryLog) -> None:
    """What was decided is gone: no lane goes on as if nothing had happened."""
    gate = await world.gate()
    await memory_log.delete(world.names.decisions)
    await memory_log.create(world.names.decisions, 4, 1, {})
    await world.until(lambda: gate.lanes is not None and gate.lanes.halted is not None)


async def test_a_gate_does_not_start_on_topics_that_do_not_fit(world: World, memory_log: MemoryLog) -> None:
    """Missing topics and uneven partition counts are told before anything is decided."""
    UnsafeFaults(memory_log).add_partition(world.names.rejected)
    with pytest.raises(TopicsChangedError, match="same number of partitions"):
        await world.gate()
    await memory_log.delete(world.names.rejected)
    missing = world.setup("b")
    object.__setattr__(missing, "startup_seconds", 0.1)
    with pytest.raises(MissingTopicError, match="topics create"):
        await world.start(missing)


@pytest.mark.parametrize(
    "change",
    [
        {"cleanup.policy": "compact"},
        {"cleanup.policy": "compact,delete"},
        {"retention.ms": "86400000"},
        {"retention.bytes": "1000"},
    ],
)
async def test_a_gate_does_not_start_where_evidence_would_be_lost(
    world: World, memory_log: MemoryLog, change: dict[str, str]
) -> None:
    """Consent events are kept for ever: a topic that compacts or deletes them is told by name, with what to set."""
    consents = world.names.consents
    await memory_log.delete(consents)
    await memory_log.create(consents, world.partitions, 1, world.input_config(consents) | change)
    ((name, found),) = change.items()
    with pytest.raises(TopicsChangedError, match=f"{consents} has {name}={found}.*topics check"):
        await world.gate()


@pytest.mark.parametrize(
    ("config", "starts"),
    [
        ({"retention.ms": "86399999"}, False),
        ({"retention.ms": "86399999", "cleanup.policy": "compact,delete"}, False),
        ({"retention.ms": "86400000"}, True),
        ({"retention.ms": "-1"}, True),
        ({"retention.ms": "1000", "cleanup.policy": "compact"}, True),
        ({}, True),
    ],
)
async def test_a_gate_does_not_start_where_duplicates_would_be_decided_twice(
    world: World, memory_log: MemoryLog, config: dict[str, str], *, starts: bool
) -> None:
    """Decisions that are deleted within the duplicate window are told by name, with what to set."""
    decisions = world.names.decisions
    await memory_log.delete(decisions)
    await memory_log.create(decisions, world.partitions, 1, config)
    limits = changed(LIMITS, duplicate_window_seconds=86_400)
    if starts:
        await world.gate(limits=limits)
        return
    with pytest.raises(TopicsChangedError, match=f"{decisions} has retention.ms=86399999.*topics check"):
        await world.gate(limits=limits)


@pytest.mark.parametrize(("missed", "halts"), [(2, False), (3, True)])
async def test_only_topics_that_stay_away_halt_the_gate(
    world: World, monkeypatch: pytest.MonkeyPatch, missed: int, halts: bool
) -> None:
    """A broker that has just started may not know its topics yet: three checks in a row must miss one."""
    gate = await world.gate()
    describe, asked = world.log.describe, 0

    async def forgetful(topics: Sequence[str]) -> Mapping[str, TopicDescription]:
        nonlocal asked
        asked += 1
        return {} if asked <= missed else await describe(topics)

    monkeypatch.setattr(world.log, "describe", forgetful)
    await world.until(
        lambda: asked > missed + 1 or (gate.lanes is not None and gate.lanes.halted is not None)
    )
    assert gate.lanes is not None
    assert (gate.lanes.halted is not None) is halts


async def test_topics_with_fewer_copies_than_wanted_are_told_at_the_start(world: World) -> None:
    """The gate decides all the same: a warning for each topic names the setting and what to do."""
    with capture_logs() as told:
        await world.start(replace(world.setup("a"), copies=Copies(3, 2)))
    found = [line for line in told if line["event"] == "topic_copies_differ"]
    assert {line["topic"] for line in found} == set(world.names)
    assert all("min.insync.replicas" in line["problem"] and line["remedy"] for line in found)


async def test_a_router_lane_that_keeps_failing_never_looks_ready_between(world: World) -> None:
    """Let go, taken again, let go: unready all the time; once it has committed what it failed with, the gate is ready."""
    faults = Faults()
    gate = await world.gate(log=UnsafeLog(world.log, faults))
    faults.fail(Step.BEFORE_COMMIT, CommitUnknownError("planned"), where="router-1", times=4)
    await world.tell(suspension(subject_in(2)), partition=1)
    seen: list[bool] = []
    await world.until(lambda: not world.health[id(gate)].ready)

    def spent() -> bool:
        seen.append(world.health[id(gate)].ready)
        return faults.is_spent

    await world.until(spent)
    assert not any(seen)
    await world.until(lambda: world.is_ready(gate))
    assert len(await world.data(world.names.consents)) == 2


async def test_a_failed_lane_without_work_is_forgiven_once_it_has_run_for_a_while(world: World) -> None:
    """It has nothing to commit: its next failure, hours later, is a first one again, and the gate is ready."""
    faults = Faults()
    faults.fail(Step.START, UnavailableError("planned"), where="router-1", times=3)
    gate = await world.gate(log=UnsafeLog(world.log, faults), ready=False)
    await world.until(lambda: faults.is_spent)
    assert not world.health[id(gate)].ready
    await world.until(lambda: world.is_ready(gate))
    assert gate.router_lanes is not None
    assert gate.router_lanes._failures == {}
