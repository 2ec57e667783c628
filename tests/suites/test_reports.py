"""What every store of intake must do: run against the one in memory, and against MongoDB."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Protocol

import pytest

from services.intake.mailbox.status import NEW_STATUS
from services.intake.stored import Store
from shared.aggregates import Save
from shared.events import Actor, Draft, ReportAnswered, stamp
from shared.ids import case_id_of, new_id
from shared.mongo import Database
from tests.support.intake_rig import START, MemoryStore
from tests.support.stores import mongo_reports

HOUR = timedelta(hours=1)


class RetainingStore(Store, Protocol):
    """A store with what erasure and retention look for."""

    async def erased_among(self, report_ids: Collection[str]) -> set[str]: ...

    async def closed_before(
        self, still_since: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[dict[str, Any]]: ...

    async def count_undecided(self, received_before: datetime) -> int: ...


def new_report(report_id: str, **fields: Any) -> Save:
    """A new report with one event."""
    case_id = case_id_of(report_id)
    known = {
        "case_id": case_id,
        "parties": ("a", "b"),
        "statements": {},
        "received_at": START,
        "status": dict(NEW_STATUS),
    }
    return Save(report_id, None, {**known, **fields}, _events(report_id), [f"new {report_id}"])


def _events(report_id: str) -> list[Any]:
    fact = ReportAnswered(report_id=report_id, question_id="q", answer_id="a")
    draft = Draft(fact, Actor("reporter", "reporter"), START, new_id())
    return stamp([draft], source="s", subject="report/x", case_id=case_id_of(report_id), last_seq=0, trace=None)


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
        assert (by_id["version"], by_id["seq"], by_id["parties"]) == (1, 1, ["a", "b"])
        assert by_id["received_at"] == START
        assert len(by_id["outbox"]) == 1

    async def test_what_is_unknown_is_missing(self, store: Store) -> None:
        assert await store.load(["unknown"]) == {}
        assert await store.load_by_case(["unknown"]) == {}
        assert await store.find_by_receipt(b"unknown") is None

    async def test_an_id_that_exists_is_given_back_and_the_others_are_written(self, store: Store) -> None:
        old, fresh = new_id(), new_id()
        await store.save([new_report(old, mark="first")])
        assert await store.save([new_report(old, mark="second"), new_report(fresh)]) == {old}
        found = await store.load([old, fresh])
        assert found[old]["mark"] == "first"
        assert set(found) == {old, fresh}

    async def test_a_receipt_opens_one_report_only(self, store: Store) -> None:
        first, second, receipt = new_id(), new_id(), new_id().encode()
        await store.save([new_report(first, receipt=receipt)])
        assert await store.save([new_report(second, receipt=receipt)]) == {second}

    async def test_reports_without_a_receipt_stand_side_by_side(self, store: Store) -> None:
        assert await store.save([new_report(new_id()), new_report(new_id())]) == set()

    async def test_a_change_keeps_what_it_does_not_name(self, store: Store) -> None:
        report_id = new_id()
        await store.save([new_report(report_id, statements={"one": 1})])
        base = (await store.load([report_id]))[report_id]
        assert await store.save([Save(report_id, base, {"statements.two": 2}, _events(report_id), ["c"])]) == set()
        after = (await store.load([report_id]))[report_id]
        assert after["statements"] == {"one": 1, "two": 2}
        assert (after["version"], after["seq"], len(after["outbox"])) == (2, 2, 2)
        assert after["applied"][-1] == "c"

    async def test_a_change_of_an_old_version_is_refused(self, store: Store) -> None:
        report_id = new_id()
        await store.save([new_report(report_id)])
        base = (await store.load([report_id]))[report_id]
        assert await store.save([Save(report_id, base, {"mark": 1}, [], ["one"])]) == set()
        assert await store.save([Save(report_id, base, {"mark": 2}, [], ["two"])]) == {report_id}
        assert (await store.load([report_id]))[report_id]["mark"] == 1

    async def test_a_change_that_was_made_already_is_not_refused(self, store: Store) -> None:
        report_id = new_id()
        await store.save([new_report(report_id)])
        base = (await store.load([report_id]))[report_id]
        change = Save(report_id, base, {"mark": 1}, [], ["one"])
        await store.save([change])
        assert await store.save([Save(report_id, base, {"mark": 1}, [], ["one"])]) == set()
        assert (await store.load([report_id]))[report_id]["version"] == 2

    async def test_accesses_are_kept(self, store: Store) -> None:
        report_id = new_id()
        await store.save_accesses([Save(new_id(), None, {"report_id": report_id}, _events(report_id), ["r"])])

    async def test_erased_reports_are_told_from_others(self, store: RetainingStore) -> None:
        standing, erased = new_id(), new_id()
        await store.save([_standing(standing), new_report(erased, vault=None)])
        assert await store.erased_among([standing, erased, "unknown"]) == {erased}
        assert await store.erased_among([]) == set()

    async def test_closed_reports_come_longest_unchanged_first_and_page_by_page(self, store: RetainingStore) -> None:
        closed = [new_id() for _ in range(5)]
        saves = [_standing(report_id, "closed", START + n // 2 * HOUR) for n, report_id in enumerate(closed)]
        others = [_standing(new_id(), "decided"), _standing(new_id(), "closed", START + 9 * HOUR)]
        gone = new_report(new_id(), vault=None, status={**NEW_STATUS, "state": "closed", "updated_at": START})
        await store.save([*saves, *others, gone])
        found: list[dict[str, Any]] = []
        after = None
        while batch := await store.closed_before(START + 2 * HOUR, after, 2):
            found += batch
            after = batch[-1]["status"]["updated_at"], batch[-1]["_id"]
        assert {document["_id"] for document in found} == set(closed)
        moments = [(document["status"]["updated_at"], document["_id"]) for document in found]
        assert moments == sorted(moments)

    async def test_undecided_reports_are_counted_by_their_age(self, store: RetainingStore) -> None:
        decided = _standing(new_id(), "closed")
        await store.save([_standing(new_id()), _standing(new_id()), decided, new_report(new_id(), vault=None)])
        assert await store.count_undecided(START) == 0
        assert await store.count_undecided(START + HOUR) == 2


def _standing(report_id: str, state: str = "received", updated_at: datetime = START) -> Save:
    outcome = "advice" if state == "closed" else None
    status = {**NEW_STATUS, "state": state, "outcome": outcome, "updated_at": updated_at}
    return new_report(report_id, vault={"digest": {"key": b"k"}}, status=status)
