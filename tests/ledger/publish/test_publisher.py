"""What is published of a growing ledger, and what is never signed."""

from __future__ import annotations

import pytest

from ledger.publish.ground import LOG, ORIGIN, Ground
from sekisho.ledger.merkle.proofs import consistency_proof, root_at, verify_consistency
from sekisho.ledger.merkle.tiles import (
    Tile,
    changed_bundles,
    changed_tiles,
    decode_bundle,
    node_reader,
)
from sekisho.ledger.merkle.tree import leaf_hashes, root_of
from sekisho.ledger.publish.files import PublishedTree

pytestmark = pytest.mark.database


def published_root(ground: Ground, size: int, log: str = LOG) -> bytes:
    """The root over the published entries, which must be those of the published tiles too."""
    tree = PublishedTree(ground.published)
    hashes: list[bytes] = []
    for tile in changed_bundles(0, size):
        hashes += leaf_hashes(decode_bundle((ground.published / log / tile.path).read_bytes(), tile.width))
    for tile in changed_tiles(0, size):
        assert (ground.published / log / tile.path).is_file(), tile.path
    read = node_reader(lambda level, n, width: tree.read(log, Tile(level, n, width)), size)
    assert root_at(read, size) == root_of(hashes)
    return root_of(hashes)


async def test_a_growing_log_is_published_at_every_size(ground: Ground) -> None:
    """From one leaf over the borders of tiles: checkpoint, tiles and entries fit, and each tree extends the one before."""
    publisher = await ground.publish()
    before = None
    size = 0
    for added in (1, 1, 253, 1, 1, 300):
        await ground.grow(added)
        size += added
        await publisher.publish(ground.conn, enter_all=True)
        now = ground.checkpoint()
        assert now.size == size
        assert published_root(ground, size) == now.root
        if before is not None:
            tree = PublishedTree(ground.published)
            read = node_reader(lambda level, n, width: tree.read(LOG, Tile(level, n, width)), size)
            verify_consistency(
                before.size, size, before.root, now.root, consistency_proof(read, before.size, size)
            )
        before = now
    assert ground.told.sizes[f"{ORIGIN}/{LOG}"] == size
