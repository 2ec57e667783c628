"""A case as its events made it. Pure.

Property, tested: folding the events of a case with `evolve` gives exactly the stored case.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from services.triage.case.messages import Message
from services.triage.case.values import (
    Agreement,
    Appeal,
    Brought,
    CheckIn,
    ClearedAlone,
    Deadline,
    Disclosure,
    Grouped,
    Link,
    Measure,
    Note,
    Objection,
    Party,
    Pause,
    Proposal,
    Question,
    Recusal,
    RecusalAsk,
    Referral,
    RefusedAppeal,
    Reply,
    Snooze,
    Step,
    earliest,
)
from shared.copies import quick
from shared.events import (
    INACTION,
    TAKES_NO_APPEAL,
    TAKES_PART,
    AppealDecided,
    AppealLodged,
    AppealWindowMoved,
    CaseAssigned,
    CaseDecided,
    CasePaused,
    CaseResumed,
    CaseState,
    MeasureImported,
    RecusalAnswered,
    RecusalAsked,
)

ENDED = frozenset({CaseState.CLOSED, CaseState.MERGED})
"""States in which nothing is owed on a case."""
_DECIDED = (CaseDecided.name, MeasureImported.name)
"""The facts that bring a decision; that of a measure from before Hearth counts from the day it was brought in."""
URGENT_LANES = ("emergency", "child_protection")
"""Lanes of the policy that go before all others, the most urgent first."""
ASLEEP = 10
"""What is added to the rank of a case that a person has snoozed; more than the rank of any lane."""
BEHIND = 0.5
"""What is added to the rank of a case that ranks behind the single reports of its lane; less than to the next lane."""
RESPONDENT, TARGET = "respondent", "target"
"""The roles of a party who is said to have done something, and of one who suffered it and did not report it."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@quick
@dataclass(frozen=True, slots=True)
class Case:
    """A case as its events made it. `lane`, `body` and `rule` are None only between `received` and `triaged`.

    `own_body`: the body that the rule names, to which the case belongs; None in a case from before events told it.

    `parties`: party tokens of the people named in the report; their pseudonyms, without `parties_apart`, in a case from
    before that. Otherwise the pseudonyms stand beside the case, in shared.parties. `recused`: references of people.
    `deadlines_told`: facts tell when a deadline is met; in an older case its steps do (see evolve).
    `earlier_deadlines`: how a deadline stood each time its clock started anew, the oldest first.
    `recusals`: how those of `recused` came about, but for older ones; `ended_recusals`: those taken back or lapsed.
    `consent`: whether the reporter may be asked again after the decision, `yes` or `no`; None: was not asked yet.
    `unasked_for`: why the reporter is never asked again, `stopped` or `no_answer`; `consent_given`: the reporter said,
    without a handler, to want to be asked.
    `proposal`: the decision that is proposed, and not made yet. `objections`: to outcomes, also to those that are not
    proposed any more: each stands until its maker agrees, or the outcome is decided on.
    `appeals`: all of them, the newest last; `refused_appeals`: those of a party that could not be taken.
    `appeal_until`: until when the decision can be appealed, as was told with it; None where nothing told it.
    `unattended`: no handling body could look after it when that was last judged. `category_confirmed`: a person said
    that it has this category. `watchers`: references of the people who follow it.
    `merged_into`: the case of which this one is a part now; `merged_from`: the state that it had before;
    `merge_note_id`: the vault has the reasons; `outcome_there`: how that case was decided, as the reporter was told;
    `clocks_there` and `told_there`: what ClocksFollowed told;
    `absorbed`: the cases that are part of this one; `refused_there`: the refusers of those that are or were, and
    `took_part_there` and `had_there`: who took part in those, or in the case of which this one was a part, and who had
    them; `brought`: who of these counts only while that one is part of this one. The case has names of its own for
    other cases (see services.triage.case.tokens).
    `referrals`: also invitations to join, the oldest first. `subjects`: tokens of the people reported, and
    `further_parties`: those that handlers added; `disclosures`: what respondents were told, and `replies`:
    what they wrote. `grouped`: it is one of many from few sources. `reachable`: the reporter
    left an address, or has a receipt; `messages`: what the reporter was told. `recusal_asks`: that a party asked that a
    person does not handle the case. `cleared_alone`: what waits for a second person who says that it means nobody.
    `earlier_categories` and `earlier_flags`: those that people took from it since it was opened, and those of the case
    of which it was one matter. `earlier_lanes`: those in which it was before; `hurried_by`: who (a reference) made it
    urgent, None where it came so or is not urgent.
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
    state: CaseState
    history: tuple[Step, ...]
    lane: str | None = None
    body: str | None = None
    own_body: str | None = None
    rule: str | None = None
    policy_version: str | None = None
    deadlines: tuple[Deadline, ...] = ()
    assignee: str | None = None
    questions: tuple[Question, ...] = ()
    outcome: str | None = None
    reason_id: str | None = None
    parties: tuple[str, ...] = ()
    parties_apart: bool = False
    recused: tuple[str, ...] = ()
    deadlines_told: bool = False
    unattended: bool = False
    recusals: tuple[Recusal, ...] = ()
    ended_recusals: tuple[Recusal, ...] = ()
    proposal: Proposal | None = None
    objections: tuple[Objection, ...] = ()
    links: tuple[Link, ...] = ()
    consent: str | None = None
    check_ins: tuple[CheckIn, ...] = ()
    unasked_for: str | None = None
    consent_given: bool = False
    agreements: tuple[Agreement, ...] = ()
    appeals: tuple[Appeal, ...] = ()
    refused_appeals: tuple[RefusedAppeal, ...] = ()
    appeal_until: datetime | None = None
    category_confirmed: bool = False
    watchers: tuple[str, ...] = ()
    referrals: tuple[Referral, ...] = ()
    notes: tuple[Note, ...] = ()
    merged_into: str | None = None
    merged_from: CaseState | None = None
    merge_note_id: str | None = None
    absorbed: tuple[str, ...] = ()
    refused_there: tuple[str, ...] = ()
    took_part_there: tuple[str, ...] = ()
    had_there: tuple[str, ...] = ()
    brought: tuple[Brought, ...] = ()
    outcome_there: str | None = None
    clocks_there: tuple[Deadline, ...] = ()
    told_there: int = 0
    measures: tuple[Measure, ...] = ()
    pause: Pause | None = None
    snooze: Snooze | None = None
    subjects: tuple[str, ...] = ()
    further_parties: tuple[Party, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()
    earlier_deadlines: tuple[Deadline, ...] = ()
    grouped: Grouped | None = None
    replies: tuple[Reply, ...] = ()
    reachable: bool = True
    messages: tuple[Message, ...] = ()
    recusal_asks: tuple[RecusalAsk, ...] = ()
    cleared_alone: tuple[ClearedAlone, ...] = ()
    earlier_categories: tuple[str, ...] = ()
    earlier_flags: tuple[str, ...] = ()
    earlier_lanes: tuple[str, ...] = ()
    hurried_by: str | None = None

    @property
    def seq(self) -> int:
        """The number of events that made this case. The API calls it the version."""
        return self.history[-1].seq

    @property
    def updated_at(self) -> datetime:
        """When the last event happened (UTC-aware)."""
        return self.history[-1].at

    @property
    def next_due(self) -> datetime | None:
        """The next deadline to keep (UTC-aware); None where no clock runs, or the case has ended."""
        if self.state in ENDED:
            return None
        return earliest([d.due_at for d in self.deadlines if d.is_running])

    @property
    def lapses_at(self) -> datetime | None:
        """When the next recusal lapses that nobody has confirmed (UTC-aware)."""
        return earliest([r.confirm_by for r in self.recusals if r.confirm_by])

    @property
    def is_decided_there(self) -> bool:
        """Whether it is part of a case that is decided."""
        return self.state is CaseState.MERGED and self.outcome_there is not None

    def link_to(self, other: str) -> Link | None:
        """What this case has to do with another one, by what it calls that one."""
        return next((link for link in self.links if link.other == other), None)

    @property
    def open_check_in(self) -> CheckIn | None:
        """The check-in of which the reporter was asked last, while it is not known what became of it."""
        return next((one for one in reversed(self.check_ins) if one.told_at and not one.kept_at), None)

    def agreement(self, agreement_id: str) -> Agreement | None:
        """The agreement of this id."""
        return next((one for one in self.agreements if one.id == agreement_id), None)

    def recusal_of(self, person: str) -> Recusal | None:
        """The recusal of this person that holds now."""
        return next((recusal for recusal in self.recusals if recusal.person == person), None)

    @property
    def objectors(self) -> frozenset[str]:
        """The people (references) who object to an outcome."""
        against = {vote.by for vote in (self.proposal.votes if self.proposal else ()) if not vote.in_favour}
        return frozenset(against.union(one.by for one in self.objections))

    def objects(self, person: str) -> bool:
        """Whether this person (a reference) objects to an outcome."""
        return person in self.objectors

    @property
    def open_recusal_asks(self) -> tuple[RecusalAsk, ...]:
        """What parties asked for, and nobody has answered yet."""
        return tuple(ask for ask in self.recusal_asks if ask.answer is None)

    def granted_by(self, person: str) -> tuple[RecusalAsk, ...]:
        """What parties asked for and the recusal of this person granted: on their ground, or as the last one.

        It waits for an answer again once that recusal is taken back.
        """
        lasting = {one.person: one.ground for one in self.recusals if one.confirm_by is None}
        grants = person in lasting and (lasting[person] == "asked_by_party" or len(lasting) == 1)
        return tuple(ask for ask in self.recusal_asks if grants and ask.answer == "granted")

    def recused_since(self, ask: RecusalAsk) -> frozenset[str]:
        """The people (references) of whom a recusal was declared since a party asked for one.

        In the case of that party the order of the steps counts, for clocks differ; elsewhere the time.
        """
        if ask in self.recusal_asks:
            asked = [step.seq for step in self.history if step.fact == RecusalAsked.name]
            since = asked[self.recusal_asks.index(ask) - len(self.recusal_asks)]
        else:
            since = max((step.seq for step in self.history if step.at < ask.at), default=0)
        return frozenset(one.person for one in self.recusals if one.seq > since)

    @property
    def appeal(self) -> Appeal | None:
        """The appeal that waits for its decision."""
        return next((appeal for appeal in self.appeals if appeal.verdict is None), None)

    def measure(self, measure_id: str) -> Measure | None:
        """The measure with this id, standing or not."""
        return next((measure for measure in self.measures if measure.id == measure_id), None)

    @property
    def deciders(self) -> frozenset[str]:
        """The people (references) who do not decide on an appeal: they took part before it in what it can concern.

        Nor does who took it down for the party: else one person would lift alone what two thirds have carried.
        Where the appeal is against inaction, those are also all who were given the case before it: nobody gets out of
        that by putting the case back.
        """
        lodged = max((step.seq for step in self.history if self.appeal and step.fact == AppealLodged.name), default=0)
        before = self.history[:lodged] if lodged else self.history
        part = {step.actor for step in before if step.fact in TAKES_PART}.union(self.took_part_there)
        if self.appeal is not None:
            part.add(self.appeal.by)
        if self.appeal is not None and self.appeal.ground == INACTION:
            part.update(step.detail for step in before if step.fact == CaseAssigned.name and step.detail)
            part.update(self.had_there)
        return frozenset(part)

    @property
    def refusers(self) -> frozenset[str]:
        """The people (references) who refused what a party asked for: that a person does not handle the case.

        Any of them may be that person, so none of them has a part in the case.
        """
        # Nobody has answered where nobody asked, and a history is long.
        steps = self.history if self.recusal_asks else ()
        here = (step.actor for step in steps if step.fact == RecusalAnswered.name and step.detail == "refused")
        return frozenset((*here, *self.refused_there))

    @property
    def apart(self) -> frozenset[str]:
        """The people (references) who may handle the case, and have no part in what it needs now."""
        return self.refusers | (self.deciders if self.state is CaseState.APPEALED else frozenset())

    def paused_for(self, reason: str, now: datetime) -> timedelta:
        """For how many whole days it was paused for a reason since it was opened, or reopened last."""
        total, since = timedelta(), None
        for step in self.history:
            if step.state is CaseState.REOPENED and step.previous is not step.state:
                total, since = timedelta(), step.at if since else None
            if step.fact in (CasePaused.name, CaseResumed.name) and since:
                total, since = total + (step.at - since), None
            if step.fact == CasePaused.name and step.detail == reason:
                since = step.at
        return timedelta(days=(total + (now - since if since else timedelta())).days)

    @property
    def is_imposed(self) -> bool:
        """Whether a measure of a decision stands, also of one that was reopened."""
        return any(measure.stands and not measure.emergency for measure in self.measures)

    @property
    def decided_at(self) -> datetime | None:
        """When the decision was made that stands, or of which a measure stands (UTC-aware)."""
        if self.outcome is None and not self.is_imposed:
            return None
        return next((step.at for step in reversed(self.history) if step.fact in _DECIDED), None)

    def no_appeal_for(self, now: datetime) -> timedelta:
        """For how long it was in states that take no appeal, since the time for one was told last: it stood still."""
        total, until = timedelta(), now
        for step in reversed(self.history):
            if step.state in TAKES_NO_APPEAL:
                total += max(until - step.at, timedelta())
            until = step.at
            if step.fact in (*_DECIDED, AppealDecided.name, AppealWindowMoved.name):
                break
        return total

    def since(self, fact: str, *starts: str) -> int:
        """How many facts of this name came after the last one of `starts`. Their order counts, for clocks differ."""
        after = takewhile(lambda step: step.fact not in starts, reversed(self.history))
        return sum(step.fact == fact for step in after)

    @property
    def appeals_since_decision(self) -> tuple[Appeal, ...]:
        """The appeals that came after the last decision."""
        return self.appeals[len(self.appeals) - self.since(AppealLodged.name, *_DECIDED) :]

    @property
    def asked(self) -> Referral | None:
        """What waits for the answer of another body: a referral, or an invitation to join. There is one at most."""
        waits = self.referrals and self.referrals[-1].ended is None and self.state not in ENDED
        return self.referrals[-1] if waits else None

    @property
    def referral(self) -> Referral | None:
        """The referral that waits to be accepted."""
        return self.asked if self.asked and not self.asked.joint else None

    @property
    def invitation(self) -> Referral | None:
        """The invitation to join that waits; none to a body that has the case itself by now."""
        return self.asked if self.asked and self.asked.joint and self.asked.to_body != self.body else None

    @property
    def joined(self) -> tuple[str, ...]:
        """The bodies that work on the case with the one that has it, in the order in which they joined."""
        return tuple(asked.to_body for asked in self.referrals if asked.is_joined)

    @property
    def bodies(self) -> tuple[str, ...]:
        """The bodies of the case: the one that has it and leads, and those that have joined it."""
        return (*((self.body,) if self.body else ()), *self.joined)

    @property
    def awaits_until(self) -> datetime | None:
        """Until when (UTC-aware) it waits for the answer to its last question; None where it does not wait.

        Nor where it is urgent and a clock has something to tell: to go on with it would keep that clock, although
        nobody acts.
        """
        waits = self.state is CaseState.AWAITING_INFORMATION and self.questions
        is_pressed = self.is_urgent and any(deadline.tells_at for deadline in self.deadlines)
        return self.questions[-1].answer_by if waits and not is_pressed else None

    def stops_clocks(self, asked_at: datetime) -> bool:
        """Whether pausable clocks stand still while it waits for the answer to a question of then (UTC-aware).

        They do not where the reporter has let the time for an answer pass, and was silent since: else handlers could
        keep a case open for ever by asking.
        """
        open_since = [question.answer_by for question in takewhile(lambda q: not q.answers, reversed(self.questions))]
        first = open_since[-1] if open_since else None
        return first is None or asked_at < first

    def going_on(self, before: CaseState) -> CaseState:
        """The state in which the case goes on that had this one.

        With every question answered nothing is awaited, nor of a reporter that nothing reaches.
        """
        if before is not CaseState.AWAITING_INFORMATION:
            return before
        awaits = self.reachable and not all(question.answers for question in self.questions)
        return before if awaits else CaseState.INVESTIGATING

    @property
    def returns_to(self) -> CaseState:
        """The state in which a referred case goes on where nobody takes it over.

        Meanwhile a person of its body may have taken it, and the reporter may have answered.
        """
        before = self.going_on(self.referral.before if self.referral else self.state)
        if before in (CaseState.TRIAGED, CaseState.ASSIGNED):
            return CaseState.ASSIGNED if self.assignee else CaseState.TRIAGED
        return before

    @property
    def respondents(self) -> tuple[str, ...]:
        """The tokens of the people who are said to have done something."""
        return (*self.subjects, *(party.token for party in self.further_parties if party.role == RESPONDENT))

    @property
    def targets(self) -> tuple[str, ...]:
        """The tokens of the people who suffered it and did not report it, as far as handlers added them."""
        return tuple(party.token for party in self.further_parties if party.role == TARGET)

    def disclosure_to(self, party: str) -> Disclosure | None:
        """What this respondent (a token of the case) got of the particulars."""
        return next((told for told in self.disclosures if told.party == party), None)

    @property
    def place(self) -> tuple[float, datetime, str]:
        """Its place in the queue: by the urgency of its lane, then by the next deadline, then by id."""
        rank: float = urgency(self.lane)
        # Nothing waits behind single reports for weeks: beyond the urgent lanes the clock alone decides.
        if self.grouped and self.grouped.behind and self.is_urgent:
            rank += BEHIND
        return rank, self.next_due or NEVER, self.id

    def place_for(self, person: str | None) -> tuple[float, datetime, str]:
        """Its place in the queue of a person (a reference): behind all others, where the person has snoozed it."""
        rank, due, case_id = self.place
        return (rank + ASLEEP if person is not None and person == self.asleep_for else rank), due, case_id

    @property
    def is_urgent(self) -> bool:
        """Whether its lane goes before others."""
        return self.lane in URGENT_LANES

    def is_overdue(self, now: datetime) -> bool:
        """Whether a deadline of it has passed that is still to be kept. `now` is UTC-aware."""
        return self.state not in ENDED and any(deadline.is_overdue(now) for deadline in self.deadlines)

    @property
    def asleep_for(self) -> str | None:
        """The person who has the case and has snoozed it; nobody snoozes what is urgent."""
        if self.snooze is None or self.snooze.person != self.assignee or self.is_urgent or self.state in ENDED:
            return None
        return self.snooze.person


def urgency(lane: str | None) -> int:
    """The rank of a lane: the most urgent has 0."""
    return URGENT_LANES.index(lane) if lane in URGENT_LANES else len(URGENT_LANES)
