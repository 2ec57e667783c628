"""The reporter of a merged case hears how the matter was decided, and nothing of the other report."""

from tests.service.shared.test_outside_tool import ADA, REPORT, Bodies, Tool
from tests.support.forms import SAME_ORIGIN, token_from
from tests.support.four_services import FourServices, four_services


async def reported(services: FourServices, tool: Tool, **changed: str) -> tuple[str, str]:
    """The receipt of a new report, and the id of its case."""
    sent = await services.reporter.post("/v1/reports", json={**REPORT, **changed})
    await services.deliver()
    return sent.json()["receipt"], tool.heard("case.triaged")[0]


async def test_the_reporter_of_a_merged_case_hears_the_outcome_and_where_to_appeal() -> None:
    async with four_services(Bodies()) as services:
        ada = Tool(services, ADA)
        (receipt, part), (other, survivor) = [
            await reported(services, ada, narrative=words) for words in ("It follows me.", "It follows both of us.")
        ]

        async def status(opens: str) -> dict[str, object]:
            return dict((await services.reporter.post("/v1/follow-up", json={"receipt": opens})).json())

        await ada.give(part, "merge", other=survivor)
        assert ((await status(receipt))["state"], (await status(receipt))["outcome"]) == ("triaged", None)
        for command in ("assign", "start"):
            await ada.give(survivor, command)
        ada.renew()
        await ada.give(survivor, "decide", outcome="advice", reason="We have spoken with them both.")
        mails = [mail for mail in services.mails if mail.case_id == part and mail.recipient == "reporter"]
        assert [mail.notice for mail in mails] == ["acknowledgement", "news"]
        told = await status(receipt)
        assert (told["state"], told["outcome"], told["reason"]) == ("decided", "advice", None)
        assert told["appeal"]["barred"] == "elsewhere"  # type: ignore[index]  # an object
        token = await token_from(services.reporter, "/follow-up")
        html = {"Accept": "text/html", **SAME_ORIGIN}
        page = await services.reporter.post("/follow-up", data={**token, "receipt": receipt}, headers=html)
        assert "You can ask the people who handle your report to take your appeal." in page.text
        assert (await status(other))["reason"] == "We have spoken with them both."
        # Nothing in the events of the one case names the other.
        for case, foreign in ((part, survivor), (survivor, part)):
            assert all(foreign not in repr(event) for event in services.events if event.case_id == case)
        ada.renew()
        await ada.give(part, "unmerge", other=survivor)
        assert ((await status(receipt))["state"], (await status(receipt))["outcome"]) == ("triaged", None)
