"""`sekisho ledger` as a `mode` service: one process works, any other waits for its lock as a standby (ledger6, Locks).

In its order: connect, migrate where needed, wait for the lock, see that the topics are the ones followed so far, open the
publisher (which refuses a database that does not extend what was published), then lanes, index, trimming and the periodic
purge. Whatever ends one of them ends them all; what the world can mend is tried again from the start.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import mode
import structlog

from sekisho.ledger.ingest.acceptance import newest_accepted_clock
from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.following import DecisionsIndex, Follower
from sekisho.ledger.ingest.holds import CurrentHolds
from sekisho.ledger.ingest.lane import Lane, LaneFencedError, Seat, cause_of
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.outcomes import OutcomesDesk, OutcomesLane
from sekisho.ledger.ingest.pauses import Pauses
from sekisho.ledger.ingest.pseudonyms import Pseudonyms
from sekisho.ledger.ingest.reading import RecordReader
from sekisho.ledger.ingest.records import RecordsDesk, RecordsLane
from sekisho.ledger.ingest.report import LedgerReport
from sekisho.ledger.ingest.shard import ShardKind, Source, TopicChangedError, followed
from sekisho.ledger.ingest.topics import LedgerTopics, TopicPin, described, recreated
from sekisho.ledger.ingest.trim import Trimmer
from sekisho.ledger.ingest.watching import Watch, Watched
from sekisho.ledger.store.connection import Connection, connect, try_service_lock
from sekisho.ledger.store.errors import RightsError, SchemaError, StoreError
from sekisho.ledger.store.logs import create_ledger
from sekisho.ledger.store.schema import check_schema, migrate
from sekisho.log.port import Log, LogError, Partition, TopicDescription

_log = structlog.get_logger(__name__)
_STANDBY: Final = "another ledger runs on this database; this one waits to take over"


@dataclass(frozen=True, slots=True)
class LedgerSetup:
    """One ledger process."""

    url: str
    origin: str
    topics: LedgerTopics
    limits: IngestLimits
    clocks: Clocks


class Publishing(Protocol):
    """The publisher, as the ledger needs it (`ledger.publish.service`)."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def publish_now(self) -> None: ...
    async def wait_until_stopped(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Duties:
    """What else runs while this process is the ledger: made anew each time that it becomes it."""

    publishing: Callable[[], Publishing]
    subject_key: Callable[[Connection], Awaitable[bytes]]
    """The key of the keyed hashes; a new one only where the ledger has no payload yet."""
    trimmer: Callable[[Source, TopicDescription], Trimmer] | None
    others: Callable[[Publishing], Sequence[Coroutine[Any, Any, None]]]
    """The periodic purge, the read endpoint: each runs until it is cancelled."""


class LedgerService(mode.Service):
    """One of any number of ledger processes of which one works. `records` and `outcomes` are replaced by tests only."""

    def __init__(
        self,
        log: Log,
        setup: LedgerSetup,
        report: LedgerReport,
        duties: Duties,
        *,
        records: Callable[[Seat, Source, RecordsDesk], Lane] = RecordsLane,
        outcomes: Callable[[Seat, Source, OutcomesDesk], Lane] = OutcomesLane,
    ) -> None:
        super().__init__()
        self._event_log = log
        self._setup = setup
        self._report = report
        self._duties = duties
        self._records = records
        self._outcomes = outcomes
        self._serving: asyncio.Task[None] | None = None

    # life

    async def on_start(self) -> None:
        """Begins to serve in the background: the HTTP endpoint tells how far it is."""
        self._report.condition("service", "starting", "the ledger is starting")
        self._serving = asyncio.get_running_loop().create_task(self._serve())
        self._serving.add_done_callback(self._ended)

    async def on_stop(self) -> None:
        """What is committed is committed; a batch in flight is rolled back; what is signed last is published."""
        self._report.stopping()
        if self._serving is not None:
            self._serving.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._setup.limits.stop_seconds):
                    await asyncio.gather(self._serving, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self.should_stop:
            return
        failure = task.exception() or RuntimeError("the ledger stopped serving by itself")
        _log.error("ledger_failed", exc_info=failure)
        self._report.condition("service", "failed", str(failure))
        asyncio.get_running_loop().create_task(self.crash(failure))

    async def _serve(self) -> None:
        pauses = Pauses(self._setup.limits.retry_seconds, self._setup.limits.retry_max_seconds)
        while True:
            try:
                await self._reign(pauses)
            except (LaneFencedError, TopicChangedError, StoreError, LogError) as error:
                cause = _cause(error)
                self._report.drop_all(kept="service")
                self._report.condition("service", cause, str(error))
                pause = pauses.next()
                _log.warning("ledger_waits", cause=cause, error=error, seconds=round(pause, 1))
                await asyncio.sleep(pause)

    async def _reign(self, pauses: Pauses) -> None:
        """From the lock to its end. Raises what ended it."""
        async with AsyncExitStack() as stack:
            conn = await stack.enter_async_context(self._locked())
            await create_ledger(conn, self._setup.origin)
            topics = await self._described(conn)
            publishing = self._duties.publishing()
            stack.push_async_callback(publishing.stop)
            await publishing.start()
            work = await self._work(conn, stack, topics, publishing)
            pauses.over()
            self._report.condition("service", None, "")
            _log.info("ledger_serving", origin=self._setup.origin)
            await _until_one_ends(work)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[Connection]:
        """A connection that holds the lock of the one running ledger, on a database of this version."""
        async with self._connected() as conn:
            while not await try_service_lock(conn):
                self._report.drop_all(kept="service")
                self._report.condition("service", "standby", _STANDBY)
                await asyncio.sleep(self._setup.limits.check_seconds)
            try:
                await check_schema(conn)
            except SchemaError:
                await self._migrate()
            self._report.condition("service", "starting", "the ledger is starting")
            yield conn

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """As the writer, whose role the first migration makes."""
        seconds = self._setup.limits.connect_seconds
        try:
            conn = await connect(self._setup.url, "writer", connect_seconds=seconds)
        except RightsError:
            await self._migrate()
            conn = await connect(self._setup.url, "writer", connect_seconds=seconds)
        try:
            yield conn
        finally:
            await conn.close()

    async def _migrate(self) -> None:
        version = await asyncio.to_thread(migrate, self._setup.url)
        _log.info("ledger_schema_migrated", version=version)

    # what runs

    async def _described(self, conn: Connection) -> dict[str, TopicDescription]:
        """The topics, which must be those that were followed so far. Raises TopicChangedError, LogError."""
        names = self._setup.topics
        found = await described(self._event_log, names)
        kinds: dict[str, ShardKind] = {names.records: "records", names.outcomes: "outcomes"}
        for name, kind in kinds.items():
            before = await followed(conn, kind, name)
            if before is not None and before != found[name].id:
                raise TopicChangedError(recreated(name, before, found[name].id))
        return found

    async def _work(
        self,
        conn: Connection,
        stack: AsyncExitStack,
        topics: dict[str, TopicDescription],
        publishing: Publishing,
    ) -> list[Coroutine[Any, Any, None]]:
        setup = self._setup
        pin = TopicPin(self._event_log, topics)
        pseudonyms = Pseudonyms(await self._duties.subject_key(conn))
        seat = Seat(
            self._event_log, setup.url, setup.limits, setup.clocks, self._report, lambda: str(uuid.uuid4()),
            newest_accepted_clock, pin, CurrentHolds(),
        )  # fmt: skip
        index = DecisionsIndex()
        decisions = topics[setup.topics.decisions]
        followers = [
            Follower(seat, Partition(decisions.name, number), decisions.id, pseudonyms, index)
            for number in range(decisions.partitions)
        ]
        lanes = self._lanes(seat, topics, pseudonyms, index)
        reader = self._event_log.partition_reader(committed=True)
        await reader.start()
        stack.push_async_callback(reader.stop)
        watched = Watched(lanes, index, [each.at for each in followers])
        watch = Watch(conn, reader, watched, self._report, setup.limits, setup.clocks, pin)
        return [
            *(lane.run() for lane in lanes),
            *(follower.run() for follower in followers),
            *(trimmer.run() for trimmer in self._trimmers(lanes, topics)),
            watch.run(),
            _watched(publishing),
            *self._duties.others(publishing),
        ]

    def _lanes(
        self,
        seat: Seat,
        topics: dict[str, TopicDescription],
        pseudonyms: Pseudonyms,
        index: DecisionsIndex,
    ) -> list[Lane]:
        names = self._setup.topics
        records = RecordsDesk(RecordReader(pseudonyms), self._report, asyncio.Lock())
        decisions = topics[names.decisions]
        outcomes = OutcomesDesk(
            pseudonyms, index, decisions.name, decisions.id, decisions.partitions, self._report
        )
        return [
            *(self._records(seat, source, records) for source in self._sources("records", topics[names.records])),
            *(self._outcomes(seat, source, outcomes) for source in self._sources("outcomes", topics[names.outcomes])),
        ]  # fmt: skip

    def _sources(self, kind: ShardKind, topic: TopicDescription) -> list[Source]:
        origin = self._setup.origin
        return [
            Source(kind, Partition(topic.name, number), topic.id, origin)
            for number in range(topic.partitions)
        ]

    def _trimmers(self, lanes: Sequence[Lane], topics: dict[str, TopicDescription]) -> list[Trimmer]:
        make = self._duties.trimmer
        if make is None:
            return []
        topic = topics[self._setup.topics.records]
        return [make(lane.source, topic) for lane in lanes if lane.source.kind == "records"]


async def _watched(publishing: Publishing) -> None:
    """The publisher ends only when it is stopped: by a defect, before everything else."""
    await publishing.wait_until_stopped()
    raise RuntimeError("the publisher stopped by itself")


async def _until_one_ends(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Runs all until one raises, then ends them all. A lane that returned waits for an operator; the others go on."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
        await asyncio.Event().wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _cause(error: Exception) -> str:
    if isinstance(error, LaneFencedError):
        return "fenced"
    return "topic_changed" if isinstance(error, TopicChangedError) else cause_of(error)
