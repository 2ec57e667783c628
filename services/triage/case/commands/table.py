"""All commands, and what each does to a case."""

from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Recuse, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.commands.opening import Open, ReceiveAnswer, _open, _receive
from services.triage.case.lifecycle import TRANSITIONS, CannotHave, NotPermitted, UnknownOutcome
from shared.events import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseTriaged,
    Fact,
    InformationRequested,
    InvestigationStarted,
    RecusalDeclared,
)
from shared.policy import Policy

USES_POLICY = (CaseTriaged, CaseDecided)
"""Facts that follow from the policy, and therefore carry its version."""

Command = Open | Assign | Start | Ask | ReceiveAnswer | Decide | Recuse | Close


def decide(case: Case | None, command: Command, policy: Policy, now: datetime) -> list[Fact]:
    """The facts that `command` causes; none when it has been done already. `now` is UTC-aware.

    Raises a Refusal: NotPermitted outside TRANSITIONS, UnknownOutcome, UnknownQuestion, CannotHave.
    """
    previous = case.state if case else None
    state = TRANSITIONS[command.name].get(previous)
    if state is None:
        raise NotPermitted(command.name, previous)
    if isinstance(command, Open):
        return _open(command, policy, now)
    assert case is not None  # noqa: S101  # the table has None only for Open
    match command:
        case Assign(assignee):
            if assignee in case.recused:
                raise CannotHave(case.id)
            if assignee == case.assignee:
                return []
            return [
                CaseAssigned(
                    previous=previous, state=state, assignee=assignee, previous_assignee=case.assignee
                )
            ]  # fmt: skip
        case Start():
            return [InvestigationStarted(previous=previous, state=state)]
        case Ask(question_id):
            return [InformationRequested(previous=previous, state=state, question_id=question_id)]
        case ReceiveAnswer(question_id, answer_id):
            return _receive(case, question_id, answer_id, state)
        case Decide(outcome, reason_id):
            if outcome not in policy.outcomes:
                raise UnknownOutcome(outcome)
            return [CaseDecided(previous=previous, state=state, outcome=outcome, reason_id=reason_id)]
        case Recuse(person, ground):
            if person in case.recused:
                return []
            rest = None if person == case.assignee else case.assignee
            return [RecusalDeclared(previous=previous, state=state, person=person, ground=ground, assignee=rest)]
        case Close():
            return [CaseClosed(previous=previous, state=state)]
