"""Words of a case that may hurt to read are shown once their reader asks for them: all of them, and no other ones."""

import re
from html.parser import HTMLParser

import pytest

from shared.events import ReportReplied
from tests.service.triage.test_parties import HTML, JANE
from tests.service.triage.test_sight import naming
from tests.support.people import sign_in
from tests.support.triage_rig import ALICE, from_intake, make_rig, reported

WRITTEN = {
    "ask": {"question": "inquired"},
    "take_answer": {"answer_given": "countered"},
    "note": {"note": "noted", "visibility": "body"},
    "disclose": {
        "respondent": JANE,
        "disclosure": "redacted",
        "why": "justified",
        "for_respondent": "disclosed",
    },
    "propose_decision": {"outcome": "warning", "why": "suggested"},
    "decide": {"outcome": "warning", "reason": "reasoned"},
}
"""What is written about a case by its commands, in their order."""
WORDS = ("question", "answer_given", "note", "why", "for_respondent", "reason")
"""The fields with words."""


class Folds(HTMLParser):
    """The text of a page that stands in folds, and the text that stands open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.folded, self.open = "", ""
        self._within: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "details":
            self._within.append(("class", "hearth-desk__fold") in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if any(self._within):
            self.folded += f" {data}"
        else:
            self.open += f" {data}"


@pytest.mark.parametrize("category", ["unclassified", "harassment.hounding", "harassment.insults"])
async def test_a_report_stands_in_folds_until_a_person_has_said_what_it_is(category: str) -> None:
    async with make_rig() as rig:
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        case = await rig.open(category=category, contactable=True)
        rig.vault.sections[case.report_id] = {
            "content": {"narrative": "narrated", "places": ["placed"]},
            "reported": {"people": [{"name": "Zebedee", "details": "detailed"}]},
        }
        for command in ("assign", "start"):
            await rig.order(case, command)
        await rig.order(case, "note", {"note": "noted", "visibility": "body"})

        async def seen() -> Folds:
            return Folds((await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text)

        page = await seen()
        assert all(word in page.folded and word not in page.open for word in ("narrated", "placed", "detailed"))
        assert "noted" in page.open
        assert "Show the words of the report. Nobody has confirmed yet what it is about." in page.open + page.folded
        assert (await rig.order(case, "confirm_category", {"category": category})).status_code == 200
        page = await seen()
        assert all(word in page.open for word in ("narrated", "placed", "detailed"))


@pytest.mark.parametrize("category", ["harassment.threats", "harassment.insults"])
async def test_all_words_of_people_stand_in_folds_where_they_may_hurt_to_read(category: str) -> None:
    folded, stands = "", ""
    async with make_rig() as rig:
        await sign_in(rig.http, rig.sessions, "/desk", ALICE)
        received = reported(category=category, contactable=True, subjects=(JANE,), parties_apart=True)
        await rig.parties.follow([naming(received)])
        case = await rig.open(received)
        rig.vault.sections[case.report_id] = {
            "content": {"narrative": "narrated", "places": ["placed"]},
            "reported": {"people": [{"name": "Zebedee", "details": "detailed", "party": JANE}]},
        }
        reply = ReportReplied(report_id=case.report_id, party=JANE, reply_id="0" * 32)
        await rig.intake.take([from_intake(case.report_id, reply, 3)])
        rig.vault.statements[case.report_id, "0" * 32] = ("reply", "retorted")
        for command, values in {"assign": {}, "confirm_category": {"category": category}}.items():
            assert (await rig.order(case, command, values)).status_code == 200
        for command, values in {"start": {}, **WRITTEN}.items():
            asked = rig.cases.stored[case.id].case.questions
            of = {"question": asked[0].id} if command == "take_answer" else {}
            assert (await rig.order(case, command, {**values, **of})).status_code == 200, command
            page = Folds((await rig.http.get(f"/desk/cases/{case.code_name}", headers=HTML)).text)
            folded, stands = folded + page.folded, stands + page.open
    words = {"narrated", "placed", "detailed", "retorted"}
    words |= {text for values in WRITTEN.values() for name, text in values.items() if name in WORDS}
    found = [{word for word in words if re.search(rf"\b{word}\b", text)} for text in (folded, stands)]
    assert found == ([words, set()] if category == "harassment.threats" else [set(), words])
