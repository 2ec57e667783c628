"""The page of the policy: what is in force in words, and which of the reader's cases a changed file would change."""

from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from services.triage.shadow import preview
from shared import metrics
from shared.access.principal import Principal
from shared.kept_policy import PolicyState
from shared.policy.loader import FILES, PACKAGED
from shared.times import now
from tests.support.forms import hidden_fields
from tests.support.people import COPIES, coordinator, sign_in
from tests.support.triage_rig import ALICE, CORA, POLICY, Rig, make_rig

PAGE = "/desk/policy"
BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
ROUTING = (PACKAGED / "routing.toml").read_text(encoding="utf-8")
TO_ADMINS = ROUTING.replace('to = ["local.arbcom", "local.admins"]', 'to = ["local.admins"]')
OF_SWWIKI = coordinator("0dd0dd0d", "swwiki_admins")


@pytest.fixture
async def rig():
    for who in (ALICE, CORA, OF_SWWIKI):
        COPIES.enrol(who)
    async with make_rig() as rig:
        rig.http.headers.update(BROWSER)
        yield rig


async def signed_in(rig: Rig, who: Principal) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", who)


async def page_of(rig: Rig, file: str = "") -> str:
    answer = await rig.http.get(f"{PAGE}?file={file}" if file else PAGE)
    assert answer.status_code == 200, answer.text
    assert "⧼" not in answer.text
    return unescape(answer.text)


async def post(rig: Rig, **values: str) -> httpx.Response:
    token = hidden_fields((await rig.http.get("/desk")).text)["form_token"]
    return await rig.http.post(PAGE, data={"form_token": token, **values})


async def try_out(rig: Rig, text: str, file: str = "routing.toml") -> str:
    answer = await post(rig, file=file, text=text)
    assert answer.status_code == 200, answer.text
    assert "⧼" not in answer.text
    return unescape(answer.text)


async def test_everybody_of_the_desk_reads_the_policy_in_words(rig: Rig) -> None:
    await signed_in(rig, ALICE)
    page = await page_of(rig)
    places = ("Trust & Safety", "“arbcom” of the community")
    times = ("Acts within 3 hours", "When the report comes in", "28 days")
    for words in (POLICY.version, *places, *times, "Someone may be physically hurt", "Two thirds of the votes"):
        assert words in page
    assert page.count("Rule: ") == len(POLICY.rules)
    assert "Try a change" not in page
    assert all(body.email not in page for body in POLICY.bodies.values())
    assert 'href="/desk/policy"' in (await rig.http.get("/desk")).text


async def test_a_responder_tries_no_change(rig: Rig) -> None:
    await signed_in(rig, ALICE)
    assert "Text of" not in await page_of(rig, "routing.toml")
    assert (await post(rig, file="routing.toml", text=ROUTING)).status_code == 403


async def test_a_coordinator_starts_from_the_text_in_force(rig: Rig) -> None:
    await signed_in(rig, CORA)
    for file in FILES:
        page = await page_of(rig, file)
        assert f"Text of {file}" in page
        assert (PACKAGED / file).read_text(encoding="utf-8").strip() in page
    for file in ("../routing.toml", "loader.py", "/etc/passwd"):
        assert "Text of" not in await page_of(rig, file)


async def test_a_preview_names_the_cases_that_would_have_gone_elsewhere(rig: Rig) -> None:
    first = await rig.open()
    await rig.open(community="swwiki")
    old = await rig.open(received_at=now() - timedelta(days=91))
    await signed_in(rig, CORA)
    page = await try_out(rig, TO_ADMINS)
    assert "1 case of the last 90 days would have been treated differently" in page
    assert f'href="/desk/cases/{first.code_name}"' in page
    assert old.code_name not in page
    assert "Arbitration" in page.partition("Handling body")[2]
    assert "Nothing would have been different" in await try_out(rig, ROUTING)
    assert rig.cases.stored[first.id].case == first


async def test_a_preview_says_where_past_cases_cannot_show_what_changes(rig: Rig) -> None:
    asked, _ = await rig.open(), await rig.open()
    await signed_in(rig, CORA)
    for file, before, after in (("patterns.toml", "reports = 10", "reports = 12"), ("pauses.toml", "14 d", "2 d")):
        page = await try_out(rig, (PACKAGED / file).read_text(encoding="utf-8").replace(before, after), file)
        assert (f"The change in {file} is about things that past cases cannot show" in page) is (file != "pauses.toml")
        assert ("Nothing would have been different" in page) is (file == "pauses.toml")
    await rig.order(asked, "assign")
    await rig.order(asked, "start")
    assert (await rig.order(asked, "ask", {"question": "Where?"})).status_code == 200
    text = (PACKAGED / "pauses.toml").read_text(encoding="utf-8").replace('answer = "14 d"', 'answer = "2 d"')
    page = await try_out(rig, text, "pauses.toml")
    assert "1 case of the last 90 days would have been treated differently" in page
    assert "Waiting: The reporter was asked something: Longest time" in page


