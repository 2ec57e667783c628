"""Bodies keep their own tools: programs that read topics and call the API take a case from its report to its end."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from shared.access.principal import Principal
from shared.access.roster import Staff
from shared.events import encode
from shared.times import now
from tests.support.four_services import FourServices, four_services
from tests.support.people import bearer, responder
from tests.support.triage_rig import Everywhere

ADA, ABE, STU = responder("71a1", "enwiki_arbcom"), responder("71b2", "enwiki_arbcom"), responder("71c3", "stewards")
STORY = "The purple lighthouse follows me."
REPORT = {
    "community": "enwiki", "category": "harassment.hounding", "setting": "online", "privacy": "confidential",
    "narrative": STORY, "reported": [{"name": "Purple Lighthouse"}], "reporter": {"email": "rae@reporter.example"},
}  # fmt: skip


class Bodies:
    """The people of the two bodies that have tools, and those of all others."""

    async def staff(self) -> Staff:
        return {
            **await Everywhere().staff(),
            "enwiki_arbcom": [ADA, ABE],
            "stewards": [STU, responder("71d4", "stewards")],
        }


@dataclass
class Tool:
    """What a program of a person does: it reads the topic `cases`, and asks below /v1/cases with the person's token."""

    services: FourServices
    who: Principal
    read: int = 0
    token: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Use a token that was issued just now."""
        self.token = bearer(self.who, issued_at=now())

    def hear(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """What is new on the topic: the type, the case and the data, as they stand in the records."""
        new, self.read = self.services.events[self.read :], len(self.services.events)
        for record in map(encode, new):
            if record.topic == "cases":
                assert record.key
                assert record.value
                yield dict(record.headers)["ce_type"].decode(), record.key.decode(), json.loads(record.value)

    def heard(self, kind: str) -> tuple[str, Mapping[str, Any]]:
        """The last new event of this type, with its case."""
        return [(case_id, data) for type_, case_id, data in self.hear() if type_ == f"hearth.{kind}.v1"][-1]

    async def get(self, case_id: str, more: str = "") -> Any:
        answer = await self.services.desk.get(f"/v1/cases/{case_id}{more}", headers=self.token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def give(self, case_id: str, command: str, **values: str) -> Any:
        """A command with what its form offers, on the newest version."""
        (form,) = [one for one in (await self.get(case_id))["actions"] if one["command"] == command]
        assert {one["name"] for one in form["fields"] if one["required"]} <= values.keys()
        offered = {one["name"]: one["options"] for one in form["fields"] if "options" in one}
        assert all(value in offered.get(name, [value]) for name, value in values.items())
        answer = await self.send(case_id, command, values, (await self.get(case_id))["version"])
        assert answer.status_code == 200, answer.text
        await self.services.deliver()
        return answer.json()

    async def send(self, case_id: str, command: str, values: Mapping[str, str], seen: int) -> httpx.Response:
        headers = {**self.token, "if-match": f'"{seen}"'}
        return await self.services.desk.post(f"/v1/cases/{case_id}/{command}", json=values, headers=headers)


async def test_two_bodies_take_a_case_to_its_end_by_events_and_the_api_alone() -> None:
    async with four_services(Bodies()) as services:
        ada, abe, stu = (Tool(services, who) for who in (ADA, ABE, STU))
        sent = await services.reporter.post("/v1/reports", json=REPORT)
        receipt = sent.json()["receipt"]
        await services.deliver()
        # The case comes by event, to the body that it names.
        case, told = ada.heard("case.triaged")
        assert told["body"] == "enwiki_arbcom"
        listed = await services.desk.get("/v1/cases?tab=unassigned", headers=bearer(ADA))
        assert [one["id"] for one in listed.json()["items"]] == [case]
        assert (await ada.get(case, "/content"))["sections"]["content"]["narrative"] == STORY
        # A person of the body gets it, whom the API offers by code name.
        (assign,) = [one for one in (await ada.get(case))["actions"] if one["command"] == "assign"]
        assert set(assign["fields"][0]["options"]) == {ADA.ref, ABE.ref}
        seen = (await ada.get(case))["version"]
        await ada.give(case, "assign", assignee=ADA.ref)
        stale = await ada.send(case, "start", {}, seen)
        assert (stale.status_code, stale.json()["type"]) == (412, "/errors/case-changed")
        await ada.give(case, "start")
        # The reporter is asked, and the answer comes by event.
        await ada.give(case, "ask", question="On which wikis?")
        asked = (await services.reporter.post("/v1/follow-up", json={"receipt": receipt})).json()["questions"][0]
        answer = {"receipt": receipt, "question_id": asked["question_id"], "text": "On five."}
        assert (await services.reporter.post("/v1/follow-up/answers", json=answer)).status_code == 202
        await services.deliver()
        assert ada.heard("case.information_received")[1]["question_id"] == asked["question_id"]
        assert (await ada.get(case, "/content"))["sections"]["correspondence"]["answers"][0]["text"] == "On five."
        # Another body hears that it is invited, reads why, and joins.
        await ada.give(case, "invite_body", body="stewards", explanation="Five wikis are concerned.")
        invited, told = stu.heard("case.body_invited")
        assert (invited, told["to_body"]) == (case, "stewards")
        assert (await stu.get(case, "/referral"))["reason"] == "Five wikis are concerned."
        await stu.give(case, "accept_invitation")
        assert ada.heard("case.invitation_accepted")[1]["body"] == "stewards"
        await stu.give(case, "note", note="Locked on two of them.", visibility="shared")
        said = (await ada.get(case, "/content"))["sections"]["correspondence"]["statements"]
        assert "Locked on two of them." in [one["text"] for one in said]
        # One proposes, one of the other body seconds, and one of the body that has the case decides.
        until = (now() + timedelta(days=30)).date().isoformat()
        await abe.give(case, "propose_decision", outcome="restriction", scope="contact", until=until, why="It goes on.")
        assert stu.heard("decision.proposed")[1]["outcome"] == "restriction"
        await stu.give(case, "second")
        assert (await ada.get(case))["proposal"]["needs"] == []
        await services.pass_time(timedelta(minutes=11))
        decision = {"outcome": "restriction", "reason": "They may not write to you."}
        old = await ada.send(case, "decide", decision, (await ada.get(case))["version"])
        assert (old.status_code, old.json()["type"]) == (401, "/errors/sign-in-again")
        ada.renew()
        await ada.give(case, "decide", **decision)
        # Days later the reporter is asked how it goes; the tool hears that there is an answer, and ends the case.
        await ada.give(case, "follow_up", consent="yes")
        await services.pass_time(timedelta(days=8))
        number = ada.heard("case.check_in_due")[1]["number"]
        how = {"receipt": receipt, "number": number, "choice": "answer", "answers": {"safe": "yes"}}
        assert (await services.reporter.post("/v1/follow-up/check-ins", json=how)).status_code == 202
        await services.deliver()
        assert ada.heard("case.check_in_kept")[1]["answer"] == "answered"
        await ada.give(case, "close")
        assert ada.heard("case.closed")[0] == case
        closed = await stu.get(case)
        assert (closed["state"], closed["outcome"], closed["joined"]) == ("closed", "restriction", ["stewards"])
        assert STORY not in f"{services.events!r}"
