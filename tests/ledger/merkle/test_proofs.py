"""Inclusion and consistency proofs are the RFC's, verify, and stop verifying whatever is changed in them."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.merkle import slow
from sekisho.ledger.merkle.proofs import (
    ProofError,
    consistency_proof,
    inclusion_proof,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from sekisho.ledger.merkle.tiles import NodeReader, Tile, grown_tiles, node_reader
from sekisho.ledger.merkle.tree import EMPTY_ROOT, leaf_hash, leaf_hashes, root_of

ENTRIES = slow.entries(700)
HASHES = leaf_hashes(ENTRIES)
SIZES = st.integers(1, len(ENTRIES))


@cache
def _nodes(size: int) -> NodeReader:
    tiles = dict(grown_tiles(0, HASHES[:size]))
    return node_reader(lambda *each: tiles[Tile(*each)], size)


@cache
def _root(size: int) -> bytes:
    return slow.mth(ENTRIES[:size])


@given(SIZES, st.data())
def test_an_inclusion_proof_is_the_rfcs_and_verifies(size: int, data: st.DataObject) -> None:
    """PATH of section 2.1.1, made from tiles."""
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(_nodes(size), index, size)
    assert proof == slow.path(index, ENTRIES[:size])
    verify_inclusion(HASHES[index], index, size, proof, _root(size))


@given(SIZES, st.data())
def test_a_consistency_proof_is_the_rfcs_and_verifies(size: int, data: st.DataObject) -> None:
    """PROOF of section 2.1.2, made from tiles; the old root can be read there too."""
    old = data.draw(st.integers(0, size))
    proof = consistency_proof(_nodes(size), old, size)
    assert proof == (slow.proof(old, ENTRIES[:size]) if 0 < old < size else [])
    assert root_at(_nodes(size), old) == _root(old)
    verify_consistency(old, size, _root(old), _root(size), proof)


def test_every_proof_in_small_trees_verifies_for_its_place_alone() -> None:
    """All leaves, indexes and sizes up to 20: exactly the true statement follows from a proof."""
    for size in range(1, 20):
        for index in range(size):
            proof = inclusion_proof(_nodes(size), index, size)
            for claimed in range(size):
                holds = claimed == index
                assert _included(HASHES[index], claimed, size, proof, _root(size)) is holds
                assert _included(HASHES[claimed], index, size, proof, _root(size)) is holds
            # A proof may be one hash sequence for several sizes; the root then tells them apart.
            for other in range(20):
                assert _included(HASHES[index], index, other, proof, _root(other)) is (other == size)


def test_every_consistency_proof_in_small_trees_verifies_for_its_sizes_alone() -> None:
    """All pairs up to 20: a proof for one pair proves no other pair, but where no proof is needed."""
    for size in range(20):
        for old in range(size + 1):
            proof = consistency_proof(_nodes(max(size, 1)), old, size)
            for other in range(size + 1):
                trivial = not proof and other in (0, size)
                holds = other == old or trivial
                assert _consistent(other, size, _root(other), _root(size), proof) is holds
            if 0 < old < size:
                assert not _consistent(old, size, _root(old)[::-1], _root(size), proof)
                assert not _consistent(old, size, _root(old), _root(size)[::-1], proof)


@settings(max_examples=200)
@given(st.integers(2, 700), st.data())
def test_whatever_is_changed_in_a_proof_it_fails(size: int, data: st.DataObject) -> None:
    """A bit flipped, a hash dropped, doubled, added or moved: neither kind of proof verifies any more."""
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_proof(_nodes(size), index, size)
    changed = data.draw(_changes(path))
    assert not _included(HASHES[index], index, size, changed, _root(size))
    old = data.draw(st.integers(1, size - 1))
    proof = consistency_proof(_nodes(size), old, size)
    changed = data.draw(_changes(proof))
    assert not _consistent(old, size, _root(old), _root(size), changed)


@given(st.integers(3, 700), st.data())
def test_a_forked_tree_is_not_consistent(size: int, data: st.DataObject) -> None:
    """One leaf within the old size is another: no proof of the new tree leads to the old root."""
    old = data.draw(st.integers(1, size - 1))
    at = data.draw(st.integers(0, old - 1))
    forked = [*HASHES[:at], leaf_hash(b"forged"), *HASHES[at + 1 : size]]
    tiles = dict(grown_tiles(0, forked))
    proof = consistency_proof(node_reader(lambda *each: tiles[Tile(*each)], size), old, size)
    assert _consistent(old, size, root_of(forked[:old]), root_of(forked), proof)
    assert not _consistent(old, size, _root(old), root_of(forked), proof)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_no_leaf_outside_the_tree_has_a_proof(index: int, size: int) -> None:
    """Neither is one made, nor does one verify."""
    with pytest.raises(ProofError, match="has no leaf"):
        inclusion_proof(_nodes(5), index, size)
    with pytest.raises(ProofError, match="has no leaf"):
        verify_inclusion(HASHES[0], index, size, [], HASHES[0])


@pytest.mark.parametrize(("old", "new"), [(6, 5), (-1, 5), (1, 0)])
def test_no_smaller_tree_extends_a_larger_one(old: int, new: int) -> None:
    """A truncated log has no consistency proof."""
    with pytest.raises(ProofError, match="extends"):
        consistency_proof(_nodes(5), old, new)
    with pytest.raises(ProofError, match="extends"):
        verify_consistency(old, new, EMPTY_ROOT, EMPTY_ROOT, [])


def test_equal_sizes_have_equal_roots_and_no_proof() -> None:
    """Two trees of one size with different roots are a fork; a needless proof is refused too."""
    verify_consistency(5, 5, _root(5), _root(5), [])
    with pytest.raises(ProofError, match="forked"):
        verify_consistency(5, 5, _root(5), _root(6), [])
    with pytest.raises(ProofError, match="too many"):
        verify_consistency(5, 5, _root(5), _root(5), [_root(5)])


def test_everything_extends_the_empty_tree_and_only_that() -> None:
    """An old tree of no leaves has the root of nothing."""
    verify_consistency(0, 5, EMPTY_ROOT, _root(5), [])
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    with pytest.raises(ProofError, match="empty tree"):
        verify_consistency(0, 5, _root(5), _root(5), [])


def test_a_hash_of_another_length_is_refused() -> None:
    """In the leaf, the proof or a root."""
    for leaf, proof, root in ((b"", [], b""), (HASHES[0], [b"x"], HASHES[0]), (HASHES[0], [], b"x")):
        with pytest.raises(ProofError, match="32 bytes"):
            verify_inclusion(leaf, 0, 1, proof, root)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(1, 2, _root(1), _root(2), [b"x"])


def _included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    try:
        verify_inclusion(leaf, index, size, proof, root)
    except ProofError:
        return False
    return True


def _consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    try:
        verify_consistency(old, new, old_root, new_root, proof)
    except ProofError:
        return False
    return True


@st.composite
def _changes(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with one change."""
    at = draw(st.integers(0, len(proof) - 1))
    kind = draw(st.sampled_from(["flip", "drop", "double", "append", "swap"]))
    if kind == "flip":
        bit = draw(st.integers(0, 255))
        flipped = int.from_bytes(proof[at], "big") ^ (1 << bit)
        return [*proof[:at], flipped.to_bytes(32, "big"), *proof[at + 1 :]]
    if kind == "drop":
        return proof[:at] + proof[at + 1 :]
    if kind == "swap" and len(proof) > 1:
        return [*proof[:at], *proof[at + 1 :], proof[at]] if at < len(proof) - 1 else [proof[-1], *proof[:-1]]
    return [*proof, proof[at]] if kind == "append" else [*proof[:at], proof[at], *proof[at:]]
