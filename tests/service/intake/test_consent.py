"""The reporter says on the follow-up page whether to be asked again how it goes, and stops it for good."""

from datetime import timedelta

import pytest

from services.intake.vault.reads import Read
from shared.access.purposes import PURPOSES
from shared.events import CaseClosed, CaseDecided, ConsentGiven, ReportConsented
from tests.service.intake.test_mailbox import ASKED, BEGUN, ENDED, NOTED, RESPONDER, follow
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.intake_rig import Rig, case_event

HTML = {"Accept": "text/html", **SAME_ORIGIN}
DECIDED = CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="r-1")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def says(rig: Rig, receipt: str, consent: str) -> int:
    async with rig.http() as http:
        answer = await http.post("/v1/follow-up/consent", json={"receipt": receipt, "consent": consent})
    return answer.status_code


async def test_the_reporter_says_it_once_the_case_is_decided_and_a_no_is_for_good(rig: Rig) -> None:
    sent = await rig.post()
    report_id, receipt = sent["report_id"], sent["receipt"]
    assert await says(rig, receipt, "yes") == 409
    await rig.progress.project([case_event(report_id, 1, DECIDED)])
    assert (await follow(rig, receipt))["may_consent"] is True
    for consent, status in (("yes", 202), ("yes", 202), ("maybe", 422), ("no", 202), ("no", 202), ("yes", 409)):
        assert await says(rig, receipt, consent) == status
    told = [fact.consent for fact in rig.store.events() if isinstance(fact, ReportConsented)]
    view = await follow(rig, receipt)
    assert (told, view["consent"], view["may_consent"]) == (["yes", "no"], "no", False)


async def test_the_reporter_says_it_of_a_closed_case_for_as_long_as_the_decision_can_be_appealed(rig: Rig) -> None:
    sent, until = await rig.post(), rig.clock() + timedelta(days=180)
    closed = CaseClosed(previous="decided", state="closed")
    decided = DECIDED.model_copy(update={"appeal_until": until})
    await rig.progress.project([case_event(sent["report_id"], n, fact) for n, fact in enumerate((decided, closed), 1)])
    rig.clock.pass_by(days=181)
    assert (await says(rig, sent["receipt"], "yes"), (await follow(rig, sent["receipt"]))["may_consent"]) == (
        409,
        False,
    )
    rig.clock.pass_by(days=-1)
    assert (await follow(rig, sent["receipt"]))["may_consent"] is True
    assert await says(rig, sent["receipt"], "yes") == 202
    # The check-ins are asked in the closed case.
    given = ConsentGiven(previous="closed", state="closed")
    asked = ASKED.model_copy(update={"previous": "closed", "state": "closed"})
    await rig.progress.project([case_event(sent["report_id"], n, fact) for n, fact in enumerate((given, asked), 3)])
    view = await follow(rig, sent["receipt"])
    assert (view["check_in"]["number"], view["may_consent"]) == (1, False)


async def test_handlers_read_it_as_no_answer_to_a_question(rig: Rig) -> None:
    sent = await rig.post()
    await rig.progress.project([case_event(sent["report_id"], 1, DECIDED)])
    for consent in ("yes", "no"):
        assert await says(rig, sent["receipt"], consent) == 202
    reads = [Read(sent["report_id"], ("correspondence",))]
    (read,) = await rig.reader.read(reads, purpose=PURPOSES["review"], actor=RESPONDER)
    assert read["sections"]["correspondence"]["answers"] == []


async def test_the_page_asks_for_it_and_shows_what_was_said(rig: Rig) -> None:
    sent = await rig.post()
    await rig.progress.project([case_event(sent["report_id"], 1, DECIDED)])
    async with rig.http() as http:
        form = {**await token_from(http, "/follow-up"), "receipt": sent["receipt"]}
        page = (await http.post("/follow-up", data=form, headers=HTML)).text
        assert "May we ask you again how it goes?" in page
        assert 'name="consent" value="yes"' in page
        page = (await http.post("/follow-up", data={**form, "consent": "yes"}, headers=HTML)).text
        assert page.count("You may be asked again how it goes, until you stop it.") == 2
        assert 'name="consent" value="yes"' not in page
        for _ in range(2):
            page = (await http.post("/follow-up", data={**form, "consent": "no"}, headers=HTML)).text
            assert "We will not ask you again." in page
            assert 'name="consent"' not in page


async def test_who_was_silent_says_once_more_to_want_to_be_asked(rig: Rig) -> None:
    sent = await rig.post()
    report_id, receipt = sent["report_id"], sent["receipt"]
    await rig.progress.project([case_event(report_id, 1, BEGUN)])
    assert await says(rig, receipt, "yes") == 202
    await rig.progress.project([case_event(report_id, 2, ASKED), case_event(report_id, 3, NOTED)])
    assert (await follow(rig, receipt))["may_consent"] is False
    await rig.progress.project([case_event(report_id, 4, ENDED)])
    view = await follow(rig, receipt)
    assert (view["consent"], view["may_consent"]) == (None, True)
    assert await says(rig, receipt, "yes") == 202
    again = ConsentGiven(previous="following_up", state="following_up", after_silence=True)
    await rig.progress.project([case_event(report_id, 5, again)])
    assert (await follow(rig, receipt))["consent"] == "yes"
    assert await says(rig, receipt, "yes") == 202
    assert [fact.consent for fact in rig.store.events() if isinstance(fact, ReportConsented)] == ["yes", "yes"]
