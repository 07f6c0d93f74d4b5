"""One range of one log: every leaf, its hash, its order, and the tiles and bundles over it. Ranges are worked at in parallel.

What reaches over ranges or logs is handed back and judged in `joining`: nothing is assumed of what stands before the range.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from itertools import chain, islice
from typing import Any, Final

from sekisho.ledger.leaves import Genesis, Leaf, LeafError, payload_fields, read
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

_TIMES: Final = ("ingested_at", "database_at", "host_at", "checkpoint_at", "signed_at", "was", "now")


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
        self._at = [b""]
        self._last_at = b""
        self._days: set[bytes | None] = set()
        """Days that there are."""
        self._kinds: Counter[bytes] = Counter()
        self._allowed = {kind.encode() for kind in ALLOWED[task.log.kind]}
        self._topic_id, self._partition = (
            str(each).encode() for each in (task.log.topic_id, task.log.partition)
        )
        self._last: int | None = None
        self._last_text = b""
        """The newest offset, and as it is written."""
        self.facts = SpanFacts(task.log, task.low, task.high)
        leaves = source.leaves(task.log, task.low, task.high)
        for rows in _bundles(leaves, task.low, task.high, self._twice):
            self._bundle(rows)
        self._tree()
        self.facts.last_offset = self._last
        self.facts.kinds.update({kind.decode(): number for kind, number in self._kinds.items()})
        self.facts.totals, self.facts.findings = dict(self._found.totals), self._found.kept()

    def _add(self, kind: str, index: int | None, detail: str) -> None:
        self._found.add(kind, self._log.origin, index, detail)

    def _twice(self, index: int) -> None:
        self._add("leaf.misplaced", index, "there are two leaves of this index")

    def _bundle(self, rows: Sequence[LeafRow | None]) -> None:
        """A bundle's width of leaves; None where one is missing."""
        first = self._task.low + len(self._hashes)
        for index, row in enumerate(rows, first):
            if row is None:
                self._add("leaf.missing", index, "there is no leaf of this index")
                self._hashes.append(NO_HASH)
                self._at.append(self._last_at)
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
            self._at.append(self._last_at)
        self._check_bundle(first, rows)

    def _leaf(self, row: LeafRow) -> None:
        fields = payload_fields(row.leaf)
        if fields is not None:
            self._payload_leaf(row, fields)
            return
        try:
            leaf = read(row.leaf)
            _check_times(leaf)
        except (LeafError, ValueError) as error:
            self._malformed(row.idx, str(error))
            return
        self._kinds[leaf.kind.encode()] += 1
        if leaf.kind not in ALLOWED[self._log.kind]:
            told = f"a leaf of kind {leaf.kind} has no place in a log of {self._log.kind}"
            self._add("leaf.misplaced", row.idx, told)
        self._passed(row.idx, leaf.ingested_at.encode(), accepted=leaf.kind == "clock")
        self.facts.others.append((row.idx, leaf))
        self._other_leaf(row, leaf)

    def _malformed(self, index: int, told: str) -> None:
        self._add("leaf.malformed", index, told)
        self._kinds[b"malformed"] += 1

    def _passed(self, index: int, at: bytes, *, accepted: bool = False) -> None:
        """Another time than the leaf's before."""
        facts, last = self.facts, self._last_at
        if not facts.first_at:
            facts.first_at = at.decode()
        # times are written with a fixed width: as texts they sort as they pass
        if at < last and not accepted:
            facts.backs.append((index, last.decode(), at.decode()))
        self._last_at, facts.last_at = at, at.decode()

    def _payload_leaf(self, row: LeafRow, fields: tuple[Any, ...]) -> None:
        """Nine of ten leaves: on their bytes, as they were matched (9 µs a leaf with all else, 12 by `read`)."""
        _, at, kind, offset, partition, prev, until, _, _, topic_id = fields
        if at != self._last_at or until not in self._days:
            if not _exist(at, until):
                self._malformed(row.idx, "it states a day or a time that does not exist")
                return
            self._days.add(until)
            self._passed(row.idx, at)
        self._kinds[kind] += 1
        if kind not in self._allowed or topic_id != self._topic_id or partition != self._partition:
            self._misplaced(row.idx, kind, topic_id, partition)
        number = int(offset)
        if row.hash is not None and row.offset != number:
            self._add("leaf.column", row.idx, f"the column says offset {row.offset}, the leaf {number}")
        if self._last is None:
            facts = self.facts
            facts.first_payload, facts.first_offset = row.idx, number
            facts.first_prev = None if prev is None else int(prev)
        elif prev != self._last_text or number <= self._last:
            for fault, told in offset_faults(number, None if prev is None else int(prev), self._last):
                self._add(fault, row.idx, told)
        self._last, self._last_text = number, offset

    def _misplaced(self, index: int, kind: bytes, topic_id: bytes, partition: bytes) -> None:
        log = self._log
        told = f"a {kind.decode()} of topic {topic_id.decode()}, partition {partition.decode()}"
        self._add("leaf.misplaced", index, f"{told}, in the {log.kind} of {log.topic_id}, {log.partition}")

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
        return self._at[number].decode() if 0 <= number < len(self._at) else ""


def _exist(at: bytes, until: bytes | None) -> bool:
    """Whether the calendar has this time and this day."""
    try:
        datetime.fromisoformat(at.decode())
        if until is not None:
            date.fromisoformat(until.decode())
    except ValueError:
        return False
    return True


def _check_times(leaf: Leaf) -> None:
    """Raises ValueError where a leaf states a day or a time that does not exist."""
    for name in _TIMES:
        told = getattr(leaf, name, None)
        if told is not None:
            datetime.fromisoformat(told)
    until = getattr(leaf, "retain_until", None)
    if until is not None:
        date.fromisoformat(until)


def offset_faults(offset: int, prev: int | None, last: int | None) -> Iterator[tuple[str, str]]:
    """What is wrong with a payload leaf's offsets, `last` being that of the payload leaf before it."""
    if last is not None and offset <= last:
        yield "offset.order", f"its offset is {offset}, that of the leaf before it {last}"
    elif prev != last:
        told, real = ("none" if each is None else str(each) for each in (prev, last))
        yield "offset.chain", f"it names {told} as the offset before it, the leaf before it has {real}"


def _bundles(
    rows: Iterator[LeafRow], low: int, high: int, twice: Callable[[int], None]
) -> Iterator[Sequence[LeafRow | None]]:
    """The rows in bundles' widths, with None where an index is left out; `twice` is told an index that comes again."""
    waiting = next(rows, None)
    for first in range(low, high, WIDTH):
        end = min(first + WIDTH, high)
        part = [] if waiting is None else [waiting, *islice(rows, end - first - 1)]
        waiting = next(rows, None)
        if [row.idx for row in part] == list(range(first, end)):
            yield part
            continue
        # something is missing or there twice: one by one
        whole = dict[int, LeafRow]()
        kept = chain(part, () if waiting is None else (waiting,), rows)
        waiting = next(kept, None)
        while waiting is not None and waiting.idx < end:
            if waiting.idx in whole or waiting.idx < first:
                twice(waiting.idx)
            whole.setdefault(waiting.idx, waiting)
            waiting = next(kept, None)
        rows = kept
        yield [whole.get(index) for index in range(first, end)]
    while waiting is not None:
        twice(waiting.idx)
        waiting = next(rows, None)
