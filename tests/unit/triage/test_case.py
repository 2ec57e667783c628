"""Hypothesis walks the state machine: whatever people and services do, the promises of a case hold."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from services.intake.mailbox.appeals import way_to_appeal
from services.intake.report.status import Status, follow
from services.triage.case.attendance import People, attend
from services.triage.case.case import ENDED, Case, urgency
from services.triage.case.commands.asking import AnswerRecusal
from services.triage.case.commands.check_ins import ReceiveCheckIn
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.emergency import ActInEmergency, EndMeasure, ReviewEmergency
from services.triage.case.commands.following import KeepApart
from services.triage.case.commands.handling import Assign, Attend, Close, LetGo, Start, Unwatch, Watch
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer
from services.triage.case.commands.linking import Link, Unlink
from services.triage.case.commands.merging import Follow
from services.triage.case.commands.naming import Clear
from services.triage.case.commands.notes import WriteNote
from services.triage.case.commands.opening import Open
from services.triage.case.commands.recusal import BY_TWO, Confirm, Recuse, Withdraw
from services.triage.case.commands.sorting import way_of
from services.triage.case.commands.table import COMMANDS, _commands, decide
from services.triage.case.commands.waiting import Resume, Unsnooze
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import evolve, fold
from services.triage.case.forms import FORMS, resource_of
from services.triage.case.lifecycle import (
    TRANSITIONS,
    FieldsRefused,
    NotPermitted,
    UnknownQuestion,
    permitted_in,
    states_of,
)
from services.triage.case.timers.table import wakes_at
from services.triage.case.updates import OWED
from services.triage.requests import CommandRequest
from shared.access.authorization import is_permitted
from shared.access.principal import PEOPLE as ROLES
from shared.access.principal import Role
from shared.events import (
    Actor,
    AppealDecided,
    AppealLodged,
    CaseAssigned,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseState,
    CaseTriaged,
    CategoryConfirmed,
    DeadlineMet,
    DecisionObjected,
    DecisionProposed,
    DecisionSeconded,
    Draft,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    Event,
    Fact,
    FlagsSet,
    InvitationAccepted,
    InvitationDeclined,
    LaneLowered,
    MeasureImported,
    RecusalAnswered,
    RecusalDeclared,
    ReferralAccepted,
    ReferralDeclined,
    ReporterLost,
    ReporterTold,
    ReportReceived,
    stamp,
)
from shared.ids import PERSON, case_id_of, derive
from shared.policy import MEASURE_REVIEW, load_policy
from shared.problems import Malformed
from tests.support.case_walks import (
    CANARY,
    IMPORTER,
    PEOPLE,
    STAFF,
    TOLD,
    Walk,
    arriving,
    brought_in,
    draw_command,
    fulfil,
    lead,
    named_apart,
    qualified,
    tell,
)
from tests.support.examples import up_to

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALICE = Actor("responder:a1", "responder")
PART = (
    DecisionProposed,
    DecisionSeconded,
    DecisionObjected,
    CaseDecided,
    EmergencyMeasureTaken,
    EmergencyMeasureReviewed,
    AppealDecided,
)
"""What people do of whom none decides on an appeal that comes after it."""
ENTERED = {
    CaseState.RECEIVED,
    CaseState.TRIAGED,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATING,
    CaseState.AWAITING_INFORMATION,
    CaseState.DECIDED,
    CaseState.FOLLOWING_UP,
    CaseState.CLOSED,
    CaseState.REFERRED,
    CaseState.APPEALED,
    CaseState.REOPENED,
    CaseState.MERGED,
}
"""The states that the lifecycle of the documentation has and that commands lead to today."""


def report_with(category: str = "harassment.insults", flags: tuple[str, ...] = (), **given_: object) -> ReportReceived:
    fields = {
        "report_id": "r1",
        "channel": "http",
        "community": "enwiki",
        "category": category,
        "flags": flags,
        "setting": "online",
        "language": "en",
        "privacy": "confidential",
        "contactable": True,
        "received_at": AT,
        "content_digest": "0" * 64,
    }
    return ReportReceived.model_validate({**fields, **given_})


reports = st.builds(
    report_with,
    category=st.sampled_from(sorted(POLICY.categories)),
    flags=st.lists(st.sampled_from(POLICY.flags), unique=True, max_size=4).map(tuple),
    community=st.sampled_from([*POLICY.communities, "one that the policy has forgotten"]),
    setting=st.sampled_from(POLICY.settings),
)


def do(case: Case | None, command: Command, at: datetime = AT, cause: str = "c1", actor: Actor = ALICE) -> list[Event]:
    facts = decide(case, command, POLICY, at)
    drafts = [Draft(fact, actor, at, cause, POLICY.version) for fact in facts]
    case_id = case_id_of("r1")
    return stamp(
        drafts,
        source="hearth/triage",
        subject=f"case/{case_id}",
        case_id=case_id,
        last_seq=case.seq if case else 0,
        trace=None,
    )


def opened(report: ReportReceived | None = None) -> Case:
    case = fold(do(None, Open("amber-harbour", report or report_with())))
    assert case is not None
    return case


def led(*commands: Command) -> Case:
    case = opened()
    for number, command in enumerate(commands):
        after = fold(do(case, command, AT + timedelta(hours=number + 1), f"c{number}"), case)
        assert after is not None
        case = after
    return case


WISHES = (*FORMS, *TOLD, ImportMeasure.name)
"""Each command of people, of parties and of programs has walks of its own."""
WALKS = 8
SEARCHED = 26 * WALKS
"""So many for each of WISHES: all together at least 300, and at least 10,000 where more is searched."""


@dataclass(frozen=True, slots=True)
class Stride:
    """What one command or one time did to a case: its events, and the case before and after them."""

    before: Case | None
    events: tuple[Event, ...]
    after: Case


class Life(RuleBasedStateMachine):
    """One case. People and services try every command on it, at any time and again; whatever they do, this holds.

    A chapter adds its invariants here. The commands come from the tables by themselves (tests/support/case_walks.py).
    `wish`: a command that is carried out before all else, so that each of them has its walks; `carried_out`: how often
    each one was, in all walks.
    """

    wish: str
    carried_out: Counter[str]

    @initialize(report=arriving, names=named_apart, alike=st.booleans(), data=st.data())
    def open_it(
        self, report: Mapping[str, object], names: Collection[str] | None, alike: bool, data: st.DataObject
    ) -> None:
        wish, self.walk = self.wish, Walk()
        # A case is merged only with another one of its body.
        self.walk.open(alike=alike or "merge" in wish, names=names, **report)
        if wish == ImportMeasure.name:
            assert self.walk.bring_in(IMPORTER, data.draw(brought_in), names or ()).outcome == "added"
        self.known: Case | None = None
        self.seen = 0
        self.status = Status(AT)
        self.offered = 0
        self.look()
        if wish == AnswerRecusal.name or data.draw(st.booleans()):
            self.ask_recusal()
        if states := sorted(state for state in TRANSITIONS[wish] if state in ENTERED):
            for _ in (*lead(self.walk, data.draw(st.sampled_from(states)), data), *fulfil(self.walk, wish, data)):
                pass
        self.look()

    def teardown(self) -> None:
        self.carried_out.update(self.walk.carried_out)

    def _give(self, data: st.DataObject) -> None:
        """A refusal is a problem that tells the person what to do, and changes nothing."""
        tried = draw_command(self.walk, data)
        self.look()
        assert tried.status in (200, 401, 403, 404, 409, 412, 422, *([410] if self.walk.vault.erased else [])), tried
        assert tried.status == 200 or not self.new

    # Of the steps of a walk, most are commands.
    give = rule(data=st.data())(_give)
    give_more = rule(data=st.data())(_give)
    give_still_more = rule(data=st.data())(_give)

    @rule(known=st.booleans(), answer=st.sampled_from(["a1", "a2"]), data=st.data())
    def answer(self, known: bool, answer: str, data: st.DataObject) -> None:
        """An answer to a question that was asked is never refused."""
        questions = [question.id for question in self.walk.case.questions]
        if known and questions:
            asked = data.draw(st.sampled_from(questions))
            self.walk.answer(asked, f"{answer} to {asked}")
            assert any(q.id == asked and f"{answer} to {asked}" in q.answers for q in self.walk.case.questions)
        else:
            with pytest.raises(Malformed):
                self.walk.answer("never asked", answer)
        self.look()

    @rule(command=st.sampled_from([*TOLD] * 3), data=st.data())
    def tell(self, command: str, data: st.DataObject) -> None:
        """What a party sends is never refused, however late it comes. What is erased is erased for good."""
        # An erasure ends much, so it is to be rare.
        if command != LoseReporter.name or data.draw(st.integers(0, 9)) == 5:
            tell(self.walk, command, data)
        self.look()

    @rule(who=st.sampled_from([*PEOPLE]))
    def name_a_person(self, who: str) -> None:
        """A person on the roster is found in the words of the report: the topic says so, and the watch looks at it."""
        if self.walk.case.parties_apart and not self.walk.vault.erased:
            self.walk.name(self.walk.names | PEOPLE[who].pseudonyms)
            self.walk.wait(timedelta())
        self.look()

    @rule(appeal=st.sampled_from(["p1", "p2"]), ground=st.sampled_from(["inaction", "facts"]))
    def appeal(self, appeal: str, ground: str) -> None:
        """The reporter's appeal is lodged or refused, and that once."""
        self.walk.appeal(appeal, ground)
        case = self.walk.case
        assert [one.id for one in (*case.appeals, *case.refused_appeals)].count(appeal) == 1
        self.look()

    @rule()
    def ask_recusal(self) -> None:
        """What a party asks for is never refused at the door, and is there once."""
        self.walk.ask_recusal(derive("ask", "recusal"))
        assert [ask.id for ask in self.walk.case.recusal_asks].count(derive("ask", "recusal")) == 1
        self.look()

    @rule(number=st.integers(0, 9))
    def appeal_as_offered(self, number: int) -> None:
        """What the page offers the reporter is taken."""
        case = self.walk.case
        sent = [*case.refused_appeals, *(one for one in case.appeals if PERSON.fullmatch(one.by) is None)]
        way = way_to_appeal(self.status, POLICY, self.walk.clock, [one.id for one in sent])
        if way.grounds:
            self.offered += 1
            self.walk.appeal(f"offered {self.offered}", way.grounds[number % len(way.grounds)])
            assert self.walk.case.appeals[-1].id == f"offered {self.offered}"
            self.look()

    @rule(command=st.sampled_from(["merge", "unmerge"]), data=st.data())
    def let_the_other_be_part_of_it(self, command: str, data: st.DataObject) -> None:
        """The case beside it becomes a part of this one, or is a case for itself again, if it can.

        While this one is part of that other one, nobody makes that a part of a third.
        """
        walk, before = self.walk, self.walk.other
        who = data.draw(st.sampled_from(walk.able(FORMS["merge"]) or [*PEOPLE]))
        values = {"other": (walk.third if before.absorbed else walk.case).code_name}
        request = CommandRequest(command, values, before.seq, f"other {len(walk.cases.events)}")
        tried = walk.carry_out(walk.signed_in(PEOPLE[who]), request, before.id)
        assert tried.status == 200 or (walk.other.merged_into is None) == (before.merged_into is None)
        self.look()

    @rule(hours=st.sampled_from([1, 23, 25, 8 * 24, 40 * 24]))
    def let_time_pass(self, hours: int) -> None:
        self.walk.wait(timedelta(hours=hours))
        self.look()
        wakes = wakes_at(self.walk.case)
        assert wakes is None or wakes > self.walk.clock

    @rule(data=st.data())
    def come_again(self, data: st.DataObject) -> None:
        """What came before comes again, in any number and order; it changes nothing, and the answer stays the same."""
        before = self.walk.case
        # A command that had nothing to do left no trace, so that its request may be told that the case has changed.
        causes = {event.cause for event in self.walk.events}
        told, orders = self.walk.told, [tried for tried in self.walk.tried if tried.request.cause in causes]
        at = data.draw(st.lists(st.integers(0, 99), max_size=4))
        self.walk.take(*(told[place % len(told)] for place in at))
        for place in at if orders else ():
            tried = orders[place % len(orders)]
            again = self.walk.carry_out(tried.who, tried.request)
            assert again.came_to == tried.came_to or again.status in (401, 403, 404)
        assert self.walk.case == before
        self.look()

    def look(self) -> None:
        """Take note of what is new since the last look."""
        events = self.walk.events
        self.new, self.seen = events[self.seen :], len(events)
        self.steps: list[tuple[Case | None, Event]] = []
        self.strides: list[Stride] = []
        for _, those in groupby(self.new, key=lambda event: event.cause):
            before, told = self.known, tuple(those)
            for event in told:
                self.steps.append((self.known, event))
                self.known = evolve(self.known, event)
                self.status = follow(self.status, event) or self.status
            assert self.known is not None
            self.strides.append(Stride(before, told, self.known))

    @invariant()
    def folding_the_events_gives_the_stored_case(self) -> None:
        assert self.known == self.walk.case
        if self.new:
            assert fold(self.walk.events) == self.known

    @invariant()
    def the_history_tells_each_step_once(self) -> None:
        case, events = self.walk.case, self.walk.events
        assert [step.seq for step in case.history] == list(range(1, len(events) + 1))
        assert [(step.fact, step.cause) for step in case.history] == [(e.fact.name, e.cause) for e in events]
        assert len({event.id for event in events}) == len(events)

    @invariant()
    def each_step_begins_where_the_one_before_ended(self) -> None:
        state: str | None = None
        for step in self.walk.case.history:
            assert step.previous == state
            state = step.state

    @invariant()
    def each_change_of_the_state_stands_in_the_table(self) -> None:
        ways = {(at, to) for moves in TRANSITIONS.values() for at, way in moves.items() for to in states_of(way)} | {
            (None, CaseState.RECEIVED),
            (CaseState.RECEIVED, CaseState.TRIAGED),
        }
        for event in self.new:
            fact = event.fact
            assert isinstance(fact, CaseFact)
            assert fact.previous == fact.state or (fact.previous, fact.state) in ways

    @invariant()
    def what_the_reporter_does_not_see_leaves_the_state_alone(self) -> None:
        for event in self.new:
            fact = event.fact
            assert isinstance(fact, CaseFact)
            # Nobody reads the page of an erased report any more.
            assert not fact.unseen or fact.previous == fact.state or isinstance(fact, ReporterLost)

    @invariant()
    def intake_follows_the_case(self) -> None:
        case = self.walk.case
        # Nothing more is done on a merged case by itself, and the reporter is not told of the other one.
        assert self.status.state == (CaseState.CLOSED if case.state is CaseState.MERGED else case.state)
        assert (self.status.body, self.status.assignee) == (case.body, case.assignee)
        assert (self.status.outcome, self.status.lane) == (case.outcome, case.lane)
        # Once no decision stands, and no measure of one, nothing reads until when it could be appealed.
        assert self.status.appeal_until == (case.appeal_until if case.decided_at else None)
        theirs = {one.id: one.verdict for one in case.appeals if one.party == "reporter"}
        assert {one.id: one.verdict for one in self.status.appeals if not one.refusal} == theirs
        assert {d.name for d in self.status.deadlines} <= {d.name for d in case.deadlines}
        # What triage has asked, the page takes an answer to.
        asked = self.status.check_in is not None and not self.status.check_in.over
        assert case.unasked_for or asked == (case.open_check_in is not None)

    @invariant()
    def no_body_is_emptied_without_a_fact_that_says_so(self) -> None:
        case, walk = self.walk.case, self.walk
        if case.state not in ENDED:
            people = walk.tokens.people(case, People(STAFF), walk.names)
            assert attend(case, people, POLICY, walk.clock) == []
            about = resource_of(case, POLICY, people.of(case)[1] | walk.names)
            able = [who for who in STAFF[case.body or ""] if is_permitted(who, "case.start", about, walk.clock)]
            assert able or case.unattended

    @invariant()
    def no_fact_carries_words(self) -> None:
        for event in self.new:
            assert CANARY not in event.fact.model_dump_json()
            assert CANARY not in f"{event.actor} {event.cause} {event.subject}"

    @invariant()
    def nobody_takes_a_step_who_is_recused_or_not_qualified(self) -> None:
        for case, event in self.steps:
            if event.actor.role in ROLES and (case is None or case.history[-1].cause != event.cause):
                if case is None:
                    assert (event.fact.name, event.actor.role) == (MeasureImported.name, Role.ENFORCER)
                    continue
                assert self.could(event.actor, case, event.time, bodies_for(case, event))

    def could(self, actor: Actor, case: Case, at: datetime, bodies: Collection[str]) -> bool:
        return qualified(actor, case, at, bodies, self.walk.tokens, self.walk.names)

    @invariant()
    def a_decision_stands_on_votes_of_people_who_could_give_them(self) -> None:
        for case, event in self.steps:
            fact = event.fact
            if isinstance(fact, CaseDecided):
                assert case is not None
                votes = [*fact.in_favour, *fact.against]
                assert len(set(votes)) == len(votes)
                assert set(fact.in_favour) <= self.voted(event, DecisionProposed, DecisionSeconded)
                assert set(fact.against) <= self.voted(event, DecisionObjected)
                for ref in fact.in_favour:
                    assert self.could(Actor(ref, "responder"), case, event.time, case.bodies)
                held = [measure.kind for measure in case.measures if measure.stands and measure.until is None]
                rules = [POLICY.outcomes[code] for code in (fact.outcome, *held)]
                for rule in rules:
                    assert len(fact.in_favour) >= (1 if rule.needs == "alone" else 2) or not rule.needs_proposal
                if any(rule.needs == "two_thirds" for rule in rules):
                    assert 3 * len(fact.in_favour) >= 2 * len(votes)

    def voted(self, decided: Event, *ways: type[Fact]) -> set[str]:
        """The people who last voted in one of these ways on what is decided."""
        last: dict[str, Event] = {}
        for event in self.walk.events:
            if event.case_seq >= decided.case_seq:
                break
            if isinstance(event.fact, DecisionProposed):
                last.clear()
            if isinstance(event.fact, DecisionProposed | DecisionSeconded | DecisionObjected):
                last[event.actor.ref] = event
        return {ref for ref, event in last.items() if isinstance(event.fact, ways)}

    @invariant()
    def nobody_votes_on_their_own_proposal(self) -> None:
        for case, event in self.steps:
            if isinstance(event.fact, DecisionSeconded | DecisionObjected):
                assert case is not None
                assert case.proposal is not None
                assert case.proposal.by != event.actor.ref

    @invariant()
    def nobody_reviews_their_own_measure(self) -> None:
        for case, event in self.steps:
            if isinstance(event.fact, EmergencyMeasureReviewed):
                assert case is not None
                measure = case.measure(event.fact.measure_id)
                assert measure is not None
                assert measure.by != event.actor.ref

    @invariant()
    def nobody_has_a_case_from_which_they_are_recused(self) -> None:
        case = self.walk.case
        assert case.assignee not in case.recused
        assert len(set(case.recused)) == len(case.recused)

    @invariant()
    def nobody_has_an_open_case_of_a_report_that_names_them(self) -> None:
        case = self.walk.case
        # Where no body at all can look after a case, it lies as it lay, and a fact says so.
        if case.assignee and case.state not in ENDED and not case.unattended:
            who = PEOPLE[case.assignee]
            assert self.walk.names.union(case.parties).isdisjoint((who.ref, *who.pseudonyms))

    @invariant()
    def nobody_follows_a_case_twice_or_after_a_recusal(self) -> None:
        case = self.walk.case
        assert len(set(case.watchers)) == len(case.watchers)
        assert not set(case.watchers) & set(case.recused)

    @invariant()
    def a_case_that_waits_to_be_taken_is_in_nobodys_hands(self) -> None:
        assert self.walk.case.state is not CaseState.TRIAGED or self.walk.case.assignee is None

    @invariant()
    def nothing_urgent_or_overdue_is_put_off_and_no_clock_stops_by_it(self) -> None:
        case = self.walk.case
        if case.asleep_for:
            assert not case.is_urgent
            assert not case.is_overdue(self.walk.clock)
            assert case.asleep_for == case.assignee
        assert case.snooze is None or case.snooze.person == case.assignee
        for stride in self.strides:
            if stride.before and [e.fact.name for e in stride.events] in (["case.snoozed"], ["case.woken"]):
                assert stride.before.deadlines == stride.after.deadlines

    @invariant()
    def nothing_is_slower_for_being_corrected(self) -> None:
        for stride in self.strides:
            before, after, facts = stride.before, stride.after, [event.fact for event in stride.events]
            if before and urgency(after.lane) > urgency(before.lane):
                lowered = [event.actor.role for event in stride.events if isinstance(event.fact, LaneLowered)]
                assert lowered == ["coordinator"]
            if any(isinstance(fact, CategoryConfirmed | FlagsSet) for fact in facts):
                assert before
                assert urgency(after.lane) <= urgency(way_of(after, POLICY).lane)
                assert {(d.name, d.due_at) for d in before.deadlines} <= {(d.name, d.due_at) for d in after.deadlines}
            assert len({deadline.name for deadline in after.deadlines}) == len(after.deadlines)

    @invariant()
    def no_sanction_stands_by_the_word_of_one_person(self) -> None:
        decided = [event.fact for event in self.walk.events if isinstance(event.fact, CaseDecided)]
        for fact in decided:
            assert not POLICY.outcomes[fact.outcome].sanction or len(set(fact.in_favour)) > 1

    @invariant()
    def each_recusal_stands_once_and_says_how_it_came_about(self) -> None:
        case = self.walk.case
        assert tuple(recusal.person for recusal in case.recusals) == case.recused
        for recusal in case.recusals:
            assert case.history[recusal.seq - 1].fact == RecusalDeclared.name
            if recusal.confirm_by is None or recusal.ground in BY_TWO:
                continue
            # It waits for a second person where a handler declared it, and where a coordinator did of a person who has
            # objected, or who may be of another body of the case.
            objected = any((s.fact, s.actor) == (DecisionObjected.name, recusal.person) for s in case.history)
            assert recusal.person != recusal.by
            assert recusal.role != "coordinator" or objected or case.referrals

    @invariant()
    def a_case_is_referred_exactly_while_a_referral_waits(self) -> None:
        case = self.walk.case
        assert (case.state is CaseState.REFERRED) == (case.referral is not None)
        assert all(asked.ended for asked in case.referrals[:-1])

    @invariant()
    def each_body_of_a_case_has_it_once_and_the_last_resort_joins_none(self) -> None:
        case = self.walk.case
        assert len(set(case.bodies)) == len(case.bodies)
        assert set(case.joined) <= set(POLICY.ordinary_bodies)
        assert case.asked is None or case.asked.to_body not in case.joined or not case.asked.joint

    @invariant()
    def nobody_acts_alone_for_a_second_day(self) -> None:
        for case, event in self.steps:
            if isinstance(event.fact, EmergencyMeasureTaken):
                assert case is not None
                alone = [m for m in case.measures if m.emergency and m.by == event.actor.ref and not m.confirmed]
                assert all(event.time - measure.begun_at < timedelta(days=1) for measure in alone)

    @invariant()
    def no_measure_outlives_its_day_or_a_review_that_did_not_come(self) -> None:
        for measure in self.walk.case.measures:
            ends = [at for at in (measure.until, measure.review_by) if at]
            assert not measure.stands or not ends or min(ends) > self.walk.clock
            assert measure.kind in POLICY.outcomes

    @invariant()
    def the_clock_of_reviews_runs_exactly_while_a_measure_waits(self) -> None:
        case = self.walk.case
        waiting = [measure.review_by for measure in case.measures if measure.review_by]
        clocks = [d for d in case.deadlines if d.name == MEASURE_REVIEW and d.met_at is None]
        assert [clock.due_at for clock in clocks] == ([min(waiting)] if waiting else [])

    @invariant()
    def no_machine_imposes_anything_on_a_person(self) -> None:
        for stride in self.strides:
            if stride.before and all(event.actor.role not in ROLES for event in stride.events):
                before, after = stride.before, stride.after
                stand = {measure.id for measure in after.measures if measure.stands}
                assert stand <= {measure.id for measure in before.measures if measure.stands}
                assert after.outcome == before.outcome

    @invariant()
    def an_appeal_waits_exactly_while_the_case_is_appealed(self) -> None:
        case = self.walk.case
        assert (case.appeal is not None) == (case.state is CaseState.APPEALED)
        assert case.appeal in (None, *case.appeals[-1:])

    @invariant()
    def nobody_gets_or_decides_an_appeal_who_took_part_before_it(self) -> None:
        told = self.walk.events
        for place, event in enumerate(told[len(told) - len(self.new) :], len(told) - len(self.new)):
            fact = event.fact
            if isinstance(fact, AppealDecided | CaseAssigned) and fact.previous == CaseState.APPEALED:
                before = told[: max(at for at, one in enumerate(told[:place]) if isinstance(one.fact, AppealLodged))]
                took_part = {one.actor.ref for one in before if isinstance(one.fact, PART)}
                assert (fact.assignee if isinstance(fact, CaseAssigned) else event.actor.ref) not in took_part

    @invariant()
    def others_answer_a_party_who_asks_for_a_recusal(self) -> None:
        for case, event in self.steps:
            if isinstance(event.fact, RecusalAnswered):
                assert case is not None
                if event.fact.recusal_answer == "refused":
                    assert event.actor.ref not in {step.detail for step in case.history if step.fact == "case.assigned"}
                else:
                    assert any(one.confirm_by is None for one in case.recusals)

    @invariant()
    def nobody_is_asked_again_who_did_not_agree_and_each_check_in_comes_in_its_turn(self) -> None:
        case = self.walk.case
        assert case.consent == "yes" or all(one.kept_at for one in case.check_ins)
        # That of a measure that ended before goes, and its number with it.
        numbers = [one.number for one in case.check_ins]
        assert numbers == sorted(set(numbers))
        for one in case.check_ins:
            assert one.told_at is None or one.due_at <= one.told_at <= (one.kept_at or self.walk.clock)
            assert (one.kept_at is None) == (one.answer is None)

    @invariant()
    def a_merged_case_says_where_it_goes_on_and_owes_nothing(self) -> None:
        case = self.walk.case
        is_merged = case.state is CaseState.MERGED
        assert ((case.merged_into is not None), (case.merged_from is not None)) == (is_merged, is_merged)
        if is_merged:
            assert case.next_due is None
            # Only who is owed an answer, or agreed to be asked, still waits for something there.
            assert wakes_at(case) is None or case.open_recusal_asks or case.is_decided_there

    @invariant()
    def a_case_that_comes_back_has_no_more_time_than_before(self) -> None:
        for stride in self.strides:
            before, after, at = stride.before, stride.after, stride.events[-1].time
            if before and before.state is CaseState.MERGED is not after.state:
                due = {d.name: d.due_if_running(at) for d in before.deadlines if d.met_at is None}
                for deadline in after.deadlines:
                    if deadline.name not in due and deadline.met_at is None:
                        # What was awaited came while the case was merged, so its reporter waits for news again.
                        came = (before.merged_from, after.state, deadline.name)
                        assert came == (CaseState.AWAITING_INFORMATION, CaseState.INVESTIGATING, "update")
                    else:
                        assert deadline.met_at or deadline.due_if_running(at) <= due[deadline.name]

    @invariant()
    def two_cases_tell_the_same_of_each_other(self) -> None:
        case, other = self.walk.case, self.walk.other
        assert fold(event for event in self.walk.cases.events if event.case_id == other.id) == other
        assert {link.relation for link in case.links} == {link.relation for link in other.links}
        assert (case.merged_into is None, other.merged_into is None) == (not other.absorbed, not case.absorbed)
        # So a chain of merges has one link, and its end is a case for itself.
        assert case.merged_into is None or other.merged_into is None
        if merged := next((one for one in (case, other) if one.merged_into), None):
            survivor = other if merged is case else case
            assert merged.body == survivor.body
            assert merged.refusers <= survivor.refusers

    @invariant()
    def two_cases_have_one_relation(self) -> None:
        case = self.walk.case
        assert len({link.other for link in case.links}) == len(case.links)

    @invariant()
    def the_case_has_an_owner(self) -> None:
        case = self.walk.case
        assert case.body in POLICY.bodies
        # No rule sent a measure from before Hearth anywhere: its row says which body decided on it.
        is_imported = any(measure.imported for measure in case.measures)
        assert is_imported or (case.rule and case.policy_version == POLICY.version)

    @invariant()
    def the_state_is_one_that_is_documented_and_has_a_way_out(self) -> None:
        state = self.walk.case.state
        assert state in ENTERED
        assert state is CaseState.MERGED or set(permitted_in(state)) & FORMS.keys()

    @invariant()
    def a_case_awaits_only_an_answer_that_can_come_and_never_for_ever(self) -> None:
        case = self.walk.case
        if case.state is CaseState.AWAITING_INFORMATION:
            assert case.reachable
            assert not all(question.answers for question in case.questions)
            assert case.awaits_until or (case.is_urgent and any(one.is_running for one in case.deadlines))
            assert not case.awaits_until or (wakes_at(case) or case.awaits_until) <= case.awaits_until

    @invariant()
    def no_clock_runs_that_stands_still_while_the_case_waits(self) -> None:
        case, now = self.walk.case, self.walk.clock
        if case.state is CaseState.AWAITING_INFORMATION or (case.pause and case.pause.until > now):
            can_stand = {name for name, rule in POLICY.deadlines.items() if rule.pausable}
            running = [d for d in case.deadlines if d.is_running and d.name in can_stand]
            assert case.state in (CaseState.CLOSED, CaseState.MERGED) or all(d.due_at <= now for d in running)

    @invariant()
    def a_promise_is_kept_at_most_once_and_not_before_it_was_made(self) -> None:
        for deadline in self.walk.case.deadlines:
            assert deadline.met_at is None or AT <= deadline.met_at <= self.walk.clock

    @invariant()
    def nobody_tells_a_reporter_who_can_read_nothing(self) -> None:
        assert all(case is None or case.reachable for case, event in self.steps if isinstance(event.fact, ReporterTold))

    @invariant()
    def a_reporter_who_waits_for_news_has_a_clock_and_nobody_else_has(self) -> None:
        case = self.walk.case
        runs = any(deadline.name == "update" and deadline.met_at is None for deadline in case.deadlines)
        stands = case.state is CaseState.AWAITING_INFORMATION or case.pause is not None
        assert not runs or case.state in (*OWED, CaseState.MERGED)
        assert runs or stands or not case.reachable or case.state not in OWED


