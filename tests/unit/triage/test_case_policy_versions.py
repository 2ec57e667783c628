"""A case keeps the policy under which each step of it was taken; a later policy judges nothing again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.commands.sorting import SetFlags
from services.triage.case.commands.table import events_of
from services.triage.case.evolve.fold import fold
from shared.access.principal import Role
from shared.events import Event
from shared.policy import Policy
from tests.support.case_steps import open_case
from tests.support.triage_rig import ALICE, POLICY

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BY = ALICE.actor(Role.RESPONDER)
DECISION = replace(POLICY.deadlines["decision"], within=timedelta(days=3))
LATER = replace(POLICY, version="2027-01+0a0a0a0a", deadlines={**POLICY.deadlines, "decision": DECISION})
LAST = replace(LATER, version="2027-02+0b0b0b0b", rules=LATER.rules[-1:])


def given(case: Case, command: Command, policy: Policy) -> tuple[Case, list[Event]]:
    events = events_of(case, command, policy, AT, case_id=case.id, actor=BY, cause=f"c{case.seq}", trace=None)
    after = fold(events, case)
    assert after is not None
    return after, events


def test_each_fact_names_the_policy_of_its_time_and_a_decided_case_keeps_its_own() -> None:
    case = open_case(AT)
    for command in (Assign(BY.ref), Start()):
        case, events = given(case, command, POLICY)
        assert {event.policy_version for event in events} == {POLICY.version}
    decided, events = given(case, Decide("no_violation", Words("d1"), BY), LATER)
    assert {event.policy_version for event in events} == {LATER.version}
    assert decided.policy_version == POLICY.version
    assert (decided.body, decided.rule, decided.lane) == (case.body, case.rule, case.lane)
    [due] = [deadline.due_at for deadline in decided.deadlines if deadline.name == "decision"]
    assert due == AT + timedelta(days=28)


def test_a_later_policy_moves_no_clock_and_no_case_that_was_opened_before_it() -> None:
    case = open_case(AT)
    for command in (Assign(BY.ref), Start(), Ask(Words("q1"))):
        after, _ = given(case, command, LAST)
        assert [(d.name, d.due_at) for d in after.deadlines] == [(d.name, d.due_at) for d in case.deadlines]
        assert (after.body, after.rule, after.policy_version) == (case.body, case.rule, POLICY.version)
        case = after


def test_what_is_judged_anew_is_judged_by_the_policy_of_that_day() -> None:
    case = open_case(AT)
    _, events = given(case, SetFlags(("physical_violence",), None, BY), LATER)
    assert {event.policy_version for event in events} == {LATER.version}
