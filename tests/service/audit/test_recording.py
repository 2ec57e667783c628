"""What several topics bring at once is recorded together, and a log that cannot go on holds up its own topic alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.audit.actions import Arrival, Recorder
from services.audit.consumer import BUSY, PAUSES_OF_BUSY, BatchRecorder
from services.audit.record.leaf import Place, read_record
from services.audit.record.log import Clash, DamagedError, Entry
from services.audit.writer import LogWriter
from shared.problems import Unavailable
from tests.fakes.memory_record import MemoryRecord
from tests.support.audit_rig import ORIGIN, event_of, record_of


class CountedRecord(MemoryRecord):
    """Counts inserts, and refuses the entries of one log."""

    inserts = 0
    damaged = ""

    async def insert(self, entries: Sequence[Entry]) -> Clash | None:
        self.inserts += 1
        if any(entry.log == self.damaged for entry in entries):
            raise DamagedError(self.damaged)
        return await super().insert(entries)


def arrivals(topic: str, count: int, first: int = 0) -> list[Arrival]:
    found = []
    for offset in range(first, first + count):
        key, value, headers = record_of(event_of(f"{topic}-{offset}", 1))
        found.append(Arrival(read_record(Place(topic, 0, offset, 0), key, headers, value), None))
    return found


def recorder(store: MemoryRecord, pause: float = 0) -> BatchRecorder:
    writer = LogWriter(store, ORIGIN, "writer")
    return BatchRecorder(Recorder(writer, lambda *_: None), pause=pause, full=1_000)


def sizes(store: MemoryRecord) -> dict[str, int]:
    return {log: head.size for log, head in store.by_log.items()}


async def test_batches_of_several_topics_are_one_write() -> None:
    store = CountedRecord()
    batches = recorder(store)
    await asyncio.gather(*(batches.handle(arrivals(topic, 3)) for topic in ("reports", "cases", "access")))
    assert (store.inserts, sizes(store)) == (1, {"reports/0": 3, "cases/0": 3, "access/0": 3})


async def test_what_arrives_in_a_pause_makes_the_next_batch() -> None:
    store = CountedRecord()
    batches = recorder(store, pause=0.05)
    await batches.handle(arrivals("reports", 1))
    await asyncio.gather(batches.handle(arrivals("reports", 1, 1)), batches.handle(arrivals("cases", 1)))
    assert (store.inserts, sizes(store)) == (2, {"reports/0": 2, "cases/0": 1})


async def test_after_a_large_batch_more_is_gathered() -> None:
    batches, loop = recorder(CountedRecord(), pause=0.02), asyncio.get_running_loop()
    began = loop.time()
    await batches.handle(arrivals("reports", BUSY))
    await batches.handle(arrivals("reports", 1, BUSY))
    assert loop.time() - began >= 0.02 * PAUSES_OF_BUSY


async def test_a_damaged_log_holds_up_its_own_topic_alone() -> None:
    store = CountedRecord()
    store.damaged = "cases/0"
    batches = recorder(store)
    done = await asyncio.gather(
        *(batches.handle(arrivals(topic, 2)) for topic in ("reports", "cases", "access")), return_exceptions=True
    )
    assert [type(one) for one in done] == [type(None), Unavailable, type(None)]
    assert {log: size for log, size in sizes(store).items() if size} == {"reports/0": 2, "access/0": 2}
    store.damaged = ""
    await batches.handle(arrivals("cases", 2))
    assert sizes(store)["cases/0"] == 2


async def test_a_consumer_that_stops_leaves_its_batch_to_the_record() -> None:
    store = CountedRecord()
    batches = recorder(store)
    stopped = asyncio.create_task(batches.handle(arrivals("reports", 1)))
    await asyncio.sleep(0)
    stopped.cancel()
    await batches.handle(arrivals("cases", 1))
    with pytest.raises(asyncio.CancelledError):
        await stopped
    assert sizes(store) == {"reports/0": 1, "cases/0": 1}


class Interrupted(CountedRecord):
    """The first insert into one log meets an outage."""

    away = "reports/0"

    async def insert(self, entries: Sequence[Entry]) -> Clash | None:
        if any(entry.log == self.away for entry in entries):
            self.away = ""
            raise Unavailable("mongodb: away")
        return await super().insert(entries)


async def test_a_log_that_lags_loses_nothing_by_what_happens_to_another_log() -> None:
    store, asked = Interrupted(), list[tuple[str, int]]()
    writer = LogWriter(store, ORIGIN, "writer")
    rewind = lambda topic, _partition, offset: asked.append((topic, offset))  # noqa: E731  # it says what was asked
    batches = BatchRecorder(Recorder(writer, rewind), pause=0, full=1_000)
    # The record was restored: Kafka has committed offset 7, and the record has nothing.
    late = batches.handle(arrivals("cases", 3, 7))
    await asyncio.gather(batches.handle(arrivals("reports", 2)), late, return_exceptions=True)
    assert (asked, sizes(store).get("cases/0", 0)) == ([("cases", 0)], 0)
    await batches.handle(arrivals("cases", 10))
    assert sizes(store)["cases/0"] == 10


async def test_an_error_that_nobody_foresaw_reaches_the_consumer() -> None:
    batches = recorder(CountedRecord())
    broken = [replace(arrivals("cases", 1)[0], leaf=None)]  # type: ignore[arg-type]  # what no consumer hands in
    with pytest.raises(AttributeError):
        await batches.handle(broken)
    await batches.handle(arrivals("cases", 1))
