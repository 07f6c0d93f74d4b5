"""One partition's ingestion: read committed messages, write them with the next offset in one transaction, go on (ledger.md).

Exactly once, because the position is read from the log's head in the database and moved by the very transaction that
writes the rows, on the condition that nobody else has moved it (FencedError). While one batch is written the next is read;
after any failure both are forgotten and the lane begins again at the head, so a commit whose answer was lost is found out
there. A failure of the world is waited out with growing pauses; one that an operator must decide ends the lane.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog

from sekisho.ledger.ingest.clock import Accepted, ClockBehindError, Clocks, ingestion_time, tokyo_year
from sekisho.ledger.ingest.holds import CurrentHolds
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.pauses import Pauses
from sekisho.ledger.ingest.reading import UnreadableRecord
from sekisho.ledger.ingest.shard import (
    FOLDERS,
    OffsetLostError,
    Shard,
    Source,
    TopicChangedError,
    begin,
    find,
    follow_on,
)
from sekisho.ledger.ingest.topics import TopicPin
from sekisho.ledger.store.connection import Connection, connect
from sekisho.ledger.store.errors import (
    BusyError,
    DiskFullError,
    FencedError,
    HoldsChangedError,
    StoreError,
    UnavailableError,
)
from sekisho.log.port import (
    Log,
    LogError,
    OffsetOutOfRangeError,
    PartitionReader,
    Record,
    UndecodableRecordError,
)

_log = structlog.get_logger(__name__)
T = TypeVar("T")
Message = Record | UnreadableRecord


class YearTurnedError(Exception):
    """The year ended while a transaction waited for its lock: the batch goes into the next log."""


_STALE: Final = (HoldsChangedError, BusyError, YearTurnedError)
"""The batch is as good as before, only what it was built on has changed: it is written anew."""


class LaneEvents(Protocol):
    """Told of what happens to lanes (`ingest.report`)."""

    def condition(self, name: str, cause: str | None, why: str) -> None:
        """A condition of readiness holds (`cause` None), or does not."""

    def transaction(self, outcome: str) -> None: ...
    def phase(self, name: str, seconds: float) -> None: ...

    def unread(self, topic: str) -> None:
        """A message of that topic (one of telemetry's INGESTED_TOPICS) could not be read."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What lanes share."""

    log: Log
    url: str
    limits: IngestLimits
    clocks: Clocks
    events: LaneEvents
    rid: Callable[[], str]
    accepted_clock: Callable[[Connection], Awaitable[Accepted | None]]
    pin: TopicPin
    holds: CurrentHolds
    application: str = "sekisho ledger"


class Fetched(NamedTuple):
    """Messages in order, without gaps but those of the topic itself, and where to read on."""

    messages: Sequence[Message]
    next_offset: int


class LaneFencedError(Exception):
    """Another ledger writes this log: this process lets everything go."""


class Lane(ABC):
    """One partition. `run` works until it is cancelled, fenced, or stopped for an operator."""

    def __init__(self, seat: Seat, source: Source) -> None:
        self.seat = seat
        self.source = source
        self.limits = seat.limits
        self.taken_to: int | None = None
        """All messages before it are committed; None: not known yet."""
        self.oldest_ms: int | None = None
        """When the oldest message that was fetched and is not committed was appended (ms since the epoch)."""
        self.shelves: set[date] = set()
        self._pauses = Pauses(self.limits.retry_seconds, self.limits.retry_max_seconds)
        self._reader: PartitionReader | None = None

    # life

    async def run(self) -> None:
        """Raises LaneFencedError; returns where only an operator can help (told by `events.stopped`)."""
        while True:
            try:
                await self._live()
            except FencedError as error:
                self.seat.events.transaction("fenced")
                self._told("fenced", str(error))
                raise LaneFencedError(str(error)) from error
            except (OffsetLostError, OffsetOutOfRangeError) as error:
                self._told("offset_lost", _lost(error))
                return
            except TopicChangedError as error:
                self._told("topic_changed", str(error))
                return
            except (StoreError, LogError, ClockBehindError) as error:
                await self._wait_out(error)

    async def _live(self) -> None:
        """One life: a connection, a reader at the head's offset, batch after batch."""
        conn = await connect(
            self.seat.url,
            "writer",
            application=self.seat.application,
            connect_seconds=self.limits.connect_seconds,
            statement_seconds=self.limits.statement_seconds,
        )
        reader = self.seat.log.partition_reader(committed=True)
        try:
            await reader.start()
            self._reader = reader
            shard = await self.take(conn, reader)
            await reader.assign({self.source.at: shard.head.next_offset})
            self.taken_to = shard.head.next_offset
            self._told(None, "")
            await self._go_on(conn, shard, reader)
        finally:
            self._reader, self.oldest_ms = None, None
            with suppress(LogError):  # closing what failed: the failure itself is on its way up
                await reader.stop()
            await conn.close()

    async def _go_on(self, conn: Connection, shard: Shard, reader: PartitionReader) -> None:
        ahead = asyncio.create_task(self._ahead(reader))
        try:
            while True:
                batch = await ahead
                ahead = asyncio.create_task(self._ahead(reader))
                shard = await self._taken_in(conn, shard, batch)
                self._pauses.over()
                self._told(None, "")
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _taken_in(self, conn: Connection, shard: Shard, batch: PreparedBatch) -> Shard:
        while True:
            shard = await self.current(conn, shard)
            try:
                shard = await self.take_in(conn, shard, batch)
            except _STALE as error:
                self.seat.events.transaction("failed")
                _log.info("ledger_batch_again", partition=self.source.at.partition, error=error)
                await asyncio.sleep(self._pauses.next())
                shard = await find(conn, self.source) or shard  # a part of the batch may be there
                continue
            except StoreError as error:
                if not isinstance(error, FencedError):  # told by `run`
                    lost = isinstance(error, UnavailableError)
                    self.seat.events.transaction("unknown" if lost else "failed")
                raise
            self.seat.events.transaction("committed")
            self.taken_to, self.oldest_ms = shard.head.next_offset, None
            return shard

    async def _wait_out(self, error: Exception) -> None:
        cause = cause_of(error)
        self._told(cause, str(error))
        pause = self._pauses.next()
        _log.warning(
            "ledger_lane_waits",
            topic=self.source.at.topic,
            partition=self.source.at.partition,
            cause=cause,
            seconds=round(pause, 1),
            error=error,
        )
        await asyncio.sleep(pause)

    def _told(self, cause: str | None, why: str) -> None:
        """The lane's own condition of readiness; what needs an operator is an error in the log too."""
        if cause in ("offset_lost", "topic_changed", "fenced"):
            at = self.source.at
            _log.error("ledger_lane_stopped", topic=at.topic, partition=at.partition, cause=cause, why=why)
        self.seat.events.condition(self.name, cause, why)

    @property
    def name(self) -> str:
        """Of its condition of readiness: `records-3`."""
        return f"{self.source.kind}-{self.source.at.partition}"

    def unreadable(self, offset: int, problem: str) -> None:
        """A message was taken in verbatim because nobody could read it: loudly."""
        at = self.source.at
        _log.error(
            "ledger_message_unreadable",
            topic=at.topic,
            partition=at.partition,
            offset=offset,
            problem=problem,
            remedy="find what wrote it; it is kept as it is",
        )
        self.seat.events.unread(FOLDERS[self.source.kind])

    # where it stands

    async def take(self, conn: Connection, reader: PartitionReader) -> Shard:
        """The log to write, opened where there is none. Raises OffsetLostError where messages are gone unread."""
        shard, start = await find(conn, self.source), await reader.start_offset(self.source.at)
        if shard is None:
            return await begin(conn, self.source, self.seat.clocks.wall(), start, self.seat.rid)
        if start > shard.head.next_offset:
            raise OffsetLostError(
                f"{self.source.at.topic}-{self.source.at.partition} begins at offset {start}, the ledger has taken it in up to "
                f"{shard.head.next_offset}: what lies between is gone. Restore the topic, or find out what deleted it; the "
                "ledger does not pass over it"
            )
        return shard

    async def current(self, conn: Connection, shard: Shard) -> Shard:
        """The log of this year: a new one follows where the year has changed (Asia/Tokyo)."""
        at = await self.now(conn, shard)
        if shard.log.year is not None and tokyo_year(at) > shard.log.year:
            return await follow_on(conn, self.source, shard, at, self.seat.rid)
        return shard

    async def now_in(self, conn: Connection, shard: Shard) -> datetime:
        """The same, of this log's year. Raises YearTurnedError."""
        at = await self.now(conn, shard)
        if shard.log.year is not None and tokyo_year(at) > shard.log.year:
            raise YearTurnedError
        return at

    async def now(self, conn: Connection, shard: Shard) -> datetime:
        """When a leaf written now is written. Raises ClockBehindError."""
        now, last_at, limit = self.seat.clocks.wall(), shard.head.last_at, self.limits.clock_skew_seconds
        try:
            return ingestion_time(now, last_at, limit)
        except ClockBehindError:
            return ingestion_time(now, last_at, limit, await self.seat.accepted_clock(conn))

    # messages

    async def _ahead(self, reader: PartitionReader) -> PreparedBatch:
        steady = self.seat.clocks.steady
        begun = steady()
        fetched = await self._gathered(reader)
        read = steady()
        self.seat.events.phase("fetch", read - begun)
        prepared = await self.prepare(fetched)
        await self.seat.pin.confirm()
        self.seat.events.phase("read", steady() - read)
        return prepared

    async def _gathered(self, reader: PartitionReader) -> Fetched:
        """Up to `batch_records` messages; once there is one, no longer than `batch_ms` for more."""
        found: list[Message] = []
        deadline: float | None = None
        while len(found) < self.limits.batch_records:
            left_ms = self.limits.poll_ms
            if deadline is not None:
                left_ms = min(left_ms, int((deadline - self.seat.clocks.steady()) * 1000))
                if left_ms <= 0:
                    break
            found.extend(await self._fetch(reader, left_ms, self.limits.batch_records - len(found)))
            if found and deadline is None:
                deadline = self.seat.clocks.steady() + self.limits.batch_ms / 1000
        return Fetched(found, found[-1].offset + 1)

    async def _fetch(self, reader: PartitionReader, wait_ms: int, most: int) -> Sequence[Message]:
        """One that cannot be decoded is passed: its place is taken in, its bytes stay in the topic."""
        at = self.source.at
        try:
            found = (await reader.fetch(wait_ms, most, [at])).get(at, ())
            if found and self.oldest_ms is None:
                self.oldest_ms = found[0].timestamp
            elif not found and self.oldest_ms is None:
                self.taken_to = await reader.position(at)  # behind the last message stand markers alone
            return found
        except UndecodableRecordError as error:
            reader.seek(at, error.offset + 1)
            return [UnreadableRecord(error.offset, str(error))]

    # what subclasses do

    @abstractmethod
    async def prepare(self, fetched: Fetched) -> PreparedBatch:
        """Reads messages: all that needs no database."""

    @abstractmethod
    async def take_in(self, conn: Connection, shard: Shard, batch: PreparedBatch) -> Shard:
        """Writes them; gives the log as it stands then."""


class PreparedBatch(Protocol):
    """What `prepare` makes of messages."""

    @property
    def next_offset(self) -> int: ...


def cause_of(error: Exception) -> str:
    """One of telemetry's UNREADY_CAUSES."""
    if isinstance(error, DiskFullError):
        return "disk_full"
    if isinstance(error, (UnavailableError, BusyError)):
        return "database_unavailable"
    if isinstance(error, ClockBehindError):
        return "clock_skew"
    return "log_unavailable" if isinstance(error, LogError) else "failed"


def _lost(error: Exception) -> str:
    if isinstance(error, OffsetOutOfRangeError):
        return f"{error}: messages that the ledger has not taken in are gone; restore the topic, the ledger does not pass over them"
    return str(error)
