"""Deletes what is due: body and salt, nothing else, each with its purge leaf, and writes down what it refused (records.md).

A batch is one short transaction: nothing is taken in, held or extended beside it (KEEPING), every row is judged anew under
that lock, and either leaf, `purged` row and deletion are all there afterwards or none is. Killed at any step, it is done again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Final, NamedTuple

import structlog

from sekisho.domain.calendar import tokyo_day
from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.erasing import Erased, erase
from sekisho.ledger.keeping.finding import records
from sekisho.ledger.keeping.keeping import Keeping, KeepingError
from sekisho.ledger.keeping.refusing import refuse_lag, refuse_record, refuse_run
from sekisho.ledger.keeping.statements import new_id
from sekisho.ledger.leaves import Place, Purge, RefusalCause
from sekisho.ledger.store.acts import Acts, time_text, write_acts
from sekisho.ledger.store.connection import Connection, row, rows, transaction
from sekisho.ledger.store.copying import shelf
from sekisho.ledger.store.entries import newest_checkpoint
from sekisho.ledger.store.logs import logs
from sekisho.ledger.store.purging import purge_rows
from sekisho.ledger.store.retention import DueCounts, DueRow, Key, due, due_counts
from sekisho.ledger.store.rows import PurgeRow

log = structlog.get_logger()
_PAGE: Final = 50_000
"""Rows looked for at once, 30 MB: each look judges all that is left (0.4 s at 100,000), so few looks."""
PURGING_LOCK: Final = 4_849_236_504
"""The session lock of whoever purges; those below it are the store's and the publisher's."""
_EXCLUDED: Final = """
    SELECT p.log_id, p.idx FROM payload p JOIN unnest(%s::int4[], %s::int8[]) k (log_id, idx) USING (log_id, idx)
    WHERE EXISTS (SELECT FROM withholding w WHERE w.record_id = p.record_id AND w.kind = 'exclusion')
