"""Tiles and entry bundles as C2SP tlog-tiles lays them out: subtrees of height 8, so 256 hashes or entries in a full one.

A tile of level L holds the roots of subtrees of 256**L leaves; level 0 holds leaf hashes. Only the rightmost tile of a
level may be partial, and it has no place in the level above ("Partial Tiles").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from sekisho.ledger.merkle.tree import HASH_SIZE, hashes_of, subtree_root

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
ENTRIES: Final = -1
"""The level of entry bundles: `tile/entries/…` (the level that Go's tlog calls -1 too)."""
MAX_LEVEL: Final = 63
MAX_ENTRY: Final = (1 << 16) - 1
"""A leaf's greatest length in bytes: its length stands before it in 16 bits ("Log entries")."""

TileReader = Callable[[int, int, int], bytes]
"""(level, n, width) -> the tile's hashes, one after the other. It may raise what it likes where it has none."""
NodeReader = Callable[[int, int], bytes]
"""(level, index) -> the root of the perfect subtree over leaves index·2**level … (index + 1)·2**level - 1."""

_PATH: Final = re.compile(
    r"tile/(entries|[0-9]|[1-5][0-9]|6[0-3])/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


class TileError(ValueError):
    """A tile or bundle that is not what its place in the log requires."""


class Tile(NamedTuple):
    """Where a tile or bundle stands: its level, its index N in the level, and how many hashes or entries it holds."""

    level: int
    n: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last behind an `x` ("Merkle Tree")."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        rest, name = divmod(self.n, 1000)
        path = f"{name:03}"
        while rest:
            rest, group = divmod(rest, 1000)
            path = f"x{group:03}/{path}"
        return f"tile/{level}/{path}" + ("" if self.width == WIDTH else f".p/{self.width}")

    @classmethod
    def from_path(cls, path: str) -> Tile:
        """The tile at this path.

        Raises:
            TileError: no tile has this path: there is exactly one way to write each.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise TileError(f"{path!r} is no tile's path")
        level, groups, width = found.groups()
        n = int(groups.replace("/", "").replace("x", ""))
        tile = cls(ENTRIES if level == "entries" else int(level), n, int(width or WIDTH))
        if tile.path != path or tile.width > WIDTH:
            raise TileError(
                f"{path!r} is no tile's path: there is another way to write it, or it is too wide"
            )
        return tile


def tile_at(level: int, n: int, size: int) -> Tile:
    """The tile as it is in a tree of `size` leaves: full, or as wide as the tree fills it.

    Raises:
        TileError: a tree of this size has no such tile.
    """
    width = min(WIDTH, (size >> HEIGHT * max(level, 0)) - n * WIDTH)
    if width < 1 or n < 0:
        raise TileError(f"a tree of {size} leaves has no tile {n} at level {level}")
    return Tile(level, n, width)


def changed_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The hash tiles to publish when a tree grows: those new, and those wider than before. From 0: all that a tree has."""
    level = 0
    while new_size >> HEIGHT * level:
        yield from _changed(level, old_size >> HEIGHT * level, new_size >> HEIGHT * level)
        level += 1


def changed_bundles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The entry bundles to publish when a tree grows."""
    return _changed(ENTRIES, old_size, new_size)


def _changed(level: int, old_count: int, new_count: int) -> Iterator[Tile]:
    if old_count < new_count:
        for n in range(old_count // WIDTH, -(-new_count // WIDTH)):
            yield Tile(level, n, min(WIDTH, new_count - n * WIDTH))


def grown_tiles(
    size: int, added: Sequence[bytes], read: TileReader | None = None
) -> Iterator[tuple[Tile, bytes]]:
    """Each tile that these leaf hashes change, with its content, when they are appended to a tree of `size` leaves.

    `read` is asked for the partial tiles that get wider, one a level at most; a tree of 0 leaves needs none.

    Raises:
        TileError: a tile that was read has not the length that its width asks for.
    """
    level, row = 0, list(added)
    while row:
        first, filled = divmod(size >> HEIGHT * level, WIDTH)
        if filled:
            row = tile_hashes(read, Tile(level, first, filled)) + row
        above = []
        for at in range(0, len(row), WIDTH):
            part = row[at : at + WIDTH]
            yield Tile(level, first + at // WIDTH, len(part)), b"".join(part)
            if len(part) == WIDTH:
                above.append(subtree_root(part))
        level, row = level + 1, above


def tile_hashes(read: TileReader | None, tile: Tile) -> list[bytes]:
    """The hashes of a tile.

    Raises:
        TileError: there is no reader, or it gave another number of bytes than 32 for each hash.
    """
    data = b"" if read is None else read(tile.level, tile.n, tile.width)
    if len(data) != tile.width * HASH_SIZE:
        raise TileError(f"{tile.path} has {len(data)} bytes, not {tile.width * HASH_SIZE}")
    return hashes_of(data)


def tile_root(content: bytes) -> bytes:
    """The hash of a full tile: its place in the level above.

    Raises:
        TileError: the tile is not full; a partial one must not be hashed into the level above ("Partial Tiles").
    """
    if len(content) != WIDTH * HASH_SIZE:
        raise TileError(f"a tile of {len(content)} bytes is not full: it has no hash in the level above")
    return subtree_root(hashes_of(content))


def node_reader(read: TileReader, size: int) -> NodeReader:
    """Reads inner nodes of a tree of `size` leaves from its tiles; each tile is read once, so keep one for one question.

    The nodes between two tile levels are hashed anew from the lower one ("Merkle Tree"). Nothing is authenticated here:
    a proof made from wrong tiles does not verify.

    Raises (when it is called):
        TileError: the tree has no such node, or a tile is not as long as its width asks for.
    """
    known: dict[Tile, list[bytes]] = {}

    def node(level: int, index: int) -> bytes:
        row, height = divmod(level, HEIGHT)
        first = index << height
        tile = tile_at(row, first // WIDTH, size)
        if tile not in known:
            known[tile] = tile_hashes(read, tile)
        start = first % WIDTH
        if start + (1 << height) > tile.width:
            raise TileError(f"a tree of {size} leaves has no node {index} at level {level}")
        return subtree_root(known[tile][start : start + (1 << height)])

    return node


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry behind its length in 16 bits, big-endian ("Log entries").

    Raises:
        TileError: an entry is longer than 65,535 bytes.
    """
    parts = list[bytes]()
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise TileError(f"an entry of {len(entry)} bytes; the longest may have {MAX_ENTRY}")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle.

    Raises:
        TileError: the bundle ends within an entry, or holds another number of entries.
    """
    entries, at = list[bytes](), 0
    while at < len(data):
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data):
            raise TileError(f"the bundle ends within entry {len(entries)}")
        entries.append(data[start:end])
        at = end
    if len(entries) != width:
        raise TileError(f"the bundle holds {len(entries)} entries, not {width}")
    return entries
