"""What a handler typed and never sent: kept sealed for this browser alone, and in its form again later."""

from collections.abc import AsyncIterator
from dataclasses import replace
from html import unescape

import httpx
import pytest

from services.triage.case.case import Case
from services.triage.reports import DigestEraser
from shared.access.principal import Principal
from shared.sign_in.drafts import LONGEST_DRAFT, REFUSED_LIFE, Drafts
from shared.times import now
from tests.support.forms import hidden_fields
from tests.support.people import PROVIDER, sign_in
from tests.support.triage_rig import ALICE, COLLEAGUE, POLICY, Rig, erased, make_rig

WORDS = "Was it on Monday,\nor <later>?"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with make_rig() as rig:
        rig.http.headers.update({"accept": "text/html", "sec-fetch-site": "same-origin"})
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        yield rig


async def in_work(rig: Rig) -> Case:
    case = await rig.open(contactable=True)
    await rig.order(case, "assign")
    await rig.order(case, "start")
    return rig.cases.stored[case.id].case


async def page_of(rig: Rig, case: Case) -> str:
    return (await rig.http.get(f"/desk/cases/{case.code_name}")).text


async def keep(rig: Rig, case: Case, command: str, who: Principal | None = None, **typed: str) -> httpx.Response:
    """Have a script keep what is typed into a form of the page that stands open."""
    page = await page_of(rig, case)
    if who:
        await sign_in(rig.http, rig.sessions, "/desk", who)
    hidden = {name: value for name, value in hidden_fields(page).items() if name in ("version", "key", "form_token")}
    path = f"/desk/cases/{case.code_name}/{command}"
    return await rig.http.post("/desk/drafts", data={**hidden, "draft_of": path, **typed})


async def test_words_that_were_never_sent_stand_in_their_forms_when_the_page_opens_again(rig: Rig) -> None:
    case = await in_work(rig)
    assert (await keep(rig, case, "ask", question="Was it")).status_code == 204
    assert (await keep(rig, case, "ask", question=WORDS)).status_code == 204
    assert (await keep(rig, case, "note", note="Look at the logs.", visibility="body")).status_code == 204
    kept = list(rig.sessions.drafts.values())
    assert len(kept) == 2
    assert WORDS not in repr(kept)
    assert all(one.until - now() <= REFUSED_LIFE for one in kept)
    page = await page_of(rig, case)
    assert "Was it on Monday,\nor &lt;later&gt;?</textarea>" in page
    assert "Look at the logs.</textarea>" in page
    assert page.count("Your draft is not sent yet") == 2
    assert 'id="do-note" open' in page
    # A conflict with what others do meanwhile takes nothing either.
    await rig.order(case, "watch", {}, COLLEAGUE)
    assert "or &lt;later&gt;?</textarea>" in await page_of(rig, case)
    sent = {name: value for name, value in hidden_fields(page).items() if name in ("key", "form_token")}
    version = str(rig.cases.stored[case.id].case.seq)
    done = await rig.http.post(
        f"/desk/cases/{case.code_name}/ask", data={**sent, "version": version, "question": WORDS}
    )
    assert done.status_code == 303
    assert (await page_of(rig, case)).count("Your draft is not sent yet") == 1


async def test_a_draft_is_discarded_by_a_button_and_by_taking_all_words_away(rig: Rig) -> None:
    case = await in_work(rig)
    for again in ("by a button", "by a script"):
        await keep(rig, case, "ask", question=again)
        gone = await keep(rig, case, "ask", discard="1")
        assert (gone.status_code, gone.headers["location"]) == (303, f"/desk/cases/{case.code_name}")
        assert rig.sessions.drafts == {}


async def test_a_draft_of_an_earlier_version_goes_with_its_own_form_alone(rig: Rig) -> None:
    case = await in_work(rig)
    await keep(rig, case, "ask", question=WORDS)
    (((session, _), kept),) = rig.sessions.drafts.items()
    rig.sessions.drafts = {(session, ""): replace(kept, about="")}
    await keep(rig, case, "note", discard="1")
    assert rig.sessions.drafts
    await keep(rig, case, "ask", discard="1")
    assert rig.sessions.drafts == {}


