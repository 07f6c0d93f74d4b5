"""Runs every case through a real gate: its world is moved so that the day on which it is decided is today.

Cases of one distance share a gate, which decides with the sample rulebook moved as far; the gates follow each other on
the same topics, as new versions of a rulebook do. Each case is about a person of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from cases.on_the_core import all_cases
from gate.world import World, consent
from sekisho.contracts.routing import partition_of
from sekisho.domain.calendar import tokyo_day
from sekisho.gate.limits import GateLimits
from sekisho.gate.service import GateSetup
from sekisho.log.port import Outgoing, Writer
from sekisho.rulebook import LoadedRulebook, compile_sources, read_texts, sample_path, shift_days
from sekisho.rulebook.cases import Case, shift

_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
ANSWER_S: Final = 60.0


class Answered(NamedTuple):
    """A case as it was sent (moved by so many days), and what came of it."""

    case: Case
    days: int
    decision: dict[str, Any]
    record: dict[str, Any] | None


@dataclass
class CaseWorld(World):
    """A world whose gates decide with a rulebook of one's own."""

    loaded: LoadedRulebook | None = None

    def setup(self, name: str, limits: GateLimits | None = None) -> GateSetup:
        """A gate of that name, with that rulebook."""
        assert self.loaded is not None
        return replace(super().setup(name, limits), rulebook=self.loaded)


async def answers(world: CaseWorld) -> dict[str, Answered]:
    """Every case's answer, by its id. Raises DayChangedError where midnight came between."""
    today = tokyo_day(datetime.now(UTC))
    groups: dict[int, list[Case]] = {}
    for case in all_cases():
        groups.setdefault((today - case.day).days, []).append(case)
    sent: dict[str, tuple[Case, int]] = {}
    for days, cases in sorted(groups.items()):
        moved = [at_any_hour(shift(case, days)) for case in cases]
        world.loaded = compile_sources(shift_days(read_texts(sample_path()), days))
        await _sent(world, moved)
        sent.update({case.request["request_id"]: (case, days) for case in moved})
        gate = await world.gate()
        await _answered(world, len(sent))
        await world.stop(gate)
    return await _gathered(world, sent, today)


class DayChangedError(Exception):
    """Midnight (Asia/Tokyo) came while the cases ran: they were moved to a day that is over. Run them again."""


async def _sent(world: CaseWorld, cases: Sequence[Case]) -> None:
    """All consent events, acknowledged; then all requests."""
    writer = world.log.writer()
    await writer.start()
    try:
        await asyncio.gather(*(_tell(world, writer, case) for case in cases))
        await asyncio.gather(*(_ask(world, writer, case) for case in cases))
    finally:
        await writer.stop()


async def _tell(world: CaseWorld, writer: Writer, case: Case) -> None:
    for event in case.events:
        partition = partition_of(event["data"]["subject_id"], world.partitions)
        await writer.send(world.names.consents, consent(event["data"], event["type"]), partition)


async def _ask(world: CaseWorld, writer: Writer, case: Case) -> None:
    subject = case.request["subject"]["id"]
    record = Outgoing(subject.encode(), json.dumps(case.request).encode())
    await writer.send(world.names.requests, record, partition_of(subject, world.partitions))


async def _answered(world: CaseWorld, count: int) -> None:
    async with asyncio.timeout(ANSWER_S):
        while True:
            if len(await world.read(world.names.decisions)) >= count:
                return
            await asyncio.sleep(0.1)


async def _gathered(world: CaseWorld, sent: dict[str, tuple[Case, int]], today: date) -> dict[str, Answered]:
    records = {each["record_id"]: each for each in await world.data(world.names.records)}
    found: dict[str, Answered] = {}
    for decision in await world.data(world.names.decisions):
        if tokyo_day(datetime.fromisoformat(decision["decided_at"])) != today:
            raise DayChangedError
        case, days = sent[decision["request_id"]]
        found[case.id] = Answered(case, days, decision, records.pop(decision["record_id"], None))
    assert not records, "records of no decision"
    return found


def at_any_hour(case: Case) -> Case:
    """The case with the instants of its own day, its events' and its request's, moved to that day's ends: before its
    decision, whenever that is made today, or behind it. Which of them come before the decision is what such a case is
    about, not by how much."""
    if case.at_any_hour:
        return case
    decided = datetime.fromisoformat(case.at)
    request = {
        name: value if name == "requested_at" else _ends(value, decided, case.day)
        for name, value in case.request.items()
    }
    events = tuple(_ends(event, decided, case.day) for event in case.events)
    return replace(case, events=events, request=request)


def _ends(value: Any, decided: datetime, day: date) -> Any:
    if isinstance(value, dict):
        return {name: _ends(inner, decided, day) for name, inner in value.items()}
    if isinstance(value, list):
        return [_ends(inner, decided, day) for inner in value]
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return value
    instant = datetime.fromisoformat(value)
    if tokyo_day(instant) != day:
        return value
    if instant <= decided:
        return f"{day}T00:00:00+09:00"
    return f"{day + timedelta(days=1)}T00:00:00+09:00"
