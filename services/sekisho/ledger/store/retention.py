"""What is due, what is held, and how long a leaf's payload is kept: domain.retention.effective as a join.

The order of extensions, for verifiers too: their time (`ingested_at` of the extend leaf), then the origin of the log that has it
(bytewise), then its index there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from sekisho.domain.retention import effective
from sekisho.ledger.store.connection import Connection, row, rows
from sekisho.ledger.store.copying import OPEN_SHELF

Key = tuple[date, int, int]
"""A place in the order of what is due: shelf, log id and index."""

# Two probes for what extends the scope and two for the leaf itself, whatever the number of extensions: an agreement may have one
# for each of its records.
_NEWEST: Final = """
    SELECT e.at, l.origin COLLATE "C" AS origin, e.idx, e.retain_until FROM extension e JOIN log l USING (log_id)
    WHERE {which} ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT 1
"""
_LATEST: Final = "SELECT max(e.retain_until) FROM extension e WHERE {which}"
_OF_SCOPE: Final = "e.scope = c.scope"
_OF_LEAF: Final = "e.target_log = c.log_id AND e.target_idx = c.idx"
_STANDING: Final = f"""
    LEFT JOIN LATERAL (
        SELECT true AS there, n.retain_until, greatest(({_LATEST.format(which=_OF_SCOPE)}), ({_LATEST.format(which=_OF_LEAF)})) AS latest
        FROM (({_NEWEST.format(which=_OF_SCOPE)}) UNION ALL ({_NEWEST.format(which=_OF_LEAF)})) n
        ORDER BY n.at DESC, n.origin DESC, n.idx DESC LIMIT 1
    ) x ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN x.there IS NULL THEN c.retain_until
            WHEN x.retain_until IS NULL THEN NULL ELSE greatest(c.retain_until, x.latest) END AS until
    ) u
"""  # noqa: S608  # constants
_EXTENDED: Final = """
    EXISTS (SELECT FROM extension e WHERE e.scope = c.scope)
    OR EXISTS (SELECT FROM extension e WHERE e.target_log = c.log_id AND e.target_idx = c.idx)
"""
_HOLDS: Final = """
    ARRAY(SELECT h.hold::text FROM hold_cover h WHERE h.log_id = c.log_id AND h.idx = c.idx
        AND NOT EXISTS (SELECT FROM hold_release r WHERE r.hold = h.hold) ORDER BY 1)
"""
_HELD: Final = """
    EXISTS (SELECT FROM hold_cover h WHERE h.log_id = c.log_id AND h.idx = c.idx
        AND NOT EXISTS (SELECT FROM hold_release r WHERE r.hold = h.hold))
"""
_NARROW: Final = "p.shelf, p.log_id, p.idx, p.rid, p.kind, p.retain_until, p.method, p.basis, p.direction, p.created_at, p.subject_hmac, p.scope, p.controller"
# What has a last day is on the shelves up to that day's month; what has none is due only if an extension gave it one.
_CANDIDATES: Final = f"""
    SELECT {_NARROW} FROM payload p WHERE p.shelf <= %(month)s AND p.retain_until < %(before)s
    UNION ALL
    SELECT {_NARROW} FROM payload p WHERE p.shelf = %(open)s AND p.retain_until IS NULL
        AND p.scope IN (SELECT e.scope FROM extension e WHERE e.scope IS NOT NULL AND e.retain_until < %(before)s)
    UNION ALL
    SELECT {_NARROW} FROM payload p WHERE p.shelf = %(open)s AND p.retain_until IS NULL
        AND (p.log_id, p.idx) IN
            (SELECT e.target_log, e.target_idx FROM extension e WHERE e.target_log IS NOT NULL AND e.retain_until < %(before)s)
        AND NOT (p.scope IS NOT NULL
            AND p.scope IN (SELECT e.scope FROM extension e WHERE e.scope IS NOT NULL AND e.retain_until < %(before)s))
"""  # noqa: S608  # constants
_CHOSEN: Final = f"""
    SELECT {_NARROW} FROM unnest(%(shelves)s::date[], %(logs)s::int4[], %(indices)s::int8[]) k (shelf, log_id, idx)
    JOIN payload p USING (shelf, log_id, idx)
"""  # noqa: S608  # constants
_DUE: Final = f"""
    SELECT c.shelf, c.log_id, c.idx, c.rid::text, c.kind, c.retain_until, u.until, {_EXTENDED}, {_HOLDS}, c.method, c.basis,
        c.direction, c.created_at, c.subject_hmac, c.scope::text, c.controller
    FROM ({{candidates}}) c {_STANDING}
    WHERE u.until < %(before)s AND {{after}}
    ORDER BY c.shelf, c.log_id, c.idx LIMIT %(limit)s
