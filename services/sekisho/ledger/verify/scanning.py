"""One range of one log: every leaf, its hash, its order, and the tiles and bundles over it. Ranges are worked at in parallel.

What reaches over ranges or logs is handed back and judged in `joining`: nothing is assumed of what stands before the range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

from sekisho.ledger.leaves import Genesis, Leaf, LeafError, PayloadLeaf, read
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, encode_bundle, tile_at
from sekisho.ledger.verify.findings import Finding, Findings
from sekisho.ledger.verify.sources import LeafRow, LogRow, Place, Source, Stored
from sekisho.ledger.verify.trees import SpanTree

NO_HASH: Final = bytes(32)
"""Stands for a leaf that is not there, so that those after it keep their places."""
ALLOWED: Final = {
    "records": frozenset({"genesis", "record", "unreadable", "extend", "hold", "close"}),
    "outcomes": frozenset({"genesis", "decision", "unreadable", "extend", "hold", "close"}),
    "acts": frozenset({"genesis", "hold", "release", "purge", "refusal", "extend", "clock", "close"}),
    "meta": frozenset({"genesis", "checkpoint", "key", "close"}),
}


@dataclass(frozen=True)
class SpanTask:
    """A range to scan; `sizes`: the tree sizes within it, its ends included, at which root and times are wanted; `places`: where
    its tiles are kept."""

    log: LogRow
    low: int
    high: int
    sizes: tuple[int, ...]
    places: tuple[Place, ...]


@dataclass
class SpanFacts:
    """What a range holds, for those who join it with the others."""

    log: LogRow
    low: int
    high: int
    root: bytes = NO_HASH
    frontier: tuple[bytes, ...] = ()
    """The roots of its perfect subtrees, the largest first."""
    roots: dict[int, bytes] = field(default_factory=dict)
    """Tree size -> root over the range's own leaves up to it."""
    times: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Tree size -> the times of the leaf before it and of the leaf at it (empty where there is none in the range)."""
    backs: list[tuple[int, str, str]] = field(default_factory=list)
    """Where time goes back: index, the time before, the time then. An operator may have accepted it (a clock leaf)."""
    first_at: str = ""
    last_at: str = ""
    first_offset: int | None = None
    first_prev: int | None = None
    first_payload: int | None = None
    """Index of the first payload leaf."""
    last_offset: int | None = None
    kinds: Counter[str] = field(default_factory=Counter)
    others: list[tuple[int, Leaf]] = field(default_factory=list)
    """Leaves that are no payload leaves."""
    tiles: int = 0
    bundles: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def scan(source: Source, task: SpanTask) -> SpanFacts:
    """Checks a range. Raises SourceError where it cannot be read at all."""
    return _Scan(source, task).facts


class _Scan:
    def __init__(self, source: Source, task: SpanTask) -> None:
        self._source, self._task, self._log = source, task, task.log
        self._found = Findings()
        self._hashes: list[bytes] = []
        self._at = [""]
        self.facts = SpanFacts(task.log, task.low, task.high)
        for rows in _bundles(source.leaves(task.log, task.low, task.high), task.low, task.high):
            self._bundle(rows)
        self._tree()
        self.facts.totals, self.facts.findings = dict(self._found.totals), self._found.kept()

    def _add(self, kind: str, index: int | None, detail: str) -> None:
        self._found.add(kind, self._log.origin, index, detail)

    def _bundle(self, rows: Sequence[LeafRow | None]) -> None:
        """A bundle's width of leaves; None where one is missing."""
        first = self._task.low + len(self._hashes)
        for index, row in enumerate(rows, first):
            if row is None:
                self._add("leaf.missing", index, "there is no leaf of this index")
                self._hashes.append(NO_HASH)
                self._at.append(self.facts.last_at)
                continue
            digest = sha256(b"\x00" + row.leaf).digest()  # RFC 6962 section 2.1
            self._hashes.append(digest)
            if row.hash is not None and row.hash != digest:
                self._add(
                    "leaf.hash",
                    index,
                    f"its bytes hash to {digest.hex()[:16]}…, stored is {row.hash.hex()[:16]}…",
                )
            self._leaf(row)
            self._at.append(self.facts.last_at)
        self._check_bundle(first, rows)

    def _leaf(self, row: LeafRow) -> None:
        try:
            leaf = read(row.leaf)
        except LeafError as error:
            self._add("leaf.malformed", row.idx, str(error))
            self.facts.kinds["malformed"] += 1
            return
        self.facts.kinds[leaf.kind] += 1
        if leaf.kind not in ALLOWED[self._log.kind]:
            self._add(
                "leaf.misplaced",
                row.idx,
                f"a leaf of kind {leaf.kind} has no place in a log of {self._log.kind}",
            )
        self._order(row.idx, leaf)
        if isinstance(leaf, PayloadLeaf):
            self._payload_leaf(row, leaf)
        else:
            self.facts.others.append((row.idx, leaf))
            self._other_leaf(row, leaf)

    def _order(self, index: int, leaf: Leaf) -> None:
        facts, at = self.facts, leaf.ingested_at
        try:
            datetime.fromisoformat(at)
        except ValueError:
            self._add("leaf.malformed", index, f"there is no such time as {at}")
            return
        if not facts.first_at:
            facts.first_at = at
        # times are written with a fixed width: as texts they sort as they pass
        if at < facts.last_at and leaf.kind != "clock":
            facts.backs.append((index, facts.last_at, at))
        facts.last_at = at

    def _payload_leaf(self, row: LeafRow, leaf: PayloadLeaf) -> None:
        facts, log = self.facts, self._log
        if leaf.topic_id != log.topic_id or leaf.partition != log.partition:
            told = f"it is of topic {leaf.topic_id}, partition {leaf.partition}; the log is of {log.topic_id}, {log.partition}"
            self._add("leaf.misplaced", row.idx, told)
        if row.hash is not None and row.offset != leaf.offset:
            self._add("leaf.column", row.idx, f"the column says offset {row.offset}, the leaf {leaf.offset}")
        if facts.first_payload is None:
            facts.first_payload, facts.first_offset, facts.first_prev = row.idx, leaf.offset, leaf.prev_offset
        else:
            self._add_offsets(row.idx, leaf, facts.last_offset)
        facts.last_offset = leaf.offset

    def _add_offsets(self, index: int, leaf: PayloadLeaf, last: int | None) -> None:
        for kind, told in offset_faults(leaf.offset, leaf.prev_offset, last):
            self._add(kind, index, told)

    def _other_leaf(self, row: LeafRow, leaf: Leaf) -> None:
        if row.hash is not None and row.offset is not None:
            self._add("leaf.column", row.idx, f"the column says offset {row.offset}, the leaf has none")
        if isinstance(leaf, Genesis) != (row.idx == 0):
            self._add("leaf.misplaced", row.idx, "a genesis leaf stands at index 0, and nothing else does")
        if leaf.kind == "close" and row.idx != self._log.size - 1:
            self._add("leaf.misplaced", row.idx, "leaves stand after the one that closed the log")

    def _check_bundle(self, first: int, rows: Sequence[LeafRow | None]) -> None:
        """The published entry bundles over these leaves, as far as they were signed."""
        for place in self._task.places:
            if not place.bundles or first >= place.signed:
                continue
            tile = tile_at(ENTRIES, first // WIDTH, place.signed)
            for stored in self._source.tiles(self._log, place, [tile]):
                self.facts.bundles += 1
                where = f"{place.name}, {tile.path}"
                if stored.content is None:
                    self._add("bundle.missing", first, where)
                elif stored.content != encode_bundle(
                    [b"" if row is None else row.leaf for row in rows[: tile.width]]
                ):
                    self._add("bundle.differs", first, f"{where}: not what the leaves give")

    def _tree(self) -> None:
        if not self._hashes:
            return
        tree, facts = SpanTree(self._task.low, self._hashes), self.facts
        facts.root, facts.frontier = tree.root(tree.high), tree.frontier()
        low = self._task.low
        for size in self._task.sizes:
            if size > low:
                facts.roots[size] = tree.root(size)
            facts.times[size] = self._time(size - low), self._time(size - low + 1)
        for place in self._task.places:
            wanted = [tile for tile in tree.tiles(place.signed) if place.partial or tile.width == WIDTH]
            for stored in self._source.tiles(self._log, place, wanted):
                self._check_tile(stored, tree, place.name)

    def _check_tile(self, stored: Stored, tree: SpanTree, where: str) -> None:
        self.facts.tiles += 1
        tile, first = stored.tile, stored.tile.n * WIDTH ** (stored.tile.level + 1)
        if stored.content is None:
            self._add("tile.missing", first, f"{where}, {tile.path}")
        elif stored.content != tree.tile(tile):
            self._add("tile.differs", first, f"{where}, {tile.path}: not what the leaves give")

    def _time(self, number: int) -> str:
        return self._at[number] if 0 <= number < len(self._at) else ""


def offset_faults(offset: int, prev: int | None, last: int | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a payload leaf's offsets, `last` being that of the payload leaf before it."""
    if last is not None and offset <= last:
        yield "offset.order", f"its offset is {offset}, that of the leaf before it {last}"
    elif prev != last:
        told, real = ("none" if each is None else str(each) for each in (prev, last))
        yield "offset.chain", f"it names {told} as the offset before it, the leaf before it has {real}"


def _bundles(rows: Iterator[LeafRow], low: int, high: int) -> Iterator[list[LeafRow | None]]:
    """The rows in bundles' widths, with None where an index is left out."""
    part: list[LeafRow | None] = []
    index = low
    for row in rows:
        while index < row.idx:
            part.append(None)
            index += 1
            if len(part) == WIDTH:
                yield part
                part = []
        part.append(row)
        index += 1
        if len(part) == WIDTH:
            yield part
            part = []
    part += [None] * (high - index)
    for at in range(0, len(part), WIDTH):
        yield part[at : at + WIDTH]
