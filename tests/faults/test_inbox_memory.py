"""Intake and audit in the memory of their containers read inboxes full of what takes memory, and live."""

import asyncio
import json
import time

import pytest

from infra.local.stack import Stack
from tests.faults.test_memory_under_attack import caged, serves_people, stack, survived
from tests.support.batches import batch, record, written
from tests.support.broker import committed, write_batch
from tests.support.cage import memory_of

__all__ = ["stack"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MIB = 1024 * 1024
PARTITIONS = 12
BATCHED = [("content-type", b"application/cloudevents-batch+json")]


def crowd(start: int) -> bytes:
    """Twenty submissions of 3 kB in one record."""
    data = {"community": "enwiki", "narrative": "Sekret " * 400}
    event = {"specversion": "1.0", "source": "there", "type": "hearth.report.submitted.v1", "data": data}
    return json.dumps([event | {"id": f"{start} {n}"} for n in range(20)]).encode()


def attacks(partition: int) -> list[bytes]:
    """What takes memory, each as large as Kafka takes it."""
    headers = [(b"", b"")] * 400_000
    return [
        *(batch(bytes(100 * MIB), codec=codec) for codec in ("gzip", "lz4", "zstd")[: 1 + partition % 3]),
        *(batch(bytes(MIB - 4096), codec=codec) for codec in ("gzip", "snappy", "lz4", "zstd")),
        *(batch(b"x" * (MIB - 4096)) for _ in range(4)),
        batch(*[b""] * 10_000, codec="zstd"),
        batch(*(crowd(1000 * partition + n) for n in range(25)), codec="zstd", headers=BATCHED),
        written([record(0, b"x", *headers)]),
        batch(b"[" + b"[]," * 20_000 + b"[]]", codec="lz4", headers=BATCHED),
    ]


@pytest.mark.parametrize("service", ["intake", "audit"])
async def test_a_service_reads_inboxes_full_of_large_batches_in_the_memory_it_has(stack: Stack, service: str) -> None:
    if service == "intake":  # the other one reads the same records
        for partition in range(PARTITIONS):
            for data in attacks(partition):
                await write_batch(stack.kafka, "reports.inbox", partition, data)
    with caged(stack, service, HEARTH_OPEN_INBOX="true") as (process, cage):
        give_up = time.monotonic() + 200
        while (done := sum((await committed(stack.kafka, f"{service}.reports.inbox")).values())) < PARTITIONS * 10_000:
            survived(process, cage)
            assert time.monotonic() < give_up, done
            await asyncio.sleep(1)
        survived(process, cage)
        await serves_people(service, process.address)
        print(f"{service}: {memory_of(process.pid, 'VmHWM') / MIB:.0f} MiB at most")  # noqa: T201  # a measurement
