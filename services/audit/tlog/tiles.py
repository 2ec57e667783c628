"""C2SP tlog-tiles: paths, tile bytes, entry bundles, growth from one tree size to another; and `.tlog-proof` files.

Sources: c2sp.org/tlog-tiles, c2sp.org/tlog-proof. Pure: stored bytes come in through a reader, new bytes go out.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from services.audit.tlog.note import decode_base64, encode_base64
from services.audit.tlog.tree import HASH_BYTES, NodeReader, root_of

TILE_WIDTH = 256
TILE_HEIGHT = 8
MAX_LEAF_BYTES = 65_535
ENTRIES = -1
"""The `level` of an entry bundle, which lies below the leaf hashes of level 0."""

_MAGIC = "c2sp.org/tlog-proof@v1"
_PATH = re.compile(r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True, slots=True)
class Tile:
    """One resource of a tiled log: a hash tile (`level` 0–63) or an entry bundle (`level` ENTRIES), `width` 1–256."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path of the tile below the log's prefix, such as `tile/0/x001/x234/067` or `tile/entries/000.p/5`."""
        groups = f"{self.index % 1000:03d}"
        rest = self.index // 1000
        while rest:
            groups = f"x{rest % 1000:03d}/{groups}"
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{groups}{partial}"

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path below a log's prefix; ValueError unless it is the one spelling of a tile that can exist."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise ValueError(f"{path!r} is not a tile path")
        level, groups, width = match.groups()
        tile = cls(
            ENTRIES if level == "entries" else int(level),
            int(groups.replace("x", "").replace("/", "")),
            int(width) if width else TILE_WIDTH,
        )
        if tile.level > 63 or tile.path != path:
            raise ValueError(f"{path!r} is not a tile path")
        return tile

    @property
    def end(self) -> int:
        """The number of leaves from which on a tree has this tile."""
        return (self.index * TILE_WIDTH + self.width) << (TILE_HEIGHT * max(self.level, 0))


TileReader = Callable[[Tile], bytes]
"""Reads the stored bytes of a tile or bundle; raises if it is missing."""


def levels_of(size: int) -> Iterator[int]:
    """The levels that have a tile in a tree of `size` leaves: ENTRIES, 0, 1, …"""
    if size:
        yield ENTRIES
    level = 0
    while size >> (TILE_HEIGHT * level):
        yield level
        level += 1


def changed_tiles(old_size: int, new_size: int) -> list[Tile]:
    """The tiles and bundles to write when a tree grows: full ones completed on the way, and the last partial ones.

    Partial tiles of sizes in between are not listed: write for every size that gets a checkpoint. Never an empty tile.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree cannot grow from {old_size} to {new_size} leaves")
    found: list[Tile] = []
    for level in levels_of(new_size):
        shift = TILE_HEIGHT * max(level, 0)
        before, after = old_size >> shift, new_size >> shift
        if before == after:
            continue
        found.extend(Tile(level, index) for index in range(before // TILE_WIDTH, after // TILE_WIDTH))
        if after % TILE_WIDTH:
            found.append(Tile(level, after // TILE_WIDTH, after % TILE_WIDTH))
    return found


def all_tiles(size: int) -> list[Tile]:
    """Every tile and bundle of a tree of `size` leaves."""
    return changed_tiles(0, size)


def last_tile(level: int, size: int) -> Tile | None:
    """The partial tile at the right edge of `level`, or None where that level ends with a full tile (or has none)."""
    count = size >> (TILE_HEIGHT * max(level, 0))
    return Tile(level, count // TILE_WIDTH, count % TILE_WIDTH) if count % TILE_WIDTH else None


def split_hashes(tile: bytes) -> list[bytes]:
    """The hashes of a tile's bytes, left to right. ValueError unless there are 1–256 whole ones."""
    if not tile or len(tile) % HASH_BYTES or len(tile) > TILE_WIDTH * HASH_BYTES:
        raise ValueError(f"{len(tile)} bytes are not a tile")
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def join_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle's bytes: each entry after its length as big-endian uint16. ValueError if an entry is too long."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_LEAF_BYTES:
            raise ValueError(f"an entry of {len(entry)} bytes; {MAX_LEAF_BYTES} is the most")
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def split_entries(bundle: bytes) -> list[bytes]:
    """The entries of a bundle's bytes. ValueError if a length points beyond the end or there are more than 256."""
    entries: list[bytes] = []
    at, end = 0, len(bundle)
    while at < end:
        start = at + 2
        at = start + int.from_bytes(bundle[at:start], "big")
        if start > end or at > end:
            raise ValueError(f"the bundle ends within entry {len(entries)}")
        entries.append(bundle[start:at])
    if len(entries) > TILE_WIDTH:
        raise ValueError(f"a bundle of {len(entries)} entries; {TILE_WIDTH} is the most")
    return entries


