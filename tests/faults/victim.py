"""A process that kills itself (SIGKILL) at a chosen point of its work.

Points: `written` (state and event stored, not published), `published` (acknowledged by Kafka, not cleared),
`effect` (a consumed record's effect stored, its offset not committed).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta

from shared.aggregates import Aggregates, Save
from shared.events import Actor, CaseClosed, Draft, Message, stamp
from shared.kafka.consumption import Consumption, make_broker
from shared.kafka.publisher import Publisher
from shared.kafka.records import Record
from shared.mongo import Collection, connect
from shared.outbox import Relay
from shared.times import now


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingPublisher(Publisher):
    """Dies between Kafka's acknowledgement and the clearing of the outbox."""

    async def publish(self, messages: Sequence[Message]) -> None:
        await super().publish(messages)
        die()


async def write_event(kafka: str, cases: Collection, prefix: str, case_id: str, *, publish: bool) -> None:
    relay = Relay(DyingPublisher(kafka, client="victim", prefix=prefix), service="victim")
    draft = Draft(CaseClosed(previous="decided", state="closed"), Actor("service:test", "service"), now(), "cause")
    events = stamp([draft], source="hearth/test", subject=f"case/{case_id}", case_id=case_id, last_seq=0, trace=None)
    await Aggregates(cases, relay, timedelta(0)).save([Save(case_id, None, {}, events, ["cause"])])
    if publish:
        await relay.flush()
    die()


def value_of(record: Record, trace: str | None) -> bytes:
    return record.value or b""


async def count_effects(cases: Collection, values: Sequence[bytes]) -> None:
    """An idempotent effect: one document a record, and a count of how often it was tried."""
    for value in values:
        await cases.update_one({"_id": value.decode()}, {"$inc": {"tries": 1}}, upsert=True)


async def consume_and_die(kafka: str, cases: Collection, prefix: str) -> None:
    async def handle(values: Sequence[bytes]) -> None:
        await count_effects(cases, values)
        die()

    broker = make_broker(kafka, client="victim")
    publisher = Publisher(kafka, client="victim", prefix=prefix)
    Consumption(broker, publisher, service="test", topic="cases", decode=value_of, handle=handle, prefix=prefix)
    await broker.start()
    await asyncio.sleep(60)


def main() -> None:
    point, kafka, mongo, database, prefix, case_id = sys.argv[1:]
    cases = connect(mongo, service="victim")[database]["cases"]
    work = {
        "written": lambda: write_event(kafka, cases, prefix, case_id, publish=False),
        "published": lambda: write_event(kafka, cases, prefix, case_id, publish=True),
        "effect": lambda: consume_and_die(kafka, cases, prefix),
    }
    asyncio.run(work[point]())


if __name__ == "__main__":
    main()
