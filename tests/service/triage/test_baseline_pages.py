"""The pages of the baseline: what is missing, what ends next, forms that lose nothing, and audit that is away."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import httpx
import pytest

from services.triage.baseline.overview import Finding
from services.triage.baseline.registry import Standing
from services.triage.baseline.scorecards import Verdict
from services.triage.baseline.stored import StoredRegistry
from shared.access.authorization import FRESH
from shared.access.principal import Grant, Principal, Role
from shared.policy.baseline import load_catalogue
from shared.times import now, rfc3339
from tests.support.forms import hidden_fields
from tests.support.people import COPIES, auditor, come_back, coordinator, operator, person, responder, sign_in
from tests.support.triage_rig import ALICE, Rig, make_rig

BROWSER = {"accept": "text/html", "sec-fetch-site": "same-origin"}
CORA = coordinator("d1", "swwiki_admins")
SECOND = coordinator("d2", "swwiki_admins")
CHIEF = person("d3", Grant(Role.COORDINATOR))
AUDREY = auditor("d4")
ANN, BEN = (responder(name, "swwiki_admins") for name in ("d5", "d6"))
SEEN = now().replace(microsecond=0)
LINK = "https://meta.wikimedia.org/wiki/Special:Permalink/1"
PAGE = {"claim": "met", "statement": "The main page links the way to report.", "link": LINK}
PLACE = "/desk/baseline/swwiki"


class Audit:
    """A scorecard as audit would show it, or nothing."""

    def __init__(self) -> None:
        self.verdict: Verdict | None = None

    async def of(self, community: str) -> Verdict | None:
        return self.verdict

    def found(self, **findings: Finding) -> None:
        by_id = {name.replace("_", "-"): finding for name, finding in findings.items()}
        self.verdict = Verdict(SEEN, "unassessed", by_id)


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
async def rig(audit: Audit):
    for who in (CORA, SECOND, CHIEF, AUDREY, ANN, BEN, ALICE):
        COPIES.enrol(who)
    async with make_rig(catalogues=[load_catalogue()], scorecards=audit) as rig:
        rig.http.headers.update(BROWSER)
        yield rig


async def signed_in(rig: Rig, who: Principal = CORA, **session) -> None:
    await sign_in(rig.http, rig.sessions, "/desk", who, **session)


async def page_of(rig: Rig, place: str = PLACE) -> str:
    answer = await rig.http.get(place)
    assert answer.status_code == 200, answer.text
    text = unescape(answer.text)
    assert "⧼" not in text
    return text


async def send(rig: Rig, change: str, page: str | None = None, **values: object) -> httpx.Response:
    page = page or await page_of(rig)
    kept = {name: value for name, value in hidden_fields(page).items() if name in ("version", "key", "form_token")}
    return await rig.http.post(f"{PLACE}/{change}", data={**kept, **values})


async def attest(rig: Rig, responsibility: str = "HB-01", **values: object) -> str:
    done = await send(rig, "attest", responsibility_id=responsibility, **{**PAGE, **values})
    assert (done.status_code, done.headers.get("location")) == (303, f"{PLACE}?done=attest&of={responsibility}")
    made = rig.registries.of("swwiki").running(responsibility)
    assert made is not None
    return made.id


def article(page: str, responsibility: str) -> str:
    return page.partition(f'id="{responsibility}"')[2].partition("</article>")[0]


def keep(rig: Rig, registry) -> None:
    known = rig.registries.stored[registry.id]
    rig.registries.stored[registry.id] = StoredRegistry(registry, known.applied, known.base)


def shift(rig: Rig, ago: timedelta) -> None:
    """Everything was attested so long ago."""
    registry = rig.registries.of("swwiki")
    older = (replace(a, made_at=a.made_at - ago, valid_until=a.valid_until - ago) for a in registry.attestations)
    keep(rig, replace(registry, attestations=tuple(older)))


async def test_a_coordinator_is_led_from_the_desk_to_what_is_missing(rig: Rig) -> None:
    await signed_in(rig)
    assert 'href="/desk/baseline"' in await page_of(rig, "/desk")
    listed = await page_of(rig, "/desk/baseline")
    assert f'href="{PLACE}"' in listed
    assert "/scorecard" in listed
    assert "arwiki" not in listed
    assert "What you say on these pages is public." in listed
    assert "read only by the people who handle it" not in listed
    page = await page_of(rig)
    missing = page.partition('id="missing-title"')[2].partition("</section>")[0]
    assert "3 things are missing for “Safe to report”." in missing
    assert re.findall(r'href="#(HB-\d\d)"', missing)[:3] == ["HB-01", "HB-02", "HB-07"]


async def test_each_responsibility_says_what_it_asks_and_why(rig: Rig) -> None:
    await signed_in(rig)
    first = article(await page_of(rig), "HB-01")
    for words in (
        "The community publishes how to report, where people look for it.",
        "A person who does not find the way to report keeps silent",
        "Link the way to report from the main page",
        "Nothing said yet",
        "Say how it stands",
    ):
        assert words in first


async def test_an_attestation_by_form_says_what_comes_next(rig: Rig) -> None:
    await signed_in(rig)
    await attest(rig)
    page = await page_of(rig, f"{PLACE}?done=attest&of=HB-01")
    told = page.partition('role="status"')[2].partition("</div></div>")[0]
    assert "It is said." in told
    assert 'href="#HB-02"' in told
    said = article(page, "HB-01")
    assert "The main page links the way to report." in said
    assert LINK in said
    assert "Coordinator (You)" in said
    assert "Holds until" in said
    assert "Say it anew" in said


async def test_contacts_are_typed_one_on_a_line_and_a_day_is_whole(rig: Rig) -> None:
    await signed_in(rig)
    day = f"{now() + timedelta(days=90):%Y-%m-%d}"
    contacts = f"{ANN.ref}\r\n {BEN.ref} \r\n"
    await attest(rig, "HB-02", **{"field-contacts": contacts, "valid_until": day})
    made = rig.registries.of("swwiki").running("HB-02")
    assert made
    assert made.fields[0].values == (ANN.ref, BEN.ref)
    assert rfc3339(made.valid_until) == f"{day}T23:59:59.000Z"
    # The last day that the page names is one that it takes.
    last = re.search(r"The last day is (\S+)\.", article(await page_of(rig), "HB-02"))
    assert last
    await attest(rig, "HB-02", **{"field-contacts": contacts, "valid_until": last[1]})


@pytest.mark.parametrize(
    ("responsibility", "typed", "field", "words"),
    [
        ("HB-01", {"statement": ""}, "statement", "This field needs an answer."),
        ("HB-01", {"statement": "Write to ada@example.org <now>"}, "statement", "looks like a name or an address"),
        ("HB-01", {"statement": "a" * 501}, "statement", "500 characters"),
        ("HB-01", {"claim": ""}, "claim", "This field needs an answer."),
        ("HB-01", {"link": ""}, "link", "This field needs an answer."),
        ("HB-01", {"link": "http://meta.wikimedia.org/"}, "link", "begins with https://"),
        ("HB-01", {"link": "https://10.0.0.1/"}, "link", "everybody can open"),
        ("HB-01", {"link": "<>"}, "link", "https://"),
        ("HB-01", {"valid_until": "someday"}, "valid_until", "Write a date"),
        ("HB-01", {"valid_until": "2020-01-01"}, "valid_until", "over already"),
        ("HB-01", {"valid_until": "2099-01-01"}, "valid_until", "too far away"),
        ("HB-02", {"field-contacts": ANN.ref}, "field-contacts", "More different ones"),
        ("HB-02", {"field-contacts": f"{ANN.ref}\nBen <b>"}, "field-contacts", "person:5f2c81aa90b1c2d3"),
        ("HB-02", {"field-contacts": f"{ANN.ref}\n{AUDREY.ref}"}, "field-contacts", "no role in this community"),
        ("HB-10", {"field-published_on": "soon"}, "field-published_on", "Write a date"),
        ("HB-10", {"field-published_on": "2099-01-01"}, "field-published_on", "in the future"),
    ],
)
async def test_a_mistake_stands_at_its_field_and_nothing_typed_is_lost(
    rig: Rig, responsibility: str, typed: dict[str, str], field: str, words: str
) -> None:
    await signed_in(rig)
    given = {**PAGE, "responsibility_id": responsibility, **typed}
    answer = await send(rig, "attest", **given)
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert "⧼" not in text
    assert f'href="#attest-{responsibility}-{field}"' in text.partition("</h2>")[2].partition("</ul>")[0]
    form = article(text, responsibility)
    assert f'id="attest-{responsibility}-{field}-error"' in form
    assert words in form.partition(f'id="attest-{responsibility}-{field}-error"')[2].partition("</div></div>")[0]
    assert "<details open>" in form
    for value in given.values():
        assert not value or value in form
    assert "<b>" not in answer.text.partition('id="HB-02"')[2].partition("</article>")[0]
    assert rig.registries.events == []


async def test_forms_of_two_responsibilities_each_keep_what_was_typed(rig: Rig) -> None:
    await signed_in(rig)
    typed = {"HB-01": "The main page links it.", "HB-02": "Three people answer."}
    for responsibility, words in typed.items():
        page = await page_of(rig)
        form = next(one for one in page.split("<form ") if f'value="{responsibility}"' in one and "/attest" in one)
        fields = {**hidden_fields(form), "draft_of": f"{PLACE}/attest", "statement": words}
        assert (await rig.http.post("/desk/drafts", data=fields)).status_code == 204
    page = await page_of(rig)
    for responsibility, words in typed.items():
        assert f'href="{PLACE}/attest?entry={responsibility}"' in page
        opened = await rig.http.get(f"{PLACE}/attest", params={"entry": responsibility})
        assert [text for text in typed.values() if f"{text}</textarea>" in opened.text] == [words]


async def test_withdrawing_needs_a_fresh_sign_in_and_keeps_the_reason(rig: Rig) -> None:
    await signed_in(rig)
    made = await attest(rig)
    await signed_in(rig, age=FRESH + timedelta(seconds=5))
    given = {"attestation_id": made, "statement": "The page is being rewritten."}
    answer = await send(rig, "withdraw", **given)
    assert answer.status_code == 401
    await come_back(rig.http, rig.sessions, "/desk", CORA, answer.text)
    back = await page_of(rig, "/desk/baseline/swwiki/withdraw")
    assert "The page is being rewritten." in article(back, "HB-01")
    done = await send(rig, "withdraw", back, **given)
    assert done.status_code == 303
    page = await page_of(rig, done.headers["location"])
    assert "It is taken back." in page
    assert "Taken back on" in article(page, "HB-01")
    assert "The page is being rewritten." in article(page, "HB-01")


async def test_withdrawing_says_first_that_it_needs_another_sign_in(rig: Rig) -> None:
    await signed_in(rig)
    await attest(rig)
    assert "yours is older" not in await page_of(rig, "/desk/baseline/swwiki")
    await signed_in(rig, age=FRESH + timedelta(seconds=5))
    page = article(await page_of(rig, "/desk/baseline/swwiki"), "HB-01")
    assert page.count("and yours is older") == 1
    assert "/desk/sign-in?fresh=1&next=%2Fdesk%2Fbaseline%2Fswwiki" in page


async def test_another_coordinator_or_an_auditor_confirms_and_nobody_their_own(rig: Rig) -> None:
    await signed_in(rig)
    made = await attest(rig, "HB-09")
    page = await page_of(rig, f"{PLACE}?done=attest&of=HB-09")
    assert "Ask them to open this page." in page
    assert "Confirm that this is true" not in page
    assert "Another coordinator of the community, or an auditor" in article(page, "HB-09")
    for who in (AUDREY, SECOND):
        await signed_in(rig, who)
        page = await page_of(rig)
        waiting = page.partition('id="confirm-title"')[2].partition("</section>")[0]
        assert 'href="#HB-09"' in waiting
        assert "Confirm that this is true" in article(page, "HB-09")
    done = await send(rig, "confirm", attestation_id=made)
    assert done.status_code == 303
    page = await page_of(rig, done.headers["location"])
    assert "It is confirmed, and counts." in page
    assert "Met" in article(page, "HB-09")
    await signed_in(rig)
    refused = await send(rig, "confirm", attestation_id=made)
    assert refused.status_code == 403


async def test_an_auditor_sees_every_community_and_only_confirms(rig: Rig) -> None:
    await signed_in(rig)
    await attest(rig, "HB-03")
    await signed_in(rig, AUDREY)
    answer = await rig.http.get("/desk")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/desk/baseline")
    listed = await page_of(rig, "/desk/baseline")
    assert all(f"/desk/baseline/{name}" in listed for name in ("enwiki", "arwiki", "swwiki", "global"))
    page = await page_of(rig)
    assert set(re.findall(rf'action="{PLACE}/(\w+)"', page)) == {"confirm"}


@pytest.mark.parametrize("who", [ALICE, operator("d7"), responder("d8", "swwiki_admins")])
async def test_nobody_else_finds_the_baseline(rig: Rig, who: Principal) -> None:
    await signed_in(rig, who)
    for place in ("/desk/baseline", PLACE):
        answer = await rig.http.get(place)
        assert answer.status_code == 403
        assert "Baseline" not in answer.text


async def test_another_community_is_not_shown_nor_changed(rig: Rig) -> None:
    await signed_in(rig)
    assert (await rig.http.get("/desk/baseline/arwiki")).status_code == 403
    assert (await rig.http.get("/desk/baseline/nowhere")).status_code == 404
    page = await page_of(rig)
    kept = {n: v for n, v in hidden_fields(page).items() if n in ("version", "key", "form_token")}
    other = await rig.http.post("/desk/baseline/arwiki/attest", data={**kept, "responsibility_id": "HB-01", **PAGE})
    assert other.status_code == 403
    assert (await rig.http.post(f"{PLACE}/praise", data=kept)).status_code == 404
    forged = await rig.http.post(f"{PLACE}/attest", data={"version": "0", "responsibility_id": "HB-01", **PAGE})
    assert forged.status_code == 403
    assert rig.registries.events == []


async def test_what_changed_meanwhile_is_shown_and_nothing_typed_is_lost(rig: Rig) -> None:
    await signed_in(rig)
    page = await page_of(rig)
    await attest(rig)
    given = {**PAGE, "responsibility_id": "HB-14", "statement": "Mentors listen."}
    answer = await send(rig, "attest", page, **given)
    assert answer.status_code == 412
    assert "The baseline of this community has changed meanwhile" in answer.text
    assert "Mentors listen." in article(answer.text, "HB-14")
    again = await send(
        rig, "attest", answer.text, responsibility_id="HB-14", **{**PAGE, "statement": "Mentors listen."}
    )
    assert again.status_code == 303


async def test_words_of_a_form_that_is_gone_are_shown(rig: Rig) -> None:
    await signed_in(rig)
    made = await attest(rig)
    page = await page_of(rig)
    await send(rig, "withdraw", attestation_id=made, statement="First.")
    answer = await send(rig, "withdraw", page, attestation_id=made, statement="Second.")
    assert answer.status_code == 412
    assert "What you wrote" in answer.text
    assert "Second." in answer.text


async def test_what_ends_next_comes_first_and_what_has_ended_is_missing(rig: Rig) -> None:
    await signed_in(rig)
    await attest(rig)
    await attest(rig, "HB-14", valid_until=f"{now() + timedelta(days=9):%Y-%m-%d}")
    page = await page_of(rig)
    ends = page.partition('id="ends-title"')[2].partition("</section>")[0]
    assert re.findall(r'href="#(HB-\d\d)"', ends) == ["HB-14", "HB-01"]
    assert ends.count("Ends within 30 days") == 1
    assert "Ends within 30 days" in await page_of(rig, "/desk/baseline")
    shift(rig, timedelta(days=11))
    page = await page_of(rig)
    assert "Has ended" in article(page, "HB-14")
    assert "Ended by itself on" in article(page, "HB-14")
    assert "1 statement has ended" in await page_of(rig, "/desk/baseline")


async def test_what_is_measured_stands_beside_what_is_said(rig: Rig, audit: Audit) -> None:
    await signed_in(rig)
    await attest(rig, "HB-03")
    audit.found(
        HB_03=Finding("not_met", "contradicted", False, 5),
        HB_07=Finding("met", "measured", True, 1),
        HB_06=Finding("no_evidence", "too_few_cases", None, 5),
    )
    keep(rig, confirmed(rig))
    page = await page_of(rig)
    assert "Not met: measured otherwise" in article(page, "HB-03")
    assert "it does not hold." in article(page, "HB-03")
    assert "Met, measured" in article(page, "HB-07")
    assert "at least 5 are needed" in article(page, "HB-06")
    assert "Not measured yet" in article(page, "HB-06")
    assert "Until then you can say how it stands." in article(page, "HB-06")
    assert "2 things are missing for “Safe to report”." in page
    audit.verdict = None
    page = await page_of(rig)
    assert "audit does not answer" in page
    assert "not known now." in article(page, "HB-07")
    assert "Say how it stands" in page


def confirmed(rig: Rig):
    registry = rig.registries.of("swwiki")
    by = {"confirmed_by": AUDREY.ref, "confirmed_role": "auditor", "confirmed_at": now()}
    return replace(registry, attestations=tuple(replace(a, **by) for a in registry.attestations))


async def test_an_explanation_is_given_and_taken_away(rig: Rig) -> None:
    await signed_in(rig)
    done = await send(rig, "annotate", responsibility_id="HB-03", statement="Two of three were away in May.")
    assert done.headers["location"] == f"{PLACE}?done=annotate&of=HB-03"
    page = await page_of(rig, done.headers["location"])
    assert "The community explains the result" in article(page, "HB-03")
    await send(rig, "annotate", responsibility_id="HB-03", statement="")
    assert "The community explains the result" not in await page_of(rig)


async def test_a_project_stands_beside_what_it_serves_until_it_ends(rig: Rig) -> None:
    await signed_in(rig)
    known = {"title": "Peer Support Networks", "stakeholder": "WMF", "phase": "Pilot", "began_on": "2026-01-05"}
    wrong = await send(rig, "list_project", **{**known, "title": ""}, responsibilities=["HB-14"])
    assert wrong.status_code == 422
    assert 'href="#list_project-title"' in wrong.text
    assert re.search(r'value="HB-14" checked', wrong.text)
    done = await send(rig, "list_project", **known, responsibilities=["HB-14", "HB-15"])
    assert done.status_code == 303
    (project,) = rig.registries.of("swwiki").projects
    page = await page_of(rig)
    assert "Peer Support Networks" in article(page, "HB-14")
    changed = {**known, "project_id": project.id, "phase": "Execution"}
    done = await send(rig, "change_project", **changed, responsibilities=["HB-14"])
    assert done.headers["location"].endswith(f"?done=change_project&of={project.id}")
    page = await page_of(rig)
    assert "Execution" in article(page, "HB-14")
    assert "Peer Support Networks" not in article(page, "HB-15")
    reversed_ = await send(rig, "end_project", project_id=project.id, ended_on="2025-12-31")
    assert reversed_.status_code == 422
    assert f'href="#end_project-{project.id}-ended_on"' in reversed_.text
    assert (await send(rig, "end_project", project_id=project.id, ended_on="")).status_code == 303
    page = await page_of(rig)
    assert "Peer Support Networks" not in article(page, "HB-14")
    assert "Projects that have ended: 1" in page


async def test_earlier_statements_stay_as_history(rig: Rig) -> None:
    await signed_in(rig)
    await attest(rig, statement="Once said.")
    await attest(rig, claim="not_met", statement="Said anew.")
    first = article(await page_of(rig), "HB-01")
    assert "What was said before: 1" in first
    assert first.index("Said anew.") < first.index("Once said.")
    assert [a.standing for a in rig.registries.of("swwiki").attestations] == [Standing.SUPERSEDED, Standing.RUNNING]


async def test_projects_for_all_communities_are_kept_by_chief_coordinators(rig: Rig) -> None:
    await signed_in(rig, CHIEF)
    page = await page_of(rig, "/desk/baseline/global")
    kept = {n: v for n, v in hidden_fields(page).items() if n in ("version", "key", "form_token")}
    given = {**kept, "title": "Human Rights Policy", "responsibilities": ["HB-15"]}
    assert (await rig.http.post("/desk/baseline/global/list_project", data=given)).status_code == 303
    await signed_in(rig)
    page = await page_of(rig)
    assert "Human Rights Policy" in article(page, "HB-15")
    assert "For all communities" in page
