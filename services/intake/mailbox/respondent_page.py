"""The page that the receipt of a respondent opens: what they were told, their replies, the outcome, and an appeal."""

from fastapi import Request, Response

from services.intake.fields import ANSWER_LIMIT, RECEIPT_LIMIT
from services.intake.mailbox.respondents import Respondents
from services.intake.sources.form import Filled
from shared.events import APPEAL_GROUNDS
from shared.input.texts import is_blank, is_too_long
from shared.policy import Policy
from shared.problems import FieldsWrong, Problem
from shared.web.pages import Pages

_REFUSED = {
    "too-many-replies": "respondent-too-many",
    "too-many-asks": "status-ask-too-many",
    "not-appealable": "follow-up-not-appealable",
}
"""What the page says of words that are refused, by the code of the problem."""
_WORDS = {"missing": "field-required", "erased": "respondent-no-words"}
"""What the page says of the words of an appeal, by the code of what is wrong with them."""
_FIELDS = {"replying": "reply", "appealing": "appeal", "asking": "conflict"}
"""The field with the words, by the hidden one that says what is sent."""


class RespondentPage:
    """Shows a respondent what they may know, and takes replies and appeals."""

    def __init__(self, respondents: Respondents, pages: Pages, policy: Policy) -> None:
        self._respondents = respondents
        self._pages = pages
        self._policy = policy

    async def opens(self, filled: Filled) -> bool:
        """Whether the receipt of the form is one of a respondent."""
        return await self._respondents.knows(filled.value("receipt")[:RECEIPT_LIMIT])

    async def show(self, request: Request, filled: Filled) -> Response:
        """The page; takes a reply or an appeal first, if there is one. Raises Problem."""
        receipt = filled.value("receipt")[:RECEIPT_LIMIT]
        field = next((field for sign, field in _FIELDS.items() if filled.value(sign)), None)
        faults = await self._sent(receipt, filled, field) if field else {}
        view = await self._respondents.follow(receipt)
        known = self._policy.bodies.get(view.appeal.next_body or "")
        context = {
            "view": view,
            "receipt": receipt,
            "replied": field == "reply" and not faults,
            "appealed": field == "appeal" and not faults,
            "asked": field == "conflict" and not faults,
            "conflict": filled.value("conflict") if faults else "",
            "reply": filled.value("reply") if faults else "",
            "appeal": filled.value("appeal") if faults else "",
            "appeal_ground": filled.value("appeal_ground") if faults else "",
            "faults": {field: self._pages.message(request, key) for field, key in faults.items()},
            "summary": [(field.replace("_", "-"), self._pages.message(request, key)) for field, key in faults.items()],
            "next_body": self._pages.message(request, known.name_key) if known else None,
        }
        return self._pages.render(request, "respondent.html", context, 422 if faults else 200)

    async def _sent(self, receipt: str, filled: Filled, field: str) -> dict[str, str]:
        """Send what is in a field. The messages of what is wrong with it, by field; none where it has arrived."""
        text, ground = filled.value(field), filled.value("appeal_ground")
        if is_blank(text) and field != "appeal":
            return {field: "field-required"}
        if is_too_long(text, ANSWER_LIMIT):
            return {field: "report-too-long"}
        if field == "appeal" and ground not in APPEAL_GROUNDS:
            return {"appeal_ground": "field-required"}
        try:
            if field == "reply":
                await self._respondents.reply(receipt, text)
            elif field == "conflict":
                await self._respondents.ask_recusal(receipt, text)
            else:
                await self._respondents.appeal(receipt, ground, text)
        except FieldsWrong as wrong:
            return {field: _WORDS[wrong.errors[0].code]}
        except Problem as problem:
            if problem.code not in _REFUSED:
                raise
            return {field: _REFUSED[problem.code]}
        return {}
