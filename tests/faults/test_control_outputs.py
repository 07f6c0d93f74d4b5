"""Controls: a gate that writes something else than the core says. The verifier must find each, at its place.

One script for all: a batch of requests and consent events, good and bad, that one turn answers; only what is written
differs. The same script with nothing tampered with is clean.
"""

from __future__ import annotations

import asyncio

import pytest

from faults import messages
from faults.judge import judged
from faults.sending import ask_all, consent_of, put_all
from faults.tampering import TAMPERINGS, Tampering
from faults.test_controls import any_world
from faults.unsafe_log import UnsafeLog
from gate.world import World, subject_in
from sekisho.audit import CheckReport
from sekisho.log.port import Outgoing

__all__ = ["any_world"]

LANE = 1


async def one_day(world: World, tampering: Tampering | None) -> CheckReport:
    """Two provisions, two uses, a message nobody can read, a misrouted suspension: what the gate wrote of it."""
    await world.create()
    names = world.names
    people = [subject_in(LANE, number) for number in range(2)]
    told = [consent_of(world, *event) for person in people for event in messages.consents(person)]
    stop = consent_of(world, messages.SUSPENDED, messages.suspension(subject_in(2)), LANE)
    await put_all(world, [*told, stop])
    await asyncio.sleep(0.05)  # so that the requests' append times are later
    await ask_all(world, [messages.request(person) for person in people])
    await ask_all(world, [messages.request(person, "purp-1-specified") for person in people])
    await world.put(names.requests, Outgoing(b"x", b"{no json"), LANE)
    gate = await world.gate(log=UnsafeLog(world.log, tamper=tampering and tampering.on(world)), ready=False)
    wanted = len(told) + 2 + _extra(tampering, "consents")

    def done() -> bool:
        lanes, router = gate.lanes, gate.router_lanes
        return (
            lanes is not None
            and router is not None
            and len(router.lanes) == len(lanes.lanes) == world.partitions
            and any(each.committed_next == 5 for each in lanes.lanes.values())
            and any(each.committed_next == len(told) + 1 for each in router.lanes.values())
        )

    await world.until(done)
    await world.stop(gate)
    assert len(await world.read(names.consents)) == wanted
    return await judged(world.log, names)


def _extra(tampering: Tampering | None, topic: str) -> int:
    """How many records more or less the tampering makes."""
    if tampering is None or tampering.topic != topic:
        return 0
    return len(tampering.rewrite([Outgoing(None, b"{}")])) - 1


async def test_the_script_of_the_tampered_outputs_is_clean_by_itself(any_world: World) -> None:
    """With nothing tampered with, the verifier finds nothing: the twin of every control below."""
    report = await one_day(any_world, None)
    assert report.ok, str(report)
    counts = report.counts
    assert (counts.decisions, counts.records, counts.rejected, counts.forwarded) == (4, 2, 1, 1)


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.control(each), id=each) for each in TAMPERINGS]
)
async def test_what_is_written_otherwise_is_found(bare_memory_world: World, name: str) -> None:
    """Whatever is left out, doubled, altered or put in another order."""
    tampering = TAMPERINGS[name]
    report = await one_day(bare_memory_world, tampering)
    assert tampering.found in report.totals, str(report)


@pytest.mark.broker
async def test_what_is_written_otherwise_is_found_on_kafka_too(bare_kafka_world: World, fire: int) -> None:
    """The same on a real Kafka, each under a prefix of its own; some of them, and all of them under `make fire`."""

    async def one(number: int, tampering: Tampering) -> None:
        prefix = f"{bare_kafka_world.prefix}{number}-"
        world = World(bare_kafka_world.log, prefix, bare_kafka_world.folder / str(number), partitions=4)
        try:
            report = await one_day(world, tampering)
            assert tampering.found in report.totals, str(report)
        finally:
            await world.close()

    step = 1 if fire > 1 else 6
    for number, tampering in enumerate(list(TAMPERINGS.values())[::step]):
        await one(number, tampering)
