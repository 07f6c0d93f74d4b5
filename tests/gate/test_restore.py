"""Restores that are long: only what still counts is folded, others go on meanwhile, and it is told what is left."""

from __future__ import annotations

import asyncio
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.world import HMAC_KEY, LIMITS, SUSPENDED, World, changed, consent, request, subject_in, suspension
from sekisho.gate import follow, restore
from sekisho.gate.clock import Clocks
from sekisho.gate.follow import ConsentFollower
from sekisho.gate.intake import consent_reading
from sekisho.gate.rejecting import Rejecter
from sekisho.gate.report import Report
from sekisho.gate.restore import Progress, Restorer
from sekisho.gate.state import IdKey, LaneState
from sekisho.gate.topics import LanePartitions
from sekisho.log.memory import MemoryLog
from sekisho.log.port import Outgoing, Partition, Record, UnavailableError

REQUESTS, CONSENTS = Partition("requests", 0), Partition("consents", 0)
PARTS = LanePartitions(
    requests=REQUESTS,
    consents=CONSENTS,
    decisions=Partition("decisions", 0),
    records=Partition("records", 0),
    rejected=Partition("rejected", 0),
)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def decision(offset: int, appended: datetime, request_id: str, **changes: Any) -> bytes:
    """A committed decision as far as a fold reads it."""
    told = {
        "request_id": request_id,
        "organization": "post-office",
        "subject_id": "C-1",
        "decided_at": appended.isoformat(),
        "appended_at": appended.isoformat(),
        "request_position": {"topic": REQUESTS.topic, "partition": 0, "offset": offset},
        "consent_position": {"partition": 0, "offset": offset // 2},
        "request_digest": "sha256:" + "0" * 64,
        "reasons": [],
    }
    return json.dumps(told | changes).encode()


def progress(_source: str = "") -> Progress:
    """One that has all the time."""
    return Progress(Clocks(lambda: 0.0, lambda: 0.0), 10)


async def folded(log: MemoryLog, folder: Path) -> tuple[LaneState, int]:
    """A fresh state after a fold of all outputs, and how many records it read."""
    state, reader = LaneState(folder), log.partition_reader()
    await reader.start()
    await reader.assign({PARTS.decisions: 0, PARTS.rejected: 0})
    reader.pause(PARTS.decisions, PARTS.rejected)
    limits = changed(LIMITS, poll_ms=1)
    return state, await Restorer(reader, PARTS, state, limits, progress).outputs()


@pytest.mark.parametrize("in_window", [1, 40, 299, 300])
async def test_only_decisions_inside_the_duplicate_window_are_folded(
    memory_log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_window: int
) -> None:
    """Older ones are sought over by halves; which ids count and where to resume is as after a fold of all."""
    for name in ("decisions", "rejected"):
        await memory_log.create(name, 1, 1, {})
    writer = memory_log.transactional_writer("lane")
    await writer.start()
    for number in range(300):
        age = timedelta(minutes=300 - number) + timedelta(days=0 if number >= 300 - in_window else 30)
        await writer.begin()  # one each: every other offset is a marker
        await writer.send(PARTS.decisions, [Outgoing(b"C-1", decision(number, NOW - age, f"r-{number}"))])
        await writer.commit()
    whole, _ = await folded(memory_log, tmp_path / "whole")
    monkeypatch.setattr(restore, "_WORTH_SEARCHING", 50)
    monkeypatch.setattr(restore, "_NEAR_ENOUGH", 8)
    state, count = await folded(memory_log, tmp_path / "window")
    assert in_window <= count <= in_window + 8
    assert state.marks == whole.marks
    assert state.marks.last_output == 299
    ids = [IdKey("C-1", "post-office", f"r-{number}") for number in range(300 - in_window, 300)]
    assert [state.entry(key) for key in ids] == [whole.entry(key) for key in ids]
    state.close()
    whole.close()


async def test_a_request_sent_twice_is_known_after_a_restore_that_sought(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate with an empty folder answers what was decided before with the first decision."""
    monkeypatch.setattr(restore, "_WORTH_SEARCHING", 4)
    monkeypatch.setattr(restore, "_NEAR_ENOUGH", 2)
    asked = [request(subject_in(1), f"r-{number}") for number in range(12)]
    first = await world.gate("a")
    await world.ask(*asked)
    await world.decisions(12)
    await world.stop(first)
    await world.gate("b")
    await world.ask(asked[0], asked[11])
    *_, one, other = await world.decisions(14)
    assert (one["duplicate_of"], other["duplicate_of"]) == (0, 11)


async def test_a_restore_lets_others_run_while_it_reads_a_large_fetch(
    memory_log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats and polls go on: no more than a stride of events is read in one go."""
    monkeypatch.setattr(follow, "_STRIDE", 10)
    await memory_log.create(CONSENTS.topic, 1, 1, {})
    writer = memory_log.writer()
    for number in range(200):
        await writer.send(CONSENTS.topic, consent(suspension("C-1", f"e-{number}"), SUSPENDED), 0)
    state, reader = LaneState(tmp_path), memory_log.partition_reader()
    await reader.start()
    await reader.assign({CONSENTS: 0})
    reading = consent_reading(0, 1, Rejecter(CONSENTS.topic, "id", 0, HMAC_KEY, lambda: NOW), 262_144)
    read: list[int] = []

    def counted(record: Record) -> follow.Reading:
        read.append(record.offset)
        return reading.read(record)

    follower = ConsentFollower(reader, CONSENTS, state, reading._replace(read=counted), 10)
    advancing, most, before = asyncio.create_task(follower.advance()), 0, 0
    while not advancing.done():
        await asyncio.sleep(0)
        most, before = max(most, len(read) - before), len(read)
    assert follower.next == len(read) == 200
    assert most == 10
    state.close()


def test_a_restore_tells_every_few_seconds_what_is_left() -> None:
    """Not at each fetch; one that gets no further fails."""
    now = [0.0]
    left: list[int] = []
    watched = Progress(Clocks(lambda: 0.0, lambda: now[0]), 10, left.append)
    for position in itertools.count(0, 100):
        if now[0] > 20:
            break
        watched.moved(position, 5_000)
        now[0] += 1
    assert left == [4_400, 3_800, 3_200]
    watched.moved(7, 5_000)
    now[0] += 11
    with pytest.raises(UnavailableError, match="no further than 7"):
        watched.moved(7, 5_000)


async def test_a_restoring_lane_shows_what_is_left_until_it_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In readiness and as a metric; both are gone once the lane runs."""
    monkeypatch.setattr(restore, "_TELL_SECONDS", -1.0)
    await world.tell(suspension(subject_in(2)))
    shown: list[tuple[object, ...]] = []

    def restoring(self: Report, *told: Any) -> None:
        whole(self, *told)
        shown.append((*told, self._health.unready_by_cause()["restoring"] > 0))

    whole = Report.restoring
    monkeypatch.setattr(Report, "restoring", restoring)
    gate = await world.gate()
    assert shown == [(2, "consents", 1, True)]
    assert b"sekisho_restore_left_records{" not in world.metrics[id(gate)].exposition()
    assert world.health[id(gate)].ready
