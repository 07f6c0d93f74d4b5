"""A lane that is let go, whatever its error looks like and whatever comes meanwhile: the gate itself goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from faults.unsafe_log import Faults, Step, UnsafeLog
from faults.unsafe_memory import UnsafeFaults
from gate.world import LIMITS, World, request, subject_in
from sekisho.gate.deciding import DecidingLane
from sekisho.log.memory import MemoryLog
from sekisho.log.memory_groups import MemoryGroupReader
from sekisho.log.port import (
    FencedError,
    LogError,
    Partition,
    Record,
    UnavailableError,
    UndecodableRecordError,
)

pytestmark = pytest.mark.timeout(60)


def its_own_cause() -> LogError:
    error = FencedError("raised from itself")
    error.__cause__ = error
    return error


def causes_in_a_ring() -> LogError:
    error, other = (
        FencedError("caused by the other"),
        UnavailableError("during which the first was raised again"),
    )
    error.__cause__, other.__context__ = other, error
    return error


@pytest.mark.parametrize("error", [its_own_cause(), causes_in_a_ring()], ids=["itself", "ring"])
async def test_an_error_whose_causes_lead_back_to_it_ends_its_lane_only(
    world: World, error: LogError
) -> None:
    """The lane is taken again and answers what it had in hand."""
    faults = Faults()
    await world.gate(log=UnsafeLog(world.log, faults))
    faults.fail(Step.OFFSETS, error)
    await world.ask(request(subject_in(0)))
    await world.decisions(1)
    assert faults.is_spent


async def test_a_record_that_cannot_be_decoded_comes_while_a_lane_closes(
    world: World, memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched for a lane that has ended: the error of that record, which a real client gives again at once and
    without waiting for anything, would leave the lane no moment to close in."""
    at = Partition(world.names.requests, 0)
    failing = asyncio.Event()
    fetch = MemoryGroupReader.fetch
    known: list[UndecodableRecordError] = []

    async def at_once(
        reader: MemoryGroupReader, timeout_ms: int, most: int | None = None, only: Sequence[Partition] = ()
    ) -> Mapping[Partition, Sequence[Record]]:
        for error in known:
            if error.at in reader._held.readable(only) and reader._held.of[error.at] == error.offset:
                raise error
        try:
            return await fetch(reader, timeout_ms, most, only)
        except UndecodableRecordError as error:
            known.append(error)
            raise

    class Failing(DecidingLane):
        async def step(self) -> None:
            if failing.is_set() and self.seat.at == at:
                raise UnavailableError("planned")
            await super().step()

        async def release(self) -> None:
            if failing.is_set() and self.seat.at == at:
                UnsafeFaults(memory_log).append_undecodable(at)
                await asyncio.sleep(10 * LIMITS.poll_ms / 1000)
                failing.clear()
            await super().release()

    monkeypatch.setattr(MemoryGroupReader, "fetch", at_once)
    await world.gate(lane=Failing)
    failing.set()
    (rejected,) = await world.rejected(1)
    assert (rejected["cause"], rejected["position"]["partition"]) == ("undecodable", 0)
