"""What reports cost: each process's time, and what they ask of MongoDB and Kafka, counted before and after."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import MongoClient
from rich.table import Table

from benchmarks.rig import cpu_seconds
from infra.local.system import System
from shared.kafka.topics import TOPICS

PARTS = {"mongod": "MongoDB", "kafka": "Kafka"}
OPERATIONS = ("queries", "getmore", "insert", "update", "remove", "commands")
"""What MongoDB's `top` counts of a collection."""


@dataclass(frozen=True)
class Costs:
    """Sums since the processes began, by name: seconds of processor time, and counts."""

    processor: Mapping[str, float]
    operations: Mapping[str, int]
    """By collection: calls of a client."""
    locked: Mapping[str, float]
    """By collection: seconds under locks for writing."""
    documents: Mapping[str, int]
    """Inserted, updated, deleted, returned."""
    syncs: int
    """Of MongoDB's journal."""
    messages: Mapping[str, int]
    """By topic."""


def costs_of(system: System) -> Costs:
    """What the system has cost up to now."""
    pids = {name: process.pid for name, process in system.processes.items()}
    pids |= {PARTS[name]: system.stack.process(name).pid for name in ("mongod", "kafka")}
    client: MongoClient[dict[str, Any]] = MongoClient(system.stack.mongo)
    with client:
        status, top = client.admin.command("serverStatus"), client.admin.command("top")["totals"]
    own = {name: counts for name, counts in top.items() if name.partition(".")[0] in system.processes}
    return Costs(
        processor={name: cpu_seconds(pid) for name, pid in pids.items()},
        operations={name: sum(counts[one]["count"] for one in OPERATIONS) for name, counts in own.items()},
        locked={name: counts["writeLock"]["time"] / 1e6 for name, counts in own.items()},
        documents=status["metrics"]["document"],
        syncs=status["wiredTiger"]["log"]["log sync operations"],
        messages=asyncio.run(_messages(system.stack.kafka)),
    )


async def _messages(kafka: str) -> dict[str, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(topic.partitions)]
        counts: Counter[str] = Counter()
        for partition, end in (await consumer.end_offsets(partitions)).items():
            counts[partition.topic] += end
    finally:
        await consumer.stop()
    return dict(counts)


def tables(before: Costs, after: Costs, reports: int) -> Iterator[Table]:
    """What each report cost between two looks: by process, by collection, and by topic."""

    def each(name: str, kind: str, times: float = 1) -> float:
        used: float = getattr(after, kind)[name] - getattr(before, kind).get(name, 0)
        return used / reports * times

    def all_of(kind: str, names: Iterable[str]) -> str:
        return f"{sum(each(name, kind) for name in names):.2f}"

    by_process = Table("process", "processor time, µs", "operations", "documents", "journal syncs", "messages")
    by_process.title = "A report"
    written = ("inserted", "updated", "deleted")
    row: tuple[str, ...]
    for name in after.processor:
        used = f"{each(name, 'processor', 1e6):,.0f}"
        if name == PARTS["mongod"]:
            syncs = f"{(after.syncs - before.syncs) / reports:.2f}"
            row = (all_of("operations", after.operations), all_of("documents", written), syncs)
        elif name == PARTS["kafka"]:
            row = ("", "", "", all_of("messages", after.messages))
        else:
            mine = [one for one in after.operations if one.partition(".")[0] == name]
            topics = [topic.name for topic in TOPICS if topic.writers[:1] == (name,)]
            row = (all_of("operations", mine), "", "", all_of("messages", topics))
        by_process.add_row(name, used, *row)
    yield by_process
    by_collection = Table("collection", "operations", "under write locks, µs", title="MongoDB, a report")
    for name in sorted(after.operations, key=lambda one: -each(one, "locked")):
        if each(name, "operations") >= 0.005:
            by_collection.add_row(name, f"{each(name, 'operations'):.2f}", f"{each(name, 'locked', 1e6):,.0f}")
    found = [f"{name} {each(name, 'documents'):.2f}" for name in (*written, "returned")]
    by_collection.caption = f"documents: {', '.join(found)}"
    yield by_collection
    by_topic = Table("topic", "messages", title="Kafka, a report")
    for name in sorted(after.messages, key=lambda one: -each(one, "messages")):
        if each(name, "messages") >= 0.005:
            by_topic.add_row(name, f"{each(name, 'messages'):.2f}")
    yield by_topic
