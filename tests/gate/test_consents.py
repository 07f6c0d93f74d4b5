"""Consent events as a gate takes them in: bad ones, misrouted ones, ones that cannot be decoded; always in writing."""

from __future__ import annotations

import asyncio

import pytest

from faults.unsafe_log import Faults, Step, UnsafeLog
from faults.unsafe_memory import UnsafeFaults
from gate.world import (
    HMAC_KEY,
    LIMITS,
    SUSPENDED,
    World,
    changed,
    codes,
    consent,
    request,
    subject_in,
    suspension,
)
from sekisho.gate.remedies import NotSkippableError, Remedies
from sekisho.gate.routing import FIRST_POSITION
from sekisho.log.memory import MemoryLog
from sekisho.log.port import CommitUnknownError, Outgoing, Partition, UnavailableError


def remedies(world: World) -> Remedies:
    """What an operator may do to this world."""
    return Remedies(
        world.log,
        world.names,
        f"{world.prefix}gate",
        f"{world.prefix}remedy-",
        HMAC_KEY,
        world.limits,
        world.clocks,
    )


async def settle(world: World) -> None:
    """Until a request sent now is decided: by then everything sent before it was looked at."""
    before = len(await world.data(world.names.decisions))
    await world.ask(*(request(subject_in(partition)) for partition in range(world.partitions)))
    await world.decisions(before + world.partitions)


@pytest.mark.parametrize("loses_state", [False, True], ids=["restarted", "state lost"])
async def test_a_bad_consent_event_is_rejected_once(world: World, *, loses_state: bool) -> None:
    """A consent event that does not follow the contract has one rejected event, also after restarts and full restores."""
    subject = subject_in(1)
    bad = suspension(subject) | {"kind": "everything"}
    offset = await world.tell(bad)
    for number in range(3):
        gate = await world.gate(f"gate-{number}" if loses_state else "gate")
        await settle(world)
        await world.stop(gate)
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["field"]) == ("invalid", "kind")
    assert rejected["position"] == {"topic": world.names.consents, "partition": 1, "offset": offset}


async def test_bad_consent_events_are_rejected_without_any_request(world: World) -> None:
    """A rejection that waits does not need a request to be written; tombstones and oversized ones are told as such."""
    await world.gate()
    await world.put(world.names.consents, Outgoing(b"C-1", None), 0)
    await world.put(world.names.consents, Outgoing(b"C-1", b"x" * 300_000), 0)
    await world.put(world.names.consents, consent(suspension(subject_in(0)), SUSPENDED, key=b"another"), 0)
    rejected = await world.rejected(3)
    assert [each["cause"] for each in rejected] == ["tombstone", "too_large", "invalid"]


async def test_the_first_content_of_an_event_id_wins(world: World) -> None:
    """The same event again is ignored; another content under its id is rejected and changes nothing."""
    await world.gate()
    subject = subject_in(1)
    event = suspension(subject, items=["savings.maturity_date"])
    await world.tell(event)
    await world.tell(event)
    await world.tell(event | {"items": ["customer.name"]})
    await world.ask(
        request(subject, items=["customer.name"]), request(subject, items=["savings.maturity_date"])
    )
    name, maturity = await world.decisions(2)
    assert name["effect"] == "allow"
    assert codes(maturity) == ["subject.use_suspended"]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["field"], rejected["position"]["offset"]) == (
        "id_reused",
        "event_id",
        2,
    )


# misrouted events


async def test_a_misrouted_suspension_is_forwarded_once_and_counts(world: World) -> None:
    """It is written into its person's partition with a header that names its first position; nothing is rejected."""
    first, second = await world.gate("a"), await world.gate("b")
    subject = subject_in(3)
    offset = await world.tell(suspension(subject), partition=0)
    forwarded = (await world.wait_for(world.names.consents, 2))[1]
    assert forwarded["subject_id"] == subject
    (record,) = await world.read(world.names.consents, 3)
    assert dict(record.headers)[FIRST_POSITION] == f"{world.names.consents}/0/{offset}".encode()
    assert record.key == subject.encode()
    await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["subject.use_suspended"]
    await world.stop(first)
    await world.stop(second)
    await world.gate("c")
    await settle(world)
    await world.wait_for(world.names.consents, 2)
    await world.rejected(0)


@pytest.mark.parametrize("step", [Step.ANSWER, Step.OFFSETS, Step.BEFORE_COMMIT, Step.AFTER_COMMIT])
async def test_a_failure_at_its_forward_neither_loses_nor_doubles_an_event(world: World, step: Step) -> None:
    """The router is exactly once by its committed offsets, whatever fails in its transaction."""
    faults = Faults()
    await world.gate(log=UnsafeLog(world.log, faults))
    faults.fail(step, CommitUnknownError("no answer"))
    subject = subject_in(3)
    await world.tell(suspension(subject), partition=0)
    await world.until_async(lambda: world.read(world.names.consents, 3))
    assert faults.happened == [(step, f"{world.prefix}router-0")]
    await settle(world)
    await world.wait_for(world.names.consents, 2)
    await world.ask(request(subject))
    assert codes((await world.decisions(5))[-1]) == ["subject.use_suspended"]


