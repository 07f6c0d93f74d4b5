"""The tree put together from ranges is the tree of RFC 6962, at every size and in every tile."""

from __future__ import annotations

from hashlib import sha256

import pytest

from sekisho.ledger.merkle.tiles import Tile, grown_tiles
from sekisho.ledger.merkle.tree import EMPTY_ROOT, Frontier, root_of
from sekisho.ledger.verify.trees import SPAN, LogTree, SpanTree, spans

SIZE = 2 * SPAN + 700
SIZES = (1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 100_000, 131_072, 131_073, SIZE - 1, SIZE)


@pytest.fixture(scope="module")
def hashes() -> list[bytes]:
    """Leaf hashes of a log of two ranges and a bit."""
    return [sha256(index.to_bytes(4, "big")).digest() for index in range(SIZE)]


def _joined(hashes: list[bytes], size: int) -> bytes:
    tree = LogTree()
    for low, high in spans(len(hashes)):
        span = SpanTree(low, hashes[low:high])
        if size <= high:
            if size == high and high - low == SPAN:
                tree.add(span.root(size))
                return tree.root(size, None)
            return tree.root(size, span.root(size))
        tree.add(span.root(high))
    return tree.root(size, None)


@pytest.mark.parametrize("size", SIZES)
def test_root_at_any_size_is_that_of_the_plain_tree(hashes: list[bytes], size: int) -> None:
    """Whole ranges and the rest of the last one give the root that all leaves together give."""
    assert _joined(hashes, size) == root_of(hashes[:size])


def test_tree_without_leaves_has_the_empty_root() -> None:
    """SHA-256 of nothing (RFC 6962 section 2.1)."""
    assert LogTree().root(0, None) == EMPTY_ROOT


def test_tiles_are_those_that_appending_gives(hashes: list[bytes]) -> None:
    """Each range's tiles and those above them are all that a log of this size has, with the same content."""
    tree, found = LogTree(), dict[Tile, bytes]()
    for low, high in spans(SIZE):
        span = SpanTree(low, hashes[low:high])
        found |= {tile: span.tile(tile) for tile in span.tiles(SIZE)}
        if high - low == SPAN:
            tree.add(span.root(high))
    found |= dict(tree.upper_tiles(SIZE))
    assert found == dict(grown_tiles(0, hashes))


def test_frontier_is_that_of_the_plain_tree(hashes: list[bytes]) -> None:
    """What a database keeps of a log's end follows from the ranges."""
    tree = LogTree()
    for low in (0, SPAN):
        tree.add(SpanTree(low, hashes[low : low + SPAN]).root(low + SPAN))
    rest = SpanTree(2 * SPAN, hashes[2 * SPAN :])
    assert tree.frontier(rest.frontier()) == Frontier().extended(hashes).to_bytes()
