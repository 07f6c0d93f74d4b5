"""One range of leaves: what is missing, there twice or out of order is named by its index, and nothing after it is mistaken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from sekisho.ledger.leaves import Genesis, PayloadLeaf
from sekisho.ledger.merkle.tiles import Tile
from sekisho.ledger.merkle.tree import leaf_hash, leaf_hashes, root_of
from sekisho.ledger.verify.scanning import SpanFacts, SpanTask, scan
from sekisho.ledger.verify.sources import (
    Derived,
    LeafRow,
    LogRow,
    PayloadRow,
    Place,
    Stored,
    StoredCheckpoint,
)

ORIGIN = "ledger.example/sekisho/provision-records/topic/0/2026"
SIZE = 700
AT = "2026-11-21T01:00:00.000000Z"


@dataclass
class Memory:
    """A source with leaves alone."""

    rows: list[LeafRow]
    name: str = "memory"
    stored: dict[Tile, bytes] = field(default_factory=dict)

    def logs(self) -> list[LogRow]:
        """The one log."""
        return [log(len(self.rows))]

    def keys(self) -> list[str]:
        """None."""
        return []

    def leaves(self, log: LogRow, low: int, high: int) -> Iterator[LeafRow]:
        """Those of the range."""
        return iter([row for row in self.rows if low <= row.idx < high])

    def places(self, log: LogRow) -> list[Place]:
        """None."""
        return []

    def tiles(self, log: LogRow, place: Place, wanted: Iterable[Tile]) -> Iterator[Stored]:
        """As they are stored."""
        return (Stored(tile, self.stored.get(tile)) for tile in wanted)

    def checkpoints(self, log: LogRow) -> Iterator[StoredCheckpoint]:
        """None."""
        return iter(())

    def orphans(self) -> Iterator[tuple[str, bytes]]:
        """None."""
        return iter(())

    def payloads(self, log: LogRow, low: int, high: int) -> Iterator[PayloadRow]:
        """None."""
        return iter(())

    def redacted(self, log: LogRow) -> frozenset[int]:
        """None."""
        return frozenset()

    def derived(self, log: LogRow) -> Derived | None:
        """None."""
        return None

    def holds(self) -> None:
        """None."""

    def scopes(self, wanted: Sequence[str]) -> None:
        """None."""

    def purged(self, log: LogRow, low: int, high: int) -> None:
        """None."""

    def remarks(self) -> Iterator[tuple[str, str]]:
        """None."""
        return iter(())

    def unaccounted(self) -> Iterator[tuple[str, str, str]]:
        """Nothing."""
        return iter(())


def log(size: int) -> LogRow:
    """The log of these leaves."""
    return LogRow(ORIGIN, "records", "topic", 0, 2026, size)


def entry(index: int) -> bytes:
    """A genesis, then records whose offsets have gaps."""
    rid = f"00000000-0000-4000-8000-{index:012x}"
    if index == 0:
        return Genesis(
            rid=rid, ingested_at=AT, origin=ORIGIN, topic="records", topic_id="topic", partition=0, year=2026, next_offset="0",
            predecessor=None,
        ).encoded()  # fmt: skip
    prev = None if index == 1 else 3 * (index - 1)
    return PayloadLeaf(
        "record", rid, AT, "topic", 0, 3 * index, prev, f"{index:064x}", "2029-11-21", None
    ).encoded()


def rows(indexes: Iterable[int]) -> list[LeafRow]:
    """These leaves as a database has them."""
    found = []
    for index in indexes:
        leaf = entry(index)
        found.append(LeafRow(index, leaf, leaf_hash(leaf), 3 * index if index else None))
    return found


def scanned(
    stored: Sequence[LeafRow], size: int = SIZE, sizes: tuple[int, ...] = (), places: tuple[Place, ...] = ()
) -> SpanFacts:
    """The range from 0 on."""
    return scan(Memory(list(stored)), SpanTask(log(size), 0, size, sizes, places))


def told(facts: SpanFacts) -> list[tuple[str, int | None]]:
    """Kinds and places."""
    return [(each.kind, each.idx) for each in facts.findings]


def test_whole_range_has_no_finding_and_the_roots_asked_for() -> None:
    """Every leaf is counted, and the roots are those of the plain tree."""
    facts = scanned(rows(range(SIZE)), sizes=(1, 300, SIZE))
    hashes = leaf_hashes([entry(index) for index in range(SIZE)])
    assert told(facts) == []
    assert facts.kinds == {"genesis": 1, "record": SIZE - 1}
    assert facts.roots == {size: root_of(hashes[:size]) for size in (1, 300, SIZE)}
    assert (facts.first_payload, facts.first_offset, facts.first_prev, facts.last_offset) == (
        1,
        3,
        None,
        3 * (SIZE - 1),
    )


@pytest.mark.parametrize("missing", [[1], [255], [256], [699], [300, 301], [5, 600]], ids=str)
def test_missing_leaves_are_named_each(missing: list[int]) -> None:
    """Wherever they stood: within a bundle, at its border, a bundle whole, at the end; what follows keeps its index."""
    facts = scanned(rows(index for index in range(SIZE) if index not in missing))
    assert [each for each in told(facts) if each[0] == "leaf.missing"] == [
        ("leaf.missing", index) for index in missing
    ]
    follows = [index + 1 for index in missing if index + 1 not in missing and 1 < index + 1 < SIZE]
    chained = [index for kind, index in told(facts) if kind == "offset.chain"]
    assert chained == [index for index in follows if index != 2]


def test_bundle_that_is_missing_whole_moves_nothing_after_it() -> None:
    """256 leaves are missing; the next one still stands where it stood."""
    facts = scanned(rows(index for index in range(SIZE) if not 256 <= index < 512), sizes=(SIZE,))
    assert facts.totals == {"leaf.missing": 256, "offset.chain": 1}
    assert ("offset.chain", 512) in told(facts)


@pytest.mark.parametrize("twice", [1, 255, 256, 699])
def test_second_leaf_of_an_index_is_named(twice: int) -> None:
    """Without the database's primary key two rows can have one index."""
    facts = scanned(sorted([*rows(range(SIZE)), *rows([twice])]))
    assert told(facts) == [("leaf.misplaced", twice)]


