"""The log of acts: holds, releases, purges, refusals, an operator's extends and accepted clocks, a log a year.

Whoever has locked its head appends, inside a `transaction` that also changes the rows that the act is about. The KEEPING lock
comes first, then a log's own head, then this one: in that order nobody waits for one who waits for him.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sekisho.ledger.leaves import Close, Genesis, Predecessor
from sekisho.ledger.merkle.tree import Frontier, leaf_hashes
from sekisho.ledger.store.append import write
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.errors import BusyError
from sekisho.ledger.store.filters import TOKYO
from sekisho.ledger.store.logs import current, head
from sekisho.ledger.store.rows import Batch, ExtensionRow, Head, HoldCover, LeafRow, Log, NewLog, PayloadRow

_TRIES = 5
"""Between finding the current log and locking it another may close it: only at the turn of a year."""


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts log of the year, its head locked. The next leaf gets `next_index`; `at` is the time to write in it.

    `last_at` is the newest time that any acts log had before (None: there was none): a caller whose clock is behind it by more than
    the allowed skew must not go on.
    """

    log_id: int
    origin: str
    next_index: int
    at: datetime
    last_at: datetime | None
    frontier: Frontier


async def lock_acts(connection: Connection, prefix: str, now: datetime) -> Acts:
    """Lock the year's acts log, opened where it is missing (the year before is closed then). Inside a `transaction`.

    `prefix` is the ledger's origin: the log's is `{prefix}/acts/{year}`. `now` is the host's time; a time never goes back
    within the acts, so the newest one there is taken where that is later.
    """
    found = await _locked(connection)
    last_at = None if found is None else found[1].last_at
    at = now if last_at is None else max(now, last_at)
    year = at.astimezone(TOKYO).year
    if found is not None and found[0].year == year:
        log, newest = found
        return Acts(
            log.log_id,
            log.origin,
            newest.size,
            at,
            last_at,
            Frontier.from_bytes(newest.size, newest.frontier),
        )
    new = NewLog(f"{prefix}/acts/{year}", "acts", year=year)
    predecessor = None if found is None else await _close(connection, *found, new.origin, at)
    genesis = Genesis(
        rid=str(uuid.uuid4()),
        ingested_at=time_text(at),
        origin=new.origin,
        topic=None,
        topic_id=None,
        partition=None,
        year=year,
        next_offset=None,
        predecessor=predecessor,
    )
    return await _append(
        connection, new, Acts(0, new.origin, 0, at, last_at, Frontier()), [genesis.encoded()]
    )


def time_text(at: datetime) -> str:
    """A time as leaves have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _locked(connection: Connection) -> tuple[Log, Head] | None:
    for _ in range(_TRIES):
        found = await current(connection, "acts")
        if found is None:
            return None
        newest = await head(connection, found[0].log_id, lock=True)
        if newest is not None and not newest.closed:
            return found[0], newest
    raise BusyError("the acts log was closed again and again while it was looked for: try again.")


async def _close(connection: Connection, log: Log, newest: Head, following: str, at: datetime) -> Predecessor:
    """Close a year's log; what the next one's genesis says of it."""
    close = Close(rid=str(uuid.uuid4()), ingested_at=time_text(at), next=following, size=str(newest.size + 1))
    before = Acts(
        log.log_id,
        log.origin,
        newest.size,
        at,
        newest.last_at,
        Frontier.from_bytes(newest.size, newest.frontier),
    )
    after = await _append(connection, log.log_id, before, [close.encoded()], closes=True)
    return Predecessor(origin=log.origin, size=str(after.next_index), root=after.frontier.root().hex())


async def write_acts(
    connection: Connection,
    acts: Acts,
    leaves: Sequence[bytes],
    *,
    payloads: Sequence[PayloadRow] = (),
    extensions: Sequence[ExtensionRow] = (),
    covers: Sequence[HoldCover] = (),
) -> Acts:
    """Append acts: leaf i gets the index `acts.next_index + i`. Returns the log's new state, to append more to."""
    return await _append(
        connection, acts.log_id, acts, leaves, payloads=payloads, extensions=extensions, covers=covers
    )


async def _append(
    connection: Connection,
    log: int | NewLog,
    acts: Acts,
    leaves: Sequence[bytes],
    *,
    payloads: Sequence[PayloadRow] = (),
    extensions: Sequence[ExtensionRow] = (),
    covers: Sequence[HoldCover] = (),
    closes: bool = False,
) -> Acts:
    hashes = leaf_hashes(leaves)
    frontier = acts.frontier.extended(hashes)
    batch = Batch(
        log,
        size=acts.next_index,
        next_offset=0,
        new_next_offset=0,
        last_offset=None,
        at=acts.at,
        frontier=frontier.to_bytes(),
        leaves=[LeafRow(leaf, leaf_hash) for leaf, leaf_hash in zip(leaves, hashes, strict=True)],
        payloads=payloads,
        extensions=extensions,
        covers=covers,
        closes=closes,
    )
    log_id = await write(connection, batch)
    return Acts(log_id, acts.origin, frontier.size, acts.at, acts.last_at, frontier)