async def test_words_whose_form_is_there_no_more_stand_on_the_page(rig: Rig) -> None:
    case = await in_work(rig)
    await keep(rig, case, "ask", question=WORDS)
    await rig.order(case, "refer", {"body": "stewards", "explanation": "Theirs."}, COLLEAGUE)
    page = unescape(await page_of(rig, case))
    assert 'id="do-ask"' not in page
    assert WORDS in page


async def test_nobody_else_gets_a_draft_and_nothing_else_is_kept(rig: Rig) -> None:
    case = await in_work(rig)
    # The page was opened by ALICE, and the next person at the same browser sends it.
    assert (await keep(rig, case, "ask", COLLEAGUE, question=WORDS)).status_code == 403
    await sign_in(rig.http, rig.sessions, "/desk", ALICE)
    assert (await keep(rig, case, "ask", question="x" * LONGEST_DRAFT)).status_code == 422
    for path in ("", "/desk/search", "/v1/cases", "//other.example/desk", f"/desk/cases/{case.code_name}"):
        assert (await keep(rig, case, "ask", draft_of=path, question=WORDS)).status_code == 404
    assert rig.sessions.drafts == {}
    await keep(rig, case, "ask", question=WORDS)
    await sign_in(rig.http, rig.sessions, "/desk", COLLEAGUE)
    assert "later" not in await page_of(rig, case)


async def test_nothing_is_kept_of_a_case_that_is_hidden_erased_or_unknown(rig: Rig) -> None:
    case, hidden, gone = [await in_work(rig) for _ in range(3)]
    pages = {one.code_name: hidden_fields(await page_of(rig, one)) for one in (case, hidden, gone)}
    assert (await rig.order(hidden, "recuse", {"ground": "other"})).status_code == 200
    await DigestEraser(rig.cases, POLICY, forget_nothing).take([erased(gone.report_id)])
    tried = {}
    for name in ("no-such-case", hidden.code_name, gone.code_name, case.code_name):
        fields = pages.get(name, pages[case.code_name])
        typed = {**fields, "draft_of": f"/desk/cases/{name}/note", "note": WORDS}
        tried[name] = (await rig.http.post("/desk/drafts", data=typed)).status_code
    assert list(tried.values()) == [404, 404, 404, 204]
    assert len(rig.sessions.drafts) == 1


async def forget_nothing(code_name: str) -> None:
    """The drafts of the case are gone already."""


async def test_the_drafts_of_a_case_go_with_its_report(rig: Rig) -> None:
    case, other = await in_work(rig), await in_work(rig)
    for one in (case, other):
        await keep(rig, one, "ask", question=WORDS)
    drafts = Drafts(PROVIDER["identity_key"])

    async def forget(code_name: str) -> None:
        await rig.sessions.drop_drafts_about(drafts.about(f"/desk/cases/{code_name}"))

    await DigestEraser(rig.cases, POLICY, forget).take([erased(case.report_id)])
    assert len(rig.sessions.drafts) == 1
    assert "Your draft" not in await page_of(rig, case)
    assert "Your draft" in await page_of(rig, other)


def form_of(page: str, path: str, entry: str = "") -> str:
    """The form on a page for this address, of several the one about this entry."""
    forms = (part.partition("</form>")[0] for part in page.split("<form ")[1:])
    return next(one for one in forms if f'action="{path}"' in one and (not entry or f'value="{entry}"' in one))