def test_second_leaf_of_an_index_hides_no_missing_one() -> None:
    """As many rows as there should be, but one index twice and one not at all."""
    facts = scanned(sorted([*rows(index for index in range(SIZE) if index != 40), *rows([30])]))
    assert told(facts)[:2] == [("leaf.misplaced", 30), ("leaf.missing", 40)]


def test_tile_of_another_content_is_named_by_its_first_leaf() -> None:
    """And one that is not there at all."""
    place = Place("table", SIZE, bundles=False, partial=False)
    source = Memory(rows(range(SIZE)))
    right = b"".join(leaf_hashes([entry(index) for index in range(256)]))
    source.stored = {Tile(0, 0): right, Tile(0, 1): bytes(8192)}
    facts = scan(source, SpanTask(log(SIZE), 0, SIZE, (), (place,)))
    assert told(facts) == [("tile.differs", 256)]
    source.stored = {Tile(0, 0): right}
    assert told(scan(source, SpanTask(log(SIZE), 0, SIZE, (), (place,)))) == [("tile.missing", 256)]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ((b'"v":1', b'"v":2'), "leaf.malformed"),
        ((b'"2029-11-21"', b'"2029-02-30"'), "leaf.malformed"),
        ((b"T01:00", b"T25:00"), "leaf.malformed"),
        ((b'"kind":"record"', b'"kind":"decision"'), "leaf.misplaced"),
        ((b'"partition":0', b'"partition":1'), "leaf.misplaced"),
        ((b'"topic_id":"topic"', b'"topic_id":"other"'), "leaf.misplaced"),
        ((b'"offset":"1200"', b'"offset":"1197"'), "offset.order"),
        ((b'"prev_offset":"1197"', b'"prev_offset":"1194"'), "offset.chain"),
        ((b'"prev_offset":"1197"', b'"prev_offset":null'), "offset.chain"),
    ],
    ids=lambda each: str(each),
)
def test_leaf_that_breaks_a_rule_is_named(change: tuple[bytes, bytes], kind: str) -> None:
    """In place of leaf 400 one that its hash fits, but no rule."""
    changed = rows(range(SIZE))
    leaf = entry(400).replace(*change)
    assert leaf != entry(400)
    changed[400] = LeafRow(400, leaf, leaf_hash(leaf), 1197 if kind == "offset.order" else 1200)
    assert (kind, 400) in told(scanned(changed))


def test_time_that_goes_back_is_handed_on() -> None:
    """Whether an operator accepted it is not for the range to say."""
    changed = rows(range(SIZE))
    leaf = entry(400).replace(b"T01:00:00", b"T00:59:59")
    changed[400] = LeafRow(400, leaf, leaf_hash(leaf), 1200)
    facts = scanned(changed)
    assert facts.backs == [(400, AT, AT.replace("T01:00:00", "T00:59:59"))]
