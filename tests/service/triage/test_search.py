"""The search of the desk: by code name, place and category, by the name of a person who is
reported, and in words that the reader may read anyway.
"""

from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from services.intake.report.pseudonym import pseudonyms_sought
from services.triage.case.case import Case
from shared.access.principal import Principal
from shared.events import Actor, Event
from shared.problems import Problem
from tests.service.triage.test_sight import NAMED, naming
from tests.support.forms import hidden_fields
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, BOB, COLLEAGUE, CORA, KEY, Rig, make_rig, reported

BAD = "Vandal Example"
AWAY = "Names and words of reports are not available now."
REFUSED = "Names and words of reports were not looked into"
LEFT = "No person was looked for"
NOTHING = "Nothing that you may see fits this."


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        yield rig


async def look_for(rig: Rig, text: str, **more: Any) -> str:
    page = (await rig.http.get("/desk/search")).text
    form = {"form_token": hidden_fields(page)["form_token"], "text": text, **more}
    answer = await rig.http.post("/desk/search", data=form)
    assert answer.status_code == 200
    return unescape(answer.text)


@pytest.mark.parametrize("change", [str.upper, lambda name: name.split("-")[0], lambda name: name.split("-")[1] + " "])
async def test_a_case_is_found_by_its_code_name_or_a_part_of_it(rig: Rig, change: Any) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    assert f'href="/desk/cases/{case.code_name}"' in await look_for(rig, change(case.code_name))


