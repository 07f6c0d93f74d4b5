"""Which allowed decisions used which consent: an index over sekisho-access-decisions, followed in transactions of its own.

It holds keyed hashes and positions, no decision. The lanes of outcomes find by it the decisions that served a policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from pydantic_core import from_json

from sekisho.contracts.fields import instant
from sekisho.ledger.ingest.lane import LaneFencedError, Seat, cause_of
from sekisho.ledger.ingest.pauses import Pauses
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.store import served as served_rows
from sekisho.ledger.store.connection import Connection, connect
from sekisho.ledger.store.errors import FencedError, StoreError
from sekisho.ledger.store.served import ServedRow
from sekisho.log.port import LogError, Partition, PartitionReader, Record, UndecodableRecordError

_log = structlog.get_logger(__name__)
_STRIDE: Final = 200
_NONE_SERVED: Final = b'"consents":[]'
"""Stands in most decisions as the gate writes them; inside a text the quotes would be escaped."""


def served_by(record: Record, pseudonyms: Pseudonyms) -> list[ServedRow]:
    """The index rows of a decision: one for each consent that an allowed one used.

    A repeated answer (`duplicate_of`) adds nothing to the first. Raises ValueError for what is no decision.
    """
    value = record.value
    if value is None or _NONE_SERVED in value:
        return []
    told: dict[str, Any] = from_json(value)
    try:
        if told["effect"] != "allow" or told["duplicate_of"] is not None or told["subject_id"] is None:
            return []
        subject, at = pseudonyms.subject(told["subject_id"]), instant(told["decided_at"])
        consents = {each["consent_id"] for each in told["consents"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a decision lacks a field that the contract gives it") from error
    return [ServedRow(record.offset, subject, pseudonyms.consent(each), at) for each in sorted(consents)]


class DecisionsIndex:
    """How far each partition of the decisions is indexed; waits for it."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}
        self._moved = asyncio.Condition()

    async def moved(self, partition: int, next_offset: int) -> None:
        """A follower has committed up to there."""
        async with self._moved:
            self._next[partition] = next_offset
            self._moved.notify_all()

    def next_of(self, partition: int) -> int | None:
        """Where it stands; None: not known yet."""
        return self._next.get(partition)

    async def reached(self, partition: int, offset: int) -> None:
        """Waits until all decisions before `offset` are indexed."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._next.get(partition, -1) >= offset)


class Follower:
    """Follows one partition of the decisions. `run` works until it is cancelled or fenced."""

    def __init__(
        self, seat: Seat, at: Partition, topic_id: str, pseudonyms: Pseudonyms, index: DecisionsIndex
    ) -> None:
        self._seat = seat
        self.at = at
        self._topic_id = topic_id
        self._pseudonyms = pseudonyms
        self._index = index
        self._pauses = Pauses(seat.limits.retry_seconds, seat.limits.retry_max_seconds)

    async def run(self) -> None:
        """Raises LaneFencedError."""
        name = f"index-{self.at.partition}"
        while True:
            try:
                await self._live(name)
            except FencedError as error:
                raise LaneFencedError(str(error)) from error
            except (StoreError, LogError) as error:
                self._seat.events.condition(name, cause_of(error), str(error))
                _log.warning("ledger_index_waits", partition=self.at.partition, error=error)
                await asyncio.sleep(self._pauses.next())

    async def _live(self, name: str) -> None:
        limits = self._seat.limits
        conn = await connect(
            self._seat.url,
            "writer",
            application=self._seat.application,
            connect_seconds=limits.connect_seconds,
            statement_seconds=limits.statement_seconds,
        )
        reader = self._seat.log.partition_reader(committed=True)
        try:
            await reader.start()
            known = await self._begin(conn, reader)
            self._seat.events.condition(name, None, "")
            while True:
                known = await self._step(conn, reader, known)
                self._pauses.over()
        finally:
            with suppress(LogError):  # closing what failed: the failure itself is on its way up
                await reader.stop()
            await conn.close()

    async def _begin(self, conn: Connection, reader: PartitionReader) -> int | None:
        """Where it stands in the database; None: nowhere yet. Decisions that are gone unread are told, not waited for: their
        topic is kept for the audit period, and what a policy misses is told with its leaf."""
        known = await served_rows.follow_from(conn, self._topic_id, self.at.partition)
        start = await reader.start_offset(self.at)
        if start > (known or 0):
            _log.error(
                "ledger_decisions_expired",
                topic=self.at.topic,
                partition=self.at.partition,
                offset=known or 0,
                start=start,
            )
        await reader.assign({self.at: max(start, known or 0)})
        await self._index.moved(self.at.partition, max(start, known or 0))
        return known

    async def _step(self, conn: Connection, reader: PartitionReader, known: int | None) -> int | None:
        try:
            found = await reader.fetch(self._seat.limits.poll_ms, self._seat.limits.batch_records, [self.at])
            records = found.get(self.at, ())
            position = await reader.position(self.at)
        except UndecodableRecordError as error:
            _log.error("ledger_decision_undecodable", partition=self.at.partition, offset=error.offset)
            self._seat.events.unread("access-decisions")
            reader.seek(self.at, error.offset + 1)
            records, position = (), error.offset + 1
        if position == (known or 0) and not records:
            return known
        rows = await self._rows(records)
        await self._seat.pin.confirm()
        await served_rows.put_served(conn, self._topic_id, self.at.partition, known, position, rows)
        await self._index.moved(self.at.partition, position)
        if len(records) < self._seat.limits.batch_records:
            await asyncio.sleep(self._seat.limits.batch_ms / 1000)  # the next transaction has more to do
        return position

    async def _rows(self, records: Sequence[Record]) -> list[ServedRow]:
        rows: list[ServedRow] = []
        for number, record in enumerate(records):
            if number % _STRIDE == 0:
                await asyncio.sleep(0)
            try:
                rows.extend(served_by(record, self._pseudonyms))
            except ValueError:
                _log.error("ledger_decision_unreadable", partition=self.at.partition, offset=record.offset)
                self._seat.events.unread("access-decisions")
        return rows
