"""Erasures are applied again once, in bounded batches; what cannot be read is passed over with one line in the log."""

import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

import pytest

from shared.events import Actor, Draft, Event, ReportErased, encode, stamp
from shared.ids import case_id_of
from shared.kafka.erasures import AT_ONCE, ErasureReplay, case_named_by, report_named_by
from shared.kafka.records import Record
from shared.problems import Unavailable
from shared.times import now


def record_of(report_id: str, offset: int = 0, request: str = "a") -> Record:
    fact = ReportErased(report_id=report_id, reason="test", request_id=request)
    draft = Draft(fact, Actor("service:intake", "service"), now(), f"{report_id}-{request}")
    (event,) = stamp(
        [draft],
        source="hearth/intake",
        subject=f"report/{report_id}",
        case_id=case_id_of(report_id),
        last_seq=0,
        trace=None,
    )
    message = encode(event)
    return Record("erasures", 0, offset, 0, message.key, message.headers, message.value)


BROKEN = Record("erasures", 0, 7, 0, None, (("ce_type", b"hearth.report.erased.v1"),), b"?")


@dataclass
class Database:
    """Which reports it shows as erased."""

    erased: set[str] = field(default_factory=set)
    batches: list[list[str]] = field(default_factory=list)
    reads: int = 0
    away: bool = False

    async def standing(self, report_ids: Collection[str]) -> set[str]:
        return set(report_ids) - self.erased

    async def erase(self, events: Sequence[Event]) -> int:
        if self.away:
            raise Unavailable("mongodb: away")
        ids = [event.fact.report_id for event in events if isinstance(event.fact, ReportErased)]
        self.erased.update(ids)
        self.batches.append(ids)
        return len(ids)

    def replay(self, *batches: Sequence[Record], name_of: Callable[[Record], str] = report_named_by) -> ErasureReplay:
        async def read() -> AsyncIterator[Sequence[Record]]:
            self.reads += 1
            for batch in batches:
                yield batch

        return ErasureReplay(read, name_of=name_of, standing=self.standing, erase=self.erase)


async def test_only_what_still_stands_is_erased_again() -> None:
    database = Database(erased={"a"})
    await database.replay([record_of("a"), record_of("b")], [record_of("c"), record_of("b")]).run()
    assert database.batches == [["b"], ["c"]]


async def test_of_a_report_that_is_named_twice_the_first_erasure_counts() -> None:
    database, seen = Database(), []

    async def erase(events: Sequence[Event]) -> int:
        seen.extend(event.fact for event in events)
        return len(events)

    database.erase = erase  # type: ignore[method-assign]  # only its calls are looked at
    await database.replay([record_of("a", request="first"), record_of("a", request="second")]).run()
    assert [fact.request_id for fact in seen if isinstance(fact, ReportErased)] == ["first"]


async def test_no_more_are_erased_together_than_a_batch_holds() -> None:
    database = Database()
    await database.replay([record_of(f"r{number}") for number in range(AT_ONCE + 1)]).run()
    assert [len(batch) for batch in database.batches] == [AT_ONCE, 1]


async def test_what_cannot_be_read_is_passed_over_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    with caplog.at_level(logging.ERROR):
        await database.replay([BROKEN, record_of("a")]).run()
    assert database.erased == {"a"}
    assert [line.message for line in caplog.records] == ["an erasure cannot be read"]
    assert caplog.records[0].__dict__["offset"] == 7


async def test_no_other_record_hides_an_erasure_of_the_same_report() -> None:
    database, erasure = Database(), record_of("a")
    other_fact = {**dict(erasure.headers), "ce_type": b"hearth.report.praised.v1"}
    others = replace(erasure, value=b"{"), replace(erasure, headers=tuple(other_fact.items()))
    for other in others:
        database.erased.clear()
        await database.replay([other, erasure]).run()
        assert database.erased == {"a"}


async def test_it_is_done_once_and_again_after_an_outage() -> None:
    database = Database(away=True)
    replay = database.replay([record_of("a")])
    with pytest.raises(Unavailable):
        await replay.run()
    database.away = False
    await replay.run()
    await replay.run()
    assert (database.batches, database.reads) == ([["a"]], 2)


def test_an_erasure_names_its_report_and_its_case_before_it_is_read() -> None:
    record = record_of("a")
    assert (report_named_by(record), case_named_by(record)) == ("a", case_id_of("a"))
    assert (report_named_by(BROKEN), case_named_by(BROKEN)) == ("", "")
