"""The log that a partition's messages go into now: found, opened, left for the next year's or the next topic's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

import structlog

from sekisho.ledger import leaves
from sekisho.ledger.ingest.clock import tokyo_year, written
from sekisho.ledger.merkle.tree import Frontier, leaf_hash
from sekisho.ledger.store import append as appending
from sekisho.ledger.store import logs as log_rows
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.rows import Batch, Head, LeafRow, Log, NewLog
from sekisho.log.port import Partition

_log = structlog.get_logger(__name__)
ShardKind = Literal["records", "outcomes"]
FOLDERS: Final[dict[ShardKind, str]] = {
    "records": "provision-records",
    "outcomes": "solicitation-outcomes",
}
"""What the logs of a kind are named by, whatever the deployment's prefix."""


class TopicChangedError(Exception):
    """The topic is not the one that the ledger has followed: nothing is taken in until an operator has decided."""


class OffsetLostError(Exception):
    """Messages that the ledger has not taken in are gone from the topic."""


@dataclass(frozen=True, slots=True)
class Source:
    """A partition that is taken in, of the topic of this id. `origin` is the ledger's own, the setting."""

    kind: ShardKind
    at: Partition
    topic_id: str
    origin: str

    def log_origin(self, year: int) -> str:
        """The origin of this partition's log of a year."""
        return f"{self.origin}/{FOLDERS[self.kind]}/{self.topic_id}/{self.at.partition}/{year}"


class Shard(NamedTuple):
    """A log and its head, as the database has them. A batch that fails leaves the old one in force."""

    log: Log
    head: Head

    @property
    def frontier(self) -> Frontier:
        """The tree's right border."""
        return Frontier.from_bytes(self.head.size, self.head.frontier)

    def after(self, batch: Batch) -> Shard:
        """The same log once the batch is committed."""
        head = Head(
            batch.log if isinstance(batch.log, int) else self.log.log_id,
            batch.size + len(batch.leaves),
            batch.new_next_offset,
            batch.last_offset,
            batch.at,
            batch.frontier,
            batch.closes,
        )
        return self._replace(head=head)


NewRid = Callable[[], str]


async def find(conn: Connection, source: Source) -> Shard | None:
    """The newest log of this partition of this topic, None where it has none yet."""
    found = await log_rows.current(conn, source.kind, source.topic_id, source.at.partition)
    return None if found is None else Shard(*found)


async def followed(conn: Connection, kind: ShardKind, topic: str) -> str | None:
    """The id of the topic of this name that was followed last; None: none was."""
    known = [log for log in await log_rows.logs(conn, kind) if log.topic == topic]
    return max(known, key=lambda log: log.log_id).topic_id if known else None


async def begin(conn: Connection, source: Source, at: datetime, start: int, rid: NewRid) -> Shard:
    """Opens a partition's first log. `start` is the first offset that the topic still has.

    Raises OffsetLostError where messages were deleted that no database has: FencedError where another opened it.
    """
    if start > 0:
        raise OffsetLostError(
            f"{source.at.topic}-{source.at.partition} begins at offset {start}, and this database has nothing of what stood "
            "before: restore the ledger's database from its backup or an export; do not begin a new one on this topic"
        )
    return await _opened(conn, source, at, None, rid)


async def follow_on(conn: Connection, source: Source, shard: Shard, at: datetime, rid: NewRid) -> Shard:
    """Closes a log and opens the one that follows it (the next year's, or another topic's), in one transaction."""
    return await _opened(conn, source, at, shard, rid)


async def _opened(conn: Connection, source: Source, at: datetime, before: Shard | None, rid: NewRid) -> Shard:
    year = tokyo_year(at)
    origin = source.log_origin(year)
    closing: tuple[Batch, ...] = ()
    predecessor, next_offset, last_offset = None, 0, None
    if before is not None:
        closed = _close(before, origin, at, rid())
        closing = (closed,)
        frontier = Frontier.from_bytes(before.head.size + 1, closed.frontier)
        predecessor = leaves.Predecessor(
            origin=before.log.origin, size=str(frontier.size), root=frontier.root().hex()
        )
        if before.log.topic_id == source.topic_id:  # another topic has offsets of its own
            next_offset, last_offset = before.head.next_offset, before.head.last_offset
    genesis = leaves.Genesis(
        rid=rid(),
        ingested_at=written(at),
        origin=origin,
        topic=source.at.topic,
        topic_id=source.topic_id,
        partition=source.at.partition,
        year=year,
        next_offset=str(next_offset),
        predecessor=predecessor,
    ).encoded()
    row = LeafRow(genesis, leaf_hash(genesis))
    new = NewLog(
        origin, source.kind, source.at.topic, source.topic_id, source.at.partition, year, next_offset
    )
    frontier = Frontier().extended([row.hash])
    opening = Batch(new, 0, next_offset, next_offset, last_offset, at, frontier.to_bytes(), [row])
    await appending.append(conn, *closing, opening)
    found = await find(conn, source)
    assert found is not None, "a log that was just opened is there"
    _log.info("ledger_log_opened", origin=origin, follows=None if before is None else before.log.origin)
    return found


def _close(shard: Shard, following: str, at: datetime, rid: str) -> Batch:
    head = shard.head
    data = leaves.Close(rid=rid, ingested_at=written(at), next=following, size=str(head.size + 1)).encoded()
    row = LeafRow(data, leaf_hash(data))
    frontier = shard.frontier.extended([row.hash]).to_bytes()
    return Batch(
        head.log_id, head.size, head.next_offset, head.next_offset, head.last_offset, at, frontier, [row],
        closes=True,
    )  # fmt: skip
