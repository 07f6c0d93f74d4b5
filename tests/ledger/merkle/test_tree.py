"""The tree and its frontier are RFC 6962's: known roots, and the RFC's own slow recursion."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import slow
from sekisho.ledger.merkle.tree import (
    EMPTY_ROOT,
    Frontier,
    TreeError,
    hashes_of,
    leaf_hash,
    leaf_hashes,
    node_hash,
    parents,
    perfect_subtrees,
    root_of,
    subtree_root,
)

# The leaves and roots of certificate-transparency's reference tests, which every implementation of RFC 6962 shares.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_the_reference_tests(size: int) -> None:
    """The eight classic leaves have the eight classic roots, and no leaves have the hash of nothing."""
    assert root_of(leaf_hashes(bytes.fromhex(each) for each in LEAVES[:size])).hex() == ROOTS[size]


def test_a_leaf_and_a_node_are_hashed_behind_different_bytes() -> None:
    """A leaf that looks like two joined hashes is not the node above them (RFC 6962 section 2.1: second preimages)."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(b"a") == sha256(b"\x00a").digest()
    assert node_hash(left, right) == sha256(b"\x01" + left + right).digest()
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hashes([b"a", b"b"]) == [left, right]
    assert parents([left, right, left]) == [node_hash(left, right)]


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_the_root_is_that_of_the_rfcs_recursion(entries: list[bytes]) -> None:
    """Whatever the entries are, equal ones among them."""
    assert root_of(leaf_hashes(entries)) == slow.mth(entries)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_a_frontier_grows_to_the_same_whatever_the_batches_are(batches: list[int]) -> None:
    """In batches of any sizes, empty ones among them, through bytes and back: always the root of the RFC."""
    entries = slow.entries(sum(batches))
    hashes = leaf_hashes(entries)
    frontier = Frontier()
    for count in batches:
        before = frontier
        frontier = frontier.extended(hashes[frontier.size : frontier.size + count])
        assert before.root() == slow.mth(entries[: before.size])
        assert Frontier.from_bytes(frontier.size, frontier.to_bytes()) == frontier
    assert (frontier.size, frontier.root()) == (len(entries), slow.mth(entries))


@given(st.integers(0, 200))
def test_a_frontier_holds_the_perfect_subtrees_from_the_left(size: int) -> None:
    """Its hashes are the roots over those ranges, the largest first."""
    entries = slow.entries(size)
    expected = [slow.mth(entries[n << level : (n + 1) << level]) for level, n in perfect_subtrees(size)]
    assert list(Frontier().extended(leaf_hashes(entries)).hashes) == expected


def test_growing_a_frontier_leaves_the_old_one_as_it_was() -> None:
    """A batch that fails can be forgotten."""
    old = Frontier().extended(leaf_hashes(slow.entries(3)))
    hashes, root = old.hashes, old.root()
    old.extended(leaf_hashes(slow.entries(5)))
    assert (old.hashes, old.root(), old.size) == (hashes, root, 3)


@pytest.mark.parametrize(
    ("size", "data"),
    [
        (0, bytes(32)),
        (1, b""),
        (1, bytes(31)),
        (1, bytes(64)),
        (3, bytes(32)),
        (4, bytes(64)),
        (-1, bytes(32)),
    ],
)
def test_bytes_that_no_frontier_of_the_size_has_are_refused(size: int, data: bytes) -> None:
    """As many hashes as the size has bits set, of 32 bytes each."""
    with pytest.raises(TreeError):
        Frontier.from_bytes(size, data)


def test_a_frontier_with_a_short_hash_is_refused() -> None:
    """Lengths are checked one by one, not in sum."""
    with pytest.raises(TreeError, match="32 bytes"):
        Frontier(3, (bytes(33), bytes(31)))


@pytest.mark.parametrize("count", [1, 2, 4, 128, 256])
def test_a_perfect_row_has_its_subtrees_root(count: int) -> None:
    """A single node is its own root."""
    entries = slow.entries(count)
    assert subtree_root(leaf_hashes(entries)) == slow.mth(entries)


@pytest.mark.parametrize("count", [0, 3, 5, 6, 7, 255])
def test_only_a_perfect_row_has_a_subtree_root(count: int) -> None:
    """A row whose length is no power of two is refused, not cut."""
    with pytest.raises(TreeError, match="power of two"):
        subtree_root([EMPTY_ROOT] * count)


def test_hashes_are_32_bytes_each() -> None:
    """What does not divide is refused."""
    assert hashes_of(b"") == []
    assert hashes_of(bytes(32) + b"\x01" * 32) == [bytes(32), b"\x01" * 32]
    with pytest.raises(TreeError):
        hashes_of(bytes(33))
