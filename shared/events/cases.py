"""Facts that triage writes to `cases`: every step of a case, with the state before and after it."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.events.envelope import Fact


class DeadlineSet(BaseModel):
    """One deadline that binds the handlers, by its name in the policy.

    `warn_at`: when they are warned of it; `escalate_at`: when others hear of it, if nothing has kept it by then.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    due_at: AwareDatetime
    warn_at: AwareDatetime | None = None
    escalate_at: AwareDatetime | None = None


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
    """What every step of a case carries. `previous` is None only when the case is opened.

    `shows`: the field that a history shows beside it. `unseen`: it is an affair of the handlers, and changes nothing
    that the reporter sees; the time from which a closed case is kept does not begin anew.
    """

    topic: ClassVar[str] = "cases"
    shows: ClassVar[str | None] = None
    unseen: ClassVar[bool] = False

    previous: str | None
    state: str


class CaseOpened(CaseFact):
    """A report became a case; from here on it is never without an owner.

    `parties` stand for the people reported, for witnesses and for the reporter, who may not see the case. With
    `parties_apart` they are party tokens, and `report.parties` tells the pseudonyms; see ReportReceived.
    `subjects`: those of the tokens that stand for people reported. `reachable`: the reporter left an address, or has a
    receipt; true in events from before this was told.
    """

    name: ClassVar[str] = "case.opened"
    version: ClassVar[str] = "1.4"

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
    parties_apart: bool = False
    subjects: tuple[str, ...] = ()
    reachable: bool = True


class CaseTriaged(CaseFact):
    """Policy chose the lane and the handling body (by `rule`), and set the deadlines.

    `own_body`: the body that the rule names for every such report. `body` is another one where that body cannot look
    after the case; nothing tells why not, or which bodies between the two were asked: `passed_over` is always empty
    since 1.3. `deadlines_told`: a fact of its own tells when a deadline of the case is met; before, the step did
    (MET_BY_STEP).
    """

    name: ClassVar[str] = "case.triaged"
    version: ClassVar[str] = "1.4"
    shows: ClassVar[str | None] = "body"

    category: str
    lane: str
    body: str
    rule: str
    deadlines: tuple[DeadlineSet, ...]
    deadlines_told: bool = False
    passed_over: tuple[str, ...] = ()
    own_body: str | None = None


class CasePassedOn(CaseFact):
    """The case goes to another handling body, because `previous_body` cannot look after it any more; the state stays.

    Nobody has the case from then on, until a person of the new body takes it. `deadlines` are those that run.
    """

    name: ClassVar[str] = "case.passed_on"
    version: ClassVar[str] = "1.1"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    lane: str
    body: str
    previous_body: str
    deadlines: tuple[DeadlineSet, ...] = ()


class CaseUnattended(CaseFact):
    """No handling body is left that could look after the case, not even that of last resort. It stays in `body`."""

    name: ClassVar[str] = "case.unattended"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    body: str


class CaseAttended(CaseFact):
    """The body of an unattended case can look after it after all."""

    name: ClassVar[str] = "case.attended"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "body"

    body: str


class CaseAssigned(CaseFact):
    """A responder of the handling body took the case or was given it."""

    name: ClassVar[str] = "case.assigned"
    shows: ClassVar[str | None] = "assignee"

    assignee: str
    previous_assignee: str | None = None


class InvestigationStarted(CaseFact):
    """The assignee began, or began again, to look into the case."""

    name: ClassVar[str] = "case.investigation_started"


class InformationRequested(CaseFact):
    """The handling body asked the reporter something; the words stay in the vault.

    `answer_by`: until when the case, and a decision that is proposed, wait for the answer; None in an older case.
    """

    name: ClassVar[str] = "case.information_requested"
    version: ClassVar[str] = "1.2"

    question_id: str
    answer_by: AwareDatetime | None = None


class ReporterLost(CaseFact):
    """The report is erased: nobody can ask the reporter anything any more, or tell them how it goes."""

    name: ClassVar[str] = "case.reporter_lost"
    unseen: ClassVar[bool] = True


class ReporterTold(CaseFact):
    """The handling body told the reporter how it goes; the words stay in the vault. The state stays.

    `wordless`: there are no words. People work on the case of which this one is a part, and wrote to another reporter.
    """

    name: ClassVar[str] = "case.reporter_told"
    version: ClassVar[str] = "1.1"

    message_id: str
    wordless: bool = False


class InformationReceived(CaseFact):
    """The reporter's answer reached the case."""

    name: ClassVar[str] = "case.information_received"

    question_id: str
    answer_id: str


class ExtendedFact(CaseFact):
    """A step that says how far a measure reaches, as far as that names nobody.

    `respondents`: the party tokens of those that it is for; empty where nothing says so. `project`: the community in
    which it holds; None for that of the case. The vault has the pages under `pages_id`: a title may name a person.
    """

    respondents: tuple[str, ...] = ()
    project: str | None = None
    pages_id: str | None = None


class CaseDecided(ExtendedFact):
    """The handling body decided; the reasons stay in the vault under `reason_id`.

    `by_recused`: whether the person who decided was recused from the case at that time, on whatever ground; None in
    events from before this was told. Who is recused on the ground `named` cannot be read from the other events.
    `in_favour` and `against`: the people with votes on the proposal that counted; both are empty where a person decided
    alone. `until`: the last day (UTC) of what is decided, and `scope` what it holds for. `previous_outcome`: what was
    decided before. `appeal_until`: until when a direct party can appeal; None where the policy has no such window.
    """

    name: ClassVar[str] = "case.decided"
    version: ClassVar[str] = "1.4"
    shows: ClassVar[str | None] = "outcome"

    outcome: str
    reason_id: str
    by_recused: bool | None = None
    previous_outcome: str | None = None
    until: date | None = None
    scope: str | None = None
    in_favour: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    appeal_until: AwareDatetime | None = None


class MentionCleared(CaseFact):
    """Words of the report that seemed to mention a person on the roster do not; the state stays.

    `mention` is the id that the mention has within this report only. It says nothing about who it might have been.
    `clearing`: why they do not, a common word or another person; None in an older fact, which has no reason. `waits`:
    one person alone says so. The person stays shut out until another one says so, too, which is a fact of its own.
    """

    name: ClassVar[str] = "case.mention_cleared"
    version: ClassVar[str] = "1.2"
    shows: ClassVar[str | None] = "clearing"

    mention: str
    clearing: str | None = None
    waits: bool = False


# Nothing writes it any more; records from before have it.
class PersonNamed(CaseFact):
    """The case is about a further person on the roster, who may not see it; the state stays.

    Nothing says who: intake tells the services that shut people out.
    """

    name: ClassVar[str] = "case.person_named"


class CaseClosed(CaseFact):
    """Nothing more is owed on the case, for now."""

    name: ClassVar[str] = "case.closed"
