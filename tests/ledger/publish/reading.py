"""Reads what is published, as others do."""

from __future__ import annotations

from ledger.publish.ground import LOG, Ground
from sekisho.ledger.merkle.proofs import root_at
from sekisho.ledger.merkle.tiles import (
    NodeReader,
    Tile,
    changed_bundles,
    changed_tiles,
    decode_bundle,
    node_reader,
)
from sekisho.ledger.merkle.tree import leaf_hashes, root_of


def nodes(ground: Ground, size: int, log: str = LOG) -> NodeReader:
    """Reads nodes from the published tiles, those of the tree of exactly this size."""

    def read(level: int, n: int, width: int) -> bytes:
        return (ground.published / log / Tile(level, n, width).path).read_bytes()

    return node_reader(read, size)


def published_root(ground: Ground, size: int, log: str = LOG) -> bytes:
    """The root over the published entries, which must be that of the published tiles too; every tile is there."""
    hashes: list[bytes] = []
    for tile in changed_bundles(0, size):
        hashes += leaf_hashes(decode_bundle((ground.published / log / tile.path).read_bytes(), tile.width))
    for tile in changed_tiles(0, size):
        assert (ground.published / log / tile.path).is_file(), tile.path
    assert root_at(nodes(ground, size, log), size) == root_of(hashes)
    return root_of(hashes)
