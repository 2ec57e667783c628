"""What the page of a case shows of a recusal, and what its reader can do about it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from services.triage.case.commands.recusal import WITHDRAWALS, may_withdraw
from services.triage.case.values import Recusal
from services.triage.desk.names import CaseNames
from shared.access.conditions import Permit
from shared.access.principal import Principal, Role


def recusal_of(
    names: CaseNames,
    request: Request,
    reader: Principal,
    recusal: Recusal,
    meant: Mapping[str, str],
    *,
    confirm: Permit | None,
    withdraw: Permit | None,
) -> dict[str, Any]:
    """A recusal, until when it holds without a second person, and what the reader can do about it.

    `meant`: the people that tokens of the case stand for; `confirm` and `withdraw`: the permits of the reader.
    """
    is_own, waits = recusal.by == reader.ref, recusal.confirm_by is not None
    oneself = recusal.person == recusal.by
    key = "oneself" if oneself else "confirmed" if not waits else "yours" if is_own else "pending"
    ref = meant.get(recusal.person, recusal.person)
    person = names.person(request, reader, Role.RESPONDER, ref)
    by = names.person(request, reader, recusal.role, recusal.by)
    return {
        "ref": recusal.person,
        "text": names.said(request, f"desk-recusal-{key}", person, by),
        "ground": names.code(request, "ground", recusal.ground),
        "until": recusal.confirm_by,
        "confirm": confirm is not None and waits and not is_own,
        "withdraw": withdraw is not None and may_withdraw(recusal, reader.actor(withdraw.role)),
        "options": names.options(request, "withdrawal", WITHDRAWALS),
    }
