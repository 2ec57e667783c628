"""The commit protocol in memory: thousands of faults, whatever the seed."""

from itertools import cycle

import pytest

from services.audit.writer import LogWriter
from shared.times import now
from tests.fakes.memory_record import MemoryRecord
from tests.support.audit_rig import ORIGIN
from tests.support.record_faults import Faults, World, examine


@pytest.mark.parametrize("seed", range(4))
async def test_racing_replicas_keep_one_whole_record_through_faults_at_every_step(seed: int) -> None:
    store = MemoryRecord()
    faults = Faults(seed, left=120, share=0.3)
    world = World(store, faults, partitions=3, each=280, replicas=3)
    await world.run()
    await examine(world, LogWriter(store, ORIGIN, "examiner"), now())
    assert sum(faults.happened.values()) == 120


class TwoVersions(World):
    """Every other writer keeps heads of its own, as that of an older version does, over the same entries and tiles."""

    def __init__(self, store: MemoryRecord, older: MemoryRecord, faults: Faults) -> None:
        super().__init__(store, faults, partitions=3, each=200, replicas=4)
        older.stored, older.offsets, older.by_event, older.tiles = (
            store.stored, store.offsets, store.by_event, store.tiles
        )  # fmt: skip
        self.stores = (store, older)
        self._turns = cycle(self.stores)

    def writer(self) -> LogWriter:
        self.store = next(self._turns)
        return super().writer()

    async def witness(self) -> None:
        for store in self.stores:
            self.store = store
            await super().witness()


@pytest.mark.parametrize("seed", range(2))
async def test_replicas_with_heads_of_their_own_sign_one_record(seed: int) -> None:
    store, older = MemoryRecord(), MemoryRecord()
    world = TwoVersions(store, older, Faults(seed, left=60, share=0.2))
    await world.run()
    for one in world.stores:
        await examine(world, LogWriter(one, ORIGIN, "examiner"), now())
    assert {log: head.root for log, head in store.by_log.items()} == {h.log: h.root for h in older.by_log.values()}
