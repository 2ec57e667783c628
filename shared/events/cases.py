"""Facts that triage writes to `cases`: every step of a case, with the state before and after it."""

from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.envelope import Fact


class DeadlineSet(BaseModel):
    """One deadline that binds the handlers, by its name in the policy."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    due_at: AwareDatetime


class CaseState(StrEnum):
    """Every state a case can have. Readers tolerate states that are not here yet."""

    RECEIVED = "received"
    TRIAGED = "triaged"
    ASSIGNED = "assigned"
    INVESTIGATING = "investigating"
    AWAITING_INFORMATION = "awaiting_information"
    DECIDED = "decided"
    FOLLOWING_UP = "following_up"
    CLOSED = "closed"
    REFERRED = "referred"
    MERGED = "merged"
    APPEALED = "appealed"
    REOPENED = "reopened"


class CaseFact(Fact):
    """What every step of a case carries. `previous` is None only when the case is opened."""

    topic: ClassVar[str] = "cases"

    previous: str | None
    state: str


class CaseOpened(CaseFact):
    """A report became a case; from here on it is never without an owner.

    `parties`: pseudonyms of the people reported, of witnesses and of the reporter, who may not see the case.
    """

    name: ClassVar[str] = "case.opened"
    version: ClassVar[str] = "1.1"

    report_id: str
    code_name: str
    community: str
    category: str
    flags: tuple[str, ...] = ()
    setting: str
    language: str
    privacy: str
    contactable: bool
    received_at: AwareDatetime
    parties: tuple[str, ...] = ()


class CaseTriaged(CaseFact):
    """Policy chose the lane and the handling body (by `rule`), and set the deadlines."""

    name: ClassVar[str] = "case.triaged"

    category: str
    lane: str
    body: str
    rule: str
    deadlines: tuple[DeadlineSet, ...]


class CaseAssigned(CaseFact):
    """A responder of the handling body took the case or was given it."""

    name: ClassVar[str] = "case.assigned"

    assignee: str
    previous_assignee: str | None = None


class InvestigationStarted(CaseFact):
    """The assignee began, or began again, to look into the case."""

    name: ClassVar[str] = "case.investigation_started"


class InformationRequested(CaseFact):
    """The handling body asked the reporter something; the words stay in the vault."""

    name: ClassVar[str] = "case.information_requested"

    question_id: str


class InformationReceived(CaseFact):
    """The reporter's answer reached the case."""

    name: ClassVar[str] = "case.information_received"

    question_id: str
    answer_id: str


class CaseDecided(CaseFact):
    """The handling body decided; the reasons stay in the vault under `reason_id`."""

    name: ClassVar[str] = "case.decided"

    outcome: str
    reason_id: str


class RecusalDeclared(CaseFact):
    """Somebody has nothing more to do with the case, on one of the `grounds` of the policy; the state stays.

    `assignee`: who has the case from now on; None when it was the recused person's.
    """

    name: ClassVar[str] = "case.recusal_declared"

    person: str
    ground: str
    assignee: str | None = None


class CaseClosed(CaseFact):
    """Nothing more is owed on the case, for now."""

    name: ClassVar[str] = "case.closed"
