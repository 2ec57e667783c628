"""The questions of a check-in on the follow-up page: from the fields to answers, and back where something is wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from services.intake.fields import ANSWER_LIMIT
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.views import StatusView
from services.intake.report.check_ins import ANSWER, CHOICES, DECLINE, QUESTIONS, STOP
from services.intake.sources.form import Filled
from shared.input.texts import is_too_long
from shared.problems import Problem

WORDS_FIELD = "check-in-words"
_REFUSED: Mapping[str, str] = MappingProxyType(
    {
        "invalid-fields": "check-in-nothing",
        "already-answered": "check-in-already",
        "check-in-unknown": "check-in-gone",
        "check-in-over": "check-in-gone",
        "report-erased": "check-in-gone",
    }
)
"""What the page says where the answers are refused, by the code of the problem."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The questions as they were sent. `told`: the key of the message that they have arrived. `error`: what is wrong.

    `field`: the field that the error is about. A page without any of them was sent no answers.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    told: str | None = None
    error: str | None = None
    field: str = ""


async def take_check_in(mailbox: Mailbox, receipt: str, filled: Filled) -> Sent:
    """Hand the answers over, if the form has some. Raises Problem for what is about the receipt."""
    choice, number, text = filled.value("check_in"), filled.value("check_in_number"), filled.value(WORDS_FIELD)
    if choice not in CHOICES or not (number.isascii() and number.isdigit() and len(number) < 10):
        return Sent()
    given = {name: filled.value(f"check-in-{name}") for name in QUESTIONS}
    answers = {name: code for name, code in given.items() if code in QUESTIONS[name]}
    if is_too_long(text, ANSWER_LIMIT):
        return Sent(answers, text, error="report-too-long", field=WORDS_FIELD)
    said = ({}, "") if choice == DECLINE else (answers, text)
    try:
        await mailbox.check_in(receipt, int(number), choice, *said)
    except Problem as problem:
        about_receipt = any(error.pointer == "/receipt" for error in problem.errors or ())
        if problem.code not in _REFUSED or about_receipt:
            raise
        return Sent(answers, text, error=_REFUSED[problem.code], field="check-in-safe")
    return Sent(told={ANSWER: "check-in-thanks", DECLINE: "check-in-declined", STOP: "check-in-stopped"}[choice])


def shown(view: StatusView, sent: Sent, say: Callable[[str], str], name: Callable[[str, str], str]) -> dict[str, Any]:
    """What the page shows of a check-in. `say` words a message, `name` the message of a code."""
    asked = view.check_in
    questions: Sequence[dict[str, Any]] = [
        {
            "id": f"check-in-{code}",
            "label": name("check-in-question", code),
            "help": say("check-in-treated-badly-help") if code == "treated_badly" else None,
            "options": [(answer, name("check-in-answer", answer)) for answer in answers],
            "value": sent.answers.get(code, ""),
        }
        for code, answers in (asked.questions.items() if asked else ())
    ]
    return {
        "number": view.check_in_to_stop,
        "questions": questions,
        "told": say(sent.told) if sent.told else None,
        "error": say(sent.error) if sent.error else None,
        "place": sent.field if asked else "check-in-unsent",
        "text": sent.text,
        # Words that no field on the page can hold stay on the page.
        "unsent": sent.text if sent.error and not asked else "",
    }
