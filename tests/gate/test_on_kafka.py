"""The gate on a real Kafka: shared lanes, failures, moves, restores, and what only a real broker does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from faults.unsafe_log import Faults, Step, UnsafeLog
from gate.test_consents import remedies
from gate.test_lanes import answered_once, some
from gate.world import LIMITS, World, changed, codes, consent, effects, request, subject_in, suspension
from log.raw_kafka import add_partition, append_undecodable
from sekisho.gate.remedies import LostRange
from sekisho.gate.routing import FIRST_POSITION
from sekisho.log.port import CommitUnknownError, LogError, Outgoing, Partition, SendError

pytestmark = pytest.mark.broker


async def test_two_gates_share_the_lanes_and_answer_every_request_once(kafka_world: World) -> None:
    """Two gates on a real Kafka: every request has exactly one committed decision, with its rulebook published first."""
    first = await kafka_world.gate("a")
    second = await kafka_world.gate("b")
    await kafka_world.shared_by(first, second)
    subject = subject_in(1, 99)
    await kafka_world.tell(suspension(subject))
    await kafka_world.ask(*some(40), request(subject))
    decisions = await kafka_world.decisions(41)
    denied = [each for each in decisions if each["effect"] == "deny"]
    assert [codes(each) for each in denied] == [["subject.use_suspended"]]
    digests = {record.key for record in await kafka_world.read(kafka_world.names.rulebooks)}
    assert {each["rulebook"]["digest"].encode() for each in decisions} <= digests


async def test_an_owner_that_is_fenced_in_the_middle_of_a_turn_goes_on(kafka_world: World) -> None:
    """As one that was frozen between its sends and its offsets while another took its lane: the lane is let go, taken
    again, and the gate answers all along (a gate was seen to stand still here for good, its event loop with it)."""
    faults, taken_over = Faults(), asyncio.Event()
    gate = await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults))
    faults.hold(Step.OFFSETS, taken_over, where="gate-0")
    sent = some()
    await kafka_world.ask(*sent)
    await kafka_world.until(lambda: faults.is_spent)
    other = kafka_world.log.transactional_writer(f"{kafka_world.prefix}gate-0")
    await other.start()
    taken_over.set()
    await answered_once(kafka_world, sent)
    await kafka_world.until(lambda: kafka_world.is_ready(gate))
    await other.stop()


async def test_lanes_move_between_gates_under_load(kafka_world: World) -> None:
    """Gates join and leave while requests come: none lost, none doubled, duplicates known to the new owner."""
    sent: list[dict[str, Any]] = []

    async def load() -> None:
        sent.extend(batch := some(12))
        await kafka_world.ask(*batch)

    first = await kafka_world.gate("a")
    await load()
    second = await kafka_world.gate("b", ready=False)
    await load()
    await kafka_world.shared_by(first, second)
    await load()
    await kafka_world.stop(first)
    await load()
    await kafka_world.shared_by(second)
    await answered_once(kafka_world, sent)
    await kafka_world.ask(sent[0])
    again = [each for each in await kafka_world.decisions(len(sent) + 1) if each["duplicate_of"] is not None]
    assert [each["request_id"] for each in again] == [sent[0]["request_id"]]


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (Step.ANSWER, SendError("not acknowledged")),
        (Step.OFFSETS, LogError("refused")),
        (Step.BEFORE_COMMIT, CommitUnknownError("no answer")),
        (Step.AFTER_COMMIT, CommitUnknownError("no answer")),
    ],
    ids=lambda each: each.name if isinstance(each, Step) else type(each).__name__,
)
async def test_a_failed_turn_loses_and_doubles_nothing(
    kafka_world: World, step: Step, error: LogError
) -> None:
    """The lane is let go and taken again, by rejoining the real group."""
    faults = Faults()
    await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults))
    faults.fail(step, error)
    sent = some(8)
    await kafka_world.ask(*sent)
    await answered_once(kafka_world, sent)
    assert faults.is_spent


async def test_a_turn_that_grew_too_old_is_aborted_and_done_again(kafka_world: World) -> None:
    """The deliberate abort on a real broker: nothing of it is visible, the lane keeps its producer."""
    faults = Faults()
    limits = changed(LIMITS, turn_seconds=0.5)
    gate = await kafka_world.gate(log=UnsafeLog(kafka_world.log, faults), limits=limits)
    lanes = dict(gate.lanes.lanes) if gate.lanes is not None else {}
    faults.delay(Step.ANSWER, 0.8)
    sent = some(8)
    await kafka_world.ask(*sent)
    await answered_once(kafka_world, sent)
    assert faults.is_spent
    assert gate.lanes is not None
    assert gate.lanes.lanes == lanes


async def test_the_one_record_whose_answer_does_not_fit_the_broker_is_refused(kafka_world: World) -> None:
    """MessageSizeTooLarge from a real broker: the turn is repeated singly, the guilty one refused, the others decided."""
    names = kafka_world.names
    await kafka_world.log.delete(names.decisions)
    await kafka_world.log.create(names.decisions, 4, 1, {"max.message.bytes": "9000"})
    large = request(subject_in(0), items=[f"no.such.item.{number}" for number in range(120)])
    sent = [request(subject_in(0)), large, request(subject_in(0))]
    await kafka_world.ask(*sent)
    await kafka_world.gate(ready=False)
    decisions = await answered_once(kafka_world, sent)
    assert effects(decisions) == ["allow", "deny", "allow"]
    assert codes(decisions[1]) == ["request.too_large"]
    (rejected,) = await kafka_world.rejected(1)
    assert rejected["cause"] == "too_large"


async def test_everything_is_restored_after_the_state_was_lost(kafka_world: World) -> None:
    """A gate with an empty folder knows consents, duplicates, and which bad events were rejected."""
    world = kafka_world
    gate = await world.gate("a")
    subject = subject_in(1)
    asked = request(subject)
    await world.ask(asked)
    await world.decisions(1)
    await world.tell(suspension(subject))
    await world.tell(suspension(subject) | {"kind": "everything"})
    await world.rejected(1)
    await world.stop(gate)
    await world.log.delete_group_offsets(f"{world.prefix}gate")
    await world.gate("with no state")
    await world.ask(asked, request(subject))
    _, again, new = await world.decisions(3)
    assert again["duplicate_of"] == 0
    assert codes(new) == ["subject.use_suspended"]
    await world.rejected(1)


async def test_an_open_upstream_transaction_makes_the_consents_stale(kafka_world: World) -> None:
    """Against the real last stable offset: what an open transaction hides is awaited, then refused, never ignored."""
    world = kafka_world
    await world.gate(limits=changed(LIMITS, freshness_seconds=1))
    subject = subject_in(1)
    writer = world.log.transactional_writer(f"{world.prefix}upstream")
    await writer.start()
    await writer.begin()
    event = consent(suspension(subject), "sekisho.suspension.ordered.v1")
    for answer in await writer.send(Partition(world.names.consents, 1), [event]):
        await answer
    await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["consent.state_stale"]
    await writer.commit()
    await writer.stop()
    await world.ask(request(subject))
    assert codes((await world.decisions(2))[1]) == ["subject.use_suspended"]


async def test_a_misrouted_suspension_is_forwarded_once(kafka_world: World) -> None:
    """The router on a real broker, also after its gate was replaced."""
    world = kafka_world
    gate = await world.gate("a")
    subject = subject_in(3)
    await world.tell(suspension(subject), partition=0)
    await world.wait_for(world.names.consents, 2)
    await world.stop(gate)
    await world.gate("b")
    await world.ask(request(subject))
    assert codes((await world.decisions(1))[0]) == ["subject.use_suspended"]
    (forwarded,) = await world.read(world.names.consents, 3)
    assert FIRST_POSITION in dict(forwarded.headers)


async def test_what_is_no_readable_request_is_rejected(kafka_world: World) -> None:
    """Unreadable, oversized and empty messages among good ones cost their own positions only."""
    world = kafka_world
    await world.gate()
    for value in (b"{no", None, b"x" * 300_000):
        await world.put(world.names.requests, Outgoing(b"C-1", value), 2)
        await world.ask(request(subject_in(2)))
    assert {each["cause"] for each in await world.rejected(3)} == {"unreadable", "tombstone", "too_large"}
    await world.decisions(3)


async def test_records_that_no_client_can_decode(kafka_world: World, broker: str) -> None:
    """A header key that is not UTF-8: in the requests it costs its position, in the consents it holds the partition
    until an operator has skipped it in writing."""
    world = kafka_world
    limits = changed(LIMITS, freshness_seconds=1)
    gate = await world.gate(limits=limits)
    subject = subject_in(2)
    await append_undecodable(broker, Partition(world.names.requests, 2))
    await world.ask(request(subject))
    await world.decisions(1)
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["offset"]) == ("undecodable", 0)
    offset = await append_undecodable(broker, Partition(world.names.consents, 2))
    await world.tell(suspension(subject))
    await world.ask(request(subject))
    assert codes((await world.decisions(2))[1]) == ["consent.state_stale"]
    assert await remedies(world).skip(2, offset)
    await world.until(lambda: world.health[id(gate)].ready)
    await world.stop(gate)
    await world.gate("with no state", limits=limits)
    await world.ask(request(subject))
    assert codes((await world.decisions(3))[2]) == ["subject.use_suspended"]
    await world.rejected(2)


async def test_requests_deleted_undecided_are_accepted_as_lost_in_writing(kafka_world: World) -> None:
    """Records deleted by the broker below the committed offset: the lane stops, says so, and goes on once told to."""
    world = kafka_world
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
    assert await remedies(world).accept_loss() == [LostRange(2, 1, 2)]
    decisions = await world.decisions(2)
    assert [each["request_position"]["offset"] for each in decisions] == [0, 3]
    assert (await world.rejected(1))[0]["cause"] == "lost_range"


async def test_a_gate_for_which_no_lane_is_left_is_ready(kafka_world: World) -> None:
    """More gates than partitions: the one without a lane stands by, and takes over when another leaves."""
    world = kafka_world
    gates = [await world.gate(f"gate-{number}", ready=False) for number in range(world.partitions + 1)]
    await world.shared_by(*gates)
    idle = next(gate for gate in gates if gate.lanes is not None and not gate.lanes.lanes)
    assert world.is_ready(idle)
    working = next(gate for gate in gates if gate is not idle)
    await world.stop(working)
    await world.shared_by(*(gate for gate in gates if gate is not working))
    sent = some(8)
    await world.ask(*sent)
    await answered_once(world, sent)


async def test_partitions_added_at_any_time_stop_every_lane(kafka_world: World, broker: str) -> None:
    """aiokafka takes new partitions unasked: the gate stands still instead."""
    gate = await kafka_world.gate()
    await add_partition(broker, kafka_world.names.requests, 5)
    await kafka_world.until(
        lambda: gate.lanes is not None and gate.lanes.halted is not None and not gate.lanes.lanes
    )
    assert not kafka_world.health[id(gate)].ready


async def test_a_whole_batch_sent_again_is_answered_from_the_log(kafka_world: World) -> None:
    """An upstream system that sends everything again gets every first decision again, also from another gate."""
    world = kafka_world
    gate = await world.gate("a")
    sent = some(60)
    await world.ask(*sent)
    await answered_once(world, sent)
    await world.stop(gate)
    await world.ask(*reversed(sent))
    await world.gate("with no state")
    decisions = await world.decisions(120)
    first = {each["request_id"]: each for each in decisions if each["duplicate_of"] is None}
    again = [each for each in decisions if each["duplicate_of"] is not None]
    assert len(again) == 60
    for each in again:
        original = first[each["request_id"]]
        assert each["decision_id"] == original["decision_id"]
        assert each["duplicate_of"] == original["request_position"]["offset"]
