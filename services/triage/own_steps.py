"""The steps that triage itself takes on a case."""

from datetime import datetime

from services.triage.author import TRIAGE
from services.triage.case.attendance import People, has_left
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.commands.handling import LetGo
from services.triage.case.commands.table import carry_out
from services.triage.case.lifecycle import NotPermitted
from services.triage.stored import CaseChange, CaseStore, StoredCase
from shared.aggregates import change
from shared.ids import new_id
from shared.policy import Policy


def own_step(
    stored: StoredCase, case_id: str, command: Command, people: People, policy: Policy, now: datetime
) -> CaseChange | None:
    """What a command changes `now` (UTC-aware); None where it changes nothing, or the case permits it no more."""
    cause = new_id()
    try:
        after, events = carry_out(
            stored.case, command, policy, people, now, case_id=case_id, actor=TRIAGE, cause=cause, trace=None
        )
    except NotPermitted:
        return None
    return CaseChange(after, stored, events, [cause]) if after and events else None


async def free(case: Case, cases: CaseStore, people: People, policy: Policy, now: datetime) -> None:
    """Let nobody have the case if the person who has it serves none of its bodies `now` (UTC-aware).

    For a case that became urgent: until then it may have waited for the renewal of a role. Raises Unavailable.
    """
    if case.assignee is None or not has_left(case, people, now):
        return
    let_go = LetGo(frozenset({case.assignee}), people)

    async def decide(case_id: str, stored: StoredCase | None) -> CaseChange | None:
        return own_step(stored, case_id, let_go, people, policy, now) if stored else None

    await change(cases, [case.id], decide)
