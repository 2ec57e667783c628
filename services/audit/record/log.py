"""One log of the record as a value: its head and its right edge, and both after new leaves. Pure.

Names: a log is `<topic>/<partition>` or `seals`; its origin (in checkpoints) has the deployment's name before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from services.audit.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Tile
from services.audit.tlog.tree import EMPTY_ROOT, Frontier, complete_subtrees, root_of

SEALS = "seals"


@dataclass(frozen=True, slots=True)
class Head:
    """What a log has committed: the entries below `size`, which have the Kafka offsets below `next_offset`.

    `epoch` and `writer` name the writer that may append. `sealed` has the size of each log at its last seal; only the
    head of the seal log has it.
    """

    log: str
    size: int = 0
    nodes: tuple[bytes, ...] = ()
    root: bytes = EMPTY_ROOT
    next_offset: int = 0
    epoch: int = 0
    writer: str = ""
    at: datetime | None = None
    sealed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in its place, and the fields to find it by. `offset` is that of Kafka; in the seal log it is the index.

    `names` is that of the leaf; an entry that was read from the store has none.
    """

    log: str
    index: int
    offset: int
    leaf: bytes
    about: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FullTile:
    """A full hash tile of a log, and its root, which is a hash of the tile above."""

    log: str
    level: int
    index: int
    hashes: bytes
    root: bytes


class Taken(Enum):
    """What an entry that the store does not take shares with a stored entry."""

    PLACE = "place"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class Clash:
    """Why an insert stopped: the place or the event of the entry at this position of the list is taken."""

    at: int
    by: Taken


class DamagedError(Exception):
    """The stored entries do not lead to the head: audit adds nothing to this log any more, and signs nothing of it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a log's tree: the frontier, and the hashes of the unfinished tile at each level."""

    log: str
    frontier: Frontier = field(default_factory=Frontier)
    rows: tuple[tuple[bytes, ...], ...] = ((),)

    @classmethod
    def of(cls, head: Head, rows: Sequence[Sequence[bytes]]) -> "Edge":
        """The edge at `head` with the stored hashes of its unfinished tiles. Raises DamagedError if they differ."""
        kept = tuple(tuple(row) for row in rows) or ((),)
        nodes = [
            root_of(row[index << level : (index + 1) << level])
            for row in reversed(kept)
            for level, index in complete_subtrees(0, len(row))
        ]
        try:
            frontier = Frontier(head.size, head.nodes)
        except ValueError as error:
            raise DamagedError(f"{head.log}: {error}") from None
        if tuple(nodes) != head.nodes or frontier.root() != head.root:
            raise DamagedError(f"{head.log}: the entries below {head.size} are not those of its head")
        return cls(head.log, frontier, kept)

    def append(self, leaf_hashes: Sequence[bytes]) -> tuple["Edge", list[FullTile]]:
        """The edge after these leaves, and the hash tiles they filled, lowest level first."""
        rows = list(self.rows)
        filled: list[FullTile] = []
        fresh: Sequence[bytes] = leaf_hashes
        level = 0
        while fresh:
            if level == len(rows):
                rows.append(())
            row = (*rows[level], *fresh)
            number = (self.frontier.size >> (TILE_HEIGHT * level)) // TILE_WIDTH
            roots: list[bytes] = []
            whole = len(row) - len(row) % TILE_WIDTH
            for at in range(0, whole, TILE_WIDTH):
                part = row[at : at + TILE_WIDTH]
                roots.append(root_of(part))
                filled.append(FullTile(self.log, level, number, b"".join(part), roots[-1]))
                number += 1
            rows[level] = row[whole:]
            fresh = roots
            level += 1
        return Edge(self.log, self.frontier.append(leaf_hashes), tuple(rows)), filled

    def advance(self, head: Head, next_offset: int, at: datetime) -> Head:
        """The head that goes with this edge, of the same writer and epoch."""
        frontier = self.frontier
        return replace(
            head, size=frontier.size, nodes=frontier.nodes, root=frontier.root(), next_offset=next_offset, at=at
        )


def unfinished(size: int) -> list[tuple[int, int, int]]:
    """The `(level, start, end)` of the hashes in the unfinished tile at each level of a tree of `size` leaves.

    At level 0 they are leaf hashes; above, the roots of the full tiles `start` to `end` one level down.
    """
    found: list[tuple[int, int, int]] = []
    level = 0
    while level == 0 or size >> (TILE_HEIGHT * level):
        end = size >> (TILE_HEIGHT * level)
        found.append((level, end - end % TILE_WIDTH, end))
        level += 1
    return found


def below(tile: Tile) -> tuple[int, int]:
    """The `start` and `end` of what a tile or bundle covers, counted one level down (at level 0: in leaves)."""
    start = tile.index * TILE_WIDTH
    return start, start + tile.width
