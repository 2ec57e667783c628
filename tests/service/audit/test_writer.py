"""The commit protocol in memory: thousands of faults, whatever the seed."""

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
