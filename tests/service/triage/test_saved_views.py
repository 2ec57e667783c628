"""Saved views of the queue: a person's own filters, on the page and for programs."""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.triage.desk.saved_views import MOST, SavedView, StoredViews
from shared.access.principal import Principal
from tests.service.triage.test_queue import page_of
from tests.support.forms import hidden_fields
from tests.support.people import bearer, sign_in
from tests.support.triage_rig import ALICE, BOB, Rig, make_rig

NAME = "Late <ones> & more"
LATE = {"tab": "overdue", "community": "enwiki"}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


async def send(rig: Rig, path: str, **fields: str) -> httpx.Response:
    token = hidden_fields((await rig.http.get("/desk?tab=mine")).text)["form_token"]
    return await rig.http.post(path, data={"form_token": token, **fields})


async def put(rig: Rig, view_id: str, body: Any, who: Principal = ALICE) -> httpx.Response:
    return await rig.http.put(f"/v1/views/{view_id}", json=body, headers={"accept": "application/json", **bearer(who)})


async def names_of(rig: Rig, who: Principal = ALICE) -> dict[str, Any]:
    items = (await rig.http.get("/v1/views", headers=bearer(who))).json()["items"]
    return {item["name"]: item["filter"] for item in items}


async def test_a_view_is_saved_followed_replaced_and_deleted_on_the_page(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    await rig.open(category="harassment.trolling")
    await rig.open()
    answer = await send(rig, "/desk/views", name=f"  {NAME} ", back="category=harassment.trolling")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk?category=harassment.trolling")
    raw = (await rig.http.get("/desk?category=harassment.trolling")).text
    assert "<ones>" not in raw
    page = await page_of(rig, "?category=harassment.trolling")
    link = re.search(r'<a href="/desk\?category=harassment.trolling" aria-current="page"><bdi>(.*?)</a>', page)
    assert link is not None
    assert NAME in link[1]
    assert ">1</span>" in link[1]
    await send(rig, "/desk/views", name=NAME.upper(), back="tab=overdue")
    assert await names_of(rig) == {NAME.upper(): {"tab": "overdue"}}
    (view,) = rig.views.stored[ALICE.ref].views
    assert f"/desk/views/{view.id}/delete" in await page_of(rig, "?tab=overdue")
    assert (await send(rig, f"/desk/views/{view.id}/delete")).headers["location"] == "/desk"
    assert await names_of(rig) == {}


@pytest.mark.parametrize("name", ["", " \t", "x" * 61, "a\nb"], ids=["empty", "blank", "long", "lines"])
async def test_a_name_that_cannot_be_is_said_at_its_field(rig: Rig, name: str) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    answer = await send(rig, "/desk/views", name=name, back="tab=overdue")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert await names_of(rig) == {}


async def test_nobody_else_reads_changes_or_deletes_a_view(rig: Rig) -> None:
    assert (await put(rig, "late", {"name": NAME, "filter": LATE})).status_code == 200
    assert await names_of(rig, BOB) == {}
    assert (await rig.http.delete("/v1/views/late", headers=bearer(BOB))).json() == {"items": []}
    await put(rig, "late", {"name": "Mine", "filter": {"tab": "mine"}}, BOB)
    assert await names_of(rig) == {NAME: LATE}
    assert (await rig.http.delete("/v1/views/late", headers=bearer(ALICE))).json() == {"items": []}


async def test_programs_are_told_which_field_of_a_view_cannot_be(rig: Rig) -> None:
    wrong = {"name": "x" * 61, "filter": {"body": "none", "lane": "fast", "community": "enwiki"}}
    errors = (await put(rig, "late", wrong)).json()["errors"]
    assert [(e["pointer"], e["code"]) for e in errors] == [
        ("/name", "string_too_long"),
        ("/filter/body", "unknown_choice"),
        ("/filter/lane", "unknown_choice"),
    ]
    assert (await put(rig, "a b", {"name": NAME})).status_code == 404
    await put(rig, "late", {"name": NAME})
    assert (await put(rig, "late", {"name": "Other"})).json()["items"][0]["name"] == "Other"
    taken = (await put(rig, "more", {"name": "OTHER"})).json()["errors"]
    assert [(e["pointer"], e["code"]) for e in taken] == [("/name", "name_taken")]


async def test_a_person_keeps_so_many_views_and_no_more(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    views = tuple(SavedView(f"v{number}", f"View {number}", {"tab": "mine"}) for number in range(MOST))
    rig.views.stored[ALICE.ref] = StoredViews(ALICE.ref, views, 1)
    answer = await send(rig, "/desk/views", name="One more", back="tab=overdue")
    assert (answer.status_code, "Delete one first" in answer.text) == (422, True)
    assert (await put(rig, "more", {"name": "One more"})).json()["errors"][0]["code"] == "too_many_views"
    assert len(await names_of(rig)) == MOST


async def test_a_view_shows_no_more_than_its_reader_may_see_and_says_what_is_gone(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", BOB)
    case = await rig.open()
    chosen = {"body": "enwiki_admins", "community": "gone"}
    rig.views.stored[BOB.ref] = StoredViews(BOB.ref, (SavedView("v", NAME, chosen),), 1)
    page = await page_of(rig, "?body=enwiki_admins&community=gone")
    assert case.code_name not in page
    assert "is passed over: Handling body · Community" in page
    (item,) = (await rig.http.get("/v1/views", headers=bearer(BOB))).json()["items"]
    assert item["left_out"] == ["body", "community"]
