"""The reporter of a merged case hears how the matter goes and was decided, and nothing of the other report."""

from datetime import datetime, timedelta
from typing import Any

from tests.service.shared.test_outside_tool import ADA, REPORT, Bodies, Tool
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.four_services import FourServices, four_services


async def reported(services: FourServices, tool: Tool, **changed: str) -> tuple[str, str]:
    """The receipt of a new report, and the id of its case."""
    sent = await services.reporter.post("/v1/reports", json={**REPORT, **changed})
    await services.deliver()
    return sent.json()["receipt"], tool.heard("case.triaged")[0]


async def status_of(services: FourServices, receipt: str) -> dict[str, Any]:
    """What this receipt opens."""
    return dict((await services.reporter.post("/v1/follow-up", json={"receipt": receipt})).json())


def standings(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """How each deadline stands, and the day on which it is due."""
    return {one["name"]: (one["standing"], one["due_at"][:10]) for one in status["deadlines"]}


async def merged(services: FourServices, ada: Tool) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two reports of three days, of which the later one is part of the other: the receipt and the case of each."""
    first = await reported(services, ada, narrative="It follows both of us.")
    await services.pass_time(timedelta(days=3))
    part = await reported(services, ada, narrative="It follows me.")
    ada.renew()
    await ada.give(part[1], "merge", other=first[1])
    for command in ("assign", "start"):
        await ada.give(first[1], command)
    return part, first


async def test_the_reporter_of_a_merged_case_keeps_the_days_that_were_promised() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, survivor) = await merged(services, ada)
        status = await status_of(services, receipt)
        promised = {one.name: one.due_at for one in services.cases.stored[part].case.deadlines}
        shown = {one["name"]: datetime.fromisoformat(one["due_at"]) for one in status["deadlines"]}
        assert shown == {name: promised[name] for name in shown}
        assert set(shown) == {one["name"] for one in (await status_of(services, other))["deadlines"]}
        assert standings(status)["acknowledgement"][0] == "met"
        await services.pass_time(timedelta(days=10))
        ada.renew()
        await ada.give(survivor, "tell", message="We have heard a witness of yours.")
        told, theirs = await status_of(services, receipt), await status_of(services, other)
        assert [(one["text"], one["wordless"]) for one in told["messages"]] == [(None, True)]
        assert (standings(told)["update"], standings(told)["first_response"]) == (
            standings(theirs)["update"],
            ("late", standings(told)["first_response"][1]),
        )
        assert "a witness of yours" not in str(told)
        token = await token_from(services.reporter, "/follow-up")
        html = {"Accept": "text/html", **SAME_ORIGIN}
        page = await services.reporter.post("/follow-up", data={**token, "receipt": receipt}, headers=html)
        assert "People are working on your report. There is no more to tell you for now." in page.text
        assert "a witness of yours" not in page.text
        mails = [mail.notice for mail in services.mails if (mail.case_id, mail.recipient) == (part, "reporter")]
        assert mails == ["acknowledgement", "news"]
        await services.pass_time(timedelta(days=30))
        late = await status_of(services, receipt)
        assert {name for name, (standing, _) in standings(late).items() if standing == "late"} >= {"decision", "update"}
        assert late["appeal"]["barred"] == "elsewhere"
        for case, foreign in ((part, survivor), (survivor, part)):
            assert all(foreign not in repr(event) for event in services.events if event.case_id == case)


async def test_handlers_write_to_the_reporter_of_a_merged_case_in_that_case() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, _) = await merged(services, ada)
        await ada.give(part, "tell", message="You wrote of Monday; we look into that.")
        told = await status_of(services, receipt)
        assert [one["text"] for one in told["messages"]] == ["You wrote of Monday; we look into that."]
        assert standings(told)["first_response"][0] == "met"
        assert (await status_of(services, other))["messages"] == []


async def test_each_reporter_of_a_merged_case_appeals_against_inaction() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, survivor) = await merged(services, ada)
        await services.pass_time(timedelta(days=60))
        assert (await status_of(services, receipt))["appeal"]["barred"] == "elsewhere"
        assert (await status_of(services, other))["appeal"]["grounds"] == ["inaction"]
        ada.renew()
        await ada.give(survivor, "appeal", party="reporter", ground="inaction", why="The second reporter asks for it.")
        assert [one.kept_back for one in services.cases.stored[survivor].case.appeals] == [True]
        await ada.give(part, "unmerge", other=survivor, why="They differ.")
        back = await status_of(services, receipt)
        assert (standings(back)["decision"][0], back["appeal"]["grounds"]) == ("late", ["inaction"])


async def test_the_reporter_of_a_merged_case_hears_the_outcome_and_where_to_appeal() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, survivor) = [
            await reported(services, ada, narrative=words) for words in ("It follows me.", "It follows both of us.")
        ]

        await ada.give(part, "merge", other=survivor)
        assert ((await status_of(services, receipt))["state"], (await status_of(services, receipt))["outcome"]) == (
            "triaged",
            None,
        )
        for command in ("assign", "start"):
            await ada.give(survivor, command)
        ada.renew()
        await ada.give(survivor, "decide", outcome="advice", reason="We have spoken with them both.")
        mails = [mail for mail in services.mails if mail.case_id == part and mail.recipient == "reporter"]
        assert [mail.notice for mail in mails] == ["acknowledgement", "news"]
        told = await status_of(services, receipt)
        assert (told["state"], told["outcome"], told["reason"]) == ("decided", "advice", None)
        assert told["appeal"]["barred"] == "elsewhere"
        token = await token_from(services.reporter, "/follow-up")
        html = {"Accept": "text/html", **SAME_ORIGIN}
        page = await services.reporter.post("/follow-up", data={**token, "receipt": receipt}, headers=html)
        assert "You can ask the people who handle your report to take your appeal." in page.text
        assert (await status_of(services, other))["reason"] == "We have spoken with them both."
        # Nothing in the events of the one case names the other.
        for case, foreign in ((part, survivor), (survivor, part)):
            assert all(foreign not in repr(event) for event in services.events if event.case_id == case)
        ada.renew()
        await ada.give(part, "unmerge", other=survivor, why="They differ.")
        assert ((await status_of(services, receipt))["state"], (await status_of(services, receipt))["outcome"]) == (
            "triaged",
            None,
        )


async def test_the_reporter_of_a_merged_case_is_asked_how_it_goes() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, survivor) = await merged(services, ada)
        assert (await status_of(services, receipt))["may_consent"] is False
        await ada.give(survivor, "decide", outcome="advice", reason="We have spoken with them both.")
        assert (await status_of(services, receipt))["may_consent"] is True
        said = await services.reporter.post("/v1/follow-up/consent", json={"receipt": receipt, "consent": "yes"})
        assert said.status_code == 202, said.text
        await services.deliver()
        # The other reporter has not agreed to anything by this.
        assert (await status_of(services, other))["consent"] is None
        await services.pass_time(timedelta(days=8))
        asked = (await status_of(services, receipt))["check_in"]
        assert (await status_of(services, other))["check_in"] is None
        assert [mail.case_id for mail in services.mails if mail.notice == "check_in"] == [part]
        answers = {"receipt": receipt, "number": asked["number"], "choice": "answer", "answers": {"safe": "no"}}
        answered = await services.reporter.post("/v1/follow-up/check-ins", json=answers)
        assert answered.status_code == 202, answered.text
        await services.deliver()
        (mail,) = [mail for mail in services.mails if mail.notice == "answer"]
        assert (mail.case_id, mail.recipient) == (part, "body:enwiki_arbcom")
        ada.renew()
        assert (await ada.get(survivor))["absorbed"][0]["answers_since"] == 1
        assert services.cases.stored[part].case.state == "merged"


async def test_bad_treatment_told_in_a_merged_case_is_hidden_from_who_decided() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, _), (_, survivor) = await merged(services, ada)
        await ada.give(survivor, "decide", outcome="advice", reason="We have spoken with them both.")
        await services.reporter.post("/v1/follow-up/consent", json={"receipt": receipt, "consent": "yes"})
        await services.deliver()
        await services.pass_time(timedelta(days=8))
        number = (await status_of(services, receipt))["check_in"]["number"]
        answers = {"receipt": receipt, "number": number, "choice": "answer", "answers": {"treated_badly": "yes"}}
        told = await services.reporter.post("/v1/follow-up/check-ins", json=answers)
        await services.deliver()
        case, opened = Tool(services, ADA).heard("case.opened")
        assert (told.status_code, "retaliation" in opened["flags"]) == (202, True), told.text
        # From the first fact on, before anybody can hear of it.
        names = [event.fact.name for event in services.events if event.case_id == case]
        assert names.index("case.recusal_declared") < names.index("case.triaged")
        assert ADA.ref in services.cases.stored[case].case.recused
        ada.renew()
        hidden = await services.desk.get(f"/v1/cases/{case}", headers=ada.token)
        assert hidden.status_code == 404


async def test_a_reporter_of_a_merged_case_is_not_asked_while_no_decision_stands() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (_, survivor) = await merged(services, ada)
        decision = {"outcome": "advice", "reason": "We have spoken with them both."}
        await ada.give(survivor, "decide", **decision)
        await services.reporter.post("/v1/follow-up/consent", json={"receipt": receipt, "consent": "yes"})
        await services.deliver()
        for command, values in (("close", {}), ("reopen", {"why": "There is more."})):
            await ada.give(survivor, command, **values)
        await services.pass_time(timedelta(days=20))
        assert (await status_of(services, receipt))["check_in"] is None
        ada.renew()
        for command, values in (("start", {}), ("decide", decision)):
            await ada.give(survivor, command, **values)
        await services.pass_time(timedelta(days=8))
        assert (await status_of(services, receipt))["check_in"] is not None
        planned = [one.due_at for one in services.cases.stored[part].case.check_ins]
        assert len(planned) == len(set(planned))


async def ask_for_recusal(services: FourServices, receipt: str) -> None:
    """The reporter asks that a person does not handle the case."""
    sent = await services.reporter.post(
        "/v1/follow-up/recusals", json={"receipt": receipt, "text": "Not the tall one."}
    )
    assert sent.status_code == 202, sent.text
    await services.deliver()


async def test_people_are_reminded_of_a_request_that_waits_in_a_merged_case() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), _ = await merged(services, ada)
        await ask_for_recusal(services, receipt)
        await services.pass_time(timedelta(days=8))
        notices = [mail.notice for mail in services.mails if mail.case_id == part and mail.recipient != "reporter"]
        assert [one for one in notices if one in ("due_soon", "overdue", "waits_too_long")] == [
            "due_soon", "overdue", "waits_too_long",
        ]  # fmt: skip
        # The reporter hears nothing of what people owe each other.
        assert "recusal_answer" not in standings(await status_of(services, receipt))
