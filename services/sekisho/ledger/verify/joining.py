"""A log's ranges put together: its roots against every checkpoint, its order across ranges, its head and its upper tiles."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sekisho.ledger.leaves import Close, Genesis, Leaf
from sekisho.ledger.merkle.tiles import WIDTH
from sekisho.ledger.merkle.tree import EMPTY_ROOT
from sekisho.ledger.verify.findings import Findings
from sekisho.ledger.verify.scanning import SpanFacts, offset_faults
from sekisho.ledger.verify.signed import written
from sekisho.ledger.verify.sources import LogRow, Place, Source
from sekisho.ledger.verify.times import Clocks
from sekisho.ledger.verify.trees import SPAN, LogTree

WORDS: Final = {
    "stored": ("checkpoint.root", "log.shorter"),
    "older": ("log.forked", "log.shorter"),
    "meta": ("log.forked", "log.shorter"),
}
"""What a demand that is not met is called: another root, or a log that is too short."""


def _size(demand: Demand) -> int:
    return demand.size


class Demand(NamedTuple):
    """That the log had this root at this size; `by` tells who says so (a key of WORDS), `where` in words."""

    size: int
    root: bytes
    signed_at: str
    by: str
    where: str


@dataclass
class Joined:
    """A log as its ranges tell it; its demands are sorted by size."""

    log: LogRow
    demands: Sequence[Demand]
    tree: LogTree = field(default_factory=LogTree)
    root: bytes = EMPTY_ROOT
    frontier: bytes = b""
    kinds: Counter[str] = field(default_factory=Counter)
    others: list[tuple[int, Leaf]] = field(default_factory=list)
    backs: list[tuple[int, str, str]] = field(default_factory=list)
    first_at: str = ""
    last_at: str = ""
    first: tuple[int, int, int | None] | None = None
    """Of the first payload leaf: index, offset, prev_offset."""
    last_offset: int | None = None
    tiles: int = 0
    bundles: int = 0
    roots_checked: int = 0
    confirmed: set[int] = field(default_factory=set)
    """Sizes at which a root that was demanded is the leaves'; of the log of logs alone, for its keys' sake."""
    _edge: dict[int, list[str]] = field(default_factory=dict)

    @property
    def genesis(self) -> Genesis | None:
        """Its first leaf, where it is what it must be."""
        first = self.others[0] if self.others else None
        return first[1] if first is not None and first[0] == 0 and isinstance(first[1], Genesis) else None

    @property
    def close(self) -> Close | None:
        """Its last leaf, where the log is closed."""
        last = self.others[-1] if self.others else None
        return last[1] if last is not None and isinstance(last[1], Close) else None

    def sizes(self, low: int, high: int) -> tuple[int, ...]:
        """The sizes within a range at which a root is wanted."""
        return tuple(sorted({each.size for each in self._within(low, high)}))

    def take(self, facts: SpanFacts, found: Findings) -> None:
        """The next range, in order."""
        self.kinds.update(facts.kinds)
        self.others += facts.others
        self.backs += facts.backs
        self.tiles, self.bundles = self.tiles + facts.tiles, self.bundles + facts.bundles
        found.merge(facts.totals, facts.findings)
        self._order(facts, found)
        self._roots(facts, found)
        if facts.high - facts.low == SPAN:
            self.tree.add(facts.root)
            self.root, self.frontier = self.tree.root(facts.high, None), self.tree.frontier(())
        else:
            self.root, self.frontier = (
                self.tree.root(facts.high, facts.root),
                self.tree.frontier(facts.frontier),
            )

    def _order(self, facts: SpanFacts, found: Findings) -> None:
        if facts.first_at and facts.first_at < self.last_at:
            self.backs.append((facts.low, self.last_at, facts.first_at))
        self.first_at = self.first_at or facts.first_at
        self.last_at = facts.last_at or self.last_at
        if facts.first_payload is None or facts.first_offset is None:
            return
        if self.first is None:
            self.first = facts.first_payload, facts.first_offset, facts.first_prev
        else:
            for kind, told in offset_faults(facts.first_offset, facts.first_prev, self.last_offset):
                found.add(kind, self.log.origin, facts.first_payload, told)
        self.last_offset = facts.last_offset

    def _roots(self, facts: SpanFacts, found: Findings) -> None:
        for size, (before, after) in facts.times.items():
            edge = self._edge.setdefault(size, ["", ""])
            edge[0], edge[1] = edge[0] or before, edge[1] or after
        for demand in self._within(facts.low + 1, facts.high):
            whole = demand.size == facts.high and facts.high - facts.low == SPAN
            within = facts.roots[demand.size]
            root = self._whole(within, demand.size) if whole else self.tree.root(demand.size, within)
            self._compare(demand, root, found)

    def _within(self, low: int, high: int) -> Sequence[Demand]:
        """The demands whose size lies in [low, high]."""
        first = bisect_left(self.demands, low, key=_size)
        return self.demands[first : bisect_right(self.demands, high, key=_size)]

    def _whole(self, within: bytes, size: int) -> bytes:
        """The root after a range that is whole: it is not yet in the tree, but one more of its parts."""
        tree = LogTree()
        for each in (*self.tree.spans, within):
            tree.add(each)
        return tree.root(size, None)

    def _compare(self, demand: Demand, root: bytes, found: Findings) -> None:
        self.roots_checked += 1
        if demand.root != root:
            told = f"{demand.where}: root {demand.root.hex()[:16]}… at size {demand.size}; the leaves give {root.hex()[:16]}…"
            found.add(WORDS[demand.by][0], self.log.origin, demand.size, told)
        elif self.log.kind == "meta":
            self.confirmed.add(demand.size)

    def finish(self, source: Source, places: Sequence[Place], clocks: Clocks, found: Findings) -> None:
        """What can be said once all ranges are in."""
        size, origin = self.log.size, self.log.origin
        for demand in self.demands:
            if demand.size > size:
                told = f"{demand.where}: it had {demand.size} leaves then, now it has {size}"
                found.add(WORDS[demand.by][1], origin, size, told)
            elif demand.size == 0:
                self._compare(demand, EMPTY_ROOT, found)
            clocks.check_future(origin, demand.size, demand.signed_at, f"{demand.where}: signed", found)
            if demand.signed_at and demand.size in self._edge:
                before, after = self._edge[demand.size]
                clocks.check_signed(origin, demand.size, demand.signed_at, before, after, demand.where, found)
        self._upper(source, places, found)
        self._head(found)

    def _upper(self, source: Source, places: Sequence[Place], found: Findings) -> None:
        for place in places:
            upper = dict(self.tree.upper_tiles(min(place.signed, self.log.size)))
            wanted = [tile for tile in upper if place.partial or tile.width == WIDTH]
            for stored in source.tiles(self.log, place, wanted):
                self.tiles += 1
                where = f"{place.name}, {stored.tile.path}"
                if stored.content is None:
                    found.add("tile.missing", self.log.origin, None, where)
                elif stored.content != upper[stored.tile]:
                    found.add("tile.differs", self.log.origin, None, f"{where}: not what the leaves give")

    def _head(self, found: Findings) -> None:
        head = self.log.head
        if head is None:
            return
        wrong = []
        if head.frontier != self.frontier:
            wrong.append("its frontier is not what the leaves give")
        if head.last_offset != self.last_offset:
            wrong.append(f"its last offset is {head.last_offset}, the leaves' {self.last_offset}")
        if self.last_offset is not None and head.next_offset <= self.last_offset:
            wrong.append(f"it would go on from offset {head.next_offset}, which is taken in already")
        if head.last_at is not None and written(head.last_at) != self.last_at:
            wrong.append(f"its last time is {written(head.last_at)}, the leaves' {self.last_at}")
        if head.closed != (self.close is not None):
            wrong.append("it says closed, or open, and the leaves do not")
        for each in wrong:
            found.add("head.differs", self.log.origin, self.log.size, each)
