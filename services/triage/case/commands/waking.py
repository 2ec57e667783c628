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
        told = next((fact.to_body for fact in facts if isinstance(fact, DeadlineEscalated)), None)
        if told is None:
            return facts
        others = policy.stand_ins(case.body or "")
        to_body = next((body for body in others if can_take(case, body, self.people, policy, now)), told)
        return facts if to_body == told else [_to_another(fact, to_body) for fact in facts]


def _to_another(fact: CaseFact, to_body: str) -> CaseFact:
    return fact.model_copy(update={"to_body": to_body}) if isinstance(fact, DeadlineEscalated) else fact