def bodies_for(case: Case, event: Event) -> Collection[str]:
    """The bodies of which one has to be that of the person who takes a step."""
    if isinstance(event.fact, ReferralAccepted | ReferralDeclined | InvitationAccepted | InvitationDeclined):
        return {case.asked.to_body} if case.asked else ()
    # Bodies that join take part in the work and the votes. The one that has the case decides.
    return {case.body or ""} if isinstance(event.fact, CaseDecided | AppealDecided) else case.bodies


# The plugin marks only what has @given: without this mark `make fuzz` would leave the walks out.
@pytest.mark.hypothesis
@pytest.mark.parametrize("wish", WISHES)
def test_whatever_is_done_to_a_case_its_promises_hold(wish: str) -> None:
    carried_out = Counter[str]()
    life = type(f"LifeTo{wish}", (Life,), {"wish": wish, "carried_out": carried_out})
    run_state_machine_as_test(life, settings=up_to(WALKS, searching=SEARCHED, stateful_step_count=20))
    # Else what is promised of it holds of nothing.
    assert carried_out[wish]


def test_the_table_reaches_exactly_the_documented_states() -> None:
    reached, grown = {None}, True
    while grown:
        more = {
            to for ways in TRANSITIONS.values() for at, way in ways.items() if at in reached for to in states_of(way)
        }
        grown = not more <= reached
        reached |= more
    assert reached - {None} | {CaseState.RECEIVED} == ENTERED
    # What shuts people out is possible in states that nothing leads to yet, because older records may hold them.
    recusals = (Recuse.name, Confirm.name, Withdraw.name, Wake.name)
    people = (Link.name, Unlink.name, WriteNote.name, Resume.name, Unsnooze.name, Watch.name, Unwatch.name)
    measures = (ActInEmergency.name, ReviewEmergency.name, EndMeasure.name)
    everywhere = (*recusals, *measures, *people, Clear.name, ReceiveAnswer.name, ReceiveCheckIn.name, Attend.name)
    assert {state for name, ways in TRANSITIONS.items() for state in ways if name not in everywhere} <= reached


