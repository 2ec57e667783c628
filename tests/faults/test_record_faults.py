"""Replicas race on the same partitions while every step of the commit protocol fails: the record stays whole."""

from services.audit.store import MongoRecord
from services.audit.writer import LogWriter
from shared.mongo import connect
from shared.times import now
from tests.support.audit_rig import ORIGIN
from tests.support.record_faults import Faults, World, examine

STEPS = {"claim", "tails", "insert", "advance", "put_tiles"}


async def test_racing_replicas_lose_double_and_fork_nothing_over_250_faults(
    mongo_uri: str, database_prefix: str
) -> None:
    client = connect(mongo_uri, service="audit")
    store = MongoRecord(client[f"{database_prefix}audit"])
    await store.prepare()
    faults = Faults(seed=1, left=250, share=0.35)
    world = World(store, faults, partitions=4, each=600, replicas=3)
    try:
        await world.run()
        heads = await examine(world, LogWriter(store, ORIGIN, "examiner"), now())
    finally:
        client.close()
    assert sum(faults.happened.values()) == 250
    assert {step.partition(":")[0] for step in faults.happened} >= STEPS
    assert sum(head.size for head in heads) >= 2_400
