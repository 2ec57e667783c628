"""The values that a case is made of. Pure, and all times are UTC-aware."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from services.triage.case.extent import NOWHERE_ELSE, Extent
from shared.copies import quick
from shared.events import CaseState
from shared.policy.business_days import Calendar
from shared.policy.model import EVERYWHERE, Clock


@dataclass(frozen=True, slots=True)
class Move:
    """Why a deadline is due at another time since `at` (UTC-aware), and when it was due before.

    `reason`: a pause of the policy, or ANSWER (the clock stood still while the reporter was asked), REOPENED (the case
    was reopened), ANEW (its clock began anew for another reason) or MERGED (the case took another one in).
    """

    reason: str
    at: datetime
    before: datetime
    due_at: datetime


ANSWER, REOPENED, ANEW, MERGED = "answer", "reopened", "anew", "merged"
"""Reasons of a Move, beside the pauses of the policy."""


@quick
@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline of the case. Times are UTC-aware; `met_at` is when a step kept it, in time or not.

    `remaining_seconds`: how much time is left while its clock stands still; None while it runs. `business`: that is
    business time. `breached_at`: when triage told that it was missed. `warn_at` and `escalate_at`: when triage is to
    warn of it, and to tell others that it was missed; `warned_at` and `escalated_at`: when it did. `anew_at`: when its
    clock started anew; this is how it stood before. `stopped_for`: why its clock stands still, as a reason of a Move.
    `moves`: why it is due at another time than at first, the oldest first.
    """

    name: str
    due_at: datetime
    met_at: datetime | None = None
    remaining_seconds: int | None = None
    breached_at: datetime | None = None
    warn_at: datetime | None = None
    escalate_at: datetime | None = None
    warned_at: datetime | None = None
    escalated_at: datetime | None = None
    anew_at: datetime | None = None
    stopped_for: str | None = None
    moves: tuple[Move, ...] = ()
    business: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it is still to be kept, and its clock runs."""
        return self.met_at is None and self.remaining_seconds is None and self.anew_at is None

    @property
    def tells_at(self) -> datetime | None:
        """When it tells something next (UTC-aware): that it comes near, that it was missed, then that to others."""
        if not self.is_running:
            return None
        if self.breached_at is None:
            return self.due_at if self.warned_at or not self.warn_at else self.warn_at
        return None if self.escalated_at else self.escalate_at

    def is_overdue(self, now: datetime) -> bool:
        """Whether it is neither kept, nor paused, nor still to come."""
        return self.is_running and self.due_at < now

    @property
    def was_missed(self) -> bool:
        """Whether a step kept it too late, triage told that it passed, or it had when its clock started anew."""
        if self.met_at is not None:
            return self.met_at > self.due_at
        passed = self.anew_at is not None and self.remaining_seconds is None and self.due_at < self.anew_at
        return self.breached_at is not None or passed

    def due_if_running(self, now: datetime, calendar: Calendar = EVERYWHERE) -> datetime:
        """When it is due if its clock runs from now on, in a handling body with that calendar."""
        if self.remaining_seconds is None:
            return self.due_at
        return calendar.counting(business=self.business).later(now, timedelta(seconds=self.remaining_seconds))

    def if_running(self, now: datetime, calendar: Calendar) -> Clock:
        """The same, with its warning and escalation: as long before that, and after, as before it stood still."""
        due_at, time = self.due_if_running(now, calendar), calendar.counting(business=self.business)
        return Clock(
            self.name,
            due_at,
            self.warn_at and time.earlier(due_at, time.between(self.warn_at, self.due_at)),
            self.escalate_at and time.later(due_at, time.between(self.due_at, self.escalate_at)),
        )


@dataclass(frozen=True, slots=True)
class Flood:
    """That a report is one of many from few sources, by a rule of the policy. `behind_in`: lanes in which its source
    has had its places already. `reports`: how many there are up to this one, from so many `sources`.
    """

    rule: str
    behind_in: frozenset[str]
    reports: int = field(default=0, compare=False)
    sources: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Systemic:
    """What a rule counted since a time (UTC-aware): how often each deadline was missed, and in how many cases."""

    rule: str
    since: datetime
    counts: tuple[tuple[str, int], ...]
    cases: int

    @property
    def breaches(self) -> int:
        """How many deadlines were missed."""
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class Grouped:
    """That the case is one of many from few sources. `behind`: it ranks behind the single reports of its lane."""

    rule: str
    behind: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the reporter, and the answers so far; the vault has the words of both.

    `answer_by`: until when the case, and a decision that is proposed, wait for an answer; None in an older case.
    `noted_by`: the people (references) who took answers down that came by another door, each once an answer.
    """

    id: str
    asked_at: datetime
    answers: tuple[str, ...] = ()
    answer_by: datetime | None = None
    noted_by: tuple[str, ...] = ()

    @property
    def noted_alone_by(self) -> str | None:
        """The person who alone says that the reporter has answered; the reporter has sent no answer."""
        says = set(self.noted_by)
        return says.pop() if len(says) == 1 and len(self.noted_by) == len(self.answers) else None


