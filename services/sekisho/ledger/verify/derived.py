"""The tables that a ledger joins when it finds, holds, keeps and deletes, against the leaves that say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sekisho.ledger.leaves import Extend, Leaf, Place, Release
from sekisho.ledger.verify.acts import Acts, Moment
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.sources import Derived, HoldRow


def check_derived(
    origin: str, derived: Derived, leaves: Iterable[tuple[int, Leaf]], acts: Acts, found: Findings
) -> None:
    """The rows of one log."""
    extended: dict[int, tuple[str, str | None, str]] = {}
    released: dict[int, str] = {}
    for index, leaf in leaves:
        if isinstance(leaf, Extend):
            target = leaf.target
            of = f"{target.origin} #{target.index}" if isinstance(target, Place) else target.scope
            extended[index] = of, leaf.retain_until, leaf.ingested_at
        elif isinstance(leaf, Release):
            released[index] = leaf.hold
    about = acts.about.get(origin)
    covered = {} if about is None else about.covered
    purges = {} if about is None else about.purged
    _compare("extension", origin, extended, derived.extensions, found)
    _compare("hold_release", origin, released, derived.releases, found)
    purged = {index: each[0].moment for index, each in purges.items()}
    rows = {index: Moment(row.at, row.act_origin, row.act_idx) for index, row in derived.purged.items()}
    _compare("purged", origin, purged, rows, found)
    said = {(index, each.hold): True for index, covers in covered.items() for each in covers}
    _compare("hold_cover", origin, said, {(index, hold): True for hold, index in derived.covers}, found)


def check_holds(stored: Mapping[str, HoldRow], acts: Acts, found: Findings) -> None:
    """The table of holds: one that is missing there would not grow to records that come later."""
    said = {hold: parts[1][0] for hold, parts in acts.placed.items() if 1 in parts}
    for hold in sorted(said.keys() | stored.keys()):
        moment, row = said.get(hold), stored.get(hold)
        if moment is None:
            found.add("stored.differs", "hold", None, f"a row of hold has no leaf: {hold}")
        elif row is None:
            found.add("stored.differs", moment.origin, moment.idx, "its row of hold is missing")
        elif row.at != moment.at:
            found.add("stored.differs", moment.origin, moment.idx, "its row of hold says something else")


def _compare(table: str, origin: str, said: dict[Any, Any], stored: Any, found: Findings) -> None:
    for key in sorted(said.keys() | dict(stored).keys()):
        if said.get(key) != stored.get(key):
            index = key[0] if isinstance(key, tuple) else key
            told = (
                "is missing"
                if key not in stored
                else "has no leaf"
                if key not in said
                else "says something else"
            )
            found.add("stored.differs", origin, index, f"a row of {table} {told}")
