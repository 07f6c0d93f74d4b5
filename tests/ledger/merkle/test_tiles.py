"""Tiles and entry bundles: paths, widths and contents as C2SP tlog-tiles defines them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import slow
from sekisho.ledger.merkle.tiles import (
    ENTRIES,
    Tile,
    TileError,
    changed_bundles,
    changed_tiles,
    decode_bundle,
    encode_bundle,
    grown_tiles,
    node_reader,
    tile_at,
    tile_hashes,
    tile_root,
)
from sekisho.ledger.merkle.tree import leaf_hashes, root_of

HASHES = leaf_hashes(slow.entries(70_000))


def _tiles(size: int) -> dict[Tile, bytes]:
    return dict(grown_tiles(0, HASHES[:size]))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 999, 5), "tile/0/999.p/5"),
        (Tile(0, 1000), "tile/0/x001/000"),
        (Tile(0, 1067), "tile/0/x001/067"),
        (Tile(2, 1_234_067), "tile/2/x001/x234/067"),
        (Tile(63, 1_000_000, 255), "tile/63/x001/x000/000.p/255"),
        (Tile(ENTRIES, 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_a_tile_has_one_path(tile: Tile, path: str) -> None:
    """The specification's own example (1234067) among them."""
    assert tile.path == path
    assert Tile.from_path(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_path_leads_back_to_its_tile(level: int, n: int, width: int) -> None:
    """Whatever the tile is."""
    tile = Tile(level, n, width)
    assert Tile.from_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/00",
        "tile/0/0000",
        "tile/0/001/067",
        "tile/0/x001",
        "tile/0/x000/067",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/8/0/000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/300",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/٠٠٠",
        "/tile/0/000",
        "tile/0/000\n",
        "tile/0/../000",
        "checkpoint",
    ],
)
def test_what_is_no_tiles_path_is_refused(path: str) -> None:
    """No second way to write a tile, no way out of the folder."""
    with pytest.raises(TileError):
        Tile.from_path(path)


