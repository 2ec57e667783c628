"""RFC 6962 trees against a recursive reference and the published vectors."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.tlog.tree import (
    EMPTY_ROOT,
    Frontier,
    InvalidProofError,
    hash_leaf,
    hash_leaves,
    hash_node,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.support.examples import up_to

# The leaves and roots of the test data that Certificate Transparency implementations share.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
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
PATH_OF_FIRST_IN_EIGHT = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
PROOF_FROM_SIX_TO_EIGHT = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]


def reference_root(hashes: list[bytes]) -> bytes:
    """RFC 6962 §2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + reference_root(hashes[:k]) + reference_root(hashes[k:])).digest()


def reference_path(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962 §2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if index < k:
        return [*reference_path(index, hashes[:k]), reference_root(hashes[k:])]
    return [*reference_path(index - k, hashes[k:]), reference_root(hashes[:k])]


def reference_proof(old: int, hashes: list[bytes], whole: bool = True) -> list[bytes]:
    """RFC 6962 §2.1.2, word for word."""
    if old == len(hashes):
        return [] if whole else [reference_root(hashes)]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    if old <= k:
        return [*reference_proof(old, hashes[:k], whole), reference_root(hashes[k:])]
    return [*reference_proof(old - k, hashes[k:], False), reference_root(hashes[:k])]


class Nodes:
    """A node reader over leaf hashes in memory."""

    def __init__(self, hashes: list[bytes]) -> None:
        self.hashes = hashes

    def __call__(self, level: int, index: int) -> bytes:
        part = self.hashes[index << level : (index + 1) << level]
        assert len(part) == 1 << level, "only complete subtrees may be read"
        return reference_root(part)


def make_hashes(count: int) -> list[bytes]:
    return hash_leaves(str(number).encode() for number in range(count))


def test_the_published_roots_of_eight_leaves_are_reproduced() -> None:
    hashes = hash_leaves(LEAVES)
    assert [root_of(hashes[:size]).hex() for size in range(9)] == ROOTS
    assert EMPTY_ROOT.hex() == ROOTS[0]


def test_the_published_proofs_of_eight_leaves_are_reproduced() -> None:
    nodes = Nodes(hash_leaves(LEAVES))
    assert [one.hex() for one in prove_inclusion(0, 8, nodes)] == PATH_OF_FIRST_IN_EIGHT
    assert [one.hex() for one in prove_consistency(6, 8, nodes)] == PROOF_FROM_SIX_TO_EIGHT


def test_a_leaf_cannot_be_passed_off_as_a_node() -> None:
    left, right = hash_leaf(b"a"), hash_leaf(b"b")
    assert hash_leaf(left + right) != hash_node(left, right)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_frontier_grown_in_any_batches_has_the_reference_root(batches: list[int]) -> None:
    hashes = make_hashes(sum(batches))
    frontier, at = Frontier(), 0
    for batch in batches:
        frontier = frontier.append(hashes[at : at + batch])
        at += batch
    assert frontier.size == len(hashes)
    assert frontier.root() == reference_root(hashes)
    assert frontier == Frontier.at(len(hashes), Nodes(hashes))


@up_to(60)
@given(st.data(), st.integers(1, 300))
def test_every_inclusion_proof_is_the_reference_path_and_verifies(data: st.DataObject, size: int) -> None:
    hashes = make_hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path = prove_inclusion(index, size, Nodes(hashes))
    assert path == reference_path(index, hashes)
    verify_inclusion(hashes[index], index, size, path, reference_root(hashes))


@up_to(60)
@given(st.data(), st.integers(1, 300))
def test_every_consistency_proof_is_the_reference_proof_and_verifies(data: st.DataObject, size: int) -> None:
    hashes = make_hashes(size)
    old = data.draw(st.integers(1, size))
    proof = prove_consistency(old, size, Nodes(hashes))
    assert proof == reference_proof(old, hashes)
    verify_consistency(old, reference_root(hashes[:old]), size, reference_root(hashes), proof)


def test_all_proofs_of_all_small_trees_verify() -> None:
    hashes = make_hashes(33)
    nodes = Nodes(hashes)
    roots = [reference_root(hashes[:size]) for size in range(34)]
    for size in range(1, 34):
        for index in range(size):
            verify_inclusion(hashes[index], index, size, prove_inclusion(index, size, nodes), roots[size])
        for old in range(size + 1):
            verify_consistency(old, roots[old], size, roots[size], prove_consistency(old, size, nodes))


@up_to(100)
@given(st.data(), st.integers(2, 80))
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject, size: int) -> None:
    hashes = make_hashes(size)
    index = data.draw(st.integers(0, size - 1))
    path = prove_inclusion(index, size, Nodes(hashes))
    root = root_of(hashes)
    at, bit = data.draw(st.integers(0, len(path) * 32 - 1)), data.draw(st.integers(0, 7))
    flat = bytearray(b"".join(path))
    flat[at] ^= 1 << bit
    changed = [bytes(flat[i : i + 32]) for i in range(0, len(flat), 32)]
    wrong_index = data.draw(st.integers(0, size - 1).filter(lambda other: other != index))
    for attempt in [
        (hashes[index], index, size, changed, root),
        (hashes[index], wrong_index, size, path, root),
        (hashes[wrong_index], index, size, path, root),
        (hashes[index], index, size, path[:-1], root),
        (hashes[index], index, size, [*path, root], root),
        (hashes[index], size, size, path, root),
        (hashes[index], index, size, [path[0][:31], *path[1:]], root),
    ]:
        with pytest.raises(InvalidProofError):
            verify_inclusion(*attempt)


