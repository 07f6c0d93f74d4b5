"""What requests get from a gate on the in-memory log: decisions, duplicates, refusals, rejected events."""

from __future__ import annotations

from gate.world import World, codes, effects, request, subject_in, suspension


async def test_a_request_gets_one_decision_in_the_partition_of_the_same_number(world: World) -> None:
    """A valid request is answered once, beside its input, with derived ids."""
    await world.gate()
    subject = subject_in(2)
    (offset,) = await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert decision["effect"] == "allow", decision
    assert decision["request_position"] == {"topic": world.names.requests, "partition": 2, "offset": offset}
    (record,) = await world.read(world.names.decisions, 2)
    assert record.key == subject.encode()


async def test_a_suspension_acknowledged_before_the_request_is_seen(world: World) -> None:
    """A decision uses every consent event acknowledged before its request was fetched."""
    await world.gate()
    subject = subject_in(1)
    await world.tell(suspension(subject))
    await world.ask(request(subject))
    (decision,) = await world.decisions(1)
    assert decision["effect"] == "deny"
    assert codes(decision) == ["subject.use_suspended"]
    assert decision["consent_position"] == {"partition": 1, "offset": 1}


async def test_many_requests_keep_their_order(world: World) -> None:
    """Every request has exactly one decision, in the order of the requests."""
    await world.gate()
    await world.ask(*(request(subject_in(number % 4)) for number in range(60)))
    decisions = await world.decisions(60)
    assert effects(decisions) == ["allow"] * 60
    for partition in range(4):
        told = await world.data(world.names.decisions, partition)
        offsets = [each["request_position"]["offset"] for each in told]
        assert offsets == sorted(offsets)
