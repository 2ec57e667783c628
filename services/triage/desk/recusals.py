"""What the page of a case shows of a recusal, and what its reader can do about it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from services.triage.case.case import Case
from services.triage.case.commands.recusal import WITHDRAWALS, may_withdraw
from services.triage.case.values import Recusal
from services.triage.desk.contents import words_in
from services.triage.desk.names import CaseNames
from shared.access.conditions import Permit
from shared.access.principal import Principal, Role
from shared.clients.vault import Contents


def asks_of(names: CaseNames, request: Request, case: Case, contents: Contents | None) -> list[dict[str, Any]]:
    """What parties asked for, with their words and the answer as far as they are at hand; what waits comes first."""
    said = words_in(contents)
    return [
        {
            "id": ask.id,
            "at": ask.at,
            "party": names.code(request, "party", ask.party),
            "text": said.get(ask.id),
            "sealed": contents is not None and not contents.erased and ask.id not in said,
            "waits": ask.answer is None,
            "answer": names.code(request, "recusal-answer", ask.answer) if ask.answer else None,
            "told": said.get(ask.told_id or ""),
        }
        for ask in sorted(case.recusal_asks, key=lambda ask: ask.answer is not None)
    ]


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
