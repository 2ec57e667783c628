"""The life of a case, pure: what a command does in a state, and what each event makes of the case.

Property, tested: folding the events of a case with `evolve` gives exactly the stored case.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.triage.commands import (
    ENDED,
    TRANSITIONS,
    Ask,
    Assign,
    CannotHave,
    Close,
    Command,
    Decide,
    NotPermitted,
    Open,
    ReceiveAnswer,
    Recuse,
    Start,
    State,
    UnknownOutcome,
    UnknownQuestion,
)
from shared.events import (
    CaseAssigned,
    CaseClosed,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseTriaged,
    DeadlineSet,
    Event,
    Fact,
    InformationReceived,
    InformationRequested,
    InvestigationStarted,
    RecusalDeclared,
    parties_of,
)
from shared.policy import Policy, ReportFacts
from shared.promises import KEPT_BY

USES_POLICY = (CaseTriaged, CaseDecided)
"""Facts that follow from the policy, and therefore carry its version."""


URGENT_LANES = ("emergency", "child_protection")
"""Lanes of the policy that go before all others, the most urgent first."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A promise with a date. Times are UTC-aware; `met_at` is when it was kept, in time or not."""

    name: str
    due_at: datetime
    met_at: datetime | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is neither kept nor still to come."""
        return self.met_at is None and self.due_at < now


@dataclass(frozen=True, slots=True)
class Question:
    """What the reporter was asked, by reference, and the answers so far."""

    id: str
    asked_at: datetime
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the case's history. `detail` is the assignee, body, outcome or ground, where the fact has one."""

    seq: int
    fact: str
    at: datetime
    actor: str
    role: str
    cause: str
    previous: State | None
    state: State
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case as its events made it. `lane`, `body` and `rule` are None only between `received` and `triaged`.

    `parties`: pseudonyms of everybody named in the report; `recused`: references of people.
    """

    id: str
    report_id: str
    code_name: str
    community: str
    category: str
    flags: tuple[str, ...]
    setting: str
    language: str
    privacy: str
    contactable: bool
    received_at: datetime
    state: State
    history: tuple[Step, ...]
    lane: str | None = None
    body: str | None = None
    rule: str | None = None
    policy_version: str | None = None
    deadlines: tuple[Deadline, ...] = ()
    assignee: str | None = None
    questions: tuple[Question, ...] = ()
    outcome: str | None = None
    reason_id: str | None = None
    parties: tuple[str, ...] = ()
    recused: tuple[str, ...] = ()

    @property
    def seq(self) -> int:
        """How many events made this case; its version towards the outside."""
        return self.history[-1].seq

    @property
    def updated_at(self) -> datetime:
        """When the last event happened (UTC-aware)."""
        return self.history[-1].at

    @property
    def next_due(self) -> datetime | None:
        """The next promise to keep (UTC-aware); None when there is none, or the case has ended."""
        if self.state in ENDED:
            return None
        return min((d.due_at for d in self.deadlines if d.met_at is None), default=None)

    @property
    def place(self) -> tuple[int, datetime, str]:
        """Where it stands in the queue: by urgency of the lane, then by what is due next, then by id."""
        rank = URGENT_LANES.index(self.lane) if self.lane in URGENT_LANES else len(URGENT_LANES)
        return rank, self.next_due or NEVER, self.id


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


def _open(command: Open, policy: Policy, now: datetime) -> list[Fact]:
    report = command.report
    way = policy.triage(
        ReportFacts(report.community, report.category, frozenset(report.flags), report.setting)
    )  # fmt: skip
    # A report cannot come from the future: clocks of two machines that disagree must not give the handlers more time.
    deadlines = policy.deadlines_for(way.lane, min(report.received_at, now))
    opened = CaseOpened(
        previous=None,
        state=State.RECEIVED,
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
        previous=State.RECEIVED,
        state=State.TRIAGED,
        category=report.category,
        lane=way.lane,
        body=way.body,
        rule=way.rule,
        deadlines=tuple(DeadlineSet(name=d.name, due_at=d.due_at) for d in deadlines),
    )
    return [opened, triaged]


def _receive(case: Case, question_id: str, answer_id: str, state: State) -> list[Fact]:
    question = next((q for q in case.questions if q.id == question_id), None)
    if question is None:
        raise UnknownQuestion(question_id)
    if answer_id in question.answers:
        return []
    return [
        InformationReceived(previous=case.state, state=state, question_id=question_id, answer_id=answer_id)
    ]  # fmt: skip


def evolve(case: Case | None, event: Event) -> Case:
    """The case after `event`. Raises TypeError for what is no event of a case, or does not follow on `case`."""
    fact = event.fact
    if case is None:
        if not isinstance(fact, CaseOpened):
            raise TypeError(f"a case begins with case.opened, not with {fact.name}")
        return Case(
            id=event.case_id,
            report_id=fact.report_id,
            code_name=fact.code_name,
            community=fact.community,
            category=fact.category,
            flags=fact.flags,
            setting=fact.setting,
            language=fact.language,
            privacy=fact.privacy,
            contactable=fact.contactable,
            received_at=fact.received_at,
            parties=fact.parties,
            state=State(fact.state),
            history=(_step(event, fact),),
        )
    if not isinstance(fact, CaseFact) or isinstance(fact, CaseOpened) or event.case_seq != case.seq + 1:
        raise TypeError(f"{fact.name} {event.case_seq} does not follow on event {case.seq} of the case")
    after = _changed(case, fact, event)
    return replace(
        after,
        state=State(fact.state),
        history=(*case.history, _step(event, fact)),
        deadlines=tuple(_kept(d, fact, event.time) for d in after.deadlines),
    )


def fold(events: Iterable[Event], case: Case | None = None) -> Case | None:
    """The case that `events` (in order) make of `case`."""
    for event in events:
        case = evolve(case, event)
    return case


def _changed(case: Case, fact: CaseFact, event: Event) -> Case:
    match fact:
        case CaseTriaged():
            return replace(
                case,
                category=fact.category,
                lane=fact.lane,
                body=fact.body,
                rule=fact.rule,
                policy_version=event.policy_version,
                deadlines=tuple(Deadline(d.name, d.due_at) for d in fact.deadlines),
            )
        case CaseAssigned():
            return replace(case, assignee=fact.assignee)
        case RecusalDeclared():
            return replace(case, recused=(*case.recused, fact.person), assignee=fact.assignee)
        case InformationRequested():
            return replace(case, questions=(*case.questions, Question(fact.question_id, event.time)))
        case InformationReceived():
            return replace(case, questions=tuple(_answered(q, fact) for q in case.questions))
        case CaseDecided():
            return replace(case, outcome=fact.outcome, reason_id=fact.reason_id)
        case _:
            return case


def _answered(question: Question, fact: InformationReceived) -> Question:
    if question.id != fact.question_id:
        return question
    return replace(question, answers=(*question.answers, fact.answer_id))


def _kept(deadline: Deadline, fact: CaseFact, at: datetime) -> Deadline:
    if deadline.met_at is None and isinstance(fact, KEPT_BY.get(deadline.name, ())):
        return replace(deadline, met_at=at)
    return deadline


def _step(event: Event, fact: CaseFact) -> Step:
    match fact:
        case CaseTriaged():
            detail: str | None = fact.body
        case CaseAssigned():
            detail = fact.assignee
        case CaseDecided():
            detail = fact.outcome
        case RecusalDeclared():
            detail = fact.ground
        case _:
            detail = None
    return Step(
        seq=event.case_seq,
        fact=fact.name,
        at=event.time,
        actor=event.actor.ref,
        role=event.actor.role,
        cause=event.cause,
        previous=State(fact.previous) if fact.previous else None,
        state=State(fact.state),
        detail=detail,
    )
