"""RFC 6962 Merkle trees: hashes, an incremental frontier, proofs and their verification.

Everything is a pure function of bytes. Sizes and indices count leaves; `level` counts upwards from the leaves
(level 0), so node `(level, index)` covers the leaves `[index << level, (index + 1) << level)`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

NodeReader = Callable[[int, int], bytes]
"""Reads the hash of a complete subtree: `(level, index) -> 32 bytes`."""


class InvalidProofError(ValueError):
    """The proof does not show what it claims; the message says why."""


def hash_leaf(entry: bytes) -> bytes:
    """The leaf hash `SHA-256(00 ‖ entry)` (RFC 6962 §2.1)."""
    return sha256(b"\x00" + entry).digest()


def hash_leaves(entries: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of many entries, in order."""
    digest = sha256
    return [digest(b"\x00" + entry).digest() for entry in entries]


def hash_node(left: bytes, right: bytes) -> bytes:
    """The node hash `SHA-256(01 ‖ left ‖ right)` (RFC 6962 §2.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: enough to append leaves and to compute the root.

    `nodes` are the roots of the complete subtrees that make up the tree, largest (leftmost) first: one for each bit set
    in `size`. A frontier holds at most 64 hashes, whatever the size of the tree.
    """

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a frontier that no tree has, so that audit signs nothing of a damaged store."""
        if self.size < 0 or len(self.nodes) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has no frontier of {len(self.nodes)} nodes")
        if any(len(node) != HASH_BYTES for node in self.nodes):
            raise ValueError("every frontier node is 32 bytes")

    def append(self, leaf_hashes: Sequence[bytes]) -> "Frontier":
        """The frontier after these leaf hashes. Works level by level: a batch costs one hash for each leaf."""
        digest = sha256
        pending = list(self.nodes)
        kept: list[bytes] = []
        row: list[bytes] = list(leaf_hashes)
        size = self.size
        while row or size:
            if size & 1:
                row.insert(0, pending.pop())
            if len(row) & 1:
                kept.append(row.pop())
            pairs = iter(row)
            row = [digest(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            size >>= 1
        kept.reverse()
        return Frontier(self.size + len(leaf_hashes), tuple(kept))

    def root(self) -> bytes:
        """The tree's root hash (32 bytes); of an empty tree `SHA-256("")`."""
        if not self.nodes:
            return EMPTY_ROOT
        root = self.nodes[-1]
        for node in self.nodes[-2::-1]:
            root = hash_node(node, root)
        return root

    @classmethod
    def at(cls, size: int, node: NodeReader) -> Self:
        """The frontier of the first `size` leaves, from stored hashes: after a crash, or of an earlier tree."""
        return cls(size, tuple(node(level, index) for level, index in complete_subtrees(0, size)))


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree with exactly these leaf hashes."""
    return Frontier().append(leaf_hashes).root()


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """The `(level, index)` of the complete subtrees that cover `[start, end)`, left to right.

    `start` must be a multiple of the largest power of two not above `end - start`, as every range in RFC 6962 is.
    """
    found: list[tuple[int, int]] = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def root_of_range(start: int, end: int, node: NodeReader) -> bytes:
    """The Merkle tree hash of the leaves `[start, end)` (RFC 6962 §2.1), from stored hashes."""
    hashes = [node(level, index) for level, index in complete_subtrees(start, end)]
    if not hashes:
        return EMPTY_ROOT
    root = hashes.pop()
    while hashes:
        root = hash_node(hashes.pop(), root)
    return root


def prove_inclusion(index: int, size: int, node: NodeReader) -> list[bytes]:
    """The inclusion proof of leaf `index` in the tree of `size` leaves (RFC 6962 §2.1.1), from its sibling upwards.

    Raises ValueError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of_range(middle, end, node))
            end = middle
        else:
            path.append(root_of_range(start, middle, node))
            start = middle
    path.reverse()
    return path


def prove_consistency(old_size: int, new_size: int, node: NodeReader) -> list[bytes]:
    """The consistency proof: the tree of `new_size` leaves begins with the tree of `old_size` (RFC 6962 §2.1.2).

    Empty if the sizes are equal or the old tree is empty. Raises ValueError unless `0 <= old_size <= new_size`.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree cannot grow from {old_size} to {new_size} leaves")
    if old_size in (0, new_size):
        return []
    proof: list[bytes] = []
    start, end = 0, new_size
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            proof.append(root_of_range(middle, end, node))
            end = middle
        else:
            proof.append(root_of_range(start, middle, node))
            start = middle
    if start:
        # The old root is not a node of the new tree here, so the proof begins with its last piece.
        proof.append(root_of_range(start, end, node))
    proof.reverse()
    return proof


def verify_inclusion(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof (RFC 9162 §2.1.3.2). Raises InvalidProofError unless the leaf is at `index` in it."""
    if not 0 <= index < size:
        raise InvalidProofError(f"a tree of {size} leaves has no leaf {index}")
    _require_hashes([leaf_hash, root, *path])
    fn, sn, result = index, size - 1, leaf_hash
    for sibling in path:
        if sn == 0:
            raise InvalidProofError("the path is too long")
        if fn & 1 or fn == sn:
            result = hash_node(sibling, result)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            result = hash_node(result, sibling)
        fn >>= 1
        sn >>= 1
    if sn:
        raise InvalidProofError("the path is too short")
    if result != root:
        raise InvalidProofError("the path leads to another root")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the new tree only appended to the old one (RFC 9162 §2.1.4.2). Raises InvalidProofError otherwise.

    The old tree may be empty: then the proof must be, too.
    """
    if not 0 <= old_size <= new_size:
        raise InvalidProofError(f"a tree cannot grow from {old_size} to {new_size} leaves")
    _require_hashes([old_root, new_root, *proof])
    if old_size == 0 and old_root != EMPTY_ROOT:
        raise InvalidProofError("the empty tree has another root")
    if old_size == new_size and old_root != new_root:
        raise InvalidProofError("two roots for one size: the log forked")
    if old_size in (0, new_size):
        if proof:
            raise InvalidProofError("nothing is to be proved, yet there is a proof")
        return
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise InvalidProofError("the proof is empty")
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old_result = new_result = hashes[0]
    for sibling in hashes[1:]:
        if sn == 0:
            raise InvalidProofError("the proof is too long")
        if fn & 1 or fn == sn:
            old_result = hash_node(sibling, old_result)
            new_result = hash_node(sibling, new_result)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            new_result = hash_node(new_result, sibling)
        fn >>= 1
        sn >>= 1
    if sn:
        raise InvalidProofError("the proof is too short")
    if old_result != old_root:
        raise InvalidProofError("the proof leads to another old root")
    if new_result != new_root:
        raise InvalidProofError("the proof leads to another new root")


def _split(count: int) -> int:
    """The largest power of two smaller than `count` (at least 2): where RFC 6962 divides a tree."""
    return 1 << ((count - 1).bit_length() - 1)


def _require_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise InvalidProofError("every hash is 32 bytes")
