"""How far the ledger is: lags, sizes, the age of what is not signed yet, and whether the topics are still the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from sekisho.ledger.ingest.clock import Clocks
from sekisho.ledger.ingest.following import DecisionsIndex
from sekisho.ledger.ingest.lane import Lane
from sekisho.ledger.ingest.limits import IngestLimits
from sekisho.ledger.ingest.report import LedgerReport
from sekisho.ledger.ingest.shard import FOLDERS
from sekisho.ledger.ingest.topics import TopicPin
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.logs import heads
from sekisho.log.port import LogError, Partition, PartitionReader

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at."""

    lanes: Sequence[Lane]
    index: DecisionsIndex
    decisions: Sequence[Partition]


class Lags:
    """How old the oldest message is that is not taken in: by its own time where it was fetched, else since it was first seen."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._since: dict[Partition, float] = {}

    def seconds(self, at: Partition, left: int, oldest_ms: int | None) -> float:
        """The age of what is left of a partition."""
        if left <= 0:
            self._since.pop(at, None)
            return 0.0
        seen = self._clocks.steady() - self._since.setdefault(at, self._clocks.steady())
        if oldest_ms is None:
            return seen
        return max(0.0, self._clocks.wall().timestamp() - oldest_ms / 1000)


class Watch:
    """Looks every `check_seconds`. `run` raises TopicChangedError, and StoreError when the lock's own connection is lost."""

    def __init__(
        self,
        conn: Connection,
        reader: PartitionReader,
        watched: Watched,
        report: LedgerReport,
        limits: IngestLimits,
        clocks: Clocks,
        pin: TopicPin,
    ) -> None:
        self._conn = conn
        self._reader = reader
        self._watched = watched
        self._report = report
        self._limits = limits
        self._pin = pin
        self._lags = Lags(clocks)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._sizes()
            try:
                await self._pin.confirm()
                await self._tell_lags()
            except LogError as error:
                _log.warning("ledger_lag_unknown", error=error)
            await asyncio.sleep(self._limits.check_seconds)

    async def _sizes(self) -> None:
        """Asked by the connection that holds the service's lock: where that is gone, another may be at work."""
        sizes = {log.origin: (str(log.kind), head.size) for log, head in await heads(self._conn)}
        self._report.sizes(sizes, self._limits.max_checkpoint_age_seconds)

    async def _tell_lags(self) -> None:
        oldest = 0.0
        for kind, folder in FOLDERS.items():
            lanes = [lane for lane in self._watched.lanes if lane.source.kind == kind]
            asked = [(lane.source.at, lane.taken_to, lane.oldest_ms) for lane in lanes]
            oldest = max(oldest, await self._tell(folder, asked))
        known: Mapping[Partition, int | None] = {
            at: self._watched.index.next_of(at.partition) for at in self._watched.decisions
        }
        await self._tell("access-decisions", [(at, known[at], None) for at in known])
        self._report.behind(oldest, self._limits.max_lag_seconds)

    async def _tell(self, topic: str, asked: Iterable[tuple[Partition, int | None, int | None]]) -> float:
        left, oldest = 0, 0.0
        for at, taken_to, oldest_ms in asked:
            behind = max(0, await self._reader.high_watermark(at) - (taken_to or 0))
            left += behind
            oldest = max(oldest, self._lags.seconds(at, behind, oldest_ms))
        self._report.lag(topic, left, oldest)
        return oldest