def test_the_specifications_example_of_70000_leaves_has_these_tiles() -> None:
    """273 full and one partial tile at level 0, one full and one of 17 at level 1, one of 1 at level 2."""
    tiles = list(changed_tiles(0, 70_000))
    assert [tile for tile in tiles if tile.level == 0] == [
        *(Tile(0, n) for n in range(273)),
        Tile(0, 273, 112),
    ]
    assert [tile for tile in tiles if tile.level > 0] == [Tile(1, 0), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert list(changed_tiles(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_the_changed_tiles_are_those_that_the_old_tree_had_not(old: int, added: int) -> None:
    """A tile that is wider than before is another one; no tile of the old tree is told again."""
    before, after = set(changed_tiles(0, old)), set(changed_tiles(0, old + added))
    assert set(changed_tiles(old, old + added)) == after - before
    bundles = set(changed_bundles(0, old + added)) - set(changed_bundles(0, old))
    assert set(changed_bundles(old, old + added)) == bundles
    assert {(each.n, each.width) for each in bundles} == {
        (each.n, each.width) for each in after - before if each.level == 0
    }


@given(st.integers(0, 67_000), st.integers(0, 700))
def test_tiles_grown_from_a_size_are_those_of_the_whole(old: int, added: int) -> None:
    """Appending reads the old partial tiles alone, and writes what a tree built at once has."""
    have, asked = _tiles(old), list[Tile]()

    def read(level: int, n: int, width: int) -> bytes:
        asked.append(Tile(level, n, width))
        return have[asked[-1]]

    grown = dict(grown_tiles(old, HASHES[old : old + added], read))
    whole = _tiles(old + added)
    assert grown == {tile: whole[tile] for tile in changed_tiles(old, old + added)}
    assert all(tile.width < 256 for tile in asked)
    assert len(asked) <= 3


def test_each_hash_in_a_tile_is_the_root_of_its_range() -> None:
    """The tiles' definition: MTH(D[(n·256 + i)·256**l : (n·256 + i + 1)·256**l])."""
    for tile, content in grown_tiles(0, HASHES):
        for place, hashed in enumerate(tile_hashes(lambda *_, have=content: have, tile)):
            first, width = tile.n * 256 + place, 256**tile.level
            assert hashed == root_of(HASHES[first * width : (first + 1) * width])


@given(st.integers(1, 3_000), st.data())
def test_any_inner_node_can_be_read_from_the_tiles(size: int, data: st.DataObject) -> None:
    """At tile levels and between them; what the tree has not is refused."""
    tiles = _tiles(size)
    node = node_reader(lambda *each: tiles[Tile(*each)], size)
    level = data.draw(st.integers(0, size.bit_length() - 1))
    n = data.draw(st.integers(0, (size >> level) - 1))
    assert node(level, n) == root_of(HASHES[n << level : (n + 1) << level])
    with pytest.raises(TileError):
        node(level, size >> level)


def test_a_reader_reads_each_tile_once() -> None:
    """A proof needs many nodes of few tiles."""
    tiles, asked = _tiles(600), list[Tile]()

    def read(level: int, n: int, width: int) -> bytes:
        asked.append(Tile(level, n, width))
        return tiles[asked[-1]]

    node = node_reader(read, 600)
    for n in range(512):
        node(0, n)
    assert asked == [Tile(0, 0), Tile(0, 1)]


def test_a_tile_of_another_length_is_refused() -> None:
    """Too short, too long, or nobody to read it."""
    for wrong in (bytes(32 * 87), bytes(32 * 89), b""):
        node = node_reader(lambda *_, have=wrong: have, 600)
        with pytest.raises(TileError, match=r"tile/0/002\.p/88"):
            node(0, 512)
    with pytest.raises(TileError, match=r"tile/0/000\.p/3"):
        list(grown_tiles(3, HASHES[:1]))


def test_a_tile_that_the_tree_has_not_is_refused() -> None:
    """Beyond the end, before the beginning, above the top."""
    assert tile_at(0, 2, 600) == Tile(0, 2, 88)
    assert tile_at(1, 0, 600) == Tile(1, 0, 2)
    assert tile_at(ENTRIES, 2, 600) == Tile(ENTRIES, 2, 88)
    for level, n, size in ((0, 3, 600), (0, -1, 600), (2, 0, 600), (0, 0, 0)):
        with pytest.raises(TileError):
            tile_at(level, n, size)


def test_only_a_full_tile_has_a_hash_in_the_level_above() -> None:
    """A partial tile must not be hashed into it."""
    tiles = _tiles(600)
    assert tile_root(tiles[Tile(0, 1)]) == tiles[Tile(1, 0, 2)][32:]
    with pytest.raises(TileError, match="not full"):
        tile_root(tiles[Tile(0, 2, 88)])


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    """Empty entries too; nothing but these entries is read."""
    assert decode_bundle(encode_bundle(entries), len(entries)) == entries


def test_a_bundle_has_each_entrys_length_before_it() -> None:
    """Two bytes, big-endian; the longest entry that they can tell fits, and no longer one."""
    assert encode_bundle([b"ab", b"", bytes(300)]) == b"\x00\x02ab\x00\x00\x01\x2c" + bytes(300)
    longest = bytes(65_535)
    assert decode_bundle(encode_bundle([longest]), 1) == [longest]
    with pytest.raises(TileError, match="65536 bytes"):
        encode_bundle([longest + b"x"])


@pytest.mark.parametrize(
    ("data", "width"),
    [
        (b"\x00", 1),
        (b"\x00\x02a", 1),
        (b"\x00\x01a\x00", 1),
        (b"\x00\x01a\x00\x01", 2),
        (b"\x00\x01a", 2),
        (b"\x00\x01a", 0),
        (b"", 1),
    ],
)
def test_a_bundle_that_is_cut_or_has_another_number_of_entries_is_refused(data: bytes, width: int) -> None:
    """Nothing is filled in and nothing left over."""
    with pytest.raises(TileError):
        decode_bundle(data, width)
