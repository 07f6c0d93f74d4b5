"""Messages that make outputs larger than the log takes: each is that message's answer, never a lane's end."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gate.world import SUSPENDED, World, codes, consent, effects, request, subject_in, suspension
from sekisho.gate.deciding import DecidingLane
from sekisho.gate.desk import Desk
from sekisho.gate.lane import Seat
from sekisho.gate.routing import FIRST_POSITION
from sekisho.log.memory import MemoryLog
from sekisho.log.port import Outgoing, TooLargeError

LARGE_KEY = b"k" * 50_000


async def bounded(log: MemoryLog, topic: str, size: int) -> None:
    """Makes a topic anew that takes batches of so many bytes at most."""
    await log.delete(topic)
    await log.create(topic, 4, 1, {"max.message.bytes": str(size)})


def limit_consents(log: MemoryLog, world: World) -> None:
    """From now on the consent topic takes small batches only; what it holds stays."""
    topic = log.store.topics[world.names.consents]
    log.store.topics[world.names.consents] = replace(
        topic, config={**topic.config, "max.message.bytes": "9000"}
    )


@pytest.mark.parametrize("is_bad", [False, True], ids=["another's key", "unreadable too"])
async def test_a_request_with_a_very_large_key_is_rejected(
    memory_log: MemoryLog, world: World, *, is_bad: bool
) -> None:
    """What is told of it does not carry its key: the lane goes on."""
    await bounded(memory_log, world.names.rejected, 9000)
    await bounded(memory_log, world.names.decisions, 9000)
    gate = await world.gate()
    asked = request(subject_in(0)) | ({"subject": {"kind": "individual"}} if is_bad else {})
    await world.put(world.names.requests, Outgoing(LARGE_KEY, json.dumps(asked).encode()), 0)
    await world.ask(request(subject_in(0)))
    await world.rejected(1)

    async def is_allowed() -> bool:
        return "allow" in effects(await world.data(world.names.decisions))

    await world.until_async(is_allowed)  # the good one may be decided a turn after the bad one
    assert gate.lanes is not None
    assert gate.lanes.stopped == {}


async def test_a_consent_event_with_a_very_large_key_is_rejected(memory_log: MemoryLog, world: World) -> None:
    """Its rejected event has no key, and no request of its partition is held or refused for it."""
    await bounded(memory_log, world.names.rejected, 9000)
    await world.put(world.names.consents, consent(suspension(subject_in(0)), SUSPENDED, LARGE_KEY), 0)
    await world.gate()
    await world.ask(request(subject_in(0)))
    (decision,) = await world.decisions(1)
    assert decision["effect"] == "allow"
    await world.rejected(1)
    (record,) = await world.read(world.names.rejected)
    assert record.key is None


async def test_no_request_is_blamed_for_rejections_of_consent_events(
    memory_log: MemoryLog, world: World
) -> None:
    """Rejections that are too large together go in turns of their own, fewer at a time; the requests are allowed."""
    await bounded(memory_log, world.names.rejected, 9000)
    for _ in range(40):
        await world.tell(suspension(subject_in(0)) | {"kind": "everything"})
    await world.ask(*(request(subject_in(0)) for _ in range(3)))
    await world.gate(ready=False)
    assert effects(await world.decisions(3)) == ["allow"] * 3
    rejected = await world.rejected(40)
    assert {each["cause"] for each in rejected} == {"invalid"}


async def test_a_request_that_is_wrong_and_too_large_has_one_rejected_event(world: World) -> None:
    """One position, one rejected event: `too_large`, though the request is malformed as well."""

    class Blaming(DecidingLane):
        def __init__(self, seat: Seat, desk: Desk) -> None:
            super().__init__(seat, desk)
            desk.trouble[seat.at.partition].failed(0, 0, TooLargeError("its answer did not fit"))

    await world.gate(lane=Blaming)
    await world.ask(request(subject_in(0)) | {"misspelt": 1})
    (decision,) = await world.decisions(1)
    assert codes(decision) == ["request.too_large"]
    await world.ask(request(subject_in(0)))
    await world.decisions(2)
    (rejected,) = await world.rejected(1)
    assert rejected["cause"] == "too_large"


async def test_a_misrouted_event_is_forwarded_without_headers_that_mean_nothing(
    memory_log: MemoryLog, world: World
) -> None:
    """Headers of no meaning here are left behind, however large; the event counts where it belongs."""
    event = consent(suspension(subject_in(3)), SUSPENDED)
    await world.put(world.names.consents, event._replace(headers=[*event.headers, ("x", LARGE_KEY)]), 0)
    limit_consents(memory_log, world)
    await world.gate(ready=False)
    await world.until_async(lambda: world.read(world.names.consents, 3))
    (record,) = await world.read(world.names.consents, 3)
    assert [name for name, _ in record.headers] == [*(name for name, _ in event.headers), FIRST_POSITION]
    await world.rejected(0)


async def test_a_misrouted_event_that_cannot_be_forwarded_is_rejected_once(
    memory_log: MemoryLog, world: World
) -> None:
    """It gets one `too_large` rejected event; others are forwarded, and the gate was unready while it failed."""
    event = consent(suspension(subject_in(3)), SUSPENDED)
    large = event._replace(headers=[*event.headers, ("ce_large", LARGE_KEY)])
    await world.put(world.names.consents, large, 0)
    await world.tell(suspension(subject_in(3)), partition=0)
    limit_consents(memory_log, world)
    gate = await world.gate(ready=False)
    await world.until(
        lambda: any(
            each.name == "router-0" and not each.ready for each in world.health[id(gate)].conditions()
        )
    )
    await world.until_async(lambda: world.read(world.names.consents, 3))
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["offset"]) == ("too_large", 0)
    await world.stop(gate)
    await world.gate("b")
    await world.rejected(1)
    assert len(await world.read(world.names.consents, 3)) == 1
