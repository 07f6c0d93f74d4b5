"""The lane of a partition of the records topic: each message becomes a leaf and a payload."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import structlog

from sekisho.ledger.ingest.building import Known, Moment, Referred, build, stated, turns
from sekisho.ledger.ingest.lane import Fetched, Lane, Seat
from sekisho.ledger.ingest.reading import RecordReader, Taken
from sekisho.ledger.ingest.scope_rows import states
from sekisho.ledger.ingest.scopes import after_all
from sekisho.ledger.ingest.shard import Shard, Source
from sekisho.ledger.store import append, connection, logs, payloads, retention, scopes
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.filters import Filter

_log = structlog.get_logger(__name__)
_STRIDE: Final = 100
"""Records read in one go of the event loop: some 5 ms, so that other lanes' connections are served between."""


class RecordsTold(Protocol):
    """What is counted of committed records."""

    def recorded(self, counts: Counter[tuple[str, str]]) -> None: ...


class ReadRecords(NamedTuple):
    """A batch that is read."""

    taken: Sequence[Taken]
    next_offset: int


@dataclass(frozen=True, slots=True)
class RecordsDesk:
    """What the lanes of the records topic share. `scoped`: one batch with agreements at a time, so that the state of a scope,
    read before, is still the state when its extension is written."""

    reader: RecordReader
    told: RecordsTold
    scoped: asyncio.Lock


class RecordsLane(Lane):
    """Takes in one partition of provision records."""

    def __init__(self, seat: Seat, source: Source, desk: RecordsDesk) -> None:
        super().__init__(seat, source)
        self._desk = desk

    async def prepare(self, fetched: Fetched) -> ReadRecords:
        taken: list[Taken] = []
        for at in range(0, len(fetched.messages), _STRIDE):
            taken.extend(self._desk.reader.take(fetched.messages[at : at + _STRIDE]))
            await asyncio.sleep(0)
        return ReadRecords(taken, fetched.next_offset)

    async def take_in(self, conn: Connection, shard: Shard, batch: ReadRecords) -> Shard:  # type: ignore[override]
        changes = stated(batch.taken)
        scope_of = await scopes.scopes(conn, sorted(changes)) if changes else {}
        days = {None if each.particulars is None else each.particulars.retain_until for each in batch.taken}
        await append.ensure_shelves(conn, days, self.shelves)
        turn: AbstractAsyncContextManager[object] = self._desk.scoped if changes else nullcontext()
        steady = self.seat.clocks.steady
        begun = steady()
        async with turn, connection.transaction(conn, keeping="shared"):
            known = Known(
                scope_of,
                await states(conn, tuple(scope_of.values()), turns(changes, scope_of)) if scope_of else {},
                await self.seat.holds.now(conn),
                await _referred(conn, batch.taken),
            )
            asked = steady()
            at = await self.now_in(conn, shard)
            moment = Moment(
                after_all(at, known.states.values(), self.limits.clock_skew_seconds), self.seat.rid
            )
            built = build(shard, batch.taken, known, changes, batch.next_offset, moment)
            made = steady()
            await append.write(conn, built)
            copied = steady()
        done = steady()
        phase = self.seat.events.phase
        phase("leaves", made - asked)
        phase("database", copied - made + asked - begun)
        phase("commit", done - copied)
        self._tell(batch.taken)
        return shard.after(built)

    def _tell(self, taken: Sequence[Taken]) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        for each in taken:
            told = each.particulars
            if told is None:
                self.unreadable(each.offset, each.problem or "unreadable")
            else:
                counts[(told.method or "", told.basis or "")] += 1
        self._desk.told.recorded(counts)


async def _referred(conn: Connection, taken: Sequence[Taken]) -> dict[str, Referred]:
    """The older records that new ones refer to; one that is nowhere is told (it was deleted, or its partition is behind)."""
    wanted = {each.particulars.refers_to for each in taken if each.particulars is not None} - {None}
    found: dict[str, Referred] = {}
    for record_id in sorted(filter(None, wanted)):
        rows = await payloads.search(conn, Filter(record_ids=(record_id,)), limit=1)
        if rows:
            row = rows[0]
            origin = {log.log_id: log.origin for log in await logs.logs(conn)}[row.log_id]
            standing = await retention.retention_of(conn, row.log_id, row.idx)
            is_open = standing is not None and standing.effective is None
            found[record_id] = Referred(row.log_id, origin, row.idx, row.rid, row.scope, is_open)
        elif not any(
            each.particulars is not None and each.particulars.record_id == record_id for each in taken
        ):
            _log.warning("ledger_referred_record_missing", record_id=record_id)
    return found