def test_every_command_has_its_row_in_the_table() -> None:
    assert list(COMMANDS) == list(TRANSITIONS)
    assert set(_commands()) == set(COMMANDS.values())


def test_each_command_that_people_parties_or_programs_give_has_its_walks() -> None:
    of_triage_itself = {Open.name, Wake.name, Attend.name, LetGo.name, Follow.name, KeepApart.name}
    assert {*WISHES, *of_triage_itself} == COMMANDS.keys()
    assert of_triage_itself.isdisjoint(WISHES)
    assert len(WISHES) * WALKS >= 300
    assert len(WISHES) * SEARCHED >= 10_000


def test_no_case_gets_stuck_before_it_is_closed() -> None:
    def can_close(state: CaseState) -> bool:
        seen, todo = set(), [state]
        while todo:
            at = todo.pop()
            seen.add(at)
            ends = (to for ways in TRANSITIONS.values() if at in ways for to in states_of(ways[at]))
            todo += [to for to in ends if to not in seen]
        return CaseState.CLOSED in seen

    assert all(can_close(state) for state in ENTERED - {CaseState.RECEIVED})


@given(report=reports)
def test_opening_is_received_and_triaged_in_one_step(report: ReportReceived) -> None:
    first, second, third = do(None, Open("amber-harbour", report))
    assert isinstance(first.fact, CaseOpened)
    assert isinstance(second.fact, CaseTriaged)
    assert (first.fact.previous, first.fact.state) == (None, "received")
    assert (second.fact.previous, second.fact.state) == ("received", "triaged")
    assert [first.case_seq, second.case_seq, third.case_seq] == [1, 2, 3]
    assert {d.name for d in second.fact.deadlines} >= {"acknowledgement", "first_response", "decision"}
    assert third.fact == DeadlineMet(
        previous="triaged",
        state="triaged",
        deadline="acknowledgement",
        due_at=next(d.due_at for d in second.fact.deadlines if d.name == "acknowledgement"),
        met_at=AT,
    )
    assert len({first.id, second.id, third.id}) == 3


