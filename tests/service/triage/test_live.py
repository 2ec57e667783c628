"""An open page hears that its case changes and who else looks, and only while its reader may see the case."""

import asyncio
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from services.triage.case.case import Case
from services.triage.desk import live, live_queue
from services.triage.desk.people import person_name
from services.triage.stored import Version
from shared.access.principal import Principal
from shared.times import now, rfc3339
from tests.fakes.memory_lookers import MemoryLookers
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, Rig, make_rig

STEWARD = replace(BOB, grants=tuple(replace(grant, bodies=("stewards",)) for grant in BOB.grants))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        yield rig


async def heard(rig: Rig, case: Case, who: Principal = ALICE, seen: int | None = None) -> dict[str, dict[str, object]]:
    """What the page of this person hears at once, by the name of the event."""
    rig.entries.enrol(who)
    await sign_in(rig.http, rig.sessions, "/desk", who)
    answer = await rig.http.get(f"/desk/live/{case.code_name}", params={"seen": seen} if seen else {})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    told = (part.split("\n") for part in answer.text.split("\n\n") if part.startswith("event: "))
    return {event[0][7:]: orjson.loads(event[1][6:]) for event in told}


async def test_a_page_hears_of_a_change_by_the_name_of_its_maker_and_nothing_of_it(rig: Rig) -> None:
    case = await rig.open()
    assert await heard(rig, case) == {"looking": {"text": ""}}
    await rig.order(case, "note", {"note": "Look at the logs.", "visibility": "body"}, COLLEAGUE)
    told = (await heard(rig, case, seen=case.seq))["changed"]
    name = person_name(COLLEAGUE.ref)
    assert told == {"text": f"Responder {name} has just changed this case.", "version": case.seq + 1}


async def test_people_who_may_see_a_case_see_who_else_looks_at_it(rig: Rig) -> None:
    case, other = await rig.open(), await rig.open()
    await heard(rig, case, COLLEAGUE)
    await heard(rig, other, COLLEAGUE)
    told = (await heard(rig, case))["looking"]
    assert told == {"text": f"Also looking at this case now: {person_name(COLLEAGUE.ref)}"}


async def test_a_body_that_is_asked_to_take_a_case_over_sees_no_name(rig: Rig) -> None:
    case = await rig.open()
    await heard(rig, case)
    await rig.order(case, "refer", {"body": "stewards", "explanation": "Theirs."})
    told = await heard(rig, case, STEWARD, seen=case.seq)
    assert told == {"changed": {"text": "This case has just changed.", "version": case.seq + 1}}


async def test_nobody_hears_of_a_case_that_is_hidden_from_them(rig: Rig) -> None:
    case = await rig.open()
    for who in (BOB, ALICE):
        if who is ALICE:
            await rig.order(case, "recuse", {"ground": "related"})
        rig.entries.enrol(who)
        await sign_in(rig.http, rig.sessions, "/desk", who)
        assert (await rig.http.get(f"/desk/live/{case.code_name}")).status_code == 404


async def test_a_page_that_is_open_hears_no_more_once_its_reader_may_not_see_the_case() -> None:
    async with make_rig(live_seconds=60) as rig:
        case = await rig.open()
        rig.entries.enrol(ALICE)
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        # The client gets the answer when it has ended: long before the page would have to ask anew.
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(rig.http.get(f"/desk/live/{case.code_name}"))
            while not rig.lookers.until:
                await asyncio.sleep(0.01)
            await rig.order(case, "recuse", {"ground": "related"})
        assert hearing.result().text.endswith("event: gone\ndata: {}\n\n")


async def test_a_step_about_a_case_that_the_reader_may_not_see_is_not_announced(rig: Rig) -> None:
    case, hidden = await rig.open(), await rig.open()
    await rig.order(hidden, "recuse", {"ground": "related"})
    done = await rig.order(case, "link", {"other": hidden.code_name, "relation": "same_people"}, COLLEAGUE)
    assert done.status_code == 200
    assert "changed" not in await heard(rig, case, seen=case.seq)
    assert "changed" in await heard(rig, case, COLLEAGUE, seen=case.seq)