async def test_slips_in_a_code_name_are_forgiven(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    first, last = case.code_name.split("-")
    assert case.code_name in await look_for(rig, f"{first[0]}x{first[1:]} {last[:-1]}")


async def test_a_search_finds_no_case_that_is_hidden(rig: Rig) -> None:
    received = reported(parties_apart=True)
    await rig.parties.follow([naming(received, *NAMED.pseudonyms)])
    case, foreign = await rig.open(received), await rig.open(community="swwiki")
    await sign_in(rig.http, rig.sessions, "/desk", NAMED)
    for hidden in (case, foreign):
        assert "Nothing that you may see fits this." in await look_for(rig, hidden.code_name)


async def test_communities_and_categories_lead_to_their_cases(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    assert 'href="/desk?community=enwiki"' in await look_for(rig, "english wiki")
    assert 'href="/desk?category=harassment.doxing"' in await look_for(rig, "harassment.doxing")


async def test_words_are_looked_for_only_in_own_cases_and_notes_and_each_read_is_on_record(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    mine, noted, other = [await rig.open() for _ in range(3)]
    for case in (mine, noted, other):
        people = {"people": [{"name": "Éxample User"}]}
        rig.vault.sections[case.report_id] = {"reported": people, "content": {"narrative": "example user"}}
    await rig.order(mine, "assign")
    await rig.order(noted, "note", {"note": "Ask Example user again.", "visibility": "mine"})
    await rig.order(other, "note", {"note": "Example user, too.", "visibility": "body"}, COLLEAGUE)
    assert "Nothing that you may see fits this." in await look_for(rig, "example user")
    assert rig.vault.reads == []
    page = await look_for(rig, "example user", words="yes")
    assert (mine.code_name in page, noted.code_name in page, other.code_name in page) == (True, True, False)
    assert {report for report, _, _ in rig.vault.reads} == {mine.report_id, noted.report_id}
    assert {actor.ref for _, _, actor in rig.vault.reads if actor} == {ALICE.ref}
    assert "2 reports were opened for this" in page


async def test_without_the_vault_a_search_finds_what_needs_no_words(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    case = await rig.open()
    await rig.order(case, "assign")
    rig.vault.away = True
    page = await look_for(rig, case.code_name, words="yes")
    assert case.code_name in page
    assert AWAY in page


@pytest.mark.parametrize(
    ("status", "told", "untold"), [(403, REFUSED, AWAY), (422, NOTHING, REFUSED)], ids=["refused", "no name"]
)
async def test_a_search_says_what_the_vault_refuses_and_calls_it_no_outage(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, status: int, told: str, untold: str
) -> None:
    async def refuse(_: str, *, behalf: Actor) -> tuple[str, ...]:
        raise Problem(status, "service-refused", "intake refused the request.")

    monkeypatch.setattr(rig.vault, "seek_name", refuse)
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    page = await look_for(rig, BAD)
    assert told in page
    assert untold not in page


async def test_who_may_read_no_words_opens_none(rig: Rig) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", CORA)
    case = await rig.open()
    assert case.code_name in await look_for(rig, case.code_name, words="yes")
    assert rig.vault.reads == []
    assert rig.vault.sought == []


async def report_of(rig: Rig, *names: str, **changed: Any) -> tuple[Event, Case]:
    """A case that reports the person called BAD, and also names the people with these keys."""
    received = reported(parties_apart=True, subjects=["a" * 32], **changed)
    await rig.parties.follow([naming(received, *pseudonyms_sought(KEY, BAD), *names)])
    return received, await rig.open(received)


async def look_as(rig: Rig, who: Principal, text: str = BAD) -> str:
    await sign_in(rig.http, rig.sessions, "/desk", who)
    return await look_for(rig, text)


async def test_cases_in_which_a_person_is_reported_are_found_by_the_name(rig: Rig) -> None:
    cases = [(await report_of(rig))[1] for _ in range(2)]
    other = await rig.open()
    page = await look_as(rig, ALICE, "vandal_example")
    assert "Cases in which this person is reported" in page
    assert all(case.code_name in page for case in cases)
    assert other.code_name not in page
    # No report is opened for it, and intake hears who looks.
    assert rig.vault.reads == []
    assert rig.vault.sought == [Actor(ALICE.ref, "responder")]
    assert "Cases in which this person is reported" not in await look_for(rig, "Vandal Examples")


@pytest.mark.parametrize("name", ["Ed", "Wiki", "Hate", "Harm", "Eng"])
async def test_a_name_is_looked_for_also_where_it_is_a_part_of_another_one(rig: Rig, name: str) -> None:
    received = reported(parties_apart=True, subjects=["a" * 32])
    await rig.parties.follow([naming(received, *pseudonyms_sought(KEY, name))])
    case = await rig.open(received)
    page = await look_as(rig, ALICE, name)
    assert "Cases in which this person is reported" in page
    assert case.code_name in page
    assert "All cases of" in page
    assert rig.vault.sought == [Actor(ALICE.ref, "responder")]


async def test_a_name_is_looked_for_beside_a_code_name_that_is_like_it(rig: Rig) -> None:
    other = await rig.open()
    name = other.code_name.split("-")[0]
    received = reported(parties_apart=True, subjects=["a" * 32])
    await rig.parties.follow([naming(received, *pseudonyms_sought(KEY, name))])
    case = await rig.open(received)
    page = await look_as(rig, ALICE, name)
    assert case.code_name in page
    assert other.code_name in page
    assert LEFT not in page


@pytest.mark.parametrize(
    "text", ["", "English Wikipedia", "ENWIKI", "harassment.doxing", "disclosure of private information"]
)
async def test_the_whole_name_of_something_else_is_looked_for_as_a_person_only_when_asked(rig: Rig, text: str) -> None:
    code_name = (await rig.open()).code_name
    text = text or code_name.replace("-", " ").title()
    received = reported(parties_apart=True, subjects=["a" * 32])
    await rig.parties.follow([naming(received, *pseudonyms_sought(KEY, text))])
    case = await rig.open(received)
    page = await look_as(rig, ALICE, text)
    assert LEFT in page
    assert case.code_name not in page
    assert rig.vault.sought == []
    page = await look_for(rig, text, person="yes")
    assert case.code_name in page
    assert LEFT not in page
    assert rig.vault.sought == [Actor(ALICE.ref, "responder")]


async def test_who_may_read_no_words_is_offered_no_search_for_a_person(rig: Rig) -> None:
    assert LEFT not in await look_as(rig, CORA, (await rig.open()).code_name)


async def test_who_is_recused_or_named_or_of_another_body_finds_nobody(rig: Rig) -> None:
    await report_of(rig, *NAMED.pseudonyms)
    assert NOTHING in await look_as(rig, NAMED)
    assert NOTHING in await look_as(rig, BOB)
    assert "Cases in which this person is reported" in await look_as(rig, COLLEAGUE)
    (stored,) = rig.cases.stored.values()
    assert (await rig.order(stored.case, "recuse", {"person": COLLEAGUE.ref, "ground": "involved"})).status_code == 200
    assert NOTHING in await look_as(rig, COLLEAGUE)
    assert "Cases in which this person is reported" in await look_as(rig, ALICE)


async def test_a_body_that_is_only_asked_learns_of_nobody_in_a_case(rig: Rig) -> None:
    _, case = await report_of(rig)
    answer = await rig.order(case, "refer", {"body": "swwiki_admins", "explanation": "Theirs."})
    assert answer.status_code == 200, answer.text
    assert case.code_name in await look_as(rig, BOB, case.code_name)
    assert NOTHING in await look_as(rig, BOB)


async def test_nobody_is_found_in_a_report_that_was_erased(rig: Rig) -> None:
    received, case = await report_of(rig)
    assert case.code_name in await look_as(rig, ALICE)
    await rig.parties.follow([naming(received, seq=3)])
    assert NOTHING in await look_as(rig, ALICE)
