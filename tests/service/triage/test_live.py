"""An open page hears that its case changes and who else looks, and only while its reader may see the case."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from time import monotonic
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from services.triage.case.case import Case
from services.triage.desk import live, live_queue
from services.triage.desk.live import Live, OpenPage
from services.triage.desk.lookers import MongoLookers
from services.triage.stored import CaseQuery, Glimpse, Version
from shared.access.principal import Principal
from shared.mongo import connect
from shared.people_names import person_name
from shared.problems import Unavailable
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


async def seen_by(rig: Rig, case: Case, who: Principal) -> str:
    """The page of a case, as the server renders it."""
    rig.entries.enrol(who)
    await sign_in(rig.http, rig.sessions, "/desk", who)
    answer = await rig.http.get(f"/desk/cases/{case.code_name}", headers={"accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


async def test_a_page_says_who_else_looks_without_a_script_and_counts_its_reader_for_a_minute(rig: Rig) -> None:
    case, other, told = await rig.open(), await rig.open(), "Also looking at this case now: "
    assert told not in await seen_by(rig, case, COLLEAGUE)
    assert f"{told}{person_name(COLLEAGUE.ref)}" in await seen_by(rig, case, ALICE)
    assert told not in await seen_by(rig, other, ALICE)
    assert timedelta(seconds=50) < rig.lookers.until[case.id, COLLEAGUE.ref] - now() < timedelta(seconds=70)
    await rig.order(case, "refer", {"body": "stewards", "explanation": "Theirs."})
    assert told not in await seen_by(rig, case, STEWARD)


async def test_a_page_is_shown_while_it_is_not_known_who_else_looks(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(looks: Collection[tuple[str, str]], until: datetime) -> None:
        raise Unavailable("lookers: away")

    monkeypatch.setattr(rig.lookers, "look", look)
    assert "Also looking" not in await seen_by(rig, await rig.open(), ALICE)


@pytest.fixture
def away() -> Iterator[MongoLookers]:
    """The store of who looks, whose server does not answer."""
    client = connect("mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=50", service="test")
    yield MongoLookers(client["none"]["lookers"])
    client.close()


async def test_a_case_is_shown_while_the_server_that_keeps_who_looks_is_away(rig: Rig, away: MongoLookers) -> None:
    with pytest.raises(Unavailable):
        await away.look([("c", ALICE.ref)], now())
    assert await Live(rig.cases, away).looking("c", ALICE.ref) == frozenset()


async def test_open_pages_hear_again_once_the_server_that_keeps_who_looks_is_back(
    rig: Rig, away: MongoLookers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(live, "TELL_EVERY", 0.01)
    lookers, page = rig.lookers, OpenPage(ALICE.ref, seen={"c": 1})
    looked = MemoryLookers.look

    async def look(self: MemoryLookers, looks: Collection[tuple[str, str]], until: datetime) -> None:
        await (away.look(looks, until) if is_away else looked(self, looks, until))

    monkeypatch.setattr(MemoryLookers, "look", look)
    is_away, pages = False, Live(rig.cases, lookers)
    async with asyncio.timeout(9), pages.open(page):
        page.told, is_away = page.others, True
        page.woken.clear()
        while "open pages hear nothing" not in caplog.text:
            await asyncio.sleep(0.01)
        is_away = False
        await lookers.look([("c", BOB.ref)], now() + timedelta(minutes=1))
        await page.woken.wait()
        assert page.others == {BOB.ref}
    await pages.stop()


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

        async def moves(self, bodies: Collection[str], /) -> dict[str, int]:
            raise NotImplementedError

    monkeypatch.setattr(live, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(live, "TELL_EVERY", 1.0)
    versions = Versions()
    looking = live.Live(versions, MemoryLookers())
    async with asyncio.timeout(30), looking.open(OpenPage(ALICE.ref, {"a": 1})):
        (task,) = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_run"]
        await asyncio.wait([task])
        assert isinstance(task.exception(), ValueError)
        async with looking.open(OpenPage(BOB.ref, {"b": 1})):
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


class Hearing:
    """An open queue, and what it hears: each event with its data, and when (seconds of the monotonic clock)."""

    def __init__(self, rig: Rig, query: str = "") -> None:
        self.heard: list[tuple[float, str, dict[str, Any]]] = []
        self.ended = asyncio.Event()
        self._rig = rig
        self._query = query
        self._new = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Hearing"]:
        """The page of ALICE, until the test has seen enough. The client of the rig waits for the end of an answer."""
        self._rig.entries.enrol(ALICE)
        await sign_in(self._rig.http, self._rig.sessions, "/desk", ALICE)
        request = self._rig.http.build_request("GET", f"/desk/live{self._query}")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https", "method": "GET",
            "path": "/desk/live", "raw_path": b"/desk/live", "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "server": ("desk.example", 443), "client": ("127.0.0.1", 9), "root_path": "",
        }  # fmt: skip
        async with asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(self._rig.app(scope, self._receive, self._take))
            await self.next(0)
            yield self
            self.ended.set()
            stream.cancel()

    async def _receive(self) -> dict[str, Any]:
        await self.ended.wait()
        return {"type": "http.disconnect"}

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        for part in message.get("body", b"").decode().split("\n\n"):
            if part.startswith("event: "):
                event, data = part.split("\n")
                self.heard.append((monotonic(), event[7:], orjson.loads(data[6:])))
                self._new.set()

    async def next(self, known: int) -> float:
        """When it hears more than so many events."""
        async with asyncio.timeout(30):
            while len(self.heard) <= known:
                self._new.clear()
                await self._new.wait()
        return self.heard[known][0]

    def numbers(self, tab: str) -> list[str]:
        """How many cases are behind a tab, each time that it hears so."""
        return [data[tab] for _, event, data in self.heard if event == "counts"]


@pytest.mark.parametrize("comes", ["new", "referred", "assigned"])
async def test_an_open_queue_hears_at_once_of_a_case_that_comes_into_it(comes: str) -> None:
    async with make_rig(live_seconds=60) as rig:
        case = await rig.open(community="swwiki" if comes == "referred" else "enwiki")
        queue = Hearing(rig, "?tab=mine" if comes == "assigned" else "")
        async with queue.open():
            # The pause behind the first look is over.
            await asyncio.sleep(live_queue.PAUSE)
            began, known = monotonic(), len(queue.heard)
            if comes == "new":
                await rig.open(flags=("physical_violence",))
            elif comes == "referred":
                await rig.order(case, "refer", {"body": "enwiki_admins", "explanation": "Theirs."}, BOB)
            else:
                await rig.order(case, "assign", {"assignee": ALICE.ref}, CORA)
            assert await queue.next(known) - began < 1
            await asyncio.sleep(live_queue.PAUSE)
        before, after = ("1", "2") if comes == "new" else ("0", "1")
        assert queue.numbers("mine" if comes == "assigned" else "all") == [before, after]
        assert [data["version"] for _, event, data in queue.heard if event == "changed"] == [1]
        assert rig.lookers.until == {}, "a list of one case is no look at it"


async def test_what_changes_in_the_pause_of_an_open_queue_is_told_when_the_pause_ends() -> None:
    async with make_rig(live_seconds=60) as rig:
        case, queue = await rig.open(), Hearing(rig, "?tab=unassigned")
        async with queue.open():
            first = queue.heard[0][0]
            await asyncio.sleep(live_queue.PAUSE / 2)
            await rig.order(case, "claim", {}, COLLEAGUE)
            assert live_queue.PAUSE - 0.5 < await queue.next(1) - first < live_queue.PAUSE + 1
            await queue.next(2)
        assert queue.numbers("unassigned") == ["1", "0"]
        assert ("changed", 1) in [(event, data.get("version")) for _, event, data in queue.heard]


async def test_a_flood_of_changes_is_no_flood_of_looks_and_no_change_is_no_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with make_rig(live_seconds=60) as rig:
        looks, glimpses = list[float](), rig.cases.glimpses

        async def look(queries: Sequence[CaseQuery]) -> list[list[Glimpse]]:
            looks.append(monotonic())
            return await glimpses(queries)

        monkeypatch.setattr(rig.cases, "glimpses", look)
        queue = Hearing(rig)
        async with queue.open():
            idle, began = len(looks), monotonic()
            await asyncio.sleep(live_queue.PAUSE)
            assert len(looks) == idle == 1
            while monotonic() - began < 4 * live_queue.PAUSE - 0.5:
                await rig.open()
                await asyncio.sleep(0.02)
            known = len(rig.cases.stored)
            await asyncio.sleep(live_queue.PAUSE + 0.5)
            elapsed = monotonic() - began
        assert 4 <= len(looks) <= 2 + elapsed / live_queue.PAUSE
        # The counts are read at the end of a look.
        assert all(later - one >= live_queue.PAUSE - 0.5 for one, later in pairwise(looks))
        assert queue.numbers("all")[-1] == ("100+" if known > 100 else str(known))


async def test_an_open_queue_says_nothing_when_a_case_changes_that_its_reader_may_not_see() -> None:
    async with make_rig(live_seconds=60) as rig:
        hidden, queue = await rig.open(), Hearing(rig)
        await rig.order(hidden, "recuse", {"ground": "related"})
        async with queue.open():
            await asyncio.sleep(live_queue.PAUSE)
            await rig.order(hidden, "watch", {}, COLLEAGUE)
            await asyncio.sleep(1)
            assert len(queue.heard) == 1


async def test_so_many_pages_are_told_and_no_more(monkeypatch: pytest.MonkeyPatch, rig: Rig) -> None:
    case = await rig.open()
    monkeypatch.setattr(live, "MOST_OPEN", 0)
    assert await heard(rig, case) == {}
    assert await queue_heard(rig, now()) == {}
    monkeypatch.setattr(live, "MOST_OPEN", 1)
    monkeypatch.setattr(live, "MOST_OF_PERSON", 0)
    assert await heard(rig, case) == {}
