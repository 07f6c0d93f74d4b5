"""A tree's right edge as tiles: all that is needed to append to it, to sign it, and to write what changed.

The edge of a tree is the partial tile of each level; from it follow the frontier and the root. It is read from the database
(full tiles and leaf hashes) at the start, and grows with the leaves afterwards: each leaf's bytes are hashed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sekisho.ledger.merkle.tiles import (
    ENTRIES,
    HEIGHT,
    WIDTH,
    Tile,
    encode_bundle,
    grown_tiles,
    tile_root,
)
from sekisho.ledger.merkle.tree import HASH_SIZE, Frontier, hashes_of, leaf_hashes, subtree_root

CHUNK: Final = 16 * WIDTH
"""Leaves read at once: a multiple of a bundle's. 4,096 leaves of 350 bytes are 1.4 MB, so memory stays flat."""


class LeafRow(Protocol):
    """A leaf as the database holds it (store.entries.StoredLeaf)."""

    @property
    def idx(self) -> int: ...
    @property
    def leaf(self) -> bytes: ...
    @property
    def hash(self) -> bytes: ...


class TreeRows(Protocol):
    """What the database keeps of one log's tree."""

    async def full_tile(self, level: int, index: int) -> bytes | None:
        """A full tile, if it is kept."""

    async def hashes(self, first: int, stop: int) -> Sequence[bytes]:
        """The hashes kept beside the leaves from `first` to before `stop`, as far as there are any."""


Piece = tuple[Tile, bytes]


class AlteredLogError(Exception):
    """What the database holds is not what was taken in or signed. The log stops; nothing of it is signed."""

    def __init__(self, origin: str, why: str) -> None:
        super().__init__(
            f"{origin}: {why}. Nothing of this log is signed any more. Do not delete or repair rows by hand: keep a copy of the "
            "database as it is, run `sekisho audit verify` to see what else differs, and restore a backup that verifies"
        )
        self.origin = origin
        self.why = why


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a log's tree of `size` leaves: of each level the hashes in its partial tile."""

    size: int = 0
    rows: tuple[tuple[bytes, ...], ...] = ()

    def row(self, level: int) -> tuple[bytes, ...]:
        """The partial tile's hashes; empty where the level has only full tiles, or none."""
        return self.rows[level] if level < len(self.rows) else ()

    def frontier(self) -> Frontier:
        """The roots of the tree's perfect subtrees, the largest first."""
        found: list[bytes] = []
        for row in reversed(self.rows):
            at = 0
            for height in reversed(range(HEIGHT)):
                if len(row) >> height & 1:
                    found.append(subtree_root(row[at : at + (1 << height)]))
                    at += 1 << height
        return Frontier(self.size, tuple(found))

    def root(self) -> bytes:
        """The root of the tree."""
        return self.frontier().root()

    def grown(self, hashes: Sequence[bytes]) -> tuple[Edge, list[Piece]]:
        """The edge with these leaf hashes appended, and every tile that changed, with its content."""
        changed = list(grown_tiles(self.size, hashes, lambda level, _n, _width: b"".join(self.row(level))))
        rows = dict(enumerate(self.rows))
        for tile, content in changed:  # the last of a level is its right one
            rows[tile.level] = () if tile.width == WIDTH else tuple(hashes_of(content))
        top = max(rows, default=-1)
        return Edge(self.size + len(hashes), tuple(rows.get(level, ()) for level in range(top + 1))), changed


async def load_edge(size: int, rows: TreeRows) -> Edge:
    """The edge of the first `size` leaves, from full tiles, and from leaf hashes where there is no tile (yet).

    A tree of 1,000,000 leaves needs 81 tiles and 64 leaf hashes. Nothing here is proven: compare the root with a signed one.

    Raises:
        LookupError: a leaf is not there.
    """
    found, level = [], 0
    while size >> HEIGHT * level:
        found.append(await _row(level, size >> HEIGHT * level, rows))
        level += 1
    return Edge(size, tuple(found))


async def _row(level: int, count: int, rows: TreeRows) -> tuple[bytes, ...]:
    first = count - count % WIDTH
    if level == 0:
        return tuple(await _hashes(first, count, rows))
    return tuple([tile_root(await _full_tile(level - 1, index, rows)) for index in range(first, count)])


async def _full_tile(level: int, index: int, rows: TreeRows) -> bytes:
    """A full tile: as kept, else made from the level below."""
    kept = await rows.full_tile(level, index)
    if kept is not None and len(kept) == WIDTH * HASH_SIZE:
        return kept
    first = index * WIDTH
    if level == 0:
        return b"".join(await _hashes(first, first + WIDTH, rows))
    return b"".join(
        [tile_root(await _full_tile(level - 1, below, rows)) for below in range(first, first + WIDTH)]
    )


async def _hashes(first: int, stop: int, rows: TreeRows) -> Sequence[bytes]:
    found = await rows.hashes(first, stop) if first < stop else ()
    if len(found) != stop - first:
        raise LookupError(f"of the leaves {first} to {stop - 1} the database holds {len(found)}")
    return found


class Growing:
    """A log's edge as leaves are read back: each one's bytes are hashed anew and compared with the hash kept beside them.

    Those of the partial bundle at the edge are read again too, and compared with what was signed.
    """

    def __init__(self, origin: str, edge: Edge) -> None:
        self._origin = origin
        self.edge = edge
        self.start = edge.size - edge.size % WIDTH
        """The index of the leaf to be read next."""

    def take(self, rows: Sequence[LeafRow]) -> list[Piece]:
        """Take in the next leaves; gives the tiles and entry bundles that changed. All but the last call take whole bundles.

        Raises:
            AlteredLogError: a leaf is missing, or is not what its hash says, or not what was signed.
        """
        start = self.start
        hashes = self._checked(rows)
        known = max(0, self.edge.size - start)
        if known and tuple(hashes[:known]) != self.edge.row(0)[: len(hashes)]:
            raise self._altered(
                f"a leaf between {start} and {self.edge.size - 1} is not the one that was signed"
            )
        self.edge, changed = self.edge.grown(hashes[known:])
        for at in range(0, len(rows), WIDTH):
            part = [row.leaf for row in rows[at : at + WIDTH]]
            changed.append((Tile(ENTRIES, (start + at) // WIDTH, len(part)), encode_bundle(part)))
        self.start += len(rows)
        return changed

    def end(self, size: int, frontier: Frontier | None = None) -> None:
        """All leaves are taken in: they are to be `size`, and to have this frontier, as the writer keeps it.

        Raises:
            AlteredLogError: they are fewer or more, or others.
        """
        if self.edge.size != size:
            raise self._altered(f"{size} leaves were taken in, but leaf {self.edge.size} is missing")
        if frontier is not None and self.edge.frontier() != frontier:
            raise self._altered(
                f"the {size} leaves have another root than their writer noted: leaves or the note were altered"
            )

    def _checked(self, rows: Sequence[LeafRow]) -> list[bytes]:
        """The leaves' hashes, when all are there, in order, and as the hashes kept beside them say."""
        hashes = leaf_hashes(row.leaf for row in rows)
        for expected, (row, hashed) in enumerate(zip(rows, hashes, strict=True), self.start):
            if row.idx != expected:
                raise self._altered(f"leaf {expected} is missing")
            if row.hash != hashed:
                raise self._altered(
                    f"the hash kept beside leaf {expected} is not that of its bytes: one of them was altered"
                )
        return hashes

    def _altered(self, why: str) -> AlteredLogError:
        return AlteredLogError(self._origin, why)