async def test_a_case_that_the_reader_may_not_see_is_not_even_counted(rig: Rig) -> None:
    case = await rig.open()
    await signed_in(rig, OF_SWWIKI)
    assert "Nothing would have been different" in await try_out(rig, TO_ADMINS)
    await signed_in(rig, CORA)
    assert case.code_name in await try_out(rig, TO_ADMINS)
    stored = rig.cases.stored[case.id]
    rig.cases.stored[case.id] = replace(stored, case=replace(case, recused=(CORA.ref,)))
    page = await try_out(rig, TO_ADMINS)
    assert "Nothing would have been different" in page
    assert case.code_name not in page


async def test_a_case_of_which_it_is_not_known_who_is_named_is_not_counted(rig: Rig) -> None:
    case = await rig.open()
    stored = rig.cases.stored[case.id]
    rig.cases.stored[case.id] = replace(stored, case=replace(case, parties_apart=True))
    await signed_in(rig, CORA)
    assert "Nothing would have been different" in await try_out(rig, TO_ADMINS)


async def test_what_is_wrong_with_a_file_is_told_with_its_line_and_what_was_typed_stays(rig: Rig) -> None:
    await signed_in(rig, CORA)
    broken = ROUTING.replace('to = ["legal"]', 'to = ["leagl"]')
    page = await try_out(rig, broken)
    line = broken[: broken.index('to = ["leagl"]')].count("\n") + 1
    assert f"<strong>routing.toml:{line}</strong>" in page
    assert "no [[body]] defines the handling body “leagl”" in page
    assert 'to = ["leagl"]' in page


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        pytest.param("routing.toml", "", "routing.toml:1", id="empty"),
        pytest.param("routing.toml", "a = " + "[" * 3000, "too deep", id="deep"),
        pytest.param("routing.toml", "a = " + "1" * 3990, "unknown key", id="long-number"),
        pytest.param("routing.toml", "\n" + ".".join("a" * 3000) + " = 1", "routing.toml:2", id="long-key"),
        pytest.param("routing.toml", "#\n" * 100_001, "longer than 200000 characters", id="large"),
        pytest.param("../routing.toml", "a = 1", "not a policy file", id="elsewhere"),
        pytest.param("", "", "not a policy file", id="no-name"),
        pytest.param("taxonomy.toml", 'flags = "\x01', "taxonomy.toml:1", id="control-sign"),
    ],
)
async def test_a_text_that_is_no_policy_file_is_refused(rig: Rig, file: str, text: str, told: str) -> None:
    await signed_in(rig, CORA)
    page = await try_out(rig, text, file)
    assert told in page
    assert "Nothing was compared" in page


async def test_a_preview_looks_at_so_many_cases_and_says_that_there_are_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_CASES", 3)
    monkeypatch.setattr(preview, "_BATCH", 2)
    for _ in range(5):
        await rig.open()
    await signed_in(rig, CORA)
    page = await try_out(rig, TO_ADMINS)
    assert "3 cases of the last 90 days" in page
    assert "There are more than Hearth looks at while you wait" in page


async def test_a_preview_that_changes_nothing_reads_so_many_cases_and_says_so(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preview, "MOST_READ", 2)
    monkeypatch.setattr(preview, "_TURN", 1)
    for _ in range(3):
        await rig.open()
    await signed_in(rig, CORA)
    assert "There are more than Hearth looks at while you wait" in await try_out(rig, ROUTING)


async def test_a_preview_says_what_the_changed_file_may_not_mean(rig: Rig) -> None:
    await signed_in(rig, CORA)
    rule = '[[rule]]\nid = "hate"\nto = ["u4c"]\nwhen = [{ categories = ["content_abuse.hate_speech"] }]\n\n'
    last = '[[rule]]\nid = "anywhere-else"'
    page = await try_out(rig, ROUTING.replace(last, rule + last))
    assert "Look at these lines again" in page
    assert "such as enwiki, content_abuse.hate_speech, online, which goes to enwiki_arbcom and not to u4c" in page
    assert "rule child-protection" not in page
    assert "Look at these lines again" not in await try_out(rig, ROUTING)


async def test_the_page_says_when_changed_files_wait_or_have_mistakes(rig: Rig, tmp_path: Path) -> None:
    await signed_in(rig, ALICE)
    state = rig.app.state.policy = PolicyState()
    assert "have been changed" not in await page_of(rig)
    file = tmp_path / "routing.toml"
    file.write_text(TO_ADMINS, encoding="utf-8")
    await state.look(tmp_path, POLICY.version)
    assert f"Version {state.waiting} comes into force when" in await page_of(rig)
    file.write_text(ROUTING.replace('to = ["legal"]', 'to = ["leagl"]'), encoding="utf-8")
    await state.look(tmp_path, POLICY.version)
    page = await page_of(rig)
    assert "The policy below stays in force until they are mended." in page
    assert "no [[body]] defines the handling body “leagl”" in page
    assert metrics.POLICY_REFUSED._value.get() == 1
    file.write_text(ROUTING, encoding="utf-8")
    await state.look(tmp_path, POLICY.version)
    assert "have been changed" not in await page_of(rig)
    assert metrics.POLICY_REFUSED._value.get() == 0
