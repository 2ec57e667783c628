"""What the page of a case shows of its referrals, and of the bodies that join it."""

from collections.abc import Collection
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


async def asked_of(desk: Desk, reader: Principal, case: Case) -> tuple[bool, str | None]:
    """Whether the reader’s body is only asked for an answer, and why it is asked, if that is at hand."""
    if is_permitted(reader, "case.read", resource_of(case, desk.policy), desk.clock()):
        return False, None
    try:
        return True, await desk.read_reason(reader, case)
    except (Unavailable, Problem):
        # A coordinator reads no words, and the vault may be away.
        return True, None


def referrals_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    case: Case,
    contents: Contents | None,
    reason: str | None,
    own: Collection[str],
) -> list[dict[str, Any]]:
    """The referrals of a case and the invitations to join it, and what became of each.

    With the words of both sides as far as the reader may see them. `reason`: what the vault told of it to a body that
    is asked. `own`: the handling bodies of the reader.
    """
    said = words_in(contents)

    def shown(one: Referral) -> dict[str, Any]:
        who = names.person(request, reader, one.role, one.by)
        sides = [names.body(request, body) for body in (one.from_body, one.to_body)]
        kind = "joint" if one.joint else "referral"
        became = "left" if one.left_at else one.ended or "waiting"
        return {
            "text": names.said(request, f"desk-{kind}-{became}", *sides, who),
            "at": one.left_at or one.ended_at or one.accept_by,
            "reason": reason or said.get(one.reason_id),
            "answer": said.get(one.left_id or one.answer_id or ""),
            "answer_title": names.said(request, f"desk-{kind}-answer"),
            "ends": one.to_body if one.is_joined and not {case.body, one.to_body}.isdisjoint(own) else None,
        }

    return [shown(one) for one in case.referrals]