async def test_an_event_misrouted_again_is_rejected(world: World) -> None:
    """What was forwarded once and is misrouted again gets one rejected event."""
    gate = await world.gate("a")
    event = consent(suspension(subject_in(3)), SUSPENDED)
    again = event._replace(headers=[*event.headers, (FIRST_POSITION, b"somewhere/1/2")])
    await world.put(world.names.consents, again, 0)
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["partition"]) == ("misrouted_twice", 0)
    await world.stop(gate)
    await world.gate("b")
    await settle(world)
    await world.rejected(1)
    await world.wait_for(world.names.consents, 1)


async def test_a_router_whose_offsets_were_lost_writes_no_rejection_again(world: World) -> None:
    """Offsets expire after 7 days without a gate: what was forwarded is forwarded again, what was rejected is not."""
    gate = await world.gate("a")
    first = suspension(subject_in(3))
    again = consent(first, SUSPENDED)
    again = again._replace(headers=[*again.headers, (FIRST_POSITION, b"somewhere/1/2")])
    await world.put(world.names.consents, again, 0)
    await world.rejected(1)
    await world.tell(suspension(subject_in(2)), partition=0)
    await world.wait_for(world.names.consents, 3)
    await world.stop(gate)
    await world.log.delete_group_offsets(f"{world.prefix}router")
    await world.gate("b")
    await world.wait_for(world.names.consents, 4)
    await settle(world)
    await world.rejected(1)


# events that cannot be decoded


async def test_a_consent_event_that_cannot_be_decoded_holds_its_partition_until_it_is_skipped(
    world: World, memory_log: MemoryLog
) -> None:
    """Nothing is decided on consents behind it; `gate skip` passes it in writing; restores honour that."""
    limits = changed(LIMITS, freshness_seconds=0.2)
    gate = await world.gate(limits=limits)
    subject = subject_in(1)
    at = Partition(world.names.consents, 1)
    offset = UnsafeFaults(memory_log).append_undecodable(at)
    await world.tell(suspension(subject))
    await world.ask(request(subject))
    (held,) = await world.decisions(1)
    assert codes(held) == ["consent.state_stale"]
    await world.until(lambda: not world.health[id(gate)].ready)
    assert await remedies(world).skip(1, offset)
    assert not await remedies(world).skip(1, offset)
    await world.until(lambda: world.health[id(gate)].ready)
    await world.ask(request(subject))
    _, decided = await world.decisions(2)
    assert codes(decided) == ["subject.use_suspended"]
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["offset"]) == ("skipped", offset)
    await world.stop(gate)
    await world.gate("with no state", limits=limits)
    await world.ask(request(subject))
    *_, restored = await world.decisions(3)
    assert codes(restored) == ["subject.use_suspended"]


async def test_rejections_that_wait_do_not_hold_requests_behind_an_unreadable_event(
    world: World, memory_log: MemoryLog
) -> None:
    """What was rejected before an event that cannot be decoded is written, and requests get their refusal in time."""
    subject = subject_in(1)
    await world.tell(suspension(subject) | {"kind": "everything"})
    UnsafeFaults(memory_log).append_undecodable(Partition(world.names.consents, 1))
    await world.gate(limits=changed(LIMITS, freshness_seconds=0.2), ready=False)
    (rejected,) = await world.rejected(1)
    assert rejected["cause"] == "invalid"
    await world.ask(request(subject))
    (held,) = await world.decisions(1)
    assert codes(held) == ["consent.state_stale"]


async def test_other_partitions_are_not_held(world: World, memory_log: MemoryLog) -> None:
    """An event that cannot be decoded holds its own partition only."""
    await world.gate()
    UnsafeFaults(memory_log).append_undecodable(Partition(world.names.consents, 1))
    await world.ask(request(subject_in(2)))
    (decision,) = await world.decisions(1)
    assert decision["effect"] == "allow"


async def test_the_router_does_not_pass_what_it_cannot_read(world: World, memory_log: MemoryLog) -> None:
    """It may be another partition's suspension: the router waits for the operator too, then goes on."""
    await world.gate()
    offset = UnsafeFaults(memory_log).append_undecodable(Partition(world.names.consents, 1))
    await world.tell(suspension(subject_in(2)), partition=1)
    await asyncio.sleep(0.3)
    assert await world.read(world.names.consents, 2) == []
    await remedies(world).skip(1, offset)
    await world.until_async(lambda: world.read(world.names.consents, 2))


async def test_only_what_cannot_be_decoded_can_be_skipped(world: World) -> None:
    """Skipping a readable event would lose what it says; an offset that is not there says nothing."""
    offset = await world.tell(suspension(subject_in(1)))
    for partition, at in ((1, offset), (1, 99), (9, 0)):
        with pytest.raises(NotSkippableError):
            await remedies(world).skip(partition, at)
    await world.rejected(0)


async def test_a_skip_behind_an_open_transaction_ends_with_its_reason(
    world: World, memory_log: MemoryLog
) -> None:
    """What an upstream system's open transaction hides cannot be judged: the operator is told, not left waiting."""
    at = Partition(world.names.consents, 1)
    upstream = world.log.transactional_writer(f"{world.prefix}upstream")
    await upstream.start()
    await upstream.begin()
    for answer in await upstream.send(at, [consent(suspension(subject_in(1)), SUSPENDED)]):
        await answer
    offset = UnsafeFaults(memory_log).append_undecodable(at)
    world.limits = changed(LIMITS, call_seconds=0.2)
    with pytest.raises(UnavailableError, match="transaction"):
        await remedies(world).skip(1, offset)
    await upstream.abort()
    assert await remedies(world).skip(1, offset)
    await upstream.stop()
