"""New records that an active legal hold names: they are covered from the moment they are taken in (records.md).

A hold's selector tells what it names; those that were there when it was placed got their leaves then. Each leaf of a
hold's growth names at most MAX_TARGETS records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sekisho.ledger.leaves import MAX_TARGETS, Hold
from sekisho.ledger.store.connection import Connection
from sekisho.ledger.store.holds import ActiveHold, Holds, active_holds, holds_seen
from sekisho.ledger.store.rows import HoldCover, PayloadRow


class CurrentHolds:
    """The holds in force, read again only where their number tells that they changed."""

    def __init__(self) -> None:
        self._known: Holds | None = None

    async def now(self, conn: Connection) -> Sequence[ActiveHold]:
        """Those in force; inside a transaction under the KEEPING lock, so that none comes before it ends."""
        if self._known is None or self._known.seen != await holds_seen(conn):
            self._known = await active_holds(conn)
        return self._known.holds


class Growth(NamedTuple):
    """The further leaf of a hold, and the records that it covers."""

    hold: str
    rows: tuple[PayloadRow, ...]


def growth(holds: Sequence[ActiveHold], rows: Sequence[PayloadRow]) -> Iterator[Growth]:
    """The leaves that holds need because of new payloads."""
    for hold in holds:
        matching = tuple(row for row in rows if hold.selector.matches(row))
        for at in range(0, len(matching), MAX_TARGETS):
            yield Growth(hold.hold, matching[at : at + MAX_TARGETS])


def leaf(grown: Growth, origin: str, rid: str, ingested_at: str) -> Hold:
    """Its leaf. It is complete in itself (part 1 of 1) and states no reason: the placing's first leaf does."""
    targets = tuple((origin, str(row.idx), row.rid) for row in grown.rows)
    return Hold(
        rid=rid, ingested_at=ingested_at, hold=grown.hold, part=1, parts=1, targets=targets, commit=None
    )


def covers(grown: Growth, log_id: int) -> list[HoldCover]:
    """The rows by which deletion sees the hold."""
    return [HoldCover(grown.hold, log_id, row.idx) for row in grown.rows]
