"""What is due on a day and why, what is held and by what, what has no end yet: the table before a purge. Deletes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, NamedTuple

from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.judging import rule
from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.store.connection import row
from sekisho.ledger.store.holds import all_holds
from sekisho.ledger.store.retention import DueGroup, DueRow, due, due_by_hold, due_groups

_OPEN: Final = """
    SELECT count(*) FROM payload p LEFT JOIN LATERAL (
        SELECT true AS extended, e.retain_until FROM extension e JOIN log l USING (log_id)
        WHERE e.scope = p.scope OR (e.target_log = p.log_id AND e.target_idx = p.idx)
        ORDER BY e.at DESC, l.origin COLLATE "C" DESC, e.idx DESC LIMIT 1
    ) x ON true
    WHERE p.kind IN ('record', 'decision', 'unreadable')
        AND (p.retain_until IS NULL
            OR p.scope IN (SELECT scope FROM extension WHERE scope IS NOT NULL AND retain_until IS NULL)
            OR (p.log_id, p.idx) IN
                (SELECT target_log, target_idx FROM extension WHERE target_log IS NOT NULL AND retain_until IS NULL))
        AND CASE WHEN x.extended THEN x.retain_until ELSE p.retain_until END IS NULL
"""
"""Only what states no end, or was opened again, can be open: of the rest no row is looked at."""


class Group(NamedTuple):
    """What ended in one month by one rule: `held` of it may not be deleted. `month` is YYYY-MM of the last day."""

    month: str
    kind: str
    rule: str
    method: str | None
    due: int
    held: int


class HeldBy(NamedTuple):
    """A hold that stands, how many rows it is on, and how many of them are due but for holds."""

    hold: str
    at: datetime
    covered: int
    due: int


class Overview(NamedTuple):
    """Everything that a purge on `day` (Asia/Tokyo; None: nothing is due without a checkpoint) would find.

    `clocks` are now's; `rows` are the first that are due or held, as many as were asked for; `no_end` counts what is open.
    """

    day: date | None
    clocks: Clocks
    groups: list[Group]
    holds: list[HeldBy]
    rows: list[DueRow]
    no_end: int

    @property
    def due(self) -> int:
        """Rows that would be deleted."""
        return sum(each.due for each in self.groups)

    @property
    def held(self) -> int:
        """Rows that are past their last day and kept by a hold."""
        return sum(each.held for each in self.groups)


async def overview(keeping: Keeping, *, as_of: date | None = None, rows: int = 0) -> Overview:
    """What is due now by the least clock, or, `as_of`, what would be due on that day if nothing changed until then."""
    async with keeping.session("reader") as conn:
        clocks = await keeping.clocks(conn)
        day = clocks.day if as_of is None else as_of
        groups = [] if day is None else _groups(await due_groups(conn, day))
        by_hold = {} if day is None else await due_by_hold(conn, day)
        first = await due(conn, day, limit=rows) if rows and day is not None else []
        holds = [
            HeldBy(each.hold, each.at, each.covered, by_hold.get(each.hold, 0))
            for each in await all_holds(conn)
            if each.released_at is None
        ]
        found = await row(conn, _OPEN, doing="counting what has no end yet")
    return Overview(day, clocks, groups, holds, first, 0 if found is None else int(found[0]))


def _groups(found: Iterable[DueGroup]) -> list[Group]:
    """By month, then kind and rule; several bases rest on one provision."""
    due: Counter[tuple[str, str, str, str | None]] = Counter()
    held: Counter[tuple[str, str, str, str | None]] = Counter()
    for each in found:
        which = (f"{each.month:%Y-%m}", each.kind, rule(each.kind, each.basis, each.method), each.method)
        due[which] += each.due
        held[which] += each.held
    ordered = sorted(due, key=lambda which: (*which[:3], which[3] or ""))
    return [Group(*which, due[which], held[which]) for which in ordered]
