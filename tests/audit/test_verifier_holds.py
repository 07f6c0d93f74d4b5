"""What stands among holds: refusals that rest on no consents."""

from __future__ import annotations

import asyncio
from pathlib import Path

from audit.scenario import LANE, PREFIX, memory_log, person
from faults import messages
from faults.judge import check_config
from gate.world import LIMITS, World, changed, subject_in
from sekisho.audit import check
from sekisho.log.port import Partition


async def test_refusals_without_consents_among_holds_are_accepted(tmp_path: Path) -> None:
    """In a batch that waited in vain an invalid, a misrouted and a reused request are refused as what they are."""
    world = World(memory_log(), PREFIX, tmp_path)
    await world.create()
    limits = changed(LIMITS, freshness_seconds=0.3, catch_up_seconds=0.1)
    first = messages.request(person(0))
    await world.ask(first)
    gate = await world.gate(limits=limits)
    await world.decisions(1)
    upstream = world.log.transactional_writer(f"{PREFIX}upstream")
    await upstream.start()
    await upstream.begin()
    event = messages.told(messages.SUSPENDED, messages.suspension(person(1)))
    for answer in await upstream.send(Partition(world.names.consents, LANE), [event]):
        await answer
    await world.tell(messages.suspension(person(2)), messages.SUSPENDED)
    await asyncio.sleep(0.05)  # so that the requests' append times are later
    elsewhere = messages.request(subject_in(LANE + 1))
    await world.ask(
        first | {"items": ["customer.name"]},
        messages.request(person(3), anticpated=[]),
        messages.request(person(4)),
    )
    await world.ask(elsewhere, partition=LANE)
    decisions = await world.decisions(5)
    assert {each["reasons"][0]["code"] for each in decisions[1:]} == {
        "request.id_reused", "request.invalid", "consent.state_stale", "request.misrouted",
    }  # fmt: skip
    await upstream.commit()
    await upstream.stop()
    await world.stop(gate)
    config = check_config(world.names, freshness_ms=300)
    report = await check(world.log, config)
    assert report.ok, str(report)
    # with a longer limit nothing had waited long enough: what was missing then counts
    hasty = await check(world.log, check_config(world.names, freshness_ms=60_000))
    assert hasty.totals["decision.stale_consents"] == 3, str(hasty)
    await world.close()