"""  # noqa: S608  # constants


class DueRow(NamedTuple):
    """A payload whose effective last day is before the day asked for; one with `holds` is kept all the same."""

    shelf: date
    log_id: int
    idx: int
    rid: str
    kind: str
    stated: date | None
    effective: date
    extended: bool
    holds: list[str]
    method: str | None
    basis: str | None
    direction: str | None
    created_at: datetime
    subject_hmac: bytes | None
    scope: str | None
    controller: str | None

    @property
    def key(self) -> Key:
        """Its place in the order."""
        return self.shelf, self.log_id, self.idx


class DueCounts(NamedTuple):
    """How many payloads are past their last day: free to be purged, and held."""

    due: int
    held: int


class Standing(NamedTuple):
    """How long one payload is kept: as stated, its extensions in their order, the day that counts, what holds it."""

    stated: date | None
    extensions: tuple[date | None, ...]
    effective: date | None
    holds: tuple[str, ...]


async def due(
    connection: Connection,
    before: date,
    *,
    limit: int,
    after: Key | None = None,
    only: Sequence[Key] | None = None,
) -> list[DueRow]:
    """At most `limit` payloads whose effective last day is before `before`, held ones too, by shelf, log and index, after `after`.

    `only` asks for some payloads by key: those that are (still) due come back.
    """
    values: dict[str, Any] = {
        "before": before,
        "month": before.replace(day=1),
        "open": OPEN_SHELF,
        "limit": limit,
    }
    condition = "true"
    if after is not None:
        condition = (
            "(c.shelf, c.log_id, c.idx) > (%(after_shelf)s::date, %(after_log)s::int4, %(after_idx)s::int8)"
        )
        values |= dict(zip(("after_shelf", "after_log", "after_idx"), after, strict=True))
    if only is not None:
        values |= {
            "shelves": [k[0] for k in only],
            "logs": [k[1] for k in only],
            "indices": [k[2] for k in only],
        }
    query = _DUE.format(candidates=_CANDIDATES if only is None else _CHOSEN, after=condition)
    return [DueRow(*each) for each in await rows(connection, query, values, doing="looking for what is due")]


class DueGroup(NamedTuple):
    """How many payloads of one sort are past their last day, which is in that month (its first day): free, and held."""

    month: date
    kind: str
    method: str | None
    basis: str | None
    due: int
    held: int


async def due_groups(connection: Connection, before: date) -> list[DueGroup]:
    """What `due` would list, counted by the month of the last day and by sort, in one pass (`due` reads all anew a page)."""
    query = f"""
        SELECT date_trunc('month', u.until)::date, c.kind, c.method, c.basis, count(*) FILTER (WHERE NOT held), count(*) FILTER (WHERE held)
        FROM ({_CANDIDATES}) c {_STANDING} CROSS JOIN LATERAL (SELECT {_HELD} AS held) h
        WHERE u.until < %(before)s GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4, 3
    """  # noqa: S608  # constants
    values = {"before": before, "month": before.replace(day=1), "open": OPEN_SHELF}
    return [DueGroup(*each) for each in await rows(connection, query, values, doing="counting what is due")]


async def due_by_hold(connection: Connection, before: date) -> dict[str, int]:
    """How many payloads past their last day each hold in force keeps."""
    query = f"""
        SELECT h.hold::text, count(*) FROM ({_CANDIDATES}) c {_STANDING}
        JOIN hold_cover h ON h.log_id = c.log_id AND h.idx = c.idx
        WHERE u.until < %(before)s AND NOT EXISTS (SELECT FROM hold_release r WHERE r.hold = h.hold) GROUP BY 1
    """  # noqa: S608  # constants
    values = {"before": before, "month": before.replace(day=1), "open": OPEN_SHELF}
    return dict(await rows(connection, query, values, doing="counting what is held"))


async def due_counts(connection: Connection, before: date) -> DueCounts:
    """How many payloads `due` would list, and how many of them are held."""
    query = f"""
        SELECT count(*) FILTER (WHERE NOT held), count(*) FILTER (WHERE held)
        FROM ({_CANDIDATES}) c {_STANDING} CROSS JOIN LATERAL (SELECT {_HELD} AS held) h WHERE u.until < %(before)s
    """  # noqa: S608  # constants
    values = {"before": before, "month": before.replace(day=1), "open": OPEN_SHELF}
    found = await rows(connection, query, values, doing="counting what is due")
    return DueCounts(*found[0])


_EXTENSIONS: Final = """
    SELECT e.retain_until FROM extension e JOIN log l USING (log_id) WHERE {which} ORDER BY e.at, l.origin COLLATE "C", e.idx
"""


async def retention_of(connection: Connection, log_id: int, idx: int) -> Standing | None:
    """How long one payload is kept, and why; None where it is not there."""
    query = f"SELECT c.retain_until, c.scope, {_HOLDS} FROM payload c WHERE c.log_id = %s AND c.idx = %s"  # noqa: S608
    found = await row(connection, query, (log_id, idx), doing="reading a payload's retention")
    if found is None:
        return None
    stated, scope, holds = found
    which = "(e.scope = %s) OR (e.target_log = %s AND e.target_idx = %s)"
    extensions = await rows(
        connection, _EXTENSIONS.format(which=which), (scope, log_id, idx), doing="reading extensions"
    )
    days = tuple(each[0] for each in extensions)
    return Standing(stated, days, effective(stated, days), tuple(holds))


async def extensions_of(connection: Connection, scope: str) -> tuple[date | None, ...]:
    """What extended a scope, in order."""
    found = await rows(
        connection, _EXTENSIONS.format(which="e.scope = %s"), (scope,), doing="reading extensions"
    )
    return tuple(each[0] for each in found)