@up_to(100)
@given(st.data(), st.integers(2, 80))
def test_a_changed_consistency_proof_or_a_fork_is_refused(data: st.DataObject, size: int) -> None:
    hashes = make_hashes(size)
    old = data.draw(st.integers(1, size - 1))
    proof = prove_consistency(old, size, Nodes(hashes))
    old_root, root = root_of(hashes[:old]), root_of(hashes)
    at, bit = data.draw(st.integers(0, len(proof) * 32 - 1)), data.draw(st.integers(0, 7))
    flat = bytearray(b"".join(proof))
    flat[at] ^= 1 << bit
    changed = [bytes(flat[i : i + 32]) for i in range(0, len(flat), 32)]
    forked = list(hashes)
    forked[data.draw(st.integers(0, old - 1))] = hash_leaf(b"forged")
    forged_proof = prove_consistency(old, size, Nodes(forked))
    for attempt in [
        (old, old_root, size, root, changed),
        (old, old_root, size, root_of(forked), forged_proof),
        (old, old_root, size, root_of(forked), proof),
        (old, root_of(forked[:old]), size, root, proof),
        (old, old_root, size, root, proof[:-1]),
        (old, old_root, size, root, [*proof, root]),
        (old, old_root, size, root, []),
    ]:
        with pytest.raises(InvalidProofError):
            verify_consistency(*attempt)


def test_two_roots_for_one_size_are_a_fork() -> None:
    with pytest.raises(InvalidProofError, match="forked"):
        verify_consistency(3, root_of(make_hashes(3)), 3, root_of(hash_leaves([b"x"] * 3)), [])


def test_a_shrinking_tree_is_refused() -> None:
    with pytest.raises(InvalidProofError):
        verify_consistency(4, root_of(make_hashes(4)), 3, root_of(make_hashes(3)), [])
    with pytest.raises(ValueError, match="cannot grow"):
        prove_consistency(4, 3, Nodes(make_hashes(4)))


def test_everything_is_consistent_with_the_empty_tree_and_nothing_else() -> None:
    root = root_of(make_hashes(5))
    verify_consistency(0, EMPTY_ROOT, 5, root, [])
    with pytest.raises(InvalidProofError):
        verify_consistency(0, root, 5, root, [])
    with pytest.raises(InvalidProofError):
        verify_consistency(0, EMPTY_ROOT, 5, root, [root])


def test_a_leaf_beyond_the_tree_has_no_proof() -> None:
    with pytest.raises(ValueError, match="no leaf 5"):
        prove_inclusion(5, 5, Nodes(make_hashes(5)))


def test_a_frontier_that_no_tree_has_is_refused() -> None:
    for size, nodes in [(3, (EMPTY_ROOT,)), (0, (EMPTY_ROOT,)), (-1, ()), (1, (b"short",))]:
        with pytest.raises(ValueError, match="frontier"):
            Frontier(size, nodes)


def test_an_inclusion_proof_in_ten_million_entries_is_at_most_24_hashes() -> None:
    def node(level: int, index: int) -> bytes:
        return sha256(f"{level}/{index}".encode()).digest()

    assert max(len(prove_inclusion(index, 10_000_000, node)) for index in [0, 1, 5_000_000, 9_999_999]) <= 24


def test_growing_never_changes_the_frontier_that_was_there() -> None:
    frontiers = [Frontier()]
    for leaf in make_hashes(20):
        frontiers.append(frontiers[-1].append([leaf]))
    assert [frontier.root() for frontier in frontiers] == [root_of(make_hashes(size)) for size in range(21)]
    assert all(older.size + 1 == newer.size for older, newer in pairwise(frontiers))
