"""People say what a case is: the fact, the lane that follows at once, and what they cannot make slower."""

from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Start
from services.triage.case.commands.sorting import ConfirmCategory, SetFlags, way_of
from services.triage.case.commands.table import decide
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from shared.events import (
    Actor,
    CaseFact,
    CategoryConfirmed,
    DeadlineMet,
    FlagsSet,
    LaneLowered,
    LaneRaised,
)
from shared.policy import load_policy
from tests.support.case_steps import open_case, step

POLICY = load_policy()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(days=5)
ALICE = Actor("person:a11ce0de00000000", "responder")
CORA = Actor("person:c0ac0ac000000000", "coordinator")


def after(case: Case, *commands: Command, at: datetime = LATER, by: Actor = ALICE) -> Case:
    for command in commands:
        case, _ = step(case, command, at, by)
    return case


def opened(**changed: object) -> Case:
    return open_case(AT, **changed)


def told(case: Case, command: Command) -> list[CaseFact]:
    return decide(case, command, POLICY, LATER)


def corrected(category: str, by: Actor = ALICE) -> ConfirmCategory:
    return ConfirmCategory(category, Words("w-1"), by)


def flagged(*flags: str, by: Actor = ALICE) -> SetFlags:
    return SetFlags(flags, Words("w-1"), by)


def test_a_confirmed_category_is_a_fact_once() -> None:
    case = opened()
    confirmation = ConfirmCategory("harassment.insults", None, ALICE)
    (fact,) = told(case, confirmation)
    assert fact == CategoryConfirmed(
        previous="triaged", state="triaged", previous_category="harassment.insults", category="harassment.insults"
    )
    assert not case.category_confirmed
    case = after(case, confirmation)
    assert case.category_confirmed
    assert told(case, confirmation) == []


def test_a_correction_says_why_and_moves_the_case_nowhere() -> None:
    case = opened()
    with pytest.raises(FieldsRefused, match="/why: missing"):
        told(case, ConfirmCategory("harassment.doxing", None, ALICE))
    (fact,) = told(case, corrected("harassment.doxing"))
    assert isinstance(fact, CategoryConfirmed)
    assert (fact.previous_category, fact.category, fact.reason_id) == ("harassment.insults", "harassment.doxing", "w-1")
    moved = after(case, corrected("harassment.doxing"))
    assert (moved.body, moved.own_body, moved.rule) == (case.body, case.own_body, case.rule)
    way = way_of(moved, POLICY)
    assert way.rule == "personal-data"
    assert way.body != moved.body


def test_a_flag_that_is_taken_away_needs_a_reason_and_another_one_none() -> None:
    case = opened(flags=("ongoing", "off_wiki"))
    for flags in ((), ("ongoing",), ("ongoing", "cross_wiki")):
        with pytest.raises(FieldsRefused, match="/why: missing"):
            told(case, SetFlags(flags, None, ALICE))
    (fact,) = told(case, flagged("ongoing"))
    assert isinstance(fact, FlagsSet)
    assert (fact.previous_flags, fact.flags, fact.reason_id) == (("ongoing", "off_wiki"), ("ongoing",), "w-1")
    (more,) = told(case, SetFlags(("off_wiki", "ongoing", "cross_wiki"), None, ALICE))
    assert isinstance(more, FlagsSet)
    assert told(case, SetFlags(("off_wiki", "ongoing"), None, ALICE)) == []


@pytest.mark.parametrize(
    ("command", "lane", "rule", "deadline", "hours"),
    [
        (corrected("welfare.self_harm"), "emergency", "danger-to-life", "emergency_action", 3),
        (flagged("physical_violence"), "emergency", "danger-to-life", "emergency_action", 3),
        (flagged("minor_involved"), "child_protection", "child-protection", "child_protection_action", 24),
        (flagged("minor_involved", "physical_violence"), "emergency", "danger-to-life", "emergency_action", 3),
    ],
)
def test_what_is_urgent_is_in_its_lane_at_once(
    command: Command, lane: str, rule: str, deadline: str, hours: int
) -> None:
    before = opened()
    raised = told(before, command)[-1]
    assert isinstance(raised, LaneRaised)
    assert (raised.previous_lane, raised.lane, raised.rule) == ("standard", lane, rule)
    assert [(d.name, d.due_at) for d in raised.deadlines] == [(deadline, LATER + timedelta(hours=hours))]
    case = after(before, command)
    assert (case.lane, case.body, case.place[0] < before.place[0]) == (lane, before.body, True)
    assert set(before.deadlines) < set(case.deadlines)
    assert isinstance(told(after(case, Assign(ALICE.ref)), Start())[-1], DeadlineMet)


