"""A case is opened, and takes answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from services.triage.case.case import Case
from services.triage.case.lifecycle import UnknownQuestion
from shared.events import (
    CaseOpened,
    CaseState,
    CaseTriaged,
    DeadlineSet,
    Fact,
    InformationReceived,
    ReportReceived,
    parties_of,
)
from shared.policy import Policy, ReportFacts


@dataclass(frozen=True, slots=True)
class Open:
    """A report becomes a case, and policy passes it to a handling body at once."""

    name: ClassVar[str] = "open"
    code_name: str
    report: ReportReceived


@dataclass(frozen=True, slots=True)
class ReceiveAnswer:
    """The reporter answered. An answer is never refused, however late it comes."""

    name: ClassVar[str] = "receive_answer"
    question_id: str
    answer_id: str


def _open(command: Open, policy: Policy, now: datetime) -> list[Fact]:
    report = command.report
    way = policy.triage(
        ReportFacts(report.community, report.category, frozenset(report.flags), report.setting)
    )  # fmt: skip
    # A report cannot come from the future: clocks of two machines that disagree must not give the handlers more time.
    deadlines = policy.deadlines_for(way.lane, min(report.received_at, now))
    opened = CaseOpened(
        previous=None,
        state=CaseState.RECEIVED,
        report_id=report.report_id,
        code_name=command.code_name,
        community=report.community,
        category=report.category,
        flags=report.flags,
        setting=report.setting,
        language=report.language,
        privacy=report.privacy,
        contactable=report.contactable,
        received_at=report.received_at,
        parties=parties_of(report),
    )
    triaged = CaseTriaged(
        previous=CaseState.RECEIVED,
        state=CaseState.TRIAGED,
        category=report.category,
        lane=way.lane,
        body=way.body,
        rule=way.rule,
        deadlines=tuple(DeadlineSet(name=d.name, due_at=d.due_at) for d in deadlines),
    )
    return [opened, triaged]


def _receive(case: Case, question_id: str, answer_id: str, state: CaseState) -> list[Fact]:
    question = next((q for q in case.questions if q.id == question_id), None)
    if question is None:
        raise UnknownQuestion(question_id)
    if answer_id in question.answers:
        return []
    return [
        InformationReceived(previous=case.state, state=state, question_id=question_id, answer_id=answer_id)
    ]  # fmt: skip
