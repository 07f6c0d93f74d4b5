"""The edge of a tree grows as the slow formulation says, from the database's rows as from leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.ledger.merkle.proofs import consistency_proof, verify_consistency
from sekisho.ledger.merkle.tiles import ENTRIES, WIDTH, Tile, changed_bundles, changed_tiles, node_reader
from sekisho.ledger.merkle.tree import Frontier, leaf_hashes
from sekisho.ledger.publish.edge import CHUNK, AlteredLogError, Edge, Growing, load_edge
from sekisho.ledger.publish.files import needed


@dataclass
class Row:
    """A stored leaf."""

    idx: int
    leaf: bytes
    hash: bytes


def rows(start: int, stop: int) -> list[Row]:
    """The leaves of the range."""
    texts = [b"leaf %d" % index for index in range(start, stop)]
    return [
        Row(start + at, text, hashed)
        for at, (text, hashed) in enumerate(zip(texts, leaf_hashes(texts), strict=True))
    ]


class Rows:
    """A tree in a database: full tiles up to `tiled` leaves, hashes of all."""

    def __init__(self, size: int, tiled: int) -> None:
        self.hashes_kept = [row.hash for row in rows(0, size)]
        self.tiles: dict[tuple[int, int], bytes] = {}
        edge, _ = Edge(), None
        _, changed = edge.grown(self.hashes_kept[:tiled])
        self.tiles = {(tile.level, tile.n): content for tile, content in changed if tile.width == WIDTH}

    async def full_tile(self, level: int, index: int) -> bytes | None:
        """A full tile, if it is kept."""
        return self.tiles.get((level, index))

    async def hashes(self, first: int, stop: int) -> Sequence[bytes]:
        """The hashes of the range."""
        return self.hashes_kept[first:stop]


growths = st.lists(st.sampled_from([1, 2, 3, 100, 255, 256, 257, 300, 1000]), min_size=1, max_size=8)


@given(growths)
@settings(max_examples=60, deadline=None)
def test_every_checkpoint_is_consistent_with_all_later_ones(counts: list[int]) -> None:
    """Any sequence of growths: each edge has the frontier of its leaves, and each root is proven from the last one's tiles."""
    growing, tiles, roots = (
        Growing("log", Edge()),
        dict[tuple[int, int, int], bytes](),
        list[tuple[int, bytes]](),
    )
    frontier = Frontier()
    for count in counts:
        size = growing.edge.size + count
        frontier = frontier.extended([row.hash for row in rows(growing.edge.size, size)])
        growing = Growing("log", growing.edge)
        pieces = needed(growing.take(rows(growing.start, size)), size)
        growing.end(size, frontier)
        tiles |= {(tile.level, tile.n, tile.width): content for tile, content in pieces}
        roots.append((size, growing.edge.root()))
    size = growing.edge.size
    wanted = {*changed_tiles(0, size), *changed_bundles(0, size)}
    assert wanted <= {Tile(*place) for place in tiles}
    read = node_reader(lambda level, n, width: tiles[level, n, width], size)
    for old, root in roots:
        verify_consistency(old, size, root, roots[-1][1], consistency_proof(read, old, size))


@pytest.mark.parametrize(
    ("size", "tiled"),
    [(0, 0), (1, 0), (255, 255), (256, 256), (257, 0), (66_000, 66_000), (66_000, 65_600), (70_000, 0)],
)
async def test_an_edge_is_read_from_tiles_and_from_hashes_where_there_are_none(size: int, tiled: int) -> None:
    """With all tiles, with some, with none: the same edge."""
    expected = Edge().grown([row.hash for row in rows(0, size)])[0]
    assert await load_edge(size, Rows(size, tiled)) == expected
    assert expected.frontier() == Frontier().extended([row.hash for row in rows(0, size)])


async def test_a_hash_that_is_missing_is_told() -> None:
    """Fewer hashes than the tree has leaves."""
    with pytest.raises(LookupError, match="leaves 256 to 299 the database holds 4"):
        await load_edge(300, Rows(260, 256))


def test_leaves_are_taken_in_chunks() -> None:
    """Chunk by chunk the same tree as at once, and no partial tile of a size that nobody signed."""
    size = CHUNK * 2 + 77
    growing, pieces = Growing("log", Edge()), list[Tile]()
    for start in range(0, size, CHUNK):
        pieces += [tile for tile, _ in needed(growing.take(rows(start, min(start + CHUNK, size))), size)]
    growing.end(size)
    assert sorted(pieces) == sorted([*changed_tiles(0, size), *changed_bundles(0, size)])
    assert growing.edge == Edge().grown([row.hash for row in rows(0, size)])[0]


def altered(index: int, start: int, stop: int, **to: bytes) -> list[Row]:
    """The rows, one of them with another value."""
    found = rows(start, stop)
    for name, value in to.items():
        setattr(found[index - start], name, value)
    return found


@pytest.mark.parametrize(
    ("given_rows", "why"),
    [
        (altered(400, 256, 500, leaf=b"other"), "beside leaf 400"),
        (altered(400, 256, 500, hash=bytes(32)), "beside leaf 400"),
        (
            altered(260, 256, 500, leaf=b"other", hash=leaf_hashes([b"other"])[0]),
            "is not the one that was signed",
        ),
        (rows(257, 500), "leaf 256 is missing"),
        (rows(256, 400) + rows(401, 500), "leaf 400 is missing"),
        (rows(256, 499), "leaf 499 is missing"),
        (
            altered(400, 256, 500, leaf=b"other", hash=leaf_hashes([b"other"])[0]),
            "another root than their writer noted",
        ),
        ([], "leaf 300 is missing"),
    ],
)
def test_what_was_altered_is_found(given_rows: list[Row], why: str) -> None:
    """Leaf, hash, both together, a row that is missing: each is found before anything is signed."""
    edge = Edge().grown([row.hash for row in rows(0, 300)])[0]
    frontier = Frontier().extended([row.hash for row in rows(0, 500)])
    growing = Growing("log", edge)
    with pytest.raises(AlteredLogError, match=why):  # noqa: PT012  it may be told at either
        growing.take(given_rows)
        growing.end(500, frontier)


def test_unaltered_rows_pass() -> None:
    """The control of the test above."""
    edge = Edge().grown([row.hash for row in rows(0, 300)])[0]
    growing = Growing("log", edge)
    pieces = growing.take(rows(256, 500))
    growing.end(500, Frontier().extended([row.hash for row in rows(0, 500)]))
    assert [tile for tile, _ in pieces if tile.level == ENTRIES] == [Tile(ENTRIES, 1, 244)]
