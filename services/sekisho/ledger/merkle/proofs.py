"""Inclusion and consistency proofs (RFC 9162 sections 2.1.3 and 2.1.4; the same hashes as RFC 6962 sections 2.1.1 and 2.1.2).

A proof is made from a `NodeReader` (`tiles.node_reader` for tiles; a dictionary will do). Whoever verifies needs the
proof, the sizes and the roots alone. proof_files.py writes proofs down.
"""

from __future__ import annotations

from collections.abc import Sequence

from sekisho.ledger.merkle.tiles import NodeReader
from sekisho.ledger.merkle.tree import EMPTY_ROOT, HASH_SIZE, node_hash


class ProofError(ValueError):
    """A proof that does not prove what it is to prove, or one that cannot be made."""


def root_at(read: NodeReader, size: int) -> bytes:
    """The root that the tree had when it had `size` leaves."""
    return _subtree(read, 0, size) if size else EMPTY_ROOT


def inclusion_proof(read: NodeReader, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 9162 section 2.1.3.1: from the leaf's sibling up to the root's child.

    Raises:
        ProofError: a tree of this size has no leaf of this index.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    path, low, high = list[bytes](), 0, size
    while high - low > 1:
        middle = low + _left_width(high - low)
        if index < middle:
            path.append(_subtree(read, middle, high))
            high = middle
        else:
            path.append(_subtree(read, low, middle))
            low = middle
    return path[::-1]


def consistency_proof(read: NodeReader, old_size: int, new_size: int) -> list[bytes]:
    """PROOF(old_size, D[new_size]) of RFC 9162 section 2.1.4.1: that the old tree is a prefix of the new one.

    Empty where the sizes are equal, and from the empty tree, of which every tree is an extension.

    Raises:
        ProofError: the old size is negative or greater than the new one.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError(f"no tree of {new_size} leaves extends one of {old_size}")
    if old_size in (0, new_size):
        return []
    path, low, high = list[bytes](), 0, new_size
    while high != old_size:
        middle = low + _left_width(high - low)
        if old_size <= middle:
            path.append(_subtree(read, middle, high))
            high = middle
        else:
            path.append(_subtree(read, low, middle))
            low = middle
    if low:  # the old tree itself is the last node, unless it is a perfect tree: then its root is known
        path.append(_subtree(read, low, high))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """That the leaf of this hash stands at `index` in the tree of this size and root (RFC 9162 section 2.1.3.2).

    Raises:
        ProofError: it does not follow from the proof.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} leaves has no leaf {index}")
    _check_hashes((leaf, root, *proof))
    node, last, hashed = index, size - 1, leaf
    for sibling in proof:
        if not last:
            raise ProofError(f"the inclusion proof of leaf {index} has too many hashes")
        if node & 1 or node == last:
            hashed = node_hash(sibling, hashed)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = node_hash(hashed, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError(f"the inclusion proof of leaf {index} has too few hashes")
    if hashed != root:
        raise ProofError(
            f"the inclusion proof of leaf {index} leads to another root than that of {size} leaves"
        )


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """That the new tree begins with the leaves of the old one, unchanged (RFC 9162 section 2.1.4.2).

    Raises:
        ProofError: it does not follow from the proof.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError(f"no tree of {new_size} leaves extends one of {old_size}")
    _check_hashes((old_root, new_root, *proof))
    if old_size in (0, new_size):
        _verify_trivially(old_size, new_size, old_root, new_root, proof)
        return
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    perfect = old_size & (old_size - 1) == 0
    rest = [old_root, *proof] if perfect else list(proof)
    if not rest:
        raise ProofError("the consistency proof has too few hashes")
    old = new = rest[0]
    for sibling in rest[1:]:
        if not last:
            raise ProofError("the consistency proof has too many hashes")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("the consistency proof has too few hashes")
    if old != old_root:
        raise ProofError(
            f"the consistency proof leads to another root than that of the old {old_size} leaves"
        )
    if new != new_root:
        raise ProofError(
            f"the consistency proof leads to another root than that of the new {new_size} leaves"
        )


def _verify_trivially(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """The two cases whose proof is empty: nothing was appended, and everything was."""
    if proof:
        raise ProofError("the consistency proof has too many hashes: none are needed here")
    if not old_size and old_root != EMPTY_ROOT:
        raise ProofError("the old tree has no leaves, but not the root of the empty tree")
    if old_size == new_size and old_root != new_root:
        raise ProofError(f"two trees of {old_size} leaves have different roots: the log was forked")


def _left_width(width: int) -> int:
    """The largest power of two smaller than `width` (RFC 9162 section 2.1.1: k)."""
    return 1 << (width - 1).bit_length() - 1


def _subtree(read: NodeReader, low: int, high: int) -> bytes:
    """MTH(D[low:high]) for a range that the recursion of the RFC reaches: `low` is a multiple of every power below it."""
    width = high - low
    if not width & (width - 1):
        level = width.bit_length() - 1
        return read(level, low >> level)
    middle = low + _left_width(width)
    return node_hash(_subtree(read, low, middle), _subtree(read, middle, high))


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofError(f"a hash is not {HASH_SIZE} bytes long")
