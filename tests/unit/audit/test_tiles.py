"""Tiles: paths, growth and readers against trees hashed directly; `.tlog-proof` files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.tlog.note import Checkpoint, NoteSigner, SigningKey, open_checkpoint, sign_checkpoint
from services.audit.tlog.tiles import (
    ENTRIES,
    InclusionBundle,
    Tile,
    all_tiles,
    changed_tiles,
    grow,
    join_entries,
    last_tile,
    node_reader,
    split_entries,
    split_hashes,
)
from services.audit.tlog.tree import (
    Frontier,
    hash_leaves,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.support.examples import up_to

PROOF = """c2sp.org/tlog-proof@v1
extra YWdl
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=

example.com/fancylog
109482
sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

"""


def make_entries(count: int) -> list[bytes]:
    return [f'{{"n":{number}}}'.encode() for number in range(count)]


def build(sizes: list[int]) -> dict[Tile, bytes]:
    """All tiles written while a log grows through `sizes`; it reads back only what it wrote."""
    entries = make_entries(sizes[-1] if sizes else 0)
    stored: dict[Tile, bytes] = {}
    at = 0
    for size in sizes:
        stored.update(grow(at, entries[at:size], hash_leaves(entries[at:size]), stored.__getitem__))
        at = size
    return stored


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(ENTRIES, 0, 5), "tile/entries/000.p/5"),
        (Tile(ENTRIES, 1000), "tile/entries/x001/000"),
        (Tile(63, 999, 255), "tile/63/999.p/255"),
    ],
)
def test_a_path_is_spelled_as_published(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert Tile.parse(path) == tile


@given(st.integers(-1, 63), st.integers(0, 10**12), st.integers(1, 256))
def test_every_path_reads_back(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/0", "tile/0/1000", "tile/0/x000/001", "tile/0/001/002",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/05", "tile/0/000.p/", "tile/0/000/", "tile/0/../000",
        "tile/0/٠٠٠", "tile/entry/000", "/tile/0/000", "tile/0/000\n", "tile/0/x01/000", "",
    ],
)  # fmt: skip
def test_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a tile path"):
        Tile.parse(path)


def test_the_tiles_of_seventy_thousand_entries_are_those_of_the_specification() -> None:
    tiles = [tile for tile in all_tiles(70_000) if tile.level != ENTRIES]
    assert sum(tile.level == 0 and tile.width == 256 for tile in tiles) == 273
    assert [tile for tile in tiles if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert Tile(1, 0) in tiles


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above() -> None:
    assert all_tiles(256) == [Tile(ENTRIES, 0), Tile(0, 0), Tile(1, 0, 1)]


def test_no_growth_changes_nothing() -> None:
    assert changed_tiles(300, 300) == []
    assert all_tiles(0) == []
    assert grow(300, [], [], lambda _: b"") == {}


@given(st.integers(0, 70_000), st.integers(0, 70_000))
def test_no_tile_is_empty_and_none_lies_beyond_the_tree(one: int, other: int) -> None:
    old, new = sorted((one, other))
    for tile in changed_tiles(old, new):
        assert 1 <= tile.width <= 256
        assert old < tile.end <= new


@up_to(40)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_growing_in_any_steps_writes_the_tiles_of_growing_at_once(steps: list[int]) -> None:
    sizes = [sum(steps[: count + 1]) for count in range(len(steps))]
    stored = build(sizes)
    at_once = build([sizes[-1]])
    assert set(at_once) == set(all_tiles(sizes[-1]))
    assert {tile: stored[tile] for tile in at_once} == at_once
    assert set(stored) == {
        tile for old, new in zip([0, *sizes], sizes, strict=False) for tile in changed_tiles(old, new)
    }


def test_growing_twice_from_the_same_size_writes_the_same_bytes() -> None:
    stored = build([300])
    entries = make_entries(900)[300:]
    first = grow(300, entries, hash_leaves(entries), stored.__getitem__)
    assert grow(300, entries, hash_leaves(entries), {**stored, **first}.__getitem__) == first
    with pytest.raises(ValueError, match="600 entries with 0"):
        grow(300, entries, [], stored.__getitem__)


def test_a_tall_tree_has_the_roots_of_full_tiles_above() -> None:
    size = 66_000
    stored = build([65_000, size])
    hashes = hash_leaves(make_entries(size))
    assert stored[Tile(2, 0, 1)] == root_of(hashes[:65_536])
    assert split_hashes(stored[Tile(1, 1, 1)]) == [root_of(hashes[65_536:65_792])]
    node = node_reader(size, stored.__getitem__)
    root = Frontier.at(size, node).root()
    assert root == root_of(hashes)
    for index in (0, 65_535, 65_536, 65_999):
        verify_inclusion(hashes[index], index, size, prove_inclusion(index, size, node), root)
    proof = prove_consistency(65_000, size, node)
    verify_consistency(65_000, root_of(hashes[:65_000]), size, root, proof)


@up_to(30)
@given(st.data(), st.integers(1, 1500))
def test_proofs_read_from_tiles_verify(data: st.DataObject, size: int) -> None:
    stored = build([size])
    hashes = hash_leaves(make_entries(size))
    node = node_reader(size, stored.__getitem__)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    verify_inclusion(hashes[index], index, size, prove_inclusion(index, size, node), root_of(hashes))
    verify_consistency(old, root_of(hashes[:old]), size, root_of(hashes), prove_consistency(old, size, node))


def test_a_node_outside_the_tree_is_not_read() -> None:
    node = node_reader(300, build([300]).__getitem__)
    with pytest.raises(ValueError, match="no node"):
        node(0, 300)
    with pytest.raises(ValueError, match="no node"):
        node(8, 1)


def test_a_tile_of_the_wrong_width_is_not_believed() -> None:
    stored = build([300])
    stored[Tile(0, 1, 44)] = stored[Tile(0, 1, 44)][:-32]
    with pytest.raises(ValueError, match="43 hashes, not 44"):
        node_reader(300, stored.__getitem__)(0, 299)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_entries_survive_the_bundle(entries: list[bytes]) -> None:
    assert split_entries(join_entries(entries)) == entries


def test_the_longest_entry_fits_and_one_byte_more_is_refused() -> None:
    assert split_entries(join_entries([b"x" * 65_535])) == [b"x" * 65_535]
    with pytest.raises(ValueError, match="65535"):
        join_entries([b"x" * 65_536])


@pytest.mark.parametrize("bundle", [b"\x00", b"\x00\x02x", b"\x00\x01x\x00", b"\x00\x00" * 257])
def test_a_damaged_bundle_is_refused(bundle: bytes) -> None:
    with pytest.raises(ValueError, match="bundle"):
        split_entries(bundle)


@pytest.mark.parametrize("length", [0, 31, 33, 257 * 32])
def test_bytes_that_are_no_tile_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="not a tile"):
        split_hashes(bytes(length))


def test_the_last_tile_is_the_partial_one() -> None:
    assert last_tile(0, 300) == Tile(0, 1, 44)
    assert last_tile(1, 300) == Tile(1, 0, 1)
    assert last_tile(0, 512) is None
    assert last_tile(2, 300) is None


def test_the_published_proof_file_reads_and_writes_the_same_text() -> None:
    bundle = InclusionBundle.parse(PROOF)
    assert (bundle.index, len(bundle.path), bundle.extra) == (73894, 2, b"age")
    assert bundle.checkpoint.startswith("example.com/fancylog\n109482\n")
    assert bundle.text == PROOF


def test_a_proof_file_stands_alone_and_is_small() -> None:
    size, index, origin = 1000, 617, "hearth.example/audit/cases/0"
    key = SigningKey("hearth.example/audit", bytes(range(32)))
    entries = make_entries(size)
    hashes = hash_leaves(entries)
    path = prove_inclusion(index, size, node_reader(size, build([size]).__getitem__))
    note = sign_checkpoint(Checkpoint(origin, size, root_of(hashes)), [NoteSigner.of(key)])
    text = InclusionBundle(index, tuple(path), note).text
    assert len(text) < 3_000
    read = InclusionBundle.parse(text)
    checkpoint = open_checkpoint(read.checkpoint, [key.verifier], origin)
    verify_inclusion(hash_leaves([entries[index]])[0], read.index, checkpoint.size, read.path, checkpoint.root)


def test_a_proof_of_the_only_entry_has_no_path() -> None:
    text = InclusionBundle(0, (), "o\n1\nr\n\n— s\n").text
    assert text == "c2sp.org/tlog-proof@v1\nindex 0\n\no\n1\nr\n\n— s\n"
    assert InclusionBundle.parse(text).path == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@v1", "@v2"),
        ("index 73894", "index 073894"),
        ("index 73894", "index -1"),
        ("index 73894\n", ""),
        ("index 73894", "index ٣"),
        ("extra YWdl", "extra YWd"),
        ("gSKyXo", "gSKy"),
        ("PlQ=", "PlR="),
        ("\n\n", "\n"),
    ],
)
def test_a_damaged_proof_file_is_refused(before: str, after: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        InclusionBundle.parse(PROOF.replace(before, after))
