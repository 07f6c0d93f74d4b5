"""Legal holds: what they name, what they cover, when they were released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from psycopg.types.json import Jsonb

from sekisho.ledger.store.connection import Connection, rows
from sekisho.ledger.store.filters import Filter
from sekisho.ledger.store.rows import HoldCover, Payload, PayloadRow

_SEEN: Final = "SELECT (SELECT count(*) FROM hold) + (SELECT count(*) FROM hold_release)"
_ACTIVE: Final = """
    SELECT h.hold::text, h.selector, h.at FROM hold h
    WHERE NOT EXISTS (SELECT FROM hold_release r WHERE r.hold = h.hold) ORDER BY h.at, h.hold
"""
_ALL: Final = """
    SELECT h.hold::text, h.selector, h.at, r.at, (SELECT count(*) FROM hold_cover c WHERE c.hold = h.hold)
    FROM hold h LEFT JOIN hold_release r USING (hold) ORDER BY h.at, h.hold
"""
_OF: Final = """
    SELECT h.hold::text, h.log_id, h.idx FROM unnest(%s::int4[], %s::int8[]) k (log_id, idx) JOIN hold_cover h USING (log_id, idx)
    WHERE NOT EXISTS (SELECT FROM hold_release r WHERE r.hold = h.hold) ORDER BY 1
"""


class ActiveHold(NamedTuple):
    """A hold in force, and what it names."""

    hold: str
    selector: Filter
    at: datetime


class Holds(NamedTuple):
    """The holds in force, and a number that changes with every hold and release (for `append`)."""

    seen: int
    holds: tuple[ActiveHold, ...]

    def matching(self, row: PayloadRow | Payload) -> list[str]:
        """The holds that name this payload."""
        return [each.hold for each in self.holds if each.selector.matches(row)]


class HoldRow(NamedTuple):
    """A hold, in force or released, and how many leaves it covers."""

    hold: str
    selector: Filter
    at: datetime
    released_at: datetime | None
    covered: int


async def put_hold(connection: Connection, hold: str, selector: Filter, at: datetime) -> None:
    """Note a hold, inside an exclusive transaction that also wrote its leaves and what it covers."""
    query = "INSERT INTO hold (hold, selector, at) VALUES (%s, %s, %s) RETURNING 0"
    await rows(connection, query, (hold, Jsonb(selector.to_json()), at), doing="noting a legal hold")


async def put_covers(connection: Connection, covers: Sequence[HoldCover], log_id: int = 0) -> None:
    """Which leaves holds keep; a cover of log 0 is of `log_id`."""
    if covers:
        query = "INSERT INTO hold_cover (hold, log_id, idx) SELECT * FROM unnest(%s::uuid[], %s::int4[], %s::int8[])"
        columns = ([c.hold for c in covers], [c.log_id or log_id for c in covers], [c.idx for c in covers])
        await rows(connection, query + " RETURNING 0", columns, doing="noting what a hold covers")


async def put_release(connection: Connection, hold: str, log_id: int, idx: int, at: datetime) -> None:
    """Note that a hold has ended by the release leaf at `log_id`, `idx`. Raises BadRowError where it ended before."""
    query = "INSERT INTO hold_release (hold, log_id, idx, at) VALUES (%s, %s, %s, %s) RETURNING 0"
    await rows(connection, query, (hold, log_id, idx, at), doing="noting a hold's release")


async def holds_seen(connection: Connection) -> int:
    """The number of `Holds.seen` as it is now: unequal, read the holds again."""
    return int((await rows(connection, _SEEN, doing="looking for new legal holds"))[0][0])


async def active_holds(connection: Connection) -> Holds:
    """The holds in force. The number is read first: a hold that comes between the two statements makes `append` refuse."""
    seen = await holds_seen(connection)
    found = await rows(connection, _ACTIVE, doing="reading legal holds")
    return Holds(
        seen, tuple(ActiveHold(hold, Filter.from_json(selector), at) for hold, selector, at in found)
    )


async def all_holds(connection: Connection) -> list[HoldRow]:
    """Every hold there ever was, by time."""
    found = await rows(connection, _ALL, doing="reading legal holds")
    return [HoldRow(hold, Filter.from_json(selector), *rest) for hold, selector, *rest in found]


async def holds_of(
    connection: Connection, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[str]]:
    """The holds in force on these leaves (log id and index), of those that are held; one query for all."""
    found: dict[tuple[int, int], list[str]] = {}
    values = ([log_id for log_id, _ in places], [idx for _, idx in places])
    for hold, log_id, idx in await rows(connection, _OF, values, doing="looking for holds on leaves"):
        found.setdefault((log_id, idx), []).append(hold)
    return found


async def covers_of(connection: Connection, hold: str) -> list[HoldCover]:
    """What a hold covers, by log and index."""
    query = "SELECT hold::text, log_id, idx FROM hold_cover WHERE hold = %s ORDER BY log_id, idx"
    return [
        HoldCover(*each)
        for each in await rows(connection, query, (hold,), doing="reading what a hold covers")
    ]
