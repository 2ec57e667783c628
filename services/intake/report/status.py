"""What became of a report: a fold over the events of its case. Pure.

Events come at least once and in the order of `case_seq`; an event that was seen before changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from shared.copies import copier
from shared.events import (
    MET_BY_STEP,
    AppealDecided,
    AppealLodged,
    AppealRefused,
    AppealWindowMoved,
    CaseAbsorbed,
    CaseAssigned,
    CaseDecided,
    CaseDetached,
    CaseDisclosed,
    CaseFact,
    CaseFollowed,
    CaseLinked,
    CaseOpened,
    CasePassedOn,
    CaseReleased,
    CaseReopened,
    CaseState,
    CaseTriaged,
    CaseUnmerged,
    CategoryConfirmed,
    CheckInDue,
    CheckInKept,
    CheckInsEnded,
    ClocksFollowed,
    ConsentGiven,
    DeadlineBreached,
    DeadlineFact,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineStarted,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    Event,
    FlagsSet,
    FollowUpBegun,
    HandlerApart,
    HandlerLeft,
    InformationRequested,
    InvitationAccepted,
    JointEnded,
    LaneLowered,
    LaneRaised,
    MeasureEnded,
    MeasureExpired,
    MeasureImported,
    MeasureLapsed,
    OutcomeFollowed,
    PartyAdded,
    RecusalAnswered,
    RecusalAsked,
    RecusalAskedAgain,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReferralAccepted,
    ReporterTold,
)

Standing = Literal["met", "late", "paused", "open"]
"""How a deadline stands: kept in time, missed or kept too late, standing still, or still to come."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """One deadline of the case, as triage told it. Times are UTC-aware.

    `met_at`: when a step kept it, in time or not. `breached_at`: when it passed, and nothing had kept it.
    `remaining_seconds`: what is left of it while its clock stands still; None while the clock runs.
    """

    name: str
    due_at: datetime
    met_at: datetime | None = None
    breached_at: datetime | None = None
    remaining_seconds: int | None = None

    def standing(self, now: datetime) -> Standing:
        """How it stands at `now` (UTC-aware)."""
        if self.met_at is not None:
            return "met" if self.met_at <= self.due_at else "late"
        if self.breached_at is not None:
            return "late"
        if self.remaining_seconds is not None:
            return "paused"
        # Triage does not tell of every breach yet, and a date that has passed is no promise.
        return "late" if now > self.due_at else "open"


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the reporter, by the id of its words, and when it was asked (UTC-aware).

    `answer_by`: until when the handlers wait for the answer (UTC-aware); None in an older case.
    """

    question_id: str
    asked_at: datetime
    answer_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What handlers told the reporter, by the id of its words, and when (UTC-aware).

    `wordless`: there are no words, only that people are at work.
    """

    message_id: str
    told_at: datetime
    wordless: bool = False


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The check-in of which the reporter was asked last, first at `asked_at`. `over`: nothing is asked any more."""

    number: int
    due_at: datetime
    asked_at: datetime
    over: bool = False


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal of a party, on a ground, as triage answered it at `at` (UTC-aware).

    `respondent`: the token of the respondent who appeals, if one does.
    `refusal`: why triage could not take it; None where it did. `verdict` and `told_id` (the words for the reporter) are
    None while it waits; `told_id` also where there are no such words.
    """

    id: str
    ground: str
    at: datetime
    refusal: str | None = None
    verdict: str | None = None
    told_id: str | None = None
    respondent: str | None = None


@dataclass(frozen=True, slots=True)
class RecusalAnswer:
    """What became of it that a party asked that a person does not handle the case. `told_id`: the reasons, if any."""

    ask_id: str
    answer: str
    told_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecusalAsk:
    """That a party asked for a recusal, waiting `since` then, and when the answer came (UTC-aware), if it has.

    `respondent`: the token of the respondent who asked; None: the reporter did.
    """

    id: str
    since: datetime
    respondent: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """Where a report stands. `state` may be one that only a later version of Hearth knows.

    `body`, `assignee` and `recused` decide who may erase and read the report, and who learns the name of the reporter,
    who sees only the body and those that have `joined` the case. `category`: as a handler confirmed it; None before
    that. `deadlines_told`: triage tells when a deadline is met. Cases from before that do not have it, and MET_BY_STEP
    says which step met a deadline.
    `before_merge`: the state that the reporter sees of a merged case, because the merging would tell of another report.
    `outcome_there` and `decided_there_at` (UTC-aware): how the case was decided of which a merged one is a part, and
    when that was told. Respondents hear only that it was decided: that case may have others.
    `deadlines_there`: how the clocks of that case stand for this reporter, who has those of `deadlines_now`; None where
    nothing told it. `missed_there`: as `missed_at`, of these.
    `decided_at` and `appeal_until` (UTC-aware): when the decision was made that stands, or of which a measure stands,
    and until when it can be appealed; None of a decision from before triage told it. `reopened`: the id of the decision
    that was reopened last, and of its measure. `appeals`: those of the reporter, in their order.
    `disclosed`: the ids of the words for each respondent, by the token of the case. `respondents`: how many there are.
    Without `counted`, 0 says that it is not known, because nothing told it of older cases. `added`: the tokens of those
    that handlers added, which are the ids of their names.
    `imposed`: the ids of the measures that stand, as far as triage told. `absorbed`: cases that are
    part of this one, as triage calls them. `meant`: the respondents (tokens) for which the decision says that it is;
    `shared`: it was made when other cases were part of this one, and so may be about their respondents alone.
    `has_imposed`: a measure was told, standing or not.
    `missed_at`: when the last deadline was due (UTC-aware) that was missed before its clock began its next line.
    `their_appeals`: those of respondents. `recusal_answers`: to what parties asked for, and `recusal_asks`: what they
    asked for since that is kept. `silent`: the reporter is asked no more how it goes, because no answer came.
    `later_flags`: those that people ever gave the case, or the one of which it is one matter.
    """

    updated_at: datetime
    state: str = CaseState.RECEIVED.value
    seq: int = 0
    lane: str | None = None
    body: str | None = None
    deadlines: tuple[Deadline, ...] = ()
    deadlines_told: bool = False
    questions: tuple[Question, ...] = ()
    outcome: str | None = None
    reason_id: str | None = None
    recused: tuple[str, ...] = ()
    assignee: str | None = None
    category: str | None = None
    before_merge: str | None = None
    outcome_there: str | None = None
    check_in: CheckIn | None = None
    decided_at: datetime | None = None
    appeal_until: datetime | None = None
    appeals: tuple[Appeal, ...] = ()
    disclosed: Mapping[str, str] = field(default_factory=dict)
    respondents: int = 0
    counted: bool = False
    added: tuple[str, ...] = ()
    their_appeals: tuple[Appeal, ...] = ()
    messages: tuple[Message, ...] = ()
    joined: tuple[str, ...] = ()
    recusal_answers: tuple[RecusalAnswer, ...] = ()
    missed_at: datetime | None = None
    silent: bool = False
    deadlines_there: tuple[Deadline, ...] | None = None
    missed_there: datetime | None = None
    imposed: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()
    meant: tuple[str, ...] = ()
    shared: bool = False
    reopened: str | None = None
    has_imposed: bool = False
    recusal_asks: tuple[RecusalAsk, ...] = ()
    later_flags: tuple[str, ...] = ()
    decided_there_at: datetime | None = None

    def binds(self, at: datetime) -> bool:
        """Whether a measure stands at `at` (UTC-aware), the decision can be appealed, or it goes on after an appeal.

        For so long the receipt of a respondent opens something, whatever was erased.
        """
        goes_on = bool(self.their_appeals) and self.state != CaseState.CLOSED
        return goes_on or bool(self.imposed) or (self.appeal_until is not None and at <= self.appeal_until)

    @property
    def deadlines_now(self) -> tuple[Deadline, ...]:
        """The deadlines that bind the handlers: of a merged case those there, but where a step of its own says more."""
        if self.deadlines_there is None:
            return self.deadlines
        there = {deadline.name: deadline for deadline in self.deadlines_there}
        return tuple(_later(own, there.get(own.name, own)) for own in self.deadlines if own.met_at or own.name in there)


def _later(own: Deadline, there: Deadline) -> Deadline:
    """What holds of the two: its own clock where a step of its own kept it, or began it anew since."""
    return own if own.met_at or (own.due_at > there.due_at and not there.met_at) else there


_copy = copier(Status)


def follow(status: Status, event: Event) -> Status | None:
    """The status after an event of the case; None when the event was seen before or is no step of a case."""
    fact = event.fact
    if event.case_seq <= status.seq or not isinstance(fact, CaseFact):
        return None
    seen: dict[str, Any] = {"seq": event.case_seq}
    # A deadline that the reporter has not heard of is an affair of the handlers.
    is_theirs = isinstance(fact, DeadlineFact) and fact.deadline not in {d.name for d in status.deadlines}
    if not fact.unseen and not is_theirs:
        merged = fact.state == CaseState.MERGED
        seen |= {
            # Nothing more is done on a merged case by itself.
            "state": CaseState.CLOSED.value if merged else fact.state,
            "before_merge": (status.before_merge or status.state) if merged else None,
            "updated_at": event.time,
        }
    after = _copy(status, **seen)
    match fact:
        # What is unseen decides who may read the report.
        case RecusalDeclared():
            after = _copy(after, recused=(*status.recused, fact.person), assignee=fact.assignee)
        case RecusalWithdrawn() | RecusalLapsed():
            after = _copy(after, recused=tuple(person for person in status.recused if person != fact.person))
        case RecusalAnswered():
            answer = RecusalAnswer(fact.ask_id, fact.recusal_answer, fact.told_id)
            after = _copy(after, recusal_answers=(*status.recusal_answers, answer))
            after = _asked(after, fact.ask_id, lambda ask: replace(ask, answered_at=event.time))
        case RecusalAsked() if fact.party == "reporter" or fact.respondent:
            asked = RecusalAsk(fact.ask_id, event.time, fact.respondent)
            after = _copy(after, recusal_asks=(*status.recusal_asks, asked))
        case RecusalAskedAgain():
            left = tuple(one for one in status.recusal_answers if one.ask_id != fact.ask_id)
            after = _copy(after, recusal_answers=left)
            after = _asked(after, fact.ask_id, lambda ask: replace(ask, since=event.time, answered_at=None))
        case CasePassedOn() | ReferralAccepted() | CaseFollowed():
            joined = tuple(body for body in status.joined if body != fact.body)
            after = _copy(after, body=fact.body, assignee=None, joined=joined)
        case InvitationAccepted():
            after = _copy(after, joined=(*status.joined, fact.body))
        case JointEnded():
            joined = tuple(body for body in status.joined if body != fact.body)
            after = _copy(after, joined=joined, assignee=fact.assignee)
        case CaseTriaged():
            met = {deadline.name: deadline.met_at for deadline in status.deadlines}
            deadlines = tuple(Deadline(d.name, d.due_at, met.get(d.name)) for d in fact.deadlines)
            after = _copy(
                after, lane=fact.lane, body=fact.body, deadlines=deadlines, deadlines_told=fact.deadlines_told
            )
        case CaseAssigned():
            after = _copy(after, assignee=fact.assignee)
        case CaseReleased() | HandlerLeft() | HandlerApart():
            after = _copy(after, assignee=None)
        case CategoryConfirmed():
            after = _copy(after, category=fact.category)
        case FlagsSet() | CaseLinked():
            # What a person took away once may have been right, so it stays. So do the flags of the case of which this
            # one is one matter.
            after = _copy(after, later_flags=tuple(dict.fromkeys((*status.later_flags, *fact.flags))))
        case LaneLowered():
            after = _copy(after, lane=fact.lane)
        case LaneRaised():
            added = tuple(Deadline(d.name, d.due_at) for d in fact.deadlines)
            after = _copy(after, lane=fact.lane, deadlines=(*status.deadlines, *added))
        case CaseAbsorbed():
            absorbed = (*status.absorbed, fact.other_case)
            after = _copy(after, lane=fact.lane, assignee=fact.assignee, absorbed=absorbed)
        case CaseDetached():
            after = _copy(after, absorbed=tuple(one for one in status.absorbed if one != fact.other_case))
        case InformationRequested():
            after = _copy(after, questions=(*status.questions, Question(fact.question_id, event.time, fact.answer_by)))
        case ReporterTold():
            after = _copy(after, messages=(*status.messages, Message(fact.message_id, event.time, fact.wordless)))
        case CaseDecided():
            after = _copy(
                after,
                outcome=fact.outcome,
                reason_id=fact.reason_id,
                decided_at=event.time,
                appeal_until=fact.appeal_until,
                # Only a measure says what it holds for.
                imposed=(*status.imposed, *([fact.reason_id] if fact.scope else [])),
                has_imposed=status.has_imposed or bool(fact.scope),
                meant=fact.respondents,
                shared=bool(status.absorbed),
            )
        case EmergencyMeasureTaken():
            after = _copy(after, imposed=(*status.imposed, fact.measure_id), has_imposed=True)
        case EmergencyMeasureReviewed() if fact.review == "confirmed":
            pass
        case EmergencyMeasureReviewed() | MeasureEnded() | MeasureLapsed() | MeasureExpired():
            after = _copy(after, imposed=tuple(one for one in status.imposed if one != fact.measure_id))
            # Of a case reopened before its id was kept, only the end of the last measure says that none stands.
            is_its_own = fact.measure_id == status.reopened or (status.reopened is None and not after.imposed)
            if status.outcome is None and is_its_own:
                after = _copy(after, decided_at=None, appeal_until=None)
        case AppealLodged() if fact.kept_back or fact.party == "target":
            # No page of a receipt shows it.
            pass
        case AppealLodged() if fact.party == "reporter":
            appeal = Appeal(fact.appeal_id, fact.appeal_ground, event.time)
            after = _copy(after, appeals=(*status.appeals, appeal))
        case AppealLodged():
            appeal = Appeal(fact.appeal_id, fact.appeal_ground, event.time, respondent=fact.respondent)
            after = _copy(after, their_appeals=(*status.their_appeals, appeal))
        case AppealWindowMoved():
            after = _copy(after, appeal_until=fact.appeal_until)
        case AppealRefused():
            appeal = Appeal(fact.appeal_id, fact.appeal_ground, event.time, refusal=fact.refusal)
            if fact.party == "reporter":
                after = _copy(after, appeals=(*status.appeals, appeal))
            else:
                after = _copy(after, their_appeals=(*status.their_appeals, appeal))
        case MeasureImported():
            # It is kept for as long as what Hearth itself decided so.
            after = _copy(after, lane=fact.lane, body=fact.body, outcome=fact.outcome, respondents=len(fact.subjects))
        case OutcomeFollowed():
            at = event.time if fact.outcome else None
            after = _copy(after, outcome_there=fact.outcome, decided_there_at=at)
        case CaseUnmerged():
            after = _copy(after, outcome_there=None, decided_there_at=None, deadlines_there=None, missed_there=None)
        case ClocksFollowed():
            there = tuple(Deadline(**one.model_dump()) for one in fact.deadlines)
            before = (d for d in status.deadlines_now if d.standing(event.time) == "late")
            after = _copy(after, deadlines_there=there, missed_there=_last_due(before, status.missed_there))
        case CaseOpened():
            after = _copy(after, respondents=len(fact.subjects), counted=fact.parties_apart)
        case PartyAdded() if fact.party_role == "respondent":
            # To an unknown number nothing can be added.
            count = status.respondents + 1 if status.respondents or status.counted else 0
            after = _copy(after, respondents=count, added=(*status.added, fact.party))
        case CaseDisclosed() if fact.told_id:
            # Without new words the receipt of before holds on: a right of reply and of appeal goes with it.
            after = _copy(after, disclosed={**status.disclosed, fact.party: fact.told_id})
        case AppealDecided() | CaseReopened():
            after = _again(after, fact)
        case CheckInDue() if fact.attempt == 1 or status.check_in is None:
            after = _copy(after, check_in=CheckIn(fact.number, fact.due_at, event.time))
        case CheckInKept() | CheckInsEnded() | FollowUpBegun() if status.check_in:
            silent = isinstance(fact, CheckInsEnded) and fact.why == "no_answer"
            after = _copy(after, check_in=replace(status.check_in, over=True), silent=silent)
        case ConsentGiven():
            after = _copy(after, silent=False)
        case DeadlineStarted():
            before = (d for d in status.deadlines if d.name == fact.deadline and d.standing(event.time) == "late")
            after = _copy(after, missed_at=_last_due(before, status.missed_at))
            return _with(after, fact.deadline, lambda d: Deadline(d.name, fact.due_at))
        case DeadlineMet():
            return _with(after, fact.deadline, lambda d: Deadline(d.name, fact.due_at, fact.met_at))
        case DeadlineBreached():
            return _with(after, fact.deadline, lambda d: Deadline(d.name, fact.due_at, d.met_at, event.time))
        case DeadlinePaused():
            seconds = fact.remaining_seconds
            return _with(after, fact.deadline, lambda d: replace(d, remaining_seconds=seconds))
        case DeadlineResumed():
            return _with(after, fact.deadline, lambda d: Deadline(d.name, fact.due_at, d.met_at))
    return after if after.deadlines_told else _met_by(fact, after)


def _again(status: Status, fact: AppealDecided | CaseReopened) -> Status:
    """The status after others have looked at the case again: of what is reopened no decision stands.

    While a measure of it does, it can be appealed as before.
    """
    if isinstance(fact, AppealDecided):
        appeals, theirs = (
            tuple(
                replace(one, verdict=fact.verdict, told_id=fact.told_id) if one.id == fact.appeal_id else one
                for one in some
            )
            for some in (status.appeals, status.their_appeals)
        )
        until = fact.appeal_until or status.appeal_until
        status = _copy(status, appeals=appeals, their_appeals=theirs, appeal_until=until)
    if fact.state != CaseState.REOPENED:
        return status
    status = _copy(status, outcome=None, reason_id=None, reopened=status.reason_id or status.reopened)
    return status if fact.still_imposed else _copy(status, decided_at=None, appeal_until=None)


def _asked(status: Status, ask_id: str, change: Callable[[RecusalAsk], RecusalAsk]) -> Status:
    return _copy(status, recusal_asks=tuple(change(a) if a.id == ask_id else a for a in status.recusal_asks))


def _last_due(missed: Iterable[Deadline], before: datetime | None) -> datetime | None:
    """When the last one was due of these deadlines, or the one `before` (UTC-aware)."""
    return max((*(d.due_at for d in missed), *([before] if before else ())), default=None)


def _with(status: Status, name: str, change: Callable[[Deadline], Deadline]) -> Status:
    return _copy(status, deadlines=tuple(change(d) if d.name == name else d for d in status.deadlines))


def _met_by(fact: CaseFact, status: Status) -> Status:
    """The status of a case from before `deadline.met`: its steps meet its deadlines."""
    deadlines = tuple(
        replace(d, met_at=status.updated_at) if d.met_at is None and fact.name in MET_BY_STEP.get(d.name, ()) else d
        for d in status.deadlines
    )
    return _copy(status, deadlines=deadlines)
