"""The Merkle tree of a log put together from ranges of 65,536 leaves that are hashed apart, in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from sekisho.ledger.merkle.proofs import root_at
from sekisho.ledger.merkle.tiles import HEIGHT, WIDTH, Tile
from sekisho.ledger.merkle.tree import EMPTY_ROOT, Frontier, node_hash, parents, perfect_subtrees

SPAN_LEVEL: Final = 16
SPAN: Final = 1 << SPAN_LEVEL
"""Leaves of a range: two whole levels of tiles, so that each range checks its own; 8 MB of hashes while it is worked at."""
SPAN_TILE_LEVEL: Final = SPAN_LEVEL // HEIGHT
"""The first level of tiles that reaches over a range."""


def spans(size: int) -> Iterator[tuple[int, int]]:
    """The ranges [low, high) of a log of this size."""
    for low in range(0, size, SPAN):
        yield low, min(low + SPAN, size)


class SpanTree:
    """All nodes over one range's leaves; `low` is a multiple of SPAN."""

    def __init__(self, low: int, leaf_hashes: Sequence[bytes]) -> None:
        self.low = low
        self._rows: list[Sequence[bytes]] = [leaf_hashes]
        while len(self._rows[-1]) > 1 and len(self._rows) <= SPAN_LEVEL:
            self._rows.append(parents(self._rows[-1]))

    @property
    def high(self) -> int:
        """The index after its last leaf."""
        return self.low + len(self._rows[0])

    def root(self, size: int) -> bytes:
        """The root over the range's leaves up to tree size `size` (low < size ≤ high)."""
        return root_at(lambda level, index: self._rows[level][index], size - self.low)

    def frontier(self) -> tuple[bytes, ...]:
        """The roots of its perfect subtrees, the largest first."""
        return tuple([self._rows[level][index] for level, index in perfect_subtrees(self.high - self.low)])

    def tile(self, tile: Tile) -> bytes:
        """What a tile of level 0 or 1 within the range must hold."""
        first = tile.n * WIDTH - (self.low >> HEIGHT * tile.level)
        return b"".join(self._rows[HEIGHT * tile.level][first : first + tile.width])

    def tiles(self, size: int) -> Iterator[Tile]:
        """The tiles of levels 0 and 1 that a tree of `size` leaves has within the range."""
        end = min(self.high, size)
        for level in range(SPAN_TILE_LEVEL):
            low, high = self.low >> HEIGHT * level, end >> HEIGHT * level
            for first in range(low, high, WIDTH):
                yield Tile(level, first // WIDTH, min(WIDTH, high - first))


class LogTree:
    """A log's tree from its ranges' roots, in their order."""

    def __init__(self) -> None:
        self.spans: list[bytes] = []
        self._frontier = Frontier()

    def root(self, size: int, within: bytes | None) -> bytes:
        """The root at `size`; `within`: the root over the leaves since the last whole range (None: there are none).

        Joined from the right, as RFC 6962 section 2.1 has it: a tree is its perfect subtrees, and those of the leaves after
        the last whole range are the smallest.
        """
        assert size >> SPAN_LEVEL == self._frontier.size
        hashes = [*self._frontier.hashes, *([] if within is None else [within])]
        if not hashes:
            return EMPTY_ROOT
        joined = hashes.pop()
        while hashes:
            joined = node_hash(hashes.pop(), joined)
        return joined

    def frontier(self, within: Sequence[bytes]) -> bytes:
        """The whole tree's frontier as a database keeps it; `within`: that of the leaves after the last whole range."""
        return b"".join([*self._frontier.hashes, *within])

    def add(self, root: bytes) -> None:
        """One more whole range."""
        self.spans.append(root)
        self._frontier = self._frontier.extended([root])

    def upper_tiles(self, size: int) -> Iterator[tuple[Tile, bytes]]:
        """The tiles above the ranges, and what each must hold."""
        row, level = self.spans[: size >> SPAN_LEVEL], SPAN_TILE_LEVEL
        while row:
            for at in range(0, len(row), WIDTH):
                part = row[at : at + WIDTH]
                yield Tile(level, at // WIDTH, len(part)), b"".join(part)
            row, level = _above(row), level + 1


def _above(row: Sequence[bytes]) -> list[bytes]:
    """The row of the tile level above."""
    for _ in range(HEIGHT):
        row = parents(row)
    return list(row)