async def test_what_looks_for_pages_begins_anew_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    class Versions:
        looks = 0

        async def versions(self, ids: Collection[str], /) -> dict[str, Version]:
            self.looks += 1
            if self.looks == 2:
                raise ValueError("a fault")
            return {}

    monkeypatch.setattr(live, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(live, "TELL_EVERY", 1.0)
    versions = Versions()
    looking = live.Live(versions, MemoryLookers())
    async with asyncio.timeout(30), looking.open(ALICE.ref, {"a": 1}):
        (task,) = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_run"]
        await asyncio.wait([task])
        assert isinstance(task.exception(), ValueError)
        async with looking.open(BOB.ref, {"b": 1}):
            while versions.looks < 5:
                await asyncio.sleep(0.01)
            await looking.stop()


async def queue_heard(rig: Rig, since: datetime, query: str = "", who: Principal = ALICE) -> dict[str, dict[str, Any]]:
    """What the open queue of this person, loaded at that time, hears at once, by the name of the event."""
    rig.entries.enrol(who)
    await sign_in(rig.http, rig.sessions, "/desk", who)
    answer = await rig.http.get(f"/desk/live?since={quote(rfc3339(since))}{query}")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    told = (part.split("\n") for part in answer.text.split("\n\n") if part.startswith("event: "))
    return {event[0][7:]: orjson.loads(event[1][6:]) for event in told}


async def test_an_open_queue_hears_how_many_of_its_cases_changed_and_fresh_counts(rig: Rig) -> None:
    first, mine = await rig.open(), await rig.open()
    since = now()
    assert "changed" not in await queue_heard(rig, since)
    await rig.order(mine, "claim")
    assert "changed" not in await queue_heard(rig, since), "what the reader does is no news"
    await rig.order(first, "watch", {}, COLLEAGUE)
    await rig.open(received_at=now())
    told = await queue_heard(rig, since)
    assert told["changed"] == {"text": "2 cases of this list have changed.", "version": 2}
    assert (told["counts"]["all"], told["counts"]["mine"], told["counts"]["unassigned"]) == ("3", "1", "2")
    assert "changed" not in await queue_heard(rig, since, "&tab=mine")


async def test_an_open_queue_hears_of_no_case_that_its_reader_may_not_see(rig: Rig) -> None:
    case, hidden = await rig.open(), await rig.open()
    await rig.order(hidden, "recuse", {"ground": "related"})
    since = now()
    await rig.order(hidden, "watch", {}, COLLEAGUE)
    done = await rig.order(case, "link", {"other": hidden.code_name, "relation": "same_people"}, COLLEAGUE)
    assert done.status_code == 200
    told = await queue_heard(rig, since)
    assert "changed" not in told
    assert told["counts"]["all"] == "1"
    assert "changed" in await queue_heard(rig, since, who=CORA)
    assert (await queue_heard(rig, since, who=BOB))["counts"]["all"] == "0"


async def test_an_open_queue_hears_within_a_moment_of_a_case_that_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_queue, "PAUSE", 0.0)
    async with make_rig(live_seconds=1.5) as rig:
        case, opened, versions = await rig.open(), asyncio.Event(), rig.cases.versions

        async def look(ids: Collection[str], /) -> dict[str, Version]:
            opened.set()
            return await versions(ids)

        monkeypatch.setattr(rig.cases, "versions", look)
        rig.entries.enrol(ALICE)
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(rig.http.get("/desk/live?tab=unassigned"))
            await opened.wait()
            await rig.order(case, "claim", {}, COLLEAGUE)
        assert rig.lookers.until == {}, "a list of one case is no look at it"
        assert '{"text":"1 case of this list has changed.","version":1}' in hearing.result().text


async def test_so_many_pages_are_told_and_no_more(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    case = await rig.open()
    monkeypatch.setattr(live, "MOST_OPEN", 0)
    assert await heard(rig, case) == {}
    assert await queue_heard(rig, now()) == {}
    monkeypatch.setattr(live, "MOST_OPEN", 1)
    monkeypatch.setattr(live, "MOST_OF_PERSON", 0)
    assert await heard(rig, case) == {}