@dataclass(frozen=True, slots=True)
class Vote:
    """The vote of a person (a reference) on a proposal. The vault has the reasons under `reason_id`."""

    by: str
    in_favour: bool
    reason_id: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision that a person (a reference) has proposed, and the votes of others: one a person.

    `until`: when it ends, `scope`: what it holds for; both None where the outcome has none.
    """

    id: str
    outcome: str
    by: str
    at: datetime
    reason_id: str
    until: datetime | None = None
    scope: str | None = None
    votes: tuple[Vote, ...] = ()
    extent: Extent = NOWHERE_ELSE

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds."""
        return last_day_of(self.until)

    def vote_of(self, person: str) -> bool | None:
        """Whether a person (a reference) is in favour, as the one who proposed it is; None without a vote."""
        given = {vote.by: vote.in_favour for vote in self.votes}
        return True if person == self.by else given.get(person)


@dataclass(frozen=True, slots=True)
class Objection:
    """That `by` (a reference) objects to an outcome, in any proposal of it. `reason_id`: the vault has the reasons."""

    outcome: str
    by: str
    reason_id: str | None = None


MeasureState = Literal["standing", "ended", "lapsed", "expired"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure of the case, that `by` (a reference) decided on or took. The vault has the words under `reason_id`.

    `kind`: as the policy calls the outcome. `until`: the end of its last day; None where it has none. `review_by`: by
    when another person has to review it, because it was taken in an emergency; None where nobody has to any more.
    `imported`: it was brought in from before Hearth. `decided_on`: the beginning of the day of the decision, if known.
    `confirmed`: the review let it stand. `return_at`: when the conversation before its end comes due, and
    `return_due_at` when handlers were reminded; `conversation`: held, declined or skipped, as a handler noted.
    `end_by` (a reference) alone says that it ends early; the vault has the words under `end_id`.
    """

    id: str
    kind: str
    scope: str
    begun_at: datetime
    until: datetime | None
    by: str
    reason_id: str
    emergency: bool = False
    review_by: datetime | None = None
    state: MeasureState = "standing"
    ended_at: datetime | None = None
    confirmed: bool = False
    return_at: datetime | None = None
    return_due_at: datetime | None = None
    conversation: str | None = None
    conversation_at: datetime | None = None
    conversation_by: str | None = None
    conversation_id: str | None = None
    imported: bool = False
    decided_on: datetime | None = None
    extent: Extent = NOWHERE_ELSE
    end_by: str | None = None
    end_id: str | None = None

    @property
    def is_alone(self) -> bool:
        """Whether one person alone took it, and nobody has confirmed that, whatever became of it."""
        return self.emergency and not self.confirmed

    @property
    def stands(self) -> bool:
        """Whether it holds now."""
        return self.state == "standing"

    @property
    def last_day(self) -> date | None:
        """The last day on which it holds."""
        return last_day_of(self.until)


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal of a direct party, that `by` (a reference) took down. The vault has the words under `reason_id`.

    `respondent`: the token of the respondent who appeals; None in an older one that a handler took down. `target`: that
    of the person who appeals because they suffered it. `state`: where the case was. `verdict`, `decided_by` and
    `verdict_id` (the words of the verdict) are None while it waits. `kept_back`: no page of a receipt shows it.
    """

    id: str
    party: str
    ground: str
    by: str
    at: datetime
    reason_id: str
    state: CaseState
    verdict: str | None = None
    decided_by: str | None = None
    verdict_id: str | None = None
    respondent: str | None = None
    target: str | None = None
    kept_back: bool = False


@dataclass(frozen=True, slots=True)
class RefusedAppeal:
    """An appeal that a direct party sent, and why it could not be taken at `at`. The vault has the words under `id`."""

    id: str
    ground: str
    at: datetime
    refusal: str
    party: str = "reporter"


@dataclass(frozen=True, slots=True)
class Note:
    """A note that `by` (a reference) wrote while `body` had the case; the vault has its words.

    `visibility`: who reads it, one of services.triage.case.commands.notes.VISIBILITIES.
    """

    id: str
    at: datetime
    by: str
    visibility: str
    body: str


@dataclass(frozen=True, slots=True)
class Pause:
    """That pausable clocks stand still until a time (UTC-aware), for a reason of the policy."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """That the case is out of the way of a person (a reference) until a time (UTC-aware); None: until an answer."""

    person: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Recusal:
    """That `by` declared, in `role`, a recusal of `person` on a ground (person and by are references).

    `confirm_by`: until when (UTC-aware) another person has to confirm it; None when that is done, or is not needed.
    `confirmed_by`: who did; None also where that was not kept. `seq`: the number of the event that declared it in this
    case; 0 where that was not kept.
    """

    person: str
    by: str
    role: str
    ground: str
    confirm_by: datetime | None = None
    confirmed_by: str | None = None
    seq: int = 0

    @property
    def said_by(self) -> frozenset[str]:
        """The people (references) who say so."""
        return frozenset(one for one in (self.by, self.confirmed_by) if one)


@dataclass(frozen=True, slots=True)
class ClearedAlone:
    """That `by` (a reference) alone says that a mention means nobody on the roster: it takes another person."""

    mention: str
    by: str


@dataclass(frozen=True, slots=True)
class RecusalAsk:
    """That a direct party asked, at a UTC-aware time, that a person does not handle the case. The vault has the words.

    `respondent`: the token of the respondent who did. `answer`: granted or refused, by the person `by` (a reference);
    None while it waits. `told_id`: the vault has the words of the answer. `since`: from when on (UTC-aware) it waits
    again, because what granted it was taken back. `answered_at` (UTC-aware): None of an older answer, too.
    """

    id: str
    party: str
    at: datetime
    respondent: str | None = None
    answer: str | None = None
    told_id: str | None = None
    by: str | None = None
    since: datetime | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """The people (references) who count in the case only because `other` is part of it.

    `other`: what this case calls that one. `took_part`, `had_it` and `refusers`: as that one had them.
    """

    other: str
    took_part: tuple[str, ...] = ()
    had_it: tuple[str, ...] = ()
    refusers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """That the case has to do with another one, by a relation. `note_id`: the vault has the reasons.

    `other`: what the events of this case call the other one (see services.triage.case.tokens).
    """

    other: str
    relation: str
    note_id: str | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """A further person who is a party to the case, by the token of the case, and as what."""

    token: str
    role: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What the respondent `party` (a token of the case) got of the particulars, and when (UTC-aware).

    `withheld_for`: the ground for which they are withheld. `reason_id`: the vault has the words.
    `told_id`: it has others, which the respondent reads.
    """

    party: str
    disclosure: str
    at: datetime
    withheld_for: str | None = None
    reason_id: str | None = None
    told_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What the respondent `party` (a token of the case) wrote at a UTC-aware time. The vault has the words."""

    id: str
    party: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Referral:
    """That `by` asked `to_body`, in `role`, to take the case over; `joint`: to join the case. Times are UTC-aware.

    `before`: the state of the case before that. `ended`: accepted, declined, returned (nobody answered) or recalled by
    its sender; None while it waits. `left_at`: since when a body that joined is part of the case no more. `reason_id`,
    `answer_id` and `left_id` name words in the vault: why the body is asked, why it declined or its sender recalled it,
    and why the joint work ended.
    """

    from_body: str
    to_body: str
    by: str
    role: str
    at: datetime
    accept_by: datetime
    reason_id: str
    before: CaseState
    ended: str | None = None
    ended_at: datetime | None = None
    answer_id: str | None = None
    joint: bool = False
    left_at: datetime | None = None
    left_id: str | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether the body that was asked let the time pass, or so much as half of it until its sender recalled it.

        If no recall counted, one person could ask the same body for ever.
        """
        half = self.at + (self.accept_by - self.at) / 2
        is_late = self.ended_at is not None and self.ended_at >= half
        return self.ended == "returned" or (self.ended == "recalled" and is_late)

    @property
    def is_joined(self) -> bool:
        """Whether the body that was asked has joined the case, and works on it still."""
        return self.joint and self.ended == "accepted" and self.left_at is None


@dataclass(frozen=True, slots=True)
class CheckIn:
    """A moment at which the reporter is to be asked how it goes. Times are UTC-aware.

    `told_at`: when the reporter was asked first, and `attempt`: how often so far. `again_at`: when the reporter is
    asked once more, or the asking ends. `kept_at`: when the `answer` was known: answered, declined or no_answer; the
    vault has the words under ids that begin with `answer_id`. `measure_id`: the measure that it belongs to, if any.
    """

    number: int
    due_at: datetime
    told_at: datetime | None = None
    kept_at: datetime | None = None
    answer: str | None = None
    attempt: int = 0
    again_at: datetime | None = None
    answer_id: str | None = None
    measure_id: str | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """A step of repair that people agreed on. The vault has the words under `id`.

    `who` is to take it: a role in the case. `by_when`: until which day, such as 2026-11-28. `kept`: yes, partly, no or
    unknown, as `checked_by` (a reference) found out at `checked_at` (UTC-aware). `told_at`: when handlers were reminded
    that its day is over.
    """

    id: str
    who: str
    by_when: str
    kept: str = "unknown"
    checked_by: str | None = None
    checked_at: datetime | None = None
    told_at: datetime | None = None


@quick
@dataclass(frozen=True, slots=True)
class Step:
    """One event of the case's history. `detail` is the field that the fact `shows`, such as the assignee.

    `other_case`: what this case calls the one that it tells of; only a person who may see that case is shown the step,
    and reads the words that the vault has under `reason_id`.
    """

    seq: int
    fact: str
    at: datetime
    actor: str
    role: str
    cause: str
    previous: CaseState | None
    state: CaseState
    detail: str | None = None
    other_case: str | None = None
    reason_id: str | None = None


def end_of(day: date | None) -> datetime | None:
    """When a day is over: the midnight after it, in UTC. None for no day."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1) if day else None


def last_day_of(end: datetime | None) -> date | None:
    """The day that ends at this time; see end_of."""
    return (end - timedelta(days=1)).date() if end else None


def earliest(times: Sequence[datetime]) -> datetime | None:
    """The first of these times, None where there is none: in a third of the time that `min` takes with a default."""
    return min(times) if times else None
