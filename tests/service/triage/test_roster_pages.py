"""The pages of the roster: what ends first, forms that lose nothing, and sessions that end."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import httpx
import pytest

from shared.access.authorization import FRESH
from shared.access.principal import Grant, Leave, Principal, Role
from shared.times import now, rfc3339
from tests.support.forms import hidden_fields
from tests.support.people import come_back, coordinator, own_names, person, session_of, sign_in
from tests.support.triage_rig import ALICE, CORA, TICKET, Rig, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
CHIEF = person("c1", Grant(Role.COORDINATOR))
BOUND = coordinator("c2", "swwiki_admins")
NEW = "person:00000000000000ee"
TOMORROW = f"{now() + timedelta(days=1):%Y-%m-%d}"


@pytest.fixture
async def rig():
    async with make_rig() as rig:
        rig.http.headers.update(BROWSER)
        for who in (CHIEF, BOUND, ALICE):
            rig.entries.enrol(who)
        yield rig


async def signed_in(rig: Rig, who: Principal = CHIEF, **session) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", who, **{"own": own_names(who, TICKET), **session})


async def page_of(rig: Rig, ref: str) -> str:
    answer = await rig.http.get(f"/desk/roster/{ref}")
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


async def send(rig: Rig, ref: str, change: str, page: str | None = None, **values: object) -> httpx.Response:
    page = page or await page_of(rig, ref)
    kept = {name: value for name, value in hidden_fields(page).items() if name in ("version", "key", "form_token")}
    return await rig.http.post(f"/desk/roster/{ref}/{change}", data={**kept, **values})


async def test_the_list_begins_with_what_ends_within_thirty_days_and_marks_it(rig: Rig) -> None:
    at = now()
    rig.entries.enrol(person("e9", Grant(Role.OPERATOR, expires_at=at + timedelta(days=29))))
    rig.entries.enrol(person("e4", Grant(Role.OPERATOR, expires_at=at + timedelta(days=31))))
    await signed_in(rig)
    page = (await rig.http.get("/desk/roster")).text
    places = [page.index(f"/desk/roster/person:{ref * 8}") for ref in ("e9", "e4")]
    assert places == sorted(places)
    assert page.count("Ends within 30 days") == 1
    assert "⧼" not in page


async def test_a_person_is_found_by_reference_and_by_code_name(rig: Rig) -> None:
    await signed_in(rig)
    (name,) = re.findall(rf'roster/{ALICE.ref}"><bdi>([^<]+)</bdi>', (await rig.http.get("/desk/roster")).text)
    named = (name, f" {name.lower().replace(' ', '  ')} ")
    for typed in (ALICE.ref, f" {ALICE.ref.upper()} ", ALICE.ref.removeprefix("person:"), *named):
        answer = await rig.http.get("/desk/roster", params={"person": typed})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/roster/{ALICE.ref}")
    unknown = await rig.http.get("/desk/roster", params={"person": "Ada <b>Example"})
    assert unknown.status_code == 422
    assert "Nobody here has this code name" in unknown.text
    assert "Ada &lt;b&gt;Example" in unknown.text
    assert (await rig.http.get("/desk/roster/Ada")).status_code == 404


async def test_a_coordinator_gives_a_role_and_notes_everything_by_forms_alone(rig: Rig) -> None:
    await signed_in(rig)
    assert "on the roster yet" in await page_of(rig, NEW)
    role = {
        "role": "responder", "bodies": ["u4c", "stewards"], "communities": "enwiki, swwiki", "expires_at": TOMORROW,
        "names": "Ada Example",
    }  # fmt: skip
    for change, values in (
        ("grant", role),
        ("training", {"module": "A", "completed_at": "2026-01-05"}),
        ("agreement", {"until": TOMORROW}),
        ("leave", {}),
    ):
        done = await send(rig, NEW, change, **values)
        assert (done.status_code, done.headers.get("location")) == (303, f"/desk/roster/{NEW}?done={change}")
        assert 'role="status"' in (await rig.http.get(done.headers["location"])).text
    entry = rig.entries.of(NEW).entry
    (grant,) = entry.grants
    assert (grant.bodies, grant.communities) == (("u4c", "stewards"), ("enwiki", "swwiki"))
    # A date is the whole day.
    assert rfc3339(grant.expires_at) == f"{TOMORROW}T23:59:59.000Z" == rfc3339(entry.confidential_until)
    assert rfc3339(entry.trainings[0].completed_at) == "2026-01-05T00:00:00.000Z"
    assert "On leave" in await page_of(rig, NEW)
    await send(rig, NEW, "leave", ended="1")
    assert "On leave" not in await page_of(rig, NEW)
    await send(rig, NEW, "revoke", role="responder", body="u4c")
    assert rig.entries.of(NEW).entry.grants[0].bodies == ("stewards",)
    await send(rig, NEW, "revoke", role="responder")
    assert rig.entries.of(NEW).entry.grants == ()


async def test_a_form_with_mistakes_comes_back_with_what_was_typed(rig: Rig) -> None:
    await signed_in(rig)
    answer = await send(
        rig,
        NEW,
        "grant",
        role="responder",
        communities="enwiki, <dewiki>",
        expires_at="2026-01-01",
        bodies=["stewards"],
    )
    text = unescape(answer.text)
    assert answer.status_code == 422
    assert "Only for these communities: Write the codes of communities" in text
    assert "Ends on: This date is over already." in text
    assert 'value="enwiki, <dewiki>"' in text
    assert "<dewiki>" not in answer.text
    assert re.search(r'value="stewards" checked', text)
    assert '<option value="responder" selected>' in text
    assert rig.entries.events == []
    again = await send(rig, NEW, "training", module="", expires_at="someday")
    assert "Module: This field needs an answer." in unescape(again.text)
    assert "Ends on: Write a date" in unescape(again.text)


async def test_a_forgotten_date_ends_no_agreement(rig: Rig) -> None:
    await signed_in(rig)
    await send(rig, NEW, "agreement", until=TOMORROW)
    forgotten = await send(rig, NEW, "agreement", until="")
    assert forgotten.status_code == 422
    assert 'href="#agreement-until"' in forgotten.text
    assert rig.entries.of(NEW).entry.confidential_until is not None
    page = await page_of(rig, NEW)
    assert "End the confidentiality agreement" in page
    assert (await send(rig, NEW, "agreement", page, ended="1")).status_code == 303
    assert rig.entries.of(NEW).entry.confidential_until is None
    assert "End the confidentiality agreement" not in await page_of(rig, NEW)


@pytest.mark.parametrize(
    ("change", "values", "fields"),
    [
        ("grant", {"role": "responder", "names": "Ada Example"}, ["bodies"]),
        (
            "grant",
            {"role": "coordinator", "names": "Ada Example", "expires_at": "2026-01-01"},
            ["bodies", "expires_at"],
        ),
        ("grant", {"role": "responder", "bodies": ["swwiki_admins"], "communities": "swwikii"}, ["communities"]),
    ],
)
async def test_a_slip_of_a_bound_coordinator_stands_at_its_field(
    rig: Rig, change: str, values: dict[str, object], fields: list[str]
) -> None:
    await signed_in(rig, BOUND)
    answer = await send(rig, NEW, change, **values)
    assert answer.status_code == 422
    for field in fields:
        assert f'href="#{change}-{field}"' in answer.text
    assert rig.entries.events == []


async def test_a_role_beyond_the_own_reach_is_no_slip(rig: Rig) -> None:
    await signed_in(rig, BOUND)
    for values in ({"role": "responder", "bodies": ["u4c"]}, {"role": "auditor"}, {"role": "operator"}):
        answer = await send(rig, NEW, "grant", **values)
        assert answer.status_code == 403
        assert "reaches further than your own role" in answer.text
    assert rig.entries.events == []


async def test_an_old_sign_in_gets_the_page_again_with_what_was_typed(rig: Rig) -> None:
    await signed_in(rig, age=FRESH + timedelta(seconds=5))
    answer = await send(rig, NEW, "grant", role="responder", bodies=["u4c"], communities="enwiki")
    assert answer.status_code == 401
    assert 'value="enwiki"' not in answer.text
    assert rig.entries.events == []
    await come_back(rig.http, rig.sessions, "/desk", CHIEF, answer.text, own=own_names(CHIEF, TICKET))
    back = await rig.http.get(f"/desk/roster/{NEW}/grant")
    assert 'value="enwiki"' in back.text
    assert re.search('value="u4c" checked', back.text)
    again = await send(
        rig, NEW, "grant", back.text, role="responder", bodies=["u4c"], communities="enwiki", names="Ada Example"
    )
    assert again.status_code == 303
    assert len(rig.entries.of(NEW).entry.grants) == 1


async def test_an_entry_that_changed_meanwhile_is_shown_as_it_is_and_nothing_typed_is_lost(rig: Rig) -> None:
    await signed_in(rig)
    page = await page_of(rig, ALICE.ref)
    await send(rig, ALICE.ref, "agreement", ended="1")
    answer = await send(rig, ALICE.ref, "grant", page, role="auditor", communities="enwiki")
    assert answer.status_code == 412
    assert "This entry has changed meanwhile" in answer.text
    assert 'value="enwiki"' in answer.text
    assert 'name="version" value="2"' in answer.text
    assert [event.fact.change for event in rig.entries.events] == ["agreement"]


async def test_a_form_sent_twice_is_done_once(rig: Rig) -> None:
    await signed_in(rig)
    page = await page_of(rig, NEW)
    for _ in range(2):
        assert (await send(rig, NEW, "grant", page, role="operator", names="Ada Example")).status_code == 303
    assert rig.entries.of(NEW).version == 1


async def test_a_coordinator_sees_and_ends_the_sessions_of_people_in_reach(rig: Rig) -> None:
    await signed_in(rig)
    await session_of(rig.sessions, ALICE, agent="Firefox, Linux")
    await session_of(rig.sessions, ALICE, agent="Safari, iOS")
    page = await page_of(rig, ALICE.ref)
    assert "Firefox, Linux" in page
    ended = re.search(r'name="end" value="([0-9a-f]+)"', page)[1]
    answer = await send(rig, ALICE.ref, "sessions", page, end=ended)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/roster/{ALICE.ref}?done=session")
    assert len(await rig.sessions.of_person(ALICE.ref)) == 1
    assert (await send(rig, ALICE.ref, "sessions", page, end=ended)).status_code == 404
    await send(rig, ALICE.ref, "sign_out")
    assert await rig.sessions.of_person(ALICE.ref) == []
    assert rig.entries.of(ALICE.ref).entry.signed_out_at is not None


async def test_nobody_ends_the_session_of_another_person_under_a_third_ones_page(rig: Rig) -> None:
    await signed_in(rig, BOUND)
    secret = await session_of(rig.sessions, ALICE)
    (theirs,) = await rig.sessions.of_person(ALICE.ref)
    third = person("a3", Grant(Role.RESPONDER, ("swwiki_admins",)))
    rig.entries.enrol(third)
    page = await page_of(rig, third.ref)
    assert (await send(rig, third.ref, "sessions", page, end=theirs.id_hash)).status_code == 404
    assert (await send(rig, NEW, "sessions", page, end=theirs.id_hash)).status_code == 403
    # Alice reaches further than this coordinator.
    assert (await send(rig, ALICE.ref, "sessions", page, end=theirs.id_hash)).status_code == 403
    alice = await page_of(rig, ALICE.ref)
    assert "does not reach this entry" in alice
    assert theirs.id_hash not in alice
    assert secret not in alice
    assert len(await rig.sessions.of_person(ALICE.ref)) == 1


async def test_ones_own_entry_has_forms_of_languages_and_leave_and_leads_to_ones_own_sessions(rig: Rig) -> None:
    await signed_in(rig)
    page = await page_of(rig, CHIEF.ref)
    assert re.findall(rf'action="/desk/roster/{CHIEF.ref}/(\w+)"', page) == ["languages"]
    assert 'href="/desk/sessions"' in page
    assert (await send(rig, CHIEF.ref, "revoke", page, version="1", role="coordinator")).status_code == 403
    assert (await send(rig, CHIEF.ref, "leave", page, version="1")).status_code == 403
    rig.entries.enrol(person("c3", Grant(Role.COORDINATOR)))
    page = await page_of(rig, CHIEF.ref)
    assert re.findall(rf'action="/desk/roster/{CHIEF.ref}/(\w+)"', page) == ["languages", "leave"]
    assert rig.entries.events == []


async def test_the_way_to_the_roster_is_shown_to_who_may_read_it(rig: Rig) -> None:
    case = await rig.open()
    for who, shown in ((ALICE, False), (CORA, True)):
        rig.entries.enrol(who)
        await signed_in(rig, who)
        for address in ("/desk", f"/desk/cases/{case.code_name}"):
            assert ('href="/desk/roster"' in (await rig.http.get(address)).text) is shown
        assert (await rig.http.get("/desk/roster")).status_code == (200 if shown else 403)


async def test_a_coordinator_without_cases_is_led_from_home_to_the_roster(rig: Rig) -> None:
    # As the first of a deployment is: a role and nothing else.
    first = Principal("person:00000000000000f1", (Grant(Role.COORDINATOR),))
    rig.entries.enrol(first)
    await signed_in(rig, first)
    answer = await rig.http.get("/desk")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/roster")
    assert (await rig.http.get("/desk/roster")).status_code == 200


async def test_a_browser_without_a_session_is_led_to_sign_in_and_back(rig: Rig) -> None:
    answer = await rig.http.get(f"/desk/roster/{ALICE.ref}")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/desk/sign-in?next=/desk/roster/")


async def test_a_form_without_a_version_or_of_no_change_is_refused(rig: Rig) -> None:
    await signed_in(rig)
    page = await page_of(rig, NEW)
    assert (await send(rig, NEW, "grant", page, version="²", role="operator")).status_code == 400
    assert (await send(rig, NEW, "promote", page)).status_code == 404
    assert (await send(rig, NEW, "grant", page, role="operator", name="Ada")).status_code == 422
    assert rig.entries.events == []


async def test_one_form_enrols_a_responder_and_the_checklist_says_what_is_missing(rig: Rig) -> None:
    await signed_in(rig)
    assert "The role of a responder in a handling body." in await page_of(rig, NEW)
    values = {"bodies": ["enwiki_arbcom", "swwiki_admins"], "modules": ["A"], "agreement_until": TOMORROW}
    refused = await send(rig, NEW, "enrol", **values)
    assert refused.status_code == 422
    assert "Write at least one user name" in refused.text
    done = await send(rig, NEW, "enrol", **values, names="Ada Example")
    assert (done.status_code, done.headers["location"]) == (303, f"/desk/roster/{NEW}?done=enrol")
    entry = rig.entries.documents[NEW]["entry"]
    assert [grant["role"] for grant in entry["grants"]] == ["responder"]
    assert [training["module"] for training in entry["trainings"]] == ["A"]
    assert entry["confidential_until"] is not None
    page = await page_of(rig, NEW)
    assert "A · Orientation" in page
    assert "The role of a responder" not in page
    assert "For Arbitration Committee · English Wikipedia: the training B · Identifying and reporting." in page
    assert "⧼" not in page


async def test_the_list_shows_who_lacks_something_is_away_or_works_for_a_body(rig: Rig) -> None:
    rig.entries.enrol(replace(person("e1", Grant(Role.RESPONDER, ("u4c",))), trainings=()))
    rig.entries.enrol(replace(person("e2", Grant(Role.RESPONDER, ("legal",))), leaves=(Leave(now()),)))
    rig.entries.enrol(replace(person("e3", Grant(Role.RESPONDER, ("legal",))), confidential_until=None))
    await signed_in(rig)

    async def shown(**chosen: str) -> set[str]:
        page = (await rig.http.get("/desk/roster", params=chosen)).text
        return {name for name in ("e1", "e2", "e3") if f"/desk/roster/person:{name * 8}" in page}

    assert await shown() == {"e1", "e2", "e3"}
    assert await shown(body="legal") == {"e2", "e3"}
    assert await shown(lacks="training") == {"e1"}
    assert await shown(lacks="agreement") == {"e3"}
    assert await shown(when="away") == {"e2"}
    assert await shown(body="legal", when="soon") == set()
