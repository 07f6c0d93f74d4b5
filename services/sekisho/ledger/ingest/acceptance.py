"""What an operator decides in writing: that the clock stepped back, that a topic was made anew (`sekisho ledger accept-…`)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from sekisho.ledger import leaves
from sekisho.ledger.ingest.clock import Accepted, Clocks, written
from sekisho.ledger.ingest.shard import ShardKind, Source, find, follow_on, followed
from sekisho.ledger.ingest.topics import LedgerTopics, described
from sekisho.ledger.merkle.canonical import canonical, commit
from sekisho.ledger.store import acts as act_rows
from sekisho.ledger.store import logs as log_rows
from sekisho.ledger.store.append import ensure_shelves
from sekisho.ledger.store.connection import Connection, transaction
from sekisho.ledger.store.entries import leaf_chunks, newest_checkpoint_time
from sekisho.ledger.store.rows import PayloadRow
from sekisho.log.port import Log, Partition, TopicDescription

_log = structlog.get_logger(__name__)
_KINDS: tuple[ShardKind, ...] = ("records", "outcomes")


class NothingToAcceptError(Exception):
    """The clock is not behind, or the topic is the one that was followed."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Who decided, and why: it is kept."""

    by: str
    reason: str


async def accept_clock(conn: Connection, origin: str, clocks: Clocks, said: Statement) -> Accepted:
    """Writes the `clock` act: leaves may be written from now on although newer times stand in the ledger.

    Raises NothingToAcceptError where this machine's clock is behind nothing.
    """
    now = clocks.wall()
    newest = [head.last_at for _, head in await log_rows.heads(conn) if head.last_at is not None]
    signed_at = await newest_checkpoint_time(conn)
    newest += [] if signed_at is None else [signed_at]  # after the leaf that it covers
    was = max(newest, default=now)
    if was <= now:
        raise NothingToAcceptError("this machine's clock is not behind the ledger's newest time")
    body = canonical({"was": written(was), "now": written(now), "by": said.by, "reason": said.reason})
    salt, rid = os.urandom(32), str(uuid.uuid4())
    leaf = leaves.Clock(
        rid=rid, ingested_at=written(now), was=written(was), now=written(now), commit=commit(salt, body).hex()
    )
    await ensure_shelves(conn, {None}, set())
    async with transaction(conn, "shared"):
        acts = replace(await act_rows.lock_acts(conn, origin, now), at=now)
        row = PayloadRow(acts.next_index, rid, "clock", None, None, salt, body, now)
        await act_rows.write_acts(conn, acts, [leaf.encoded()], payloads=[row])
    _log.warning("ledger_clock_accepted", was=written(was), now=written(now))
    return Accepted(was, now)


async def newest_accepted_clock(conn: Connection) -> Accepted | None:
    """The newest step back that an operator accepted; asked only while a clock is behind."""
    newest: leaves.Clock | None = None
    for log in await log_rows.logs(conn, "acts"):
        async for chunk in leaf_chunks(conn, log.log_id):
            for each in chunk:
                if b'"kind":"clock"' in each.leaf:
                    found = leaves.read(each.leaf)
                    assert isinstance(found, leaves.Clock), "its kind says so"
                    newest = found
    return None if newest is None else Accepted(_instant(newest.was), _instant(newest.now))


async def accept_topics(
    conn: Connection, log: Log, topics: LedgerTopics, origin: str, clocks: Clocks, said: Statement
) -> Sequence[str]:
    """Has the ledger go on with topics that were made anew; gives the origins of the logs that it opened.

    Each old log is closed, and the genesis of the new one names it. What the old topic held and the ledger had not is lost: that
    is what is accepted. Raises NothingToAcceptError, LogError, StoreError.
    """
    found = await described(log, (topics.records, topics.outcomes))
    opened: list[str] = []
    for kind, name in zip(_KINDS, (topics.records, topics.outcomes), strict=True):
        before = await followed(conn, kind, name)
        if before is not None and before != found[name].id:
            opened.extend(await _follow(conn, kind, before, found[name], origin, clocks))
    if not opened:
        raise NothingToAcceptError("the topics are the ones that the ledger has followed")
    _log.warning("ledger_topic_accepted", logs=len(opened), reason=said.reason, by=said.by)
    return opened


async def _follow(
    conn: Connection, kind: ShardKind, before: str, now: TopicDescription, origin: str, clocks: Clocks
) -> list[str]:
    opened = []
    for number in range(now.partitions):
        at = Partition(now.name, number)
        old = await find(conn, Source(kind, at, before, origin))
        new = Source(kind, at, now.id, origin)
        if old is not None and await find(conn, new) is None:
            shard = await follow_on(conn, new, old, clocks.wall(), lambda: str(uuid.uuid4()))
            opened.append(shard.log.origin)
    return opened


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