def test_a_case_already_looked_into_gets_the_deadline_and_a_decision_keeps_it() -> None:
    case = after(opened(), Assign(ALICE.ref), Start(), flagged("physical_violence"))
    (own,) = [d for d in case.deadlines if d.name == "emergency_action"]
    assert own.is_running
    assert "case.decided" in POLICY.deadlines["emergency_action"].met_by


def test_a_lane_that_is_raised_again_sets_no_deadline_twice() -> None:
    case = after(opened(), flagged("physical_violence"))
    case = after(case, flagged(by=CORA), by=CORA)
    assert case.lane == "standard"
    again = told(case, flagged("physical_violence"))[-1]
    assert isinstance(again, LaneRaised)
    assert again.deadlines == ()


def test_a_lane_that_is_raised_again_starts_a_clock_anew_that_was_kept_before() -> None:
    case = after(opened(), Assign(ALICE.ref), flagged("physical_violence"))
    case = after(case, Start(), at=LATER + timedelta(hours=1))
    case = after(case, flagged(by=CORA), at=LATER + timedelta(hours=2), by=CORA)
    again = LATER + timedelta(days=3)
    case = after(case, flagged("physical_violence"), at=again)
    (own,) = [d for d in case.deadlines if d.name == "emergency_action"]
    assert (own.is_running, own.due_at) == (True, again + timedelta(hours=3))
    assert own.warn_at == POLICY.deadline("emergency_action", again).warn_at
    # The line before stays in the record, as it was kept.
    (before,) = [d for d in case.earlier_deadlines if d.name == "emergency_action"]
    assert (before.met_at, before.anew_at, before.was_missed) == (LATER + timedelta(hours=1), again, False)


def test_a_lane_that_is_raised_again_starts_a_clock_anew_that_was_missed_before() -> None:
    case = after(opened(), flagged("physical_violence"))
    case = after(case, flagged(by=CORA), at=LATER + timedelta(hours=4), by=CORA)
    again = LATER + timedelta(days=3)
    case = after(case, flagged("physical_violence"), at=again)
    (own,) = [d for d in case.deadlines if d.name == "emergency_action"]
    assert (own.is_running, own.due_at, own.was_missed) == (True, again + timedelta(hours=3), False)
    (before,) = [d for d in case.earlier_deadlines if d.name == "emergency_action"]
    assert before.was_missed


def test_only_a_coordinator_makes_a_case_less_urgent() -> None:
    case = opened(flags=("physical_violence",))
    (fact,) = told(case, flagged())
    assert isinstance(fact, FlagsSet)
    assert (fact.previous_flags, fact.flags) == (("physical_violence",), ())
    case = after(case, flagged())
    assert (case.lane, case.flags) == ("emergency", ())
    # The coordinator says the same of the case, and that lets it go.
    (lowered,) = told(case, flagged(by=CORA))
    assert isinstance(lowered, LaneLowered)
    calm = after(case, flagged(by=CORA), by=CORA)
    assert (calm.lane, calm.deadlines) == ("standard", case.deadlines)


def test_a_corrected_category_of_a_less_urgent_lane_keeps_the_lane() -> None:
    case = opened(category="welfare.self_harm")
    assert after(case, corrected("harassment.insults")).lane == "emergency"
    assert after(case, corrected("harassment.insults", CORA), by=CORA).lane == "standard"


def test_flags_that_the_policy_no_longer_has_stay() -> None:
    case = opened(flags=("ongoing", "of an older policy"))
    assert after(case, flagged("cross_wiki")).flags == ("cross_wiki", "of an older policy")
    assert told(case, flagged("ongoing")) == []


def test_a_decided_case_is_not_sorted_any_more() -> None:
    case = after(opened(), Assign(ALICE.ref), Start(), Decide("advice", Words("r-1"), ALICE))
    for command in (corrected("harassment.doxing"), flagged("ongoing")):
        with pytest.raises(NotPermitted):
            told(case, command)
