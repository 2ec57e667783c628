"""The steps that triage itself takes on a case."""

from datetime import datetime

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.commands.command import Command
from services.triage.case.commands.table import carry_out
from services.triage.case.lifecycle import NotPermitted
from services.triage.stored import CaseChange, StoredCase
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
