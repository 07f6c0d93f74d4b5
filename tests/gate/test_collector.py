"""The garbage collector of a gate process: nothing that was loaded is looked at again, full collections are rare."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from faults.unsafe_log import Faults, Step, UnsafeLog
from gate.world import World, request, subject_in
from sekisho.bootstrap import quiet_collector
from sekisho.gate.deciding import DecidingLane
from sekisho.log.port import SendError


def test_what_was_loaded_is_set_aside_and_full_collections_are_rare() -> None:
    """Python's defaults stop a turn for as long as the rulebook takes to be walked through."""
    before = gc.get_threshold()
    try:
        quiet_collector()
        assert gc.get_freeze_count() > 10_000
        assert gc.isenabled()
        assert all(now >= then for now, then in zip(gc.get_threshold(), before, strict=True))
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@pytest.mark.parametrize("how", ["stopped", "failed", "moved"])
async def test_a_released_lane_keeps_nothing_until_the_next_collection(world: World, how: str) -> None:
    """Its persons' events and its state are gone with it, by reference counts alone: no cycle holds them."""
    kept: list[weakref.ref[Any]] = []

    class Watched(DecidingLane):
        async def take(self) -> int:
            found = await super().take()
            kept.extend(map(weakref.ref, (self._turn, self._turn._persons, self.state, self._fresh)))
            return found

    faults = Faults()
    gate = await world.gate(lane=Watched, log=UnsafeLog(world.log, faults))
    first = list(kept)
    assert len(first) == 4 * world.partitions
    gc.disable()
    try:
        await world.ask(request(subject_in(0)))
        await world.decisions(1)
        assert all(each() is not None for each in first)
        if how == "stopped":
            await world.stop(gate)
        elif how == "failed":
            faults.fail(Step.ANSWER, SendError("a batch was not acknowledged"))
            await world.ask(request(subject_in(0)))
            await world.decisions(2)
        else:
            await world.shared_by(gate, await world.gate("b"))  # a rebalance takes every lane away first
        await world.until(lambda: all(each() is None for each in first))
    finally:
        gc.enable()
