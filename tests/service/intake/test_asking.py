"""A party asks that a person with a conflict does not handle the case, and reads what became of it."""

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.mailbox.asking import MOST_ASKS
from shared.events import RecusalAnswered, ReportRecusalAsked
from tests.service.intake.test_respondents import INSIDE, JANE, told
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.intake_rig import RESPONDER, Rig, case_event

HTML = {"Accept": "text/html", **SAME_ORIGIN}
WORDS = "Sekretconflict: the administrator is my opponent."
PARTIES = {"follow-up": ("reporter", None), "respondent": ("respondent", JANE)}
"""By the door: the party, and the token of the party."""


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def opened(rig: Rig, door: str) -> tuple[str, str]:
    """The id of a report, and the receipt that opens this door."""
    if door == "respondent":
        return await told(rig)
    sent = await rig.post(narrative="They shouted.")
    return sent["report_id"], sent["receipt"]


def answered(ask_id: str, party: str, answer: str, told_id: str | None = None) -> RecusalAnswered:
    return RecusalAnswered(**INSIDE, ask_id=ask_id, party=party, recusal_answer=answer, told_id=told_id)


@pytest.mark.parametrize("door", PARTIES)
async def test_what_a_party_asks_for_counts_once_and_its_words_stay_in_the_vault(rig: Rig, door: str) -> None:
    report_id, receipt = await opened(rig, door)
    async with rig.http() as http:
        for _ in range(2):
            taken = await http.post(f"/v1/{door}/recusals", json={"receipt": receipt, "text": WORDS})
            assert taken.status_code == 202
        (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportRecusalAsked)]
        assert (fact.report_id, fact.ask_id) == (report_id, taken.json()["ask_id"])
        assert (fact.party, fact.respondent) == PARTIES[door]
        assert "Sekret" not in f"{rig.store.reports} {rig.store.events()}"
        view = (await http.post(f"/v1/{door}", json={"receipt": receipt})).json()
        assert [(one["text"], one["answer"]) for one in view["recusal_asks"]] == [(WORDS, None)]
        for number in range(MOST_ASKS - 1):
            more = {"receipt": receipt, "text": f"Another one, {number}."}
            assert (await http.post(f"/v1/{door}/recusals", json=more)).status_code == 202
        refused = await http.post(f"/v1/{door}/recusals", json={"receipt": receipt, "text": "One more."})
        assert (refused.status_code, refused.json()["type"]) == (409, "/errors/too-many-asks")
        view = (await http.post(f"/v1/{door}", json={"receipt": receipt})).json()
        assert (len(view["recusal_asks"]), view["may_ask_recusal"]) == (MOST_ASKS, False)


@pytest.mark.parametrize("door", PARTIES)
async def test_who_was_refused_asks_again_in_the_same_words(rig: Rig, door: str) -> None:
    report_id, receipt = await opened(rig, door)
    sent = {"receipt": receipt, "text": WORDS}
    async with rig.http() as http:
        first = (await http.post(f"/v1/{door}/recusals", json=sent)).json()["ask_id"]
        seq, party = 3 if door == "respondent" else 1, PARTIES[door][0]
        await rig.progress.project([case_event(report_id, seq, answered(first, party, "refused"))])
        again = [(await http.post(f"/v1/{door}/recusals", json=sent)).json()["ask_id"] for _ in range(2)]
    assert first != again[0] == again[1]
    asked = [fact.ask_id for fact in rig.store.events() if isinstance(fact, ReportRecusalAsked)]
    assert asked == [first, again[0]]


async def test_neither_party_reads_what_the_other_one_asks_for(rig: Rig) -> None:
    _, respondents = await told(rig)
    async with rig.http() as http:
        sent = {"receipt": respondents, "text": WORDS}
        assert (await http.post("/v1/respondent/recusals", json=sent)).status_code == 202
        (report,) = rig.store.reports.values()
        assert [s["party"] for s in report["statements"].values() if s["kind"] == "recusal_ask"] == [JANE]
    _, receipt = await opened(rig, "follow-up")
    async with rig.http() as http:
        assert (await http.post("/v1/respondent/recusals", json={**sent, "receipt": receipt})).status_code == 404
        assert (await http.post("/v1/follow-up/recusals", json=sent)).status_code == 404
        view = (await http.post("/v1/follow-up", json={"receipt": receipt})).json()
        assert view["recusal_asks"] == []


@pytest.mark.parametrize("door", PARTIES)
async def test_the_page_takes_it_keeps_what_was_wrong_and_says_what_became_of_it(rig: Rig, door: str) -> None:
    report_id, receipt = await opened(rig, door)
    async with rig.http() as http:
        form = {**await token_from(http, "/follow-up"), "receipt": receipt, "asking": "1"}
        page = await http.post("/follow-up", data={**form, "conflict": " "}, headers=HTML)
        assert (page.status_code, 'href="#conflict"' in page.text) == (422, True)
        page = await http.post("/follow-up", data={**form, "conflict": "x" * 20_001}, headers=HTML)
        assert (page.status_code, "x" * 20_001 in page.text) == (422, True)
        page = await http.post("/follow-up", data={**form, "conflict": WORDS}, headers=HTML)
        assert (page.status_code, WORDS in page.text) == (200, True)
        assert "What you ask for has arrived." in page.text
        (fact,) = [fact for fact in rig.store.events() if isinstance(fact, ReportRecusalAsked)]
        await rig.statements.keep(report_id, "why-1", "message", "They have never met.")
        seq = 3 if door == "respondent" else 1
        refused = answered(fact.ask_id, fact.party, "refused", "why-1")
        await rig.progress.project([case_event(report_id, seq, refused)])
        page = await http.post("/follow-up", data={**form, "asking": ""}, headers=HTML)
        assert "Not granted." in page.text
        # A reporter gets the reasons as a message, of which the case tells.
        assert ("They have never met." in page.text) is (door == "respondent")
        await rig.progress.project([case_event(report_id, seq + 1, answered("other", fact.party, "granted"))])
        assert "Granted:" not in (await http.post("/follow-up", data={**form, "asking": ""}, headers=HTML)).text


async def test_nothing_is_asked_of_an_erased_report(rig: Rig) -> None:
    report_id, receipt = await opened(rig, "follow-up")
    await rig.erasing.erase([report_id], Erasure("r-1", "request", RESPONDER))
    async with rig.http() as http:
        body = {"receipt": receipt, "text": WORDS}
        assert (await http.post("/v1/follow-up/recusals", json=body)).status_code == 410
        view = (await http.post("/v1/follow-up", json={"receipt": receipt})).json()
        assert (view["recusal_asks"], view["may_ask_recusal"]) == ([], False)
