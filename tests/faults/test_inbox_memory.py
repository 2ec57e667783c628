"""Intake and audit in the memory of their containers read inboxes full of what takes memory, and live."""

import asyncio
import json
import time
from collections.abc import Sequence

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


def attacks() -> list[list[bytes]]:
    """What takes memory, each as large as Kafka takes it, by partition.

    Many records and reports take time instead, and a turn of an inbox holds few of them; so one inbox in four has
    as many as a batch can hold, beside one bomb, two or three.
    """
    bombs = [batch(bytes(100 * MIB), codec=codec) for codec in ("gzip", "lz4", "zstd")]
    large = [
        *(batch(bytes(MIB - 4096), codec=codec) for codec in ("gzip", "snappy", "lz4", "zstd")),
        *[batch(b"x" * (MIB - 4096))] * 4,
        written([record(0, b"x", *[(b"", b"")] * 400_000)]),
        batch(b"[" + b"[]," * 20_000 + b"[]]", codec="lz4", headers=BATCHED),
    ]
    many = batch(*[b""] * 10_000, codec="zstd")
    few = batch(*[b""] * 500, codec="zstd")
    inboxes = [[*bombs[: 1 + partition % 3], *large] for partition in range(PARTITIONS)]
    for partition, batches in enumerate(inboxes):
        if partition % 4:
            batches.append(few)
        else:
            crowds = [crowd(1000 * partition + n) for n in range(17)]
            batches += [many, batch(*crowds, codec="zstd", headers=BATCHED)]
    return inboxes


def records_of(data: bytes) -> int:
    """How many records a batch holds, by its header."""
    return int.from_bytes(data[23:27], "big") + 1


@pytest.fixture(scope="module")
def inboxes() -> list[list[bytes]]:
    return attacks()


@pytest.mark.parametrize("service", ["intake", "audit"])
async def test_a_service_reads_inboxes_full_of_large_batches_in_the_memory_it_has(
    stack: Stack, inboxes: Sequence[Sequence[bytes]], service: str
) -> None:
    if service == "intake":  # the other one reads the same records
        for partition, batches in enumerate(inboxes):
            for data in batches:
                await write_batch(stack.kafka, "reports.inbox", partition, data)
    whole = sum(records_of(data) for batches in inboxes for data in batches)
    with caged(stack, service, HEARTH_OPEN_INBOX="true") as (process, cage):
        give_up = time.monotonic() + 200
        while (done := sum((await committed(stack.kafka, f"{service}.reports.inbox")).values())) < whole:
            survived(process, cage)
            assert time.monotonic() < give_up, done
            await asyncio.sleep(1)
        survived(process, cage)
        await serves_people(service, process.address)
        print(f"{service}: {memory_of(process.pid, 'VmHWM') / MIB:.0f} MiB at most")  # noqa: T201  # a measurement
