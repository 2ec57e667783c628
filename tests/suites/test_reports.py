"""What every store of intake must do: run against the one in memory, and against MongoDB."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from services.intake.report.sealed import SealedStatement
from services.intake.report.status import Status
from services.intake.stored import Change, ErasureMark, ReportOutline, RespondentDoor, Store, StoredReport
from shared.events import Actor, Draft, ReportAnswered, stamp
from shared.ids import case_id_of, new_id
from shared.mongo import Database
from tests.support.intake_rig import START, MemoryStore, make_report
from tests.support.stores import mongo_reports

HOUR = timedelta(hours=1)


class RetainingStore(Store, Protocol):
    """A store with what erasure and retention look for."""

    async def erased_among(self, report_ids: Collection[str]) -> set[str]: ...

    async def closed_before(
        self, still_since: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[ReportOutline]: ...

    async def count_undecided(self, received_before: datetime) -> int: ...


def new_report(report_id: str, **fields: Any) -> Change:
    """A new report with one event."""
    report = make_report(report_id, **{"parties": ("a", "b"), **fields})
    return Change(None, report, _events(report_id), [f"new {report_id}"])


def _events(report_id: str) -> list[Any]:
    fact = ReportAnswered(report_id=report_id, question_id="q", answer_id="a")
    draft = Draft(fact, Actor("reporter", "reporter"), START, new_id())
    return stamp([draft], source="s", subject="report/x", case_id=case_id_of(report_id), last_seq=0, trace=None)


def _said(text: str) -> SealedStatement:
    return SealedStatement("m", b"key", text.encode(), kind="question", at=START)


@pytest.fixture
async def store(database: Database | None) -> RetainingStore:
    return MemoryStore() if database is None else await mongo_reports(database)


class TestReports:
    async def test_a_new_report_is_found_by_its_id_its_case_and_its_receipt(self, store: Store) -> None:
        report_id, receipt = new_id(), new_id().encode()
        assert await store.save([new_report(report_id, receipt=receipt)]) == set()

        by_id = (await store.load([report_id, "unknown"]))[report_id]
        by_case = (await store.load_by_case([case_id_of(report_id), "unknown"]))[case_id_of(report_id)]
        assert by_id == by_case == await store.find_by_receipt(receipt)
        assert (by_id.version, by_id.seq, by_id.parties) == (1, 1, ("a", "b"))
        assert by_id.received_at == START
        assert len(by_id.outbox) == 1

    async def test_a_respondent_finds_the_report_until_the_last_door_to_it_is_gone(self, store: Store) -> None:
        report_id, receipt = new_id(), new_id().encode()
        await store.save([new_report(report_id, doors=(RespondentDoor(receipt, "told-1"),))])
        found = await store.find_by_respondent(receipt)
        assert found is not None
        assert found.id == report_id
        assert await store.save([Change(found, replace(found, doors=()), [], ["c"])]) == set()
        assert await store.find_by_respondent(receipt) is None
        assert (await store.load([report_id]))[report_id].doors == ()

    async def test_what_is_unknown_is_missing(self, store: Store) -> None:
        assert await store.load(["unknown"]) == {}
        assert await store.load_by_case(["unknown"]) == {}
        assert await store.find_by_receipt(b"unknown") is None

    async def test_an_id_that_exists_is_given_back_and_the_others_are_written(self, store: Store) -> None:
        old, fresh = new_id(), new_id()
        await store.save([new_report(old, content_digest="first")])
        assert await store.save([new_report(old, content_digest="second"), new_report(fresh)]) == {old}
        found = await store.load([old, fresh])
        assert found[old].content_digest == "first"
        assert set(found) == {old, fresh}

    async def test_a_receipt_opens_one_report_only(self, store: Store) -> None:
        first, second, receipt = new_id(), new_id(), new_id().encode()
        await store.save([new_report(first, receipt=receipt)])
        assert await store.save([new_report(second, receipt=receipt)]) == {second}

    async def test_reports_without_a_receipt_stand_side_by_side(self, store: Store) -> None:
        assert await store.save([new_report(new_id()), new_report(new_id())]) == set()

    async def test_a_change_keeps_what_it_does_not_name(self, store: Store) -> None:
        report_id, one, two = new_id(), _said("one"), _said("two")
        await store.save([new_report(report_id, statements={"one": one})])
        base = (await store.load([report_id]))[report_id]
        after = replace(base, statements={**base.statements, "two": two})
        assert await store.save([Change(base, after, _events(report_id), ["c"])]) == set()
        stored = (await store.load([report_id]))[report_id]
        assert stored.statements == {"one": one, "two": two}
        assert (stored.version, stored.seq, len(stored.outbox)) == (2, 2, 2)
        # Its cause is remembered: made again on the old version, the change counts as written.
        assert await store.save([Change(base, after, _events(report_id), ["c"])]) == set()

    async def test_a_change_of_an_old_version_is_refused(self, store: Store) -> None:
        report_id = new_id()
        await store.save([new_report(report_id)])
        base = (await store.load([report_id]))[report_id]
        assert await store.save([_decided(base, "one", "one")]) == set()
        assert await store.save([_decided(base, "two", "two")]) == {report_id}
        assert (await store.load([report_id]))[report_id].status.outcome == "one"

    async def test_a_change_that_was_made_already_is_not_refused(self, store: Store) -> None:
        report_id = new_id()
        await store.save([new_report(report_id)])
        base = (await store.load([report_id]))[report_id]
        await store.save([_decided(base, "one", "one")])
        assert await store.save([_decided(base, "one", "one")]) == set()
        assert (await store.load([report_id]))[report_id].version == 2

    async def test_an_erased_report_keeps_when_and_by_whose_request(self, store: Store) -> None:
        report_id, mark = new_id(), ErasureMark(START, "requested", "request")
        await store.save([new_report(report_id, statements={"one": _said("one")})])
        base = (await store.load([report_id]))[report_id]
        after = replace(base, vault=None, statements={}, erased=mark)
        assert await store.save([Change(base, after, [], ["erase"])]) == set()
        stored = (await store.load([report_id]))[report_id]
        assert (stored.vault, stored.statements, stored.erased) == (None, {}, mark)

    async def test_erased_reports_are_told_from_others(self, store: RetainingStore) -> None:
        standing, erased = new_id(), new_id()
        await store.save([_standing(standing), new_report(erased, vault=None)])
        assert await store.erased_among([standing, erased, "unknown"]) == {erased}
        assert await store.erased_among([]) == set()

    async def test_closed_reports_come_longest_unchanged_first_and_page_by_page(self, store: RetainingStore) -> None:
        closed = [new_id() for _ in range(5)]
        saves = [_standing(report_id, "closed", START + n // 2 * HOUR) for n, report_id in enumerate(closed)]
        others = [_standing(new_id(), "decided"), _standing(new_id(), "closed", START + 9 * HOUR)]
        gone = new_report(new_id(), vault=None, status=Status(updated_at=START, state="closed"))
        await store.save([*saves, *others, gone])
        found: list[ReportOutline] = []
        after = None
        while batch := await store.closed_before(START + 2 * HOUR, after, 2):
            found += batch
            after = batch[-1].status.updated_at, batch[-1].id
        assert {report.id for report in found} == set(closed)
        moments = [(report.status.updated_at, report.id) for report in found]
        assert moments == sorted(moments)

    async def test_undecided_reports_are_counted_by_their_age(self, store: RetainingStore) -> None:
        decided = _standing(new_id(), "closed")
        await store.save([_standing(new_id()), _standing(new_id()), decided, new_report(new_id(), vault=None)])
        assert await store.count_undecided(START) == 0
        assert await store.count_undecided(START + HOUR) == 2


def _standing(report_id: str, state: str = "received", updated_at: datetime = START) -> Change:
    outcome = "advice" if state == "closed" else None
    return new_report(report_id, status=Status(updated_at=updated_at, state=state, outcome=outcome))


def _decided(base: StoredReport, outcome: str, cause: str) -> Change:
    return Change(base, replace(base, status=replace(base.status, outcome=outcome)), [], [cause])
