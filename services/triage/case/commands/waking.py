"""A time has come for a case. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.triage.case.attendance import NOBODY, People
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.timers.table import due
from services.triage.case.timers.timer import Moment
from shared.events import CaseFact, CaseState
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class Wake(Command):
    """Carry out the timer of the case that was due first (services/triage/case/timers)."""

    name = "wake"
    by_people = False

    people: People = NOBODY

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What the timer tells; nothing where none is due."""
        return due(case, Moment(now, policy, self.people))