@given(names=st.lists(st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple), min_size=3, max_size=3))
def test_everybody_named_in_a_report_is_a_party_to_its_case(names: list[tuple[str, ...]]) -> None:
    subjects, witnesses, own = names
    named = {"subjects": subjects, "witnesses": witnesses, "reporter_aliases": own[1:]}
    case = opened(report_with().model_copy(update={**named, "reporter": own[0] if own else None}))
    assert set(case.parties) == {*subjects, *witnesses, *own}
    assert len(case.parties) == len(set(case.parties))


def test_a_threat_goes_to_the_emergency_lane_with_three_hours_to_act() -> None:
    case = opened(report_with("harassment.threats", ("physical_violence",)))
    assert (case.lane, case.body) == ("emergency", "trust_safety")
    due = {d.name: d.due_at for d in case.deadlines}
    assert due["emergency_action"] == AT + timedelta(hours=3)
    assert case.next_due == AT + timedelta(hours=3)


def test_a_report_from_a_clock_that_runs_ahead_gives_the_handlers_no_more_time() -> None:
    case = opened(report_with(received_at=AT + timedelta(days=3)))
    assert {d.name: d.due_at for d in case.deadlines}["first_response"] == AT + timedelta(days=7)


def test_a_case_cannot_be_opened_twice() -> None:
    with pytest.raises(NotPermitted, match="open is not permitted in state triaged; permitted: assign"):
        decide(opened(), Open("amber-harbour", report_with()), POLICY, AT)


