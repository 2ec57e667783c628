"""Words that mention a person on the roster hide the report from that person, whenever they come."""

from dataclasses import replace
from typing import Any

import pytest

from services.intake.report.pseudonym import pseudonyms_for
from services.intake.report.submission import WHOLE_LIMIT, Submission
from services.intake.sources.arrival import Arrival
from shared.access.principal import Grant, Principal, Role
from shared.events import (
    Actor,
    CaseFact,
    MentionCleared,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReportParties,
    mark_noted,
)
from tests.service.intake.test_mailbox import the_way_of_a_case
from tests.support.intake_rig import SECRETS, START, Rig, case_event
from tests.support.people import COPIES, bearer, person
from tests.support.service_keys import call_of

NAME = "Example User"
ROLES = (Grant(Role.RESPONDER, ("enwiki_arbcom",)),)


@pytest.fixture
async def rig() -> Rig:
    return Rig()


@pytest.fixture
async def who(rig: Rig) -> Principal:
    """A responder with the name, whom the roster knows."""
    found = person("acc05ed", *ROLES, pseudonyms=pseudonyms_for(SECRETS.pseudonyms, [NAME], []))
    COPIES.enrol(found)
    return found


async def reads(rig: Rig, report_id: str, who: Principal) -> bool:
    """Whether the vault lets a service read the report for this person."""
    body = {"purpose": "review", "reads": [{"report_id": report_id, "sections": ["content"]}]}
    async with rig.http() as http:
        headers = call_of(behalf=Actor(who.ref, "responder"))
        answer = await http.post("/v1/vault/read", json=body, headers=headers)
    return "sections" in answer.json()["items"][0]


def told(rig: Rig) -> list[ReportParties]:
    return [fact for fact in rig.store.events() if isinstance(fact, ReportParties)]


def over_kafka(unknown: dict[str, Any]) -> Arrival:
    submission = Submission(community="enwiki", narrative="Something happened.")
    return Arrival("kafka", submission, "kafka", "app\x1f1", unknown=unknown)


@pytest.mark.parametrize("unknown", [{"/seen_by": [NAME]}, {"/counts": {NAME: 3}}, {f"/{NAME}": 3}])
async def test_a_name_in_a_field_that_hearth_does_not_know_hides_the_report(
    rig: Rig, who: Principal, unknown: dict[str, Any]
) -> None:
    (taken,) = await rig.submissions.take_in([over_kafka(unknown)])
    assert not await reads(rig, taken.report_id, who)
    assert await reads(rig, taken.report_id, person("0ther", *ROLES))


@pytest.mark.parametrize(
    "fields",
    [
        {"narrative": f"It was {NAME}."},
        {"harmed": f"{NAME} hurt me."},
        {"anything_else": f"Ask {NAME}!"},
        {"places": ["the café", f"https://en.wikipedia.org/wiki/User_talk:{NAME.replace(' ', '_')}"]},
        {"reported": [{"name": "Somebody", "details": f"a friend of {NAME}"}]},
        {"reported": [{"name": f"a tall man who is called {NAME} by friends"}]},
    ],
)
async def test_every_text_of_a_report_is_searched(rig: Rig, who: Principal, fields: dict[str, Any]) -> None:
    accepted = await rig.post(**fields)
    assert not await reads(rig, accepted["report_id"], who)
    (fact,) = told(rig)
    assert set(fact.mentioned) <= who.pseudonyms
    assert fact.mentioned
    other = person("0b1ec71e", *ROLES, pseudonyms=pseudonyms_for(SECRETS.pseudonyms, ["Somebody Else Entirely"], []))
    COPIES.enrol(other)
    assert await reads(rig, accepted["report_id"], other)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["example x example y ", "a", "山田", "e\u200b\u0301"])
async def test_the_longest_report_is_searched_to_its_end(rig: Rig, who: Principal, padding: str) -> None:
    def fill(length: int) -> str:
        return (padding * length)[:length]

    # As much as all texts together may have: the words of 50 people and the narrative, and 20 for each name.
    size = WHOLE_LIMIT // 51 - 20
    reported = [{"name": f"Somebody {number}", "details": fill(size)} for number in range(50)]
    reported[-1]["details"] = f"{fill(size - 50)}. {NAME}"
    fields = {"narrative": fill(size), "reported": reported}
    accepted = await rig.post(**fields)
    assert not await reads(rig, accepted["report_id"], who)


