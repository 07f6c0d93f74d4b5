"""What is due on a day and why, what is held and by what, what has no end yet: the table before a purge. Deletes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from typing import Final, NamedTuple

from sekisho.ledger.keeping.clocks import Clocks
from sekisho.ledger.keeping.judging import rule
from sekisho.ledger.keeping.keeping import Keeping
from sekisho.ledger.store.connection import Connection, row
from sekisho.ledger.store.holds import all_holds
from sekisho.ledger.store.retention import DueRow, Key, due, due_counts

_PAGE: Final = 5_000
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


async def overview(
    keeping: Keeping,
    *,
    as_of: date | None = None,
    rows: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Overview:
    """What is due now by the least clock, or, `as_of`, what would be due on that day if nothing changed until then."""
    async with keeping.session() as conn:
        clocks = await keeping.clocks(conn)
        day = clocks.day if as_of is None else as_of
        counted = _Counted(rows)
        if day is not None:
            await counted.read(conn, day, on_progress)
        holds = [
            HeldBy(each.hold, each.at, each.covered, counted.held_by[each.hold])
            for each in await all_holds(conn)
            if each.released_at is None
        ]
        found = await row(conn, _OPEN, doing="counting what has no end yet")
    return Overview(
        day, clocks, counted.groups(), holds, counted.first, 0 if found is None else int(found[0])
    )


_Which = tuple[str, str, str, str | None]


class _Counted:
    """Counts of what is due, page after page: however many they are, only the groups stay."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._due: Counter[_Which] = Counter()
        self._held: Counter[_Which] = Counter()
        self.held_by: Counter[str] = Counter()
        self.first: list[DueRow] = []

    async def read(self, conn: Connection, day: date, on_progress: Callable[[int, int], None] | None) -> None:
        """All that is due on that day."""
        total = sum(await due_counts(conn, day)) if on_progress is not None else 0
        after: Key | None = None
        done = 0
        while page := await due(conn, day, limit=_PAGE, after=after):
            after = page[-1].key
            for each in page:
                self._add(each)
            done += len(page)
            if on_progress is not None:
                on_progress(done, total)

    def _add(self, each: DueRow) -> None:
        which = (f"{each.effective:%Y-%m}", each.kind, rule(each.kind, each.basis, each.method), each.method)
        (self._held if each.holds else self._due)[which] += 1
        self.held_by.update(each.holds)
        if len(self.first) < self._rows:
            self.first.append(each)

    def groups(self) -> list[Group]:
        """By month, then rule."""
        found = self._due.keys() | self._held.keys()
        ordered = sorted(found, key=lambda which: (*which[:3], which[3] or ""))
        return [Group(*which, self._due[which], self._held[which]) for which in ordered]