async def test_two_forms_of_one_command_each_keep_what_was_typed(rig: Rig) -> None:
    case = await in_work(rig)
    await rig.order(case, "ask", {"question": "Which day?"})
    (asked,) = rig.cases.stored[case.id].case.questions
    await rig.order(case, "take_answer", {"question": asked.id, "answer_given": "A Monday."})
    await rig.order(case, "ask", {"question": "Which page?"})
    first, second = (one.id for one in rig.cases.stored[case.id].case.questions)
    path = f"/desk/cases/{case.code_name}/take_answer"
    typed = {first: "It was Monday.", second: "The talk page."}
    for question, words in typed.items():
        hidden = hidden_fields(form_of(await page_of(rig, case), path, question))
        assert (hidden["entry"], hidden["question"]) == ("question", question)
        kept = await rig.http.post("/desk/drafts", data={**hidden, "draft_of": path, "answer_given": words})
        assert kept.status_code == 204
    assert len(rig.sessions.drafts) == 2
    page = await page_of(rig, case)
    for question, words in typed.items():
        assert f"{words}</textarea>" in form_of(page, path, question)
        assert f'href="#do-take_answer-{question}"' in page
        assert f'id="do-take_answer-{question}" open' in page
    sent = {**hidden_fields(form_of(page, path, first)), "answer_given": typed[first]}
    assert (await rig.http.post(path, data=sent)).status_code == 303
    page = await page_of(rig, case)
    assert page.count("Your draft is not sent yet") == 1
    assert "The talk page.</textarea>" in form_of(page, path, second)
    gone = hidden_fields(form_of(page, "/desk/drafts", second))
    assert (await rig.http.post("/desk/drafts", data=gone)).status_code == 303
    assert rig.sessions.drafts == {}


async def test_words_about_an_entry_that_has_no_form_any_more_stand_on_the_page(rig: Rig) -> None:
    case = await in_work(rig)
    await rig.order(case, "ask", {"question": "Which day?"})
    about = {"entry": "question", "question": "0" * 32}
    await keep(rig, case, "take_answer", answer_given="It was Monday.", **about)
    assert "It was Monday." in await page_of(rig, case)


async def test_a_reply_of_the_playbook_stands_behind_what_was_typed(rig: Rig) -> None:
    case = await in_work(rig)
    path = f"/desk/cases/{case.code_name}/ask"
    seq = rig.cases.stored[case.id].case.seq
    for words in (WORDS, ""):
        form = form_of(await page_of(rig, case), path)
        assert 'name="reply" value="which-edits"' in form
        sent = {**hidden_fields(form), "question": words, "reply": "which-edits"}
        begun = await rig.http.post(path, data=sent)
        assert (begun.status_code, begun.headers["location"]) == (303, f"/desk/cases/{case.code_name}#do-ask")
        field = unescape(form_of(await page_of(rig, case), path)).partition('id="ask-question"')[2]
        text = field.partition("</textarea>")[0].partition(">")[2].strip()
        assert text.startswith(f"{WORDS}\n\nWhich edits" if words else "Which edits")
    assert rig.cases.stored[case.id].case.seq == seq
    assert not rig.vault.statements


async def test_a_reply_that_the_policy_does_not_know_sends_nothing(rig: Rig) -> None:
    case = await in_work(rig)
    path = f"/desk/cases/{case.code_name}/ask"
    form = hidden_fields(form_of(await page_of(rig, case), path))
    begun = await rig.http.post(path, data={**form, "question": WORDS, "reply": "no-such"})
    assert begun.status_code == 303
    assert not rig.cases.stored[case.id].case.questions
    assert "or &lt;later&gt;?</textarea>" in await page_of(rig, case)


async def test_words_too_long_to_be_kept_stay_in_the_form_when_a_reply_is_chosen(rig: Rig) -> None:
    case = await in_work(rig)
    path = f"/desk/cases/{case.code_name}/ask"
    form = hidden_fields(form_of(await page_of(rig, case), path))
    words = "x" * LONGEST_DRAFT
    told = await rig.http.post(path, data={**form, "question": words, "reply": "which-edits"})
    assert told.status_code == 422
    assert f"{words}</textarea>" in told.text
