"""A time has come for a case. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.triage.case.attendance import NOBODY, People, can_take
from services.triage.case.case import Case
from services.triage.case.commands.command import Command
from services.triage.case.timers.table import due
from shared.events import CaseFact, CaseState, DeadlineEscalated
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class Wake(Command):
    """Carry out the timer of the case that was due first (services/triage/case/timers)."""

    name = "wake"
    by_people = False

    people: People = NOBODY

    def decide(self, case: Case, state: CaseState, policy: Policy, now: datetime) -> list[CaseFact]:
        """What the timer tells; nothing where none is due. The stand-in that hears of it could get the case, if any."""
        facts = due(case, policy, now)
        return [self._to_another(fact, case, policy, now) for fact in facts]

    def _to_another(self, fact: CaseFact, case: Case, policy: Policy, now: datetime) -> CaseFact:
        if not isinstance(fact, DeadlineEscalated):
            return fact
        others = policy.stand_ins(case.body or "")
        able = (body for body in others if can_take(case, body, self.people, policy, now))
        to_body = next(able, fact.to_body)
        return fact if to_body == fact.to_body else fact.model_copy(update={"to_body": to_body})
