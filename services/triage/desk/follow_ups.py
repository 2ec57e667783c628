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
        return names.said(request, f"desk-check-in-{'due' if check_in.told_at else 'open'}")

    return {
        "check_ins": [{"due_at": check_in.due_at, "text": became(check_in)} for check_in in case.check_ins],
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