def grow(old_size: int, entries: Sequence[bytes], leaf_hashes: Sequence[bytes], read: TileReader) -> dict[Tile, bytes]:
    """The bytes of every tile and bundle that changes when `entries` are appended to a tree of `old_size` leaves.

    `leaf_hashes` are the entries' own (`tree.hash_leaves`), which the caller has at hand for the frontier.

    `read` is asked only for the partial tiles at the right edge of the old tree, at most one a level. Calling it again
    with the same arguments gives the same bytes, so a writer that crashed half-way simply repeats it.
    """
    if len(entries) != len(leaf_hashes):
        raise ValueError(f"{len(entries)} entries with {len(leaf_hashes)} leaf hashes")
    written: dict[Tile, bytes] = {}
    edge = last_tile(ENTRIES, old_size)
    stored = [*(split_entries(read(edge)) if edge else []), *entries]
    first = old_size // TILE_WIDTH
    for number, at in enumerate(range(0, len(stored) if entries else 0, TILE_WIDTH), start=first):
        part = stored[at : at + TILE_WIDTH]
        written[Tile(ENTRIES, number, len(part))] = join_entries(part)
    fresh = list(leaf_hashes)
    level, size = 0, old_size
    while fresh:
        edge = last_tile(level, old_size)
        row = [*(split_hashes(read(edge)) if edge else []), *fresh]
        fresh = []
        for number, at in enumerate(range(0, len(row), TILE_WIDTH), start=size // TILE_WIDTH):
            hashes = row[at : at + TILE_WIDTH]
            written[Tile(level, number, len(hashes))] = b"".join(hashes)
            if len(hashes) == TILE_WIDTH:
                fresh.append(root_of(hashes))
        level += 1
        size >>= TILE_HEIGHT
    return written


def node_reader(size: int, read: TileReader) -> NodeReader:
    """A reader of node hashes for `tree.prove_*` and `Frontier.at`, over the tiles of a tree of `size` leaves.

    Each tile is read once and kept for the reader's lifetime: make one reader a request. Nodes between tile levels are
    hashed from the tile below. Raises ValueError for a node that the tree of this size does not have.
    """
    kept: dict[tuple[int, int], list[bytes]] = {}

    def node(level: int, index: int) -> bytes:
        if (index + 1) << level > size:
            raise ValueError(f"a tree of {size} leaves has no node {index} at level {level}")
        tile_level, above = divmod(level, TILE_HEIGHT)
        number, start = divmod(index << above, TILE_WIDTH)
        hashes = kept.get((tile_level, number))
        if hashes is None:
            width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * tile_level)) - number * TILE_WIDTH)
            hashes = split_hashes(read(Tile(tile_level, number, width)))
            if len(hashes) != width:
                raise ValueError(f"tile {number} at level {tile_level} has {len(hashes)} hashes, not {width}")
            kept[tile_level, number] = hashes
        return hashes[start] if above == 0 else root_of(hashes[start : start + (1 << above)])

    return node


@dataclass(frozen=True, slots=True)
class InclusionBundle:
    """A `.tlog-proof` file: the entry at `index` is under the signed `checkpoint` by this audit `path`.

    `extra` is opaque and not authenticated; readers must not trust it.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None

    @property
    def text(self) -> str:
        """The file's text."""
        extra = "" if self.extra is None else f"extra {encode_base64(self.extra)}\n"
        hashes = "".join(f"{encode_base64(one)}\n" for one in self.path)
        return f"{_MAGIC}\n{extra}index {self.index}\n{hashes}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a file's text. ValueError if it is malformed; path and checkpoint still have to be verified."""
        head, blank, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not blank or lines.pop(0) != _MAGIC:
            raise ValueError(f"not a {_MAGIC} file")
        extra = decode_base64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        match = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines.pop(0), re.ASCII) if lines else None
        if match is None:
            raise ValueError("no index line")
        path = tuple(decode_base64(line) for line in lines)
        if len(path) > 63 or any(len(one) != HASH_BYTES for one in path):
            raise ValueError("an audit path is at most 63 hashes of 32 bytes")
        return cls(int(match[1]), path, checkpoint, extra)
