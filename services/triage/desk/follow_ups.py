"""What the page of a case shows of its follow-up: check-ins, and agreements of repair."""

from typing import Any

from fastapi import Request

from services.triage.case.case import Case
from services.triage.case.commands.follow_up import KEPT
from services.triage.case.values import CheckIn
from services.triage.desk.contents import words_in
from services.triage.desk.names import CaseNames
from shared.access.principal import Principal, Role
from shared.clients.vault import Contents

_WORDS = "words"
_NO_QUESTIONS = ("choice", "stop", _WORDS)
"""What the vault has of a check-in beside the questions: what the reporter chose to do, then or later, and words."""
_UNASKED = {"stopped": "desk-check-ins-stopped", "no_answer": "desk-check-ins-silent"}
"""Why the reporter is not asked again, as a message."""


def _answers_to(check_in: CheckIn, contents: Contents | None) -> dict[str, str]:
    """What the reporter answered to a check-in, by name, as far as it is at hand."""
    written = contents.sections.get("correspondence", {}) if contents and check_in.answer_id else {}
    begin = f"{check_in.answer_id}-"
    found = [one for one in written.get("answers", ()) if one["question_id"].startswith(begin)]
    return {one["question_id"].removeprefix(begin): one["text"] for one in found}


def follow_up_of(
    names: CaseNames, request: Request, reader: Principal, case: Case, contents: Contents | None, *, may_check: bool
) -> dict[str, Any] | None:
    """The follow-up of a case in the reader's language; None where there is nothing of it.

    `may_check`: whether the reader may note now whether an agreement is kept.
    """
    if case.consent is None and not case.agreements:
        return None
    said = words_in(contents)

    def became(check_in: CheckIn) -> str:
        if check_in.answer:
            return names.code(request, "answer", check_in.answer)
        if check_in.attempt:
            return names.said(request, "desk-check-in-asked", check_in.attempt)
        return names.said(request, f"desk-check-in-{'due' if check_in.told_at else 'open'}")

    def answered(check_in: CheckIn) -> dict[str, Any]:
        given = _answers_to(check_in, contents)
        answers = [
            (names.code(request, "check-in-question", name), names.code(request, "check-in-answer", code))
            for name, code in given.items()
            if name not in _NO_QUESTIONS
        ]
        return {"answers": answers, "words": given.get(_WORDS)}

    return {
        "unasked": _UNASKED.get(case.unasked_for or ""),
        "check_ins": [
            {"due_at": check_in.due_at, "text": became(check_in), **answered(check_in)}
            for check_in in case.check_ins
            # Of a reporter who is not asked again, none is to come.
            if check_in.told_at or check_in.kept_at or not case.unasked_for
        ],
        "agreements": [
            {
                "id": agreement.id,
                "what": said.get(agreement.id),
                "text": names.said(
                    request, "desk-agreement-by", names.code(request, "who", agreement.who), agreement.by_when
                ),
                "kept": names.code(request, "kept", agreement.kept),
                "by": names.person(request, reader, Role.RESPONDER, agreement.checked_by)
                if agreement.checked_by
                else None,
                "at": agreement.checked_at,
            }
            for agreement in case.agreements
        ],
        "may_check": may_check,
        "options": names.options(request, "kept", KEPT),
    }
