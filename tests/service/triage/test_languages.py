"""Which languages people read: said by themselves or noted by a coordinator, and used where a case is given away."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import pytest

from shared.access.roster import Staff
from shared.input.languages import reads
from shared.people_names import person_name
from tests.service.triage.test_roster_pages import CHIEF, NEW, page_of, send, signed_in
from tests.support.forms import hidden_fields
from tests.support.people import bearer
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, Rig, make_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        for who in (CHIEF, ALICE, BOB):
            rig.entries.enrol(who)
        yield rig


async def test_a_responder_says_on_their_own_page_which_languages_they_read(rig: Rig) -> None:
    await signed_in(rig, ALICE)
    page = (await rig.http.get("/desk/me")).text
    assert person_name(ALICE.ref) in page
    kept = {name: value for name, value in hidden_fields(page).items() if name in ("key", "form_token")}
    done = await rig.http.post("/desk/me", data={**kept, "languages": "AR, pt_BR;de en en"})
    assert (done.status_code, done.headers["location"]) == (303, "/desk/me?done=1")
    assert rig.entries.documents[ALICE.ref]["entry"]["languages"] == ("ar", "pt-br", "de", "en")
    again = unescape((await rig.http.get("/desk/me?done=1")).text)
    assert "The languages are noted." in again
    assert "العربية" in again
    assert rig.entries.events[-1].fact.change == "languages"
    assert rig.entries.events[-1].actor.ref == ALICE.ref


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("12", "Write a tag"),
        ("en, <b>", "Write a tag"),
        ("x" * 90, "Write a tag"),
        (", ".join(["en"] * 21), "Name 20 languages at most."),
    ],
    ids=["digits", "tag", "long", "many"],
)
async def test_what_is_no_language_is_said_and_nothing_is_lost(rig: Rig, typed: str, said: str) -> None:
    await signed_in(rig, ALICE)
    page = (await rig.http.get("/desk/me")).text
    kept = {name: value for name, value in hidden_fields(page).items() if name in ("key", "form_token")}
    wrong = await rig.http.post("/desk/me", data={**kept, "languages": typed})
    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.text
    assert wrong.text.count(said) == 2
    assert typed in unescape(wrong.text)


async def test_a_coordinator_enrols_with_languages_changes_them_and_filters_by_them(rig: Rig) -> None:
    await signed_in(rig)
    enrolled = await send(rig, NEW, "enrol", names="Neu", bodies="enwiki_arbcom", languages="fr-CA, ar")
    assert enrolled.status_code == 303
    french = unescape((await rig.http.get("/desk/roster?language=fr")).text)
    assert person_name(NEW) in french
    assert person_name(ALICE.ref) not in french
    assert "français" in french
    assert (await send(rig, NEW, "languages", languages="de")).status_code == 303
    assert "Deutsch" in await page_of(rig, NEW)
    assert person_name(NEW) not in (await rig.http.get("/desk/roster?language=fr")).text
    *_, last = [event.fact for event in rig.entries.events if getattr(event.fact, "person", "") == NEW]
    assert last.since == rig.entries.documents[NEW]["entry"]["since"], "a change leaves it"
    assert last.since is not None
    shown = (await rig.http.get(f"/v1/roster/{NEW}", headers=bearer(CHIEF))).json()
    assert shown["languages"] == ["de"]
    # What an address says that does not exist is left out.
    everybody = await rig.http.get("/desk/roster?body=none&lacks=all&when=1&language=%00&other=1")
    assert (everybody.status_code, person_name(NEW) in everybody.text) == (200, True)


async def test_who_reads_the_language_of_a_case_comes_first(rig: Rig) -> None:
    class Few:
        async def staff(self) -> Staff:
            return {"enwiki_arbcom": (ALICE, replace(COLLEAGUE, languages=("fr", "en")))}

    async with make_rig(Few()) as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        rig.entries.enrol(ALICE)
        await signed_in(rig, ALICE)
        busy, case = await rig.open(), await rig.open(language="fr-ca")
        await rig.order(busy, "assign", {"assignee": COLLEAGUE.ref})
        page = (await rig.http.get(f"/desk/cases/{case.code_name}")).text
        offered = re.findall(r'<option value="(person:[^"]+)">([^<]+)', page.partition('id="assign-assignee"')[2])
        assert offered[0][0] == COLLEAGUE.ref
        assert "reads français, English" in unescape(offered[0][1])


def test_who_reads_a_language_reads_its_variants() -> None:
    assert reads(["fr", "en"], "fr-CA")
    assert reads(["pt-br"], "pt")
    assert not reads(["de"], "dev")
    assert not reads([], "en")
