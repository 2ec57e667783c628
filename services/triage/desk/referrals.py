"""What the page of a case shows of its referrals."""

from typing import Any

from fastapi import Request

from services.triage.actions import Desk
from services.triage.case.case import Case
from services.triage.case.forms import resource_of
from services.triage.case.values import Referral
from services.triage.desk.contents import words_in
from services.triage.desk.names import CaseNames
from shared.access.authorization import is_permitted
from shared.access.principal import Principal
from shared.clients.vault import Contents
from shared.problems import Problem, Unavailable
from shared.times import now


async def asked_of(desk: Desk, reader: Principal, case: Case) -> tuple[bool, str | None]:
    """Whether the reader’s body is only asked to take the case over, and the reason, if it is at hand."""
    if is_permitted(reader, "case.read", resource_of(case, desk.policy), now()):
        return False, None
    try:
        return True, await desk.read_reason(reader, case)
    except (Unavailable, Problem):
        # A coordinator reads no words, and the vault may be away.
        return True, None


def referral_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    referral: Referral,
    contents: Contents | None,
    reason: str | None,
) -> dict[str, Any]:
    """A referral, what became of it, and the words of both sides as far as the reader may see them.

    `reason`: what the vault told of it to a body that is asked.
    """
    said = words_in(contents)
    who = names.person(request, reader, referral.role, referral.by)
    sides = [names.body(request, body) for body in (referral.from_body, referral.to_body)]
    return {
        "text": names.said(request, f"desk-referral-{referral.ended or 'waiting'}", *sides, who),
        "at": referral.ended_at or referral.accept_by,
        "reason": reason or said.get(referral.reason_id),
        "answer": said.get(referral.answer_id or ""),
    }
