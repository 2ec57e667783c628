"""Racing replicas of the audit service over one store that fails, stalls and dies at every step, and the final audit.

Kafka is a list for each partition here: owners change at random, positions go back to what is committed, and a replica
that lost a partition finishes its batch all the same, as a zombie does.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from services.audit.actions import Arrival, Recorder
from services.audit.record.leaf import Leaf, Place, read_record
from services.audit.record.log import Head
from services.audit.tlog.tiles import TILE_WIDTH
from services.audit.tlog.tree import Frontier, hash_leaves, root_of
from services.audit.writer import LogStore, LogWriter
from shared.problems import Unavailable
from tests.support.audit_rig import ORIGIN, event_of, record_of

TOPIC = "cases"
# Taking over comes first after every fault and finishing a tile is rare: fail where the work is.
WEIGHTS = {"claim": 0.3, "tails": 0.3, "tile_roots": 0.3, "put_tiles": 3, "advance": 1.5}


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Faults:
    """What goes wrong, how often, and what has: by step and kind."""

    seed: int
    left: int
    share: float
    happened: Counter[str] = field(default_factory=Counter)
    ghosts: list[asyncio.Task[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  # chance, not a secret

    def pick(self, step: str) -> str | None:
        """The fault for this call, if any."""
        if self.left <= 0 or self.random.random() > self.share * WEIGHTS.get(step, 1):
            return None
        kinds = ["before", "after", "killed before", "killed after", "killed, lands later", "lost, lands later"]
        if step == "insert":
            kinds += ["partly", "killed partly"]
        kind = self.random.choice(kinds)
        self.left -= 1
        self.happened[f"{step}: {kind}"] += 1
        return kind


class FaultyStore:
    """A store whose calls fail before, after, half-way or much later; `replica` for `replica`."""

    def __init__(self, store: Any, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, step: str) -> Callable[..., Awaitable[Any]]:
        call = getattr(self._store, step)

        async def perform(*args: Any) -> Any:
            faults = self._faults
            kind = faults.pick(step)
            await asyncio.sleep(faults.random.random() * 0.002)
            error = Killed() if kind and "killed" in kind else Unavailable("injected")
            match kind:
                case None:
                    return await call(*args)
                case "before" | "killed before":
                    raise error
                case "after" | "killed after":
                    await call(*args)
                    raise error
                case "partly" | "killed partly":
                    (entries,) = args
                    await call(entries[: faults.random.randrange(len(entries) + 1)])
                    raise error
                case _:

                    async def land() -> None:
                        await asyncio.sleep(faults.random.random() * 0.05)
                        await call(*args)

                    faults.ghosts.append(asyncio.create_task(land()))
                    raise error

        return perform


@dataclass
class Partition:
    """One partition: its leaves by offset, what the group has committed, and who owns it."""

    leaves: list[Leaf]
    committed: int = 0
    owner: int = 0
    term: int = 0


class World:
    """Partitions and the replicas that consume them."""

    def __init__(self, store: Any, faults: Faults, *, partitions: int, each: int, replicas: int) -> None:
        self.store = store
        self.faults = faults
        self.partitions = [Partition([]) for _ in range(partitions)]
        self._told: list[Any] = []
        for number in range(partitions):
            self._produce(number, each)
        self.replicas = replicas
        self.checkpoints: dict[tuple[str, int], set[bytes]] = {}
        self.rewinds = 0
        self._next = 0

    async def run(self) -> None:
        """Until everything is committed and every fault has happened; while some are left, more comes."""
        random_ = self.faults.random
        consumers = [asyncio.create_task(self._replica(number)) for number in range(self.replicas)]
        while self._unfinished():
            await asyncio.sleep(0.01)
            await self.witness()
            failed = next((c for c in consumers if c.done()), None)
            if failed is not None:
                failed.result()
            if random_.random() < 0.3:
                moved = random_.choice(self.partitions)
                moved.owner, moved.term = random_.randrange(self.replicas), moved.term + 1
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        await asyncio.gather(*self.faults.ghosts, return_exceptions=True)

    def _unfinished(self) -> bool:
        if any(p.committed < len(p.leaves) for p in self.partitions):
            return True
        if self.faults.left <= 0:
            return False
        for number in range(len(self.partitions)):
            self._produce(number, 50)
        return True

    def _produce(self, number: int, count: int) -> None:
        """Events of many cases; one in twenty comes again, in its own partition or another."""
        random_, leaves = self.faults.random, self.partitions[number].leaves
        for offset in range(len(leaves), len(leaves) + count):
            record = record_of(event_of(f"case-{number}-{offset // 3}", offset % 3 + 1))
            if self._told and random_.random() < 0.05:
                record = random_.choice(self._told[-200:])
            self._told.append(record)
            key, value, headers = record
            leaves.append(read_record(Place(TOPIC, number, offset, 1_000 + offset), key, headers, value))

    async def witness(self) -> None:
        """Remember every head that could be signed."""
        for head in await self.store.heads():
            self.checkpoints.setdefault((head.log, head.size), set()).add(head.root)

    def writer(self) -> LogWriter:
        """A writer of a new process."""
        self._next += 1
        return LogWriter(cast(LogStore, FaultyStore(self.store, self.faults)), ORIGIN, f"writer-{self._next}")

    async def _replica(self, number: int) -> None:
        """Consume what this replica owns; die and come back when killed."""
        while True:
            rewound: dict[int, int] = {}

            def rewind(topic: str, partition: int, offset: int, rewound: dict[int, int] = rewound) -> None:
                self.rewinds += 1
                rewound[partition] = offset

            recorder = Recorder(self.writer(), rewind)
            positions: dict[tuple[int, int], int] = {}
            try:
                while True:
                    await self._deliver(number, recorder, positions, rewound)
            except Killed:
                continue

    async def _deliver(
        self, number: int, recorder: Recorder, positions: dict[tuple[int, int], int], rewound: dict[int, int]
    ) -> None:
        random_ = self.faults.random
        mine = [(n, p, p.term) for n, p in enumerate(self.partitions) if p.owner == number]
        batch: list[Leaf] = []
        ends: dict[int, int] = {}
        for n, partition, term in mine:
            start = positions.get((n, term), partition.committed)
            stop = min(len(partition.leaves), start + random_.randrange(1, 60))
            batch += partition.leaves[start:stop]
            ends[n] = stop
        if not batch:
            await asyncio.sleep(0.005)
            return
        rewound.clear()
        try:
            await recorder.record([Arrival(leaf, None) for leaf in batch])
        except Unavailable:
            return
        for n, partition, term in mine:
            positions[n, term] = rewound.get(n, ends[n])
            if partition.owner == number and partition.term == term and random_.random() < 0.9:
                partition.committed = positions[n, term]


async def examine(world: World, writer: LogWriter, now: Any) -> list[Head]:
    """Take everything over once more, without faults, and hold the record against what Kafka had."""
    logs = [f"{TOPIC}/{number}" for number in range(len(world.partitions))]
    states = await writer.states(logs, now)
    kept: dict[str, list[bytes]] = {}
    for log, partition in zip(logs, world.partitions, strict=True):
        head = states[log].head
        kept[log] = await world.store.leaves(log, 0, head.size + 10)
        offsets = [orjson.loads(leaf)["kafka"]["offset"] for leaf in kept[log]]
        assert offsets == list(range(len(partition.leaves))), f"{log}: lost or doubled"
        assert head.size == len(offsets)
        assert head.root == root_of(hash_leaves(kept[log]))
    places: dict[str, tuple[str, int]] = {}
    repeats: list[tuple[str, dict[str, Any]]] = []
    for log, leaves in kept.items():
        for index, leaf in enumerate(map(orjson.loads, leaves)):
            event_id = leaf["ce"]["id"]
            if "duplicate_of" in leaf:
                repeats.append((event_id, leaf["duplicate_of"]))
            else:
                assert event_id not in places, "an event stands twice in the record"
                places[event_id] = (log, index)
    assert {leaf.event_id for p in world.partitions for leaf in p.leaves} == set(places), "an event was lost"
    for event_id, pointer in repeats:
        log, index = places[event_id]
        assert pointer == {"log": f"{ORIGIN}/{log}", "index": index}
    for (log, size), roots in world.checkpoints.items():
        derived = Frontier().append(hash_leaves(kept[log][:size])).root()
        assert roots == {derived}, f"{log}: a checkpoint of size {size} that does not hold"
    for log, leaves in kept.items():
        for number in range(len(leaves) // TILE_WIDTH):
            hashes = hash_leaves(leaves[number * TILE_WIDTH : (number + 1) * TILE_WIDTH])
            assert await world.store.full_tile(log, 0, number) == b"".join(hashes)
    return [state.head for state in states.values()]
