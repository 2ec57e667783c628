"""Hypothesis walks the state machine: whatever the commands, the table, the fold and the ownership hold."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide, Object, ProposeDecision, Second
from services.triage.case.commands.handling import Assign, Attend, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.linking import RELATIONS, Link, Unlink
from services.triage.case.commands.naming import Clear
from services.triage.case.commands.opening import Open
from services.triage.case.commands.recusal import GROUNDS, NAMED, WITHDRAWALS, Confirm, Recuse, Withdraw
from services.triage.case.commands.table import COMMANDS, _commands, decide
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import evolve, fold
from services.triage.case.lifecycle import (
    TRANSITIONS,
    FieldsRefused,
    NotPermitted,
    UnknownQuestion,
    permitted_in,
)
from shared.events import (
    Actor,
    CaseDecided,
    CaseFact,
    CaseOpened,
    CaseState,
    CaseTriaged,
    DeadlineMet,
    Draft,
    Event,
    ReportReceived,
    stamp,
)
from shared.ids import case_id_of
from shared.policy import load_policy
from tests.support.examples import up_to
from tests.support.people import responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALICE = Actor("responder:a1", "responder")
BEN = Actor("responder:b2", "responder")
CORA = Actor("coordinator:c3", "coordinator")
LATER = date(2999, 12, 24)
VOTERS = [ALICE, BEN, Actor("responder:d4", "responder")]
PEOPLE = People(
    {body: [replace(responder(one.ref[-2:], body), ref=one.ref) for one in VOTERS] for body in POLICY.bodies}
)
ENTERED = {
    CaseState.RECEIVED,
    CaseState.TRIAGED,
    CaseState.ASSIGNED,
    CaseState.INVESTIGATING,
    CaseState.AWAITING_INFORMATION,
    CaseState.DECIDED,
    CaseState.CLOSED,
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


OTHER = replace(opened(), id="another case", code_name="calm-river")
RECUSED = ["responder:a1", "responder:b2", "token of responder:a1", "token of responder:b2"]


class Life(RuleBasedStateMachine):
    """One case, and every command tried on it in every state."""

    @initialize(report=reports)
    def open_it(self, report: ReportReceived) -> None:
        self.log = do(None, Open("amber-harbour", report))
        self.case = fold(self.log)
        self.clock = AT

    def attempt(self, command: Command, by: Actor = ALICE) -> None:
        self.clock += timedelta(minutes=7)
        before = self.case
        assert before is not None
        ways = TRANSITIONS[command.name]
        try:
            events = do(before, command, self.clock, f"cause {len(self.log)}", by)
        except NotPermitted as error:
            refusal: NotPermitted | None = error
        except FieldsRefused:
            assert not isinstance(command, Assign) or command.assignee in before.recused
            return
        except UnknownQuestion:
            return
        else:
            refusal = None
        if refusal:
            assert before.state not in ways
            assert refusal.command == command.name
            assert refusal.permitted == permitted_in(before.state)
            return
        assert before.state in ways
        self.log += events
        self.case = fold(events, before)
        assert self.case is not None
        if events:
            assert self.case.state == ways[before.state]
            fact = events[0].fact
            assert isinstance(fact, CaseFact)
            assert (fact.previous, fact.state) == (before.state, self.case.state)

    @rule(assignee=st.sampled_from(["responder:a1", "responder:b2"]))
    def assign(self, assignee: str) -> None:
        self.attempt(Assign(assignee))

    @rule()
    def start(self) -> None:
        self.attempt(Start())

    @rule()
    def ask(self) -> None:
        self.attempt(Ask(Words(f"q{len(self.log)}")))

    @rule(known=st.booleans(), answer=st.sampled_from(["a1", "a2"]), data=st.data())
    def answer(self, known: bool, answer: str, data: st.DataObject) -> None:
        questions = [q.id for q in self.case.questions]
        question = data.draw(st.sampled_from(questions)) if known and questions else "never asked"
        self.attempt(ReceiveAnswer(question, answer))

    @rule(outcome=st.sampled_from([*POLICY.outcomes, "pillory"]), by=st.sampled_from(VOTERS))
    def conclude(self, outcome: str, by: Actor) -> None:
        self.attempt(Decide(outcome, Words(f"reason {len(self.log)}"), by, people=PEOPLE), by)

    @rule(by=st.sampled_from(VOTERS))
    def conclude_as_proposed(self, by: Actor) -> None:
        if self.case.proposal:
            self.conclude(self.case.proposal.outcome, by)

    @rule(outcome=st.sampled_from([*POLICY.outcomes, "pillory"]), by=st.sampled_from(VOTERS))
    def propose(self, outcome: str, by: Actor) -> None:
        rule = POLICY.outcomes.get(outcome)
        until, scope = LATER if rule and rule.timed else None, "pages" if rule and rule.scoped else ""
        self.attempt(ProposeDecision(outcome, until, scope, Words(f"why {len(self.log)}"), by, PEOPLE), by)

    @rule(by=st.sampled_from(VOTERS), agrees=st.booleans())
    def vote(self, by: Actor, agrees: bool) -> None:
        self.attempt(Second(None, by) if agrees else Object(Words(f"why {len(self.log)}"), by), by)

    @rule(
        person=st.sampled_from(["responder:a1", "responder:b2"]),
        ground=st.sampled_from(GROUNDS),
        by=st.sampled_from([ALICE, BEN, CORA]),
    )
    def recuse(self, person: str, ground: str, by: Actor) -> None:
        self.attempt(Recuse(ground, person, by, f"token of {person}"), by)

    @rule(person=st.sampled_from(RECUSED), by=st.sampled_from([ALICE, BEN, CORA]))
    def confirm(self, person: str, by: Actor) -> None:
        self.attempt(Confirm(person, by), by)

    @rule(
        person=st.sampled_from(RECUSED),
        why=st.sampled_from(WITHDRAWALS),
        by=st.sampled_from([ALICE, BEN, CORA]),
    )
    def withdraw(self, person: str, why: str, by: Actor) -> None:
        self.attempt(Withdraw(person, why, by), by)

    @rule(hours=st.sampled_from([1, 23, 25]))
    def let_time_pass(self, hours: int) -> None:
        self.clock += timedelta(hours=hours)
        self.attempt(Wake())

    @rule()
    def clear(self) -> None:
        self.attempt(Clear("0" * 32))

    @rule(relation=st.sampled_from(RELATIONS))
    def link(self, relation: str) -> None:
        self.attempt(Link(OTHER, relation, other_ref="calm", own_ref="amber"))

    @rule()
    def unlink(self) -> None:
        self.attempt(Unlink(OTHER, other_ref="calm", own_ref="amber"))

    @rule()
    def close(self) -> None:
        self.attempt(Close())

    @invariant()
    def nobody_has_a_case_from_which_they_are_recused(self) -> None:
        assert self.case.assignee not in self.case.recused
        assert len(set(self.case.recused)) == len(self.case.recused)

    @invariant()
    def no_sanction_stands_by_the_word_of_one_person(self) -> None:
        decided = [event.fact for event in self.log if isinstance(event.fact, CaseDecided)]
        for fact in decided:
            assert not POLICY.outcomes[fact.outcome].sanction or len(set(fact.in_favour)) > 1

    @invariant()
    def each_recusal_stands_once_and_says_how_it_came_about(self) -> None:
        assert tuple(recusal.person for recusal in self.case.recusals) == self.case.recused
        for recusal in self.case.recusals:
            assert recusal.confirm_by is None or recusal.ground == NAMED or recusal.person != recusal.by != CORA.ref

    @invariant()
    def two_cases_have_one_relation(self) -> None:
        assert len({link.other for link in self.case.links}) == len(self.case.links)

    @invariant()
    def folding_the_log_gives_the_case(self) -> None:
        assert fold(self.log) == self.case
        assert self.case.seq == len(self.log)

    @invariant()
    def the_case_has_an_owner(self) -> None:
        assert self.case.body in POLICY.bodies
        assert self.case.rule
        assert self.case.policy_version == POLICY.version

    @invariant()
    def the_state_is_one_that_is_documented(self) -> None:
        assert self.case.state in ENTERED

    @invariant()
    def a_promise_is_kept_at_most_once_and_not_before_it_was_made(self) -> None:
        for deadline in self.case.deadlines:
            assert deadline.met_at is None or AT <= deadline.met_at <= self.clock


TestLife = Life.TestCase
TestLife.settings = up_to(60, stateful_step_count=20)


def test_the_table_reaches_exactly_the_documented_states() -> None:
    reached, grown = {None}, True
    while grown:
        more = {to for ways in TRANSITIONS.values() for come_from, to in ways.items() if come_from in reached}
        grown = not more <= reached
        reached |= more
    assert reached - {None} | {CaseState.RECEIVED} == ENTERED
    # What shuts people out is possible in states that nothing leads to yet, because older records may hold them.
    recusals = (Recuse.name, Confirm.name, Withdraw.name, Wake.name)
    everywhere = (*recusals, Link.name, Unlink.name, Clear.name, Attend.name)
    assert {state for name, ways in TRANSITIONS.items() for state in ways if name not in everywhere} <= reached


def test_every_command_has_its_row_in_the_table() -> None:
    assert list(COMMANDS) == list(TRANSITIONS)
    assert set(_commands()) == set(COMMANDS.values())


def test_no_case_gets_stuck_before_it_is_closed() -> None:
    def can_close(state: CaseState) -> bool:
        seen, todo = set(), [state]
        while todo:
            at = todo.pop()
            seen.add(at)
            todo += [ways[at] for ways in TRANSITIONS.values() if at in ways and ways[at] not in seen]
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
    }
    assert case.next_due is None


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
