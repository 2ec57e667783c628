"""Respondents that handlers add, and those that are named in several spellings, in all four services."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.intake.erasure.actions import Erasure
from services.intake.report.pseudonym import pseudonyms_for
from services.triage.case.case import Case
from shared.access.principal import Grant, Role
from shared.events import Actor
from shared.times import now
from tests.service.shared.test_asked_recusal import ANN, BEN, CAT, DOT, Bodies, order
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.four_services import FourServices, four_services
from tests.support.intake_rig import SECRETS
from tests.support.people import COPIES, bearer, person
from tests.support.rosters import refresh_rosters

ZED = person("2ed2ed", *ANN.grants, pseudonyms=pseudonyms_for(SECRETS.pseudonyms, ["Zebedee Thunderclap"], []))
ENFORCER = person("e4f0e4f0", Grant(Role.ENFORCER, (), ("enwiki",)))
ADDED = {"party_role": "respondent", "party_name": "Zebedee Thunderclap"}


async def taken_up(services: FourServices, *names: str, flags: Sequence[str] = ()) -> tuple[Case, str]:
    """A case that Ben works on, about people of these names, and the receipt of its reporter."""
    people = [{"name": name} for name in names]
    report = {"community": "enwiki", "narrative": "They shouted.", "reported": people, "flags": list(flags)}
    sent = (await services.reporter.post("/v1/reports", json=report)).json()
    await services.deliver()
    (stored,) = services.cases.stored.values()
    for command in ("claim", "start"):
        assert await order(services, stored.case, BEN, command) == 200
    return stored.case, sent["receipt"]


async def parted(services: FourServices, case: Case) -> Case:
    """The case of another matter of the report."""
    matter = {"matter": "They also hound her.", "category": "harassment.hounding"}
    assert await order(services, case, BEN, "split", matter) == 200
    (part,) = (stored.case for key, stored in services.cases.stored.items() if key != case.id)
    return part


async def disclosed(services: FourServices, case: Case, party: str) -> str:
    """The receipt of a respondent who learns from Ben what was reported."""
    words = {"respondent": party, "disclosure": "given", "for_respondent": "You are said to have shouted."}
    assert await order(services, case, BEN, "disclose", words) == 200
    content = (await services.desk.get(f"/v1/cases/{case.id}/content", headers=bearer(BEN))).json()
    (receipt,) = [one["receipt"] for one in content["sections"]["correspondence"]["statements"] if "receipt" in one]
    return str(receipt)


async def read(services: FourServices, receipt: str) -> dict[str, Any]:
    """What the receipt of a respondent opens."""
    return dict((await services.reporter.post("/v1/respondent", json={"receipt": receipt})).json())


async def seen(services: FourServices, case: Case) -> list[int]:
    """What Zed gets, who has a role since today, for the case and for its content."""
    COPIES.enrol(ZED)
    for app in (services.triage, services.intake.app):
        await refresh_rosters(app)
    paths = (f"/v1/cases/{case.id}", f"/v1/cases/{case.id}/content")
    return [(await services.desk.get(path, headers=bearer(ZED))).status_code for path in paths]


async def people_in(services: FourServices, case: Case) -> list[Any]:
    answer = await services.desk.get(f"/v1/cases/{case.id}/content", headers=bearer(BEN))
    return [one["name"] for one in answer.json()["sections"]["reported"]["people"]]


async def test_a_part_is_about_those_that_handlers_added_and_hides_from_them() -> None:
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services, "Mallory")
        assert await order(services, case, BEN, "add_party", ADDED) == 200
        witness = {"party_role": "witness", "party_name": "Winnie"}
        assert await order(services, case, BEN, "add_party", witness) == 200
        part = await parted(services, case)
        assert len(part.subjects) == 2
        assert await people_in(services, part) == ["Mallory", "Zebedee Thunderclap"]
        assert await seen(services, part) == [404, 404]
        assert "Thunderclap" not in f"{services.events} {services.mails} {services.cases.stored}"


@pytest.mark.parametrize("more", [(), ("Oscar",)], ids=["alone", "beside another"])
async def test_a_respondent_that_handlers_added_reads_the_outcome_where_there_is_no_other(
    more: tuple[str, ...],
) -> None:
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services)
        for name in ("Zebedee Thunderclap", *more):
            assert await order(services, case, BEN, "add_party", {**ADDED, "party_name": name}) == 200
        case = services.cases.stored[case.id].case
        receipt = await disclosed(services, case, case.respondents[0])
        assert await order(services, case, BEN, "decide", {"outcome": "warning", "reason": "They shouted."}) == 200
        view = await read(services, receipt)
        assert (view["outcome"], view["decided_at"] is not None) == (None if more else "warning", True)


SPELLINGS = ("User:Zed_Zulu", "Zed Zulu@global", "https://en.wikipedia.org/wiki/User:Zed_Zulu")


async def suspended(services: FourServices, case: Case) -> tuple[Any, Any, Any]:
    """The outcome that the first respondent reads of a suspension, and the names and a sign in the register."""
    receipt = await disclosed(services, case, case.respondents[0])
    until = (now() + timedelta(days=30)).date().isoformat()
    proposal = {"outcome": "temporary_suspension", "until": until, "scope": "community", "why": "They shouted."}
    assert await order(services, case, BEN, "propose_decision", proposal) == 200
    assert await order(services, case, CAT, "second") == 200
    decision = {"outcome": "temporary_suspension", "reason": "They shouted."}
    assert await order(services, case, BEN, "decide", decision) == 200
    export = await services.desk.get("/v1/measures/export", headers=bearer(ENFORCER))
    (entry,) = export.json()["items"]
    return (await read(services, receipt))["outcome"], entry["names"], entry["ask_handlers"]


@pytest.mark.parametrize("other", SPELLINGS)
@pytest.mark.parametrize("by_handlers", [False, True], ids=["reported", "added"])
async def test_a_person_in_two_spellings_is_one_respondent(other: str, *, by_handlers: bool) -> None:
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services, "Zed Zulu", *(() if by_handlers else (other,)))
        assert len(case.respondents) == 1
        if by_handlers:
            assert await order(services, case, BEN, "add_party", {**ADDED, "party_name": other}) == 200
        assert await suspended(services, case) == ("temporary_suspension", ["Zed Zulu"], False)


@pytest.mark.parametrize("how", ["reported", "added", "flagged_later"])
async def test_off_the_wikis_two_lines_with_one_name_are_two_respondents(how: str) -> None:
    flags = () if how == "flagged_later" else ("off_wiki",)
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services, "Zed Zulu", *(() if how == "added" else (SPELLINGS[0],)), flags=flags)
        if how == "added":
            assert await order(services, case, BEN, "add_party", {**ADDED, "party_name": SPELLINGS[0]}) == 200
        if how == "flagged_later":
            assert await order(services, case, BEN, "set_flags", {"flags": ["off_wiki"]}) == 200
        outcome, names, _ = await suspended(services, case)
        # Nothing parts lines that had one token before the flag. The register then shows both.
        assert (outcome, names) == (None, ["Zed Zulu", SPELLINGS[0]] if how == "flagged_later" else [])


@pytest.mark.parametrize("other", ["Zed zulu", "Zed Zulu~enwiki"])
@pytest.mark.parametrize("by_handlers", [False, True], ids=["reported", "added"])
async def test_two_people_with_names_that_are_alike_are_two_respondents(other: str, *, by_handlers: bool) -> None:
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services, "Zed Zulu", *(() if by_handlers else (other,)))
        if by_handlers:
            assert await order(services, case, BEN, "add_party", {**ADDED, "party_name": other}) == 200
        assert await suspended(services, case) == (None, [], True)


HTML = {"Accept": "text/html", **SAME_ORIGIN}


async def banned(
    services: FourServices, outcome: str = "permanent_ban", appealed: str | None = None, **more: str
) -> tuple[Case, str]:
    """A case with a ban, of which the report is erased, and the receipt of the respondent.

    `appealed`: the ground of an appeal of which triage has not heard yet, nor of the erasure.
    """
    case, _ = await taken_up(services, "Zed Zulu")
    receipt = await disclosed(services, case, case.respondents[0])
    proposal = {"outcome": outcome, "scope": "community", "why": "They shouted.", **more}
    assert await order(services, case, BEN, "propose_decision", proposal) == 200
    for who in (ANN, CAT):
        await order(services, case, who, "second")
    assert await order(services, case, BEN, "decide", {"outcome": outcome, "reason": "They shouted."}) == 200
    if appealed:
        appeal = {"receipt": receipt, "ground": appealed, "text": "I never shouted."}
        assert (await services.reporter.post("/v1/respondent/appeals", json=appeal)).status_code == 202
    erasure = Erasure("requested", "r-1", Actor(BEN.ref, "operator"))
    assert await services.intake.erasing.erase([case.report_id], erasure) == {case.report_id: "erased"}
    if not appealed:
        await services.deliver()
    return case, receipt


async def test_a_person_who_is_banned_appeals_by_the_receipt_after_the_report_is_erased() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await banned(services)
        view = await read(services, receipt)
        assert (view["told"], view["replies"], view["outcome"]) == (None, [], "permanent_ban")
        assert view["erased_at"]
        for path, status in (("replies", 410), ("recusals", 410), ("appeals", 422)):
            words = {"receipt": receipt, "text": "No.", **({"ground": "facts"} if path == "appeals" else {})}
            assert (await services.reporter.post(f"/v1/respondent/{path}", json=words)).status_code == status
        appeal = {"receipt": receipt, "ground": "facts"}
        answers = [await services.reporter.post("/v1/respondent/appeals", json=appeal) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        await services.deliver()
        assert services.cases.stored[case.id].case.state == "appealed"
        assert (await services.reporter.post("/v1/respondent/appeals", json=appeal)).json() == answers[0].json()
        (lodged,) = (await read(services, receipt))["appeals"]
        assert (lodged["standing"], lodged["ground"], lodged["text"]) == ("lodged", "facts", None)
        verdict = {"verdict": "overturned", "why": "It was another person."}
        assert await order(services, case, DOT, "decide_appeal", verdict) == 200
        (decided,) = (await read(services, receipt))["appeals"]
        assert decided["verdict"] == "overturned"


async def test_a_second_appeal_of_an_erased_report_waits_for_the_answer_to_the_first() -> None:
    async with four_services(Bodies()) as services:
        _, receipt = await banned(services)

        async def appeal(ground: str) -> tuple[int, Any]:
            answer = await services.reporter.post("/v1/respondent/appeals", json={"receipt": receipt, "ground": ground})
            return answer.status_code, answer.json().get("appeal_id")

        sent = await appeal("facts")
        assert (sent[0], (await appeal("conflict"))[0], await appeal("facts")) == (202, 409, sent)
        view = await read(services, receipt)
        assert [(one["ground"], one["standing"]) for one in view["appeals"]] == [("facts", "sent")]
        assert view["appeal"]["barred"] == "pending"
        await services.deliver()
        (lodged,) = (await read(services, receipt))["appeals"]
        assert (lodged["appeal_id"], lodged["ground"], lodged["standing"]) == (sent[1], "facts", "lodged")


async def test_an_appeal_that_waits_when_the_report_is_erased_keeps_its_place() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await banned(services, appealed="facts")
        again = await services.reporter.post("/v1/respondent/appeals", json={"receipt": receipt, "ground": "conflict"})
        assert (again.status_code, (await read(services, receipt))["appeal"]["barred"]) == (409, "pending")
        await services.deliver()
        (lodged,) = (await read(services, receipt))["appeals"]
        assert (lodged["ground"], lodged["standing"], lodged["text"]) == ("facts", "lodged", None)
        assert services.cases.stored[case.id].case.state == "appealed"


async def test_the_page_of_a_banned_person_takes_an_appeal_without_words_of_an_erased_report() -> None:
    async with four_services(Bodies()) as services:
        case, receipt = await banned(services)
        form = {**await token_from(services.reporter, "/follow-up"), "receipt": receipt}
        page = (await services.reporter.post("/follow-up", data=form, headers=HTML)).text
        assert "The report has been erased, and with it what you were told" in page
        assert "You are shut out for good." in page
        assert "<textarea" not in page
        words = {"appealing": "1", "appeal_ground": "facts", "appeal": "Typed before the erasure."}
        page = (await services.reporter.post("/follow-up", data={**form, **words}, headers=HTML)).text
        assert "Typed before the erasure." in page
        assert "You can appeal without words." in page
        page = (await services.reporter.post("/follow-up", data={**form, **words, "appeal": ""}, headers=HTML)).text
        assert "Your appeal has arrived." in page
        await services.deliver()
        assert services.cases.stored[case.id].case.state == "appealed"


async def test_a_receipt_opens_an_erased_report_while_a_measure_stands_or_can_be_appealed() -> None:
    opens = {}
    for outcome in ("permanent_ban", "temporary_suspension"):
        async with four_services(Bodies()) as services:
            until = {"until": (now() + timedelta(days=30)).date().isoformat()} if outcome != "permanent_ban" else {}
            _, receipt = await banned(services, outcome, **until)
            opens[outcome] = []
            for days in (0, 100, 100):
                await services.pass_time(timedelta(days=days))
                answer = await services.reporter.post("/v1/respondent", json={"receipt": receipt})
                barred = answer.json()["appeal"]["barred"] if answer.status_code == 200 else None
                opens[outcome].append((answer.status_code, barred))
    assert opens["permanent_ban"] == [(200, None), (200, None), (200, "over")]
    assert opens["temporary_suspension"] == [(200, None), (200, None), (404, None)]


@pytest.mark.parametrize("outcome", ["warning", "temporary_suspension"])
async def test_the_outcome_for_people_of_a_merged_case_is_not_read_as_ones_own(outcome: str) -> None:
    async with four_services(Bodies()) as services:
        case, _ = await taken_up(services, "Zed Zulu")
        receipt = await disclosed(services, case, case.respondents[0])
        other = {"community": "enwiki", "narrative": "They hounded me.", "reported": [{"name": "Oscar"}]}
        assert (await services.reporter.post("/v1/reports", json=other)).status_code == 202
        await services.deliver()
        (part,) = (stored.case for key, stored in services.cases.stored.items() if key != case.id)
        assert await order(services, part, BEN, "merge", {"other": case.id}) == 200
        meant: list[str] = []
        if outcome == "temporary_suspension":
            # Handlers say that it is for Zed.
            meant, until = list(case.respondents), (now() + timedelta(days=30)).date().isoformat()
            proposal = {"outcome": outcome, "until": until, "scope": "community", "respondents": meant, "why": "So."}
            assert await order(services, case, BEN, "propose_decision", proposal) == 200
            assert await order(services, case, CAT, "second") == 200
        assert await order(services, case, BEN, "decide", {"outcome": outcome, "reason": "They shouted."}) == 200
        view = await read(services, receipt)
        assert (view["outcome"], view["decided_at"] is not None) == (outcome if meant else None, True)