"""


class PurgeRunningError(KeepingError):
    """Another process purges this ledger."""


class PurgeReport(NamedTuple):
    """What a run did: rows deleted, rows due but held, and the clocks at its start."""

    purged: int
    held: int
    clocks: Clocks
    refusal: RefusalCause | None
    erased: Sequence[Erased] = ()


async def purge(
    keeping: Keeping,
    *,
    limit: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    rewrite: bool = False,
) -> PurgeReport:
    """Deletes all that is due (at most `limit`), and erases the freed bytes from the database's files.

    Writes one refusal leaf where something due is held, or the clocks disagree by more than the skew. Raises PurgeRunningError,
    ClockBehindError, StoreError.
    """
    await keeping.publish_now()
    async with keeping.session() as conn, alone(conn):
        clocks, lagged = await _signed_clocks(keeping, conn)
        total, held = DueCounts(0, 0) if clocks.day is None else await due_counts(conn, clocks.day)
        shelves: set[date] = set()
        run = _Run(keeping, conn, total if limit is None else min(limit, total), shelves)
        purged = await run.through(clocks.day, on_progress)
        refusal = await refuse_run(keeping, conn, clocks, held) or lagged
    erased = await erase(keeping.url, shelves, rewrite=rewrite)
    log.info("ledger purged", purged=purged, held=held, refusal=refusal, clock=clocks.least)
    return PurgeReport(purged, held, clocks, refusal, erased)


async def purge_record(keeping: Keeping, record_id: str) -> PurgeReport:
    """Deletes that record. Raises NotFoundError, and PurgeRefusedError once the refusal is in the ledger."""
    await keeping.publish_now()
    shelves: set[date] = set()
    async with keeping.session() as conn, alone(conn):
        found = await records(conn, record_id)
        clocks, _ = await _signed_clocks(keeping, conn)
        for each in found:
            run = _Run(keeping, conn, 1, shelves)
            if await run.batch(clocks.day, [(shelf(each.retain_until), each.log_id, each.idx)]) == 0:
                await refuse_record(keeping, conn, each)
    erased = await erase(keeping.url, shelves)
    return PurgeReport(len(found), 0, clocks, None, erased)


async def _signed_clocks(keeping: Keeping, conn: Connection) -> tuple[Clocks, RefusalCause | None]:
    """The clocks, once a checkpoint was asked for that is as late as the machines' clocks where that matters.

    Where nothing arrives nothing is signed, and the newest checkpoint may be days old: what that keeps from being deleted is
    written down, and this leaf is something to sign. Whatever comes of it, the least clock counts; a refusal is told where it
    still keeps something (a night without records must raise no alert).
    """
    clocks = await keeping.clocks(conn)
    if clocks.checkpoint_at is None or clocks.day == clocks.day_without_checkpoint:
        return clocks, None
    if not await refuse_lag(keeping, conn, clocks):
        return clocks, None
    await keeping.publish_now()
    signed = await keeping.clocks(conn)
    return signed, None if signed.day == signed.day_without_checkpoint else "clock"


class _Run:
    """One run over what is due."""

    def __init__(self, keeping: Keeping, conn: Connection, limit: int, shelves: set[date]) -> None:
        self._keeping = keeping
        self._conn = conn
        self._limit = limit
        self._shelves = shelves

    async def through(self, day: date | None, on_progress: Callable[[int, int], None] | None) -> int:
        """Batch after batch, in the order of their shelves; how many were deleted."""
        purged, size = 0, self._keeping.batch
        after: Key | None = None
        while day is not None and purged < self._limit:
            page = await due(self._conn, day, limit=_PAGE, after=after)
            if not page:
                break
            after = page[-1].key
            wanted = [each.key for each in page if not each.holds]
            for start in range(0, len(wanted), size):
                if purged >= self._limit:
                    break
                purged += await self.batch(day, wanted[start : start + min(size, self._limit - purged)])
                if on_progress is not None:
                    on_progress(purged, self._limit)
        return purged

    async def batch(self, day: date | None, wanted: Sequence[Key]) -> int:
        """Those of the wanted rows that are due now, judged under the lock, in one transaction; how many they were."""
        conn = self._conn
        async with transaction(conn, "exclusive"):
            clocks = await self._keeping.clocks(conn)
            day = None if day is None or clocks.day is None else min(day, clocks.day)
            if day is None:
                return 0
            rows = await _covered(conn, await due(conn, day, limit=len(wanted), only=wanted))
            if not rows:
                return 0
            acts = await self._keeping.acts(conn)
            await write_acts(conn, acts, await _leaves(conn, acts, rows, clocks))
            await purge_rows(conn, await _purged(conn, acts, rows))
        self._shelves.update(row.shelf for row in rows)
        return len(rows)


async def _covered(conn: Connection, judged: Sequence[DueRow]) -> list[DueRow]:
    """Those of the rows under no hold whose leaves the newest checkpoint of their log covers: their proof outlives them."""
    sizes: dict[int, int] = {}
    for log_id in {each.log_id for each in judged}:
        newest = await newest_checkpoint(conn, log_id)
        sizes[log_id] = 0 if newest is None else newest.size
    return [each for each in judged if not each.holds and each.idx < sizes[each.log_id]]


async def _leaves(conn: Connection, acts: Acts, rows: Sequence[DueRow], clocks: Clocks) -> list[bytes]:
    """A purge leaf for each row: which it was, its last day, and the clocks that were all past it."""
    origins = {each.log_id: each.origin for each in await logs(conn)}
    at, database_at, host_at = (time_text(time) for time in (acts.at, clocks.database_at, clocks.host_at))
    assert clocks.checkpoint_at is not None
    checkpoint_at = time_text(clocks.checkpoint_at)
    return [
        Purge(
            rid=new_id(),
            ingested_at=at,
            target=Place(origin=origins[row.log_id], index=str(row.idx), rid=row.rid),
            retain_until=row.effective.isoformat(),
            database_at=database_at,
            host_at=host_at,
            checkpoint_at=checkpoint_at,
        ).encoded()
        for row in rows
    ]


async def _purged(conn: Connection, acts: Acts, rows: Sequence[DueRow]) -> list[PurgeRow]:
    """What the ledger keeps of each row: where its leaf is, the keyed hash it is found by, whether it may be told of."""
    excluded = await _excluded(conn, rows)
    return [
        PurgeRow(
            log_id=row.log_id,
            idx=row.idx,
            shelf=row.shelf,
            act_log=acts.log_id,
            act_idx=acts.next_index + number,
            purged_at=acts.at,
            subject_hmac=row.subject_hmac,
            direction=row.direction,
            created_on=tokyo_day(row.created_at),
            disclosable=_disclosable(row) and (row.log_id, row.idx) not in excluded,
            controller=row.controller,
        )
        for number, row in enumerate(rows)
    ]


def _disclosable(row: DueRow) -> bool:
    """Whether it was a 第三者提供記録 at all: what is provided as referable information is none (records.md, Disclosure)."""
    return row.kind == "record" and row.basis != "referable.provision"


async def _excluded(conn: Connection, rows_: Sequence[DueRow]) -> set[tuple[int, int]]:
    """Those of the rows whose existence is not to be told (Order 11), by the marks that stand now."""
    places = ([each.log_id for each in rows_], [each.idx for each in rows_])
    found = await rows(conn, _EXCLUDED, places, doing="reading the marks of what is not to be told")
    return {(log_id, idx) for log_id, idx in found}


@asynccontextmanager
async def alone(conn: Connection) -> AsyncIterator[None]:
    """While this lasts nobody else purges this ledger. Raises PurgeRunningError. A killed holder's lock ends with it."""
    found = await row(
        conn, "SELECT pg_try_advisory_lock(%s)", (PURGING_LOCK,), doing="taking the lock of the purge"
    )
    if found is None or not found[0]:
        raise PurgeRunningError("Another purge of this ledger is running. Wait for its end.")
    try:
        yield
    finally:
        if not conn.closed:
            await row(
                conn,
                "SELECT pg_advisory_unlock(%s)",
                (PURGING_LOCK,),
                doing="letting go the lock of the purge",
            )