async def test_words_that_mention_nobody_hide_nothing(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(narrative="It was Example again, a user of the wiki.")
    assert await reads(rig, accepted["report_id"], who)
    assert [fact.mentioned for fact in told(rig)] == [()]


async def test_a_later_answer_hides_the_report_from_those_it_mentions(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(reported=[{"name": "Somebody"}], reporter={"name": "Me", "email": "me@mail.example"})
    await rig.progress.project(the_way_of_a_case(accepted["report_id"])[:5])
    assert await reads(rig, accepted["report_id"], who)
    async with rig.http() as http:
        body = {"receipt": accepted["receipt"], "question_id": "q-1", "text": f"I meant {NAME}."}
        assert (await http.post("/v1/follow-up/answers", json=body)).status_code == 202
    assert not await reads(rig, accepted["report_id"], who)
    first, last = told(rig)
    assert (last.subjects, last.reporter) == (first.subjects, first.reporter)
    assert set(last.mentioned) <= who.pseudonyms
    assert last.mentioned


async def test_a_handlers_words_hide_the_report_from_those_they_mention(rig: Rig, who: Principal) -> None:
    accepted = await rig.post()
    for _ in range(2):
        async with rig.http() as http:
            path = f"/v1/vault/reports/{accepted['report_id']}/statements/s-1"
            words = {"kind": "question", "text": f"Was it {NAME}?"}
            assert (await http.put(path, json=words, headers=call_of(purpose="correspond"))).status_code == 204
    assert not await reads(rig, accepted["report_id"], who)
    assert len(told(rig)) == 2
    assert told(rig)[-1].noted == told(rig)[-1].mentioned != ()


async def test_whether_a_reporter_or_only_handlers_name_a_person_is_told_apart(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(reporter={"name": "Me", "email": "me@mail.example"})
    await rig.progress.project(the_way_of_a_case(accepted["report_id"])[:5])
    async with rig.http() as http:
        path, words = f"/v1/vault/reports/{accepted['report_id']}/statements/s-1", {"kind": "note", "text": NAME}
        assert (await http.put(path, json=words, headers=call_of(purpose="correspond"))).status_code == 204
        noted = told(rig)[-1]
        body = {"receipt": accepted["receipt"], "question_id": "q-1", "text": f"I meant {NAME}."}
        assert (await http.post("/v1/follow-up/answers", json=body)).status_code == 202
        last = told(rig)[-1]
        assert (last.mentioned, last.noted) == (noted.noted, ())
        path = path.replace("s-1", "s-2")
        assert (await http.put(path, json=words, headers=call_of(purpose="correspond"))).status_code == 204
    assert told(rig)[-1] == last
    assert len(told(rig)) == 3
    assert noted.names - last.names == set(map(mark_noted, noted.mentioned))


async def test_the_name_of_a_further_party_shuts_out_who_has_it(rig: Rig, who: Principal) -> None:
    accepted = await rig.post()
    path = f"/v1/vault/reports/{accepted['report_id']}/statements/s-1"
    async with rig.http() as http:
        words = {"kind": "party", "text": NAME}
        assert (await http.put(path, json=words, headers=call_of(purpose="correspond"))).status_code == 204
    assert not await reads(rig, accepted["report_id"], who)
    assert set(told(rig)[-1].mentioned) <= who.pseudonyms
    # A handler who was wrong about it says so, as of all words.
    (mention,) = await mentions_in(rig, accepted["report_id"])
    await clear(rig, accepted["report_id"], mention["id"])
    assert await reads(rig, accepted["report_id"], who)


async def test_a_person_who_is_mentioned_stays_shut_out_after_an_erasure(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(narrative=f"It was {NAME}.")
    async with rig.http() as http:
        order = {"reason": "requested", "report_ids": [accepted["report_id"]]}
        eraser = person("e4a5e4", Grant(Role.OPERATOR))
        answer = await http.post("/v1/erasures", json=order, headers=bearer(eraser))
    assert answer.json()["items"][0]["result"] == "erased"
    (stored,) = rig.store.reports.values()
    assert who.ref in stored["shut_out"]
    assert not stored["mentioned"]


async def mentions_in(rig: Rig, report_id: str) -> list[dict[str, str]]:
    body = {"purpose": "review", "reads": [{"report_id": report_id, "sections": ["mentions"]}]}
    async with rig.http() as http:
        answer = await http.post("/v1/vault/read", json=body, headers=call_of())
    found: list[dict[str, str]] = answer.json()["items"][0]["sections"]["mentions"]["items"]
    return found


async def clear(rig: Rig, report_id: str, mention: str, seq: int = 3, **more: bool) -> None:
    cleared = MentionCleared(previous="triaged", state="triaged", mention=mention, **more)
    await rig.progress.project([case_event(report_id, seq, cleared, START)])


async def test_handlers_see_words_that_mention_a_person_under_an_id_of_this_report(rig: Rig, who: Principal) -> None:
    found = []
    for _ in range(2):
        accepted = await rig.post(narrative=f"It was {NAME}.")
        found += await mentions_in(rig, accepted["report_id"])
    assert [mention["words"] for mention in found] == [NAME.casefold()] * 2
    first, second = (mention["id"] for mention in found)
    assert first != second
    assert who.pseudonyms.isdisjoint((first, second))


async def test_a_mention_that_two_handlers_clear_hides_nothing_any_more(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(narrative=f"It was {NAME}.", reported=[{"name": "Somebody"}])
    report_id = accepted["report_id"]
    await clear(rig, report_id, "0" * 32)
    assert not await reads(rig, report_id, who)
    (mention,) = await mentions_in(rig, report_id)
    await clear(rig, report_id, mention["id"], 4, waits=True)
    assert not await reads(rig, report_id, who)
    await clear(rig, report_id, mention["id"], 5)
    assert await reads(rig, report_id, who)
    assert await mentions_in(rig, report_id) == []
    first, last = told(rig)
    assert (last.subjects, last.mentioned) == (first.subjects, ())


async def test_a_name_that_was_cleared_is_not_found_again_in_later_words(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(narrative=f"It was {NAME}.")
    (mention,) = await mentions_in(rig, accepted["report_id"])
    await clear(rig, accepted["report_id"], mention["id"])
    async with rig.http() as http:
        path = f"/v1/vault/reports/{accepted['report_id']}/statements/s-1"
        words = {"kind": "question", "text": f"Not {NAME}?"}
        await http.put(path, json=words, headers=call_of(purpose="correspond"))
    assert await reads(rig, accepted["report_id"], who)


async def test_a_person_whom_a_report_names_cannot_be_cleared(rig: Rig, who: Principal) -> None:
    accepted = await rig.post(narrative=f"It was {NAME}.", reported=[{"name": f"User:{NAME}"}])
    assert await mentions_in(rig, accepted["report_id"]) == []
    assert not await reads(rig, accepted["report_id"], who)


TOKEN = "7" * 32


async def name(rig: Rig, report_id: str, who: Principal, token: str = TOKEN) -> int:
    path = f"/v1/vault/reports/{report_id}/named/{token}"
    async with rig.http() as http:
        return (await http.put(path, json={"person": who.ref}, headers=call_of(purpose="name"))).status_code


async def follow(rig: Rig, report_id: str, seq: int, fact: CaseFact) -> None:
    await rig.progress.project([case_event(report_id, seq, fact, START)])


def declared(token: str = TOKEN) -> RecusalDeclared:
    return RecusalDeclared(previous="triaged", state="triaged", person=token, ground="named", confirm_by=START)


async def test_a_person_that_handlers_name_is_shut_out_while_the_case_says_so(rig: Rig, who: Principal) -> None:
    report_id = (await rig.post())["report_id"]
    assert await name(rig, report_id, who) == 204
    await follow(rig, report_id, 3, declared())
    assert not await reads(rig, report_id, who)
    await follow(rig, report_id, 4, RecusalConfirmed(previous="triaged", state="triaged", person=TOKEN))
    assert not await reads(rig, report_id, who)
    assert [fact.shut_out for fact in told(rig)] == [(), (who.ref,)]


@pytest.mark.parametrize(
    "end",
    [
        RecusalLapsed(previous="triaged", state="triaged", person=TOKEN),
        RecusalWithdrawn(previous="triaged", state="triaged", person=TOKEN, withdrawal="mistaken"),
    ],
)
@pytest.mark.parametrize("erased", [False, True])
async def test_the_end_of_a_naming_is_told_also_after_an_erasure(
    rig: Rig, who: Principal, end: CaseFact, erased: bool
) -> None:
    report_id = (await rig.post())["report_id"]
    await name(rig, report_id, who)
    await follow(rig, report_id, 3, declared())
    if erased:
        async with rig.http() as http:
            order = {"reason": "requested", "report_ids": [report_id]}
            await http.post("/v1/erasures", json=order, headers=bearer(person("e4a5e4", Grant(Role.OPERATOR))))
        assert told(rig)[-1].shut_out == (who.ref,)
    await follow(rig, report_id, 4, end)
    last = told(rig)[-1]
    assert (last.shut_out, last.erased_at is not None, last.named) == ((), erased, erased)
    if not erased:
        assert await reads(rig, report_id, who)


async def test_a_naming_of_which_the_case_knows_nothing_shuts_nobody_out(rig: Rig, who: Principal) -> None:
    report_id = (await rig.post())["report_id"]
    for _ in range(2):
        assert await name(rig, report_id, who) == 204
    assert await reads(rig, report_id, who)
    assert len(told(rig)) == 1
    # It comes again, and then the case has it.
    await name(rig, report_id, who)
    await follow(rig, report_id, 3, declared())
    assert not await reads(rig, report_id, who)


async def test_a_naming_is_refused_without_a_token_a_reference_or_a_report(rig: Rig, who: Principal) -> None:
    report_id = (await rig.post())["report_id"]
    assert await name(rig, report_id, who, "person:0") == 422
    assert await name(rig, report_id, replace(who, ref="Example User")) == 422
    assert await name(rig, "unknown", who) == 404