def test_nothing_can_be_done_to_a_case_that_is_not_there() -> None:
    with pytest.raises(NotPermitted, match="start is not permitted in state none; permitted: open"):
        decide(None, Start(), POLICY, AT)


def test_assigning_to_who_has_it_already_is_no_event() -> None:
    assert decide(led(Assign("responder:a1")), Assign("responder:a1"), POLICY, AT) == []


def test_an_answer_that_was_taken_already_is_no_event() -> None:
    case = led(Assign("responder:a1"), Start(), Ask(Words("q1")), ReceiveAnswer("q1", "a1"))
    assert case.state is CaseState.INVESTIGATING
    assert decide(case, ReceiveAnswer("q1", "a1"), POLICY, AT) == []


def test_an_answer_after_the_end_is_kept_and_reopens_nothing() -> None:
    before = led(
        Assign("responder:a1"), Start(), Ask(Words("q1")), Start(), Decide("advice", Words("d1")), Close()
    )  # fmt: skip
    after = fold(do(before, ReceiveAnswer("q1", "a1"), AT + timedelta(days=1), "late"), before)
    assert after is not None
    assert after.state is CaseState.CLOSED
    assert after.questions[0].answers == ("a1",)


def test_a_waiter_without_an_answer_can_go_on() -> None:
    assert led(Assign("responder:a1"), Start(), Ask(Words("q1")), Start()).state is CaseState.INVESTIGATING


def test_an_answer_to_a_question_never_asked_is_refused() -> None:
    with pytest.raises(UnknownQuestion):
        decide(led(Assign("responder:a1"), Start(), Ask(Words("q1"))), ReceiveAnswer("q2", "a1"), POLICY, AT)


def test_an_outcome_that_the_policy_has_not_is_refused() -> None:
    with pytest.raises(FieldsRefused, match="outcome: unknown_choice"):
        decide(led(Assign("responder:a1"), Start()), Decide("pillory", Words("d1")), POLICY, AT)


def test_deadlines_say_when_they_were_met() -> None:
    case = led(Assign("responder:a1"), Start(), Ask(Words("q1")), Start(), Decide("advice", Words("d1")))
    met = {d.name: d.met_at for d in case.deadlines}
    assert met == {
        "acknowledgement": AT,
        "first_response": AT + timedelta(hours=3),
        "decision": AT + timedelta(hours=5),
        "update": AT + timedelta(hours=5),
        "after_decision": None,
    }
    assert case.next_due == AT + timedelta(hours=5, days=14)


def test_a_deadline_that_passed_unmet_is_overdue() -> None:
    first_response = next(d for d in opened().deadlines if d.name == "first_response")
    assert not first_response.is_overdue(first_response.due_at)
    assert first_response.is_overdue(first_response.due_at + timedelta(seconds=1))
    assert not replace(first_response, met_at=AT).is_overdue(first_response.due_at + timedelta(days=9))


def test_an_event_that_does_not_follow_is_refused() -> None:
    case = opened()
    (event,) = do(case, Assign("responder:a1"))
    with pytest.raises(TypeError, match="does not follow"):
        evolve(evolve(case, event), event)
    with pytest.raises(TypeError, match=r"begins with case\.opened"):
        evolve(None, event)
