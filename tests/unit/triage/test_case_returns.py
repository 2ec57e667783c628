"""What follows a measure with a last day: a conversation before its end, and check-ins before and after it."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.check_ins import ASKING
from services.triage.case.commands.appeals import DecideAppeal
from services.triage.case.commands.check_ins import ReceiveCheckIn
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.emergency import ActInEmergency, EndMeasure
from services.triage.case.commands.follow_up import FollowUp
from services.triage.case.commands.handling import Close
from services.triage.case.commands.returns import NoteReturn
from services.triage.case.commands.waking import Wake
from services.triage.case.facets import facets_of, in_community
from services.triage.case.lifecycle import FieldsRefused
from services.triage.case.measure_follow_up import follow_measures
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Appeal, end_of
from services.triage.desk.next_step import next_step
from shared.events import CaseFact, CaseState, MeasureEnded
from tests.support.case_steps import names_of
from tests.unit.triage.test_case_decision import agree, decision, proposal
from tests.unit.triage.test_case_emergency import ANN, AT, BEN, CAT, DAY, POLICY, done
from tests.unit.triage.test_case_follow_up import decided

LAST = date(2027, 1, 20)
END = end_of(LAST) or AT
WHY = Words("00000000-0000-0000-0000-00000000000c", "They moved away.")
MEASURE = "00000000-0000-0000-0000-00000000000a"


def suspended(consent: str = "yes", kind: str = "temporary_suspension", until: date = LAST) -> Case:
    """A case with a suspension that was reviewed, and that is followed up."""
    case = done(decided(), ActInEmergency(kind, until, "community", Words(MEASURE), ANN))[0]
    measures = tuple(replace(measure, review_by=None, confirmed=True) for measure in case.measures)
    return done(replace(case, measures=measures, deadlines=()), FollowUp(consent))[0]


def woken(case: Case, until: datetime) -> tuple[Case, list[tuple[datetime, str]]]:
    """The case after all that comes due by then, and what came when."""
    told: list[tuple[datetime, str]] = []
    while (at := wakes_at(case)) and at <= until:
        case, events = done(case, Wake(), at)
        told += [(event.time, event.fact.name) for event in events]
    return case, told


def due_of_measure(case: Case) -> list[datetime]:
    return [one.due_at for one in case.check_ins if one.measure_id == MEASURE]


def own_answered(case: Case) -> Case:
    """The case, of which the check-ins but for those of measures are answered."""
    return replace(case, check_ins=tuple(one for one in case.check_ins if one.measure_id))


def given(case: Case, command: Command, at: datetime = AT) -> list[CaseFact]:
    return [event.fact for event in done(case, command, at, ANN)[1] if isinstance(event.fact, CaseFact)]


def test_handlers_are_reminded_to_talk_before_a_suspension_ends_and_once() -> None:
    case, told = woken(suspended("no"), END + 30 * DAY)
    assert [one for one in told if one[1].startswith("measure.")] == [
        (END - 7 * DAY, "measure.return_due"), (END, "measure.expired"),
    ]  # fmt: skip
    (measure,) = case.measures
    assert (measure.state, measure.return_due_at) == ("expired", END - 7 * DAY)
    assert next_step(case).step == "close-at-last"


@pytest.mark.parametrize("way", [(), (Close(),)], ids=["followed up", "closed"])
def test_a_conversation_that_is_due_is_the_next_step_until_it_is_noted(way: tuple[Command, ...]) -> None:
    case = suspended("no")
    for command in way:
        case, _ = done(case, command, AT, ANN)
    case, _ = woken(case, END - 7 * DAY)
    assert (next_step(case).step, next_step(case).due_at) == ("talk", END)
    assert in_community("enwiki") in facets_of(case)
    noted, _ = done(case, NoteReturn(MEASURE, "held"), END - 6 * DAY, ANN)
    assert next_step(noted).step == ("nothing" if way else "close-at-last")
    assert (facets_of(noted) == []) is bool(way)


def test_before_the_end_of_a_short_suspension_the_conversation_is_due_at_once() -> None:
    _, told = woken(suspended("no", until=(AT + 3 * DAY).date()), AT + DAY)
    assert told[0][1] == "measure.return_due"


def test_a_measure_of_another_kind_has_check_ins_and_no_conversation() -> None:
    case = suspended(kind="restriction")
    assert [measure.return_at for measure in case.measures] == [None]
    assert due_of_measure(case) == [END - 7 * DAY]


def test_what_became_of_the_conversation_is_noted_once_and_never_without_a_reason_to_skip() -> None:
    case = suspended()
    with pytest.raises(FieldsRefused):
        done(case, NoteReturn(MEASURE, "skipped"), AT, ANN)
    with pytest.raises(FieldsRefused):
        done(case, NoteReturn("none", "held"), AT, ANN)
    noted, events = done(case, NoteReturn(MEASURE, "skipped", WHY), AT, ANN)
    (measure,) = noted.measures
    assert names_of(events) == ["measure.return_noted"]
    assert (measure.conversation, measure.conversation_by, measure.conversation_id) == ("skipped", ANN.ref, WHY.id)
    assert "measure.return_due" not in [name for _, name in woken(noted, END)[1]]
    with pytest.raises(FieldsRefused):
        done(noted, NoteReturn(MEASURE, "held"), AT, ANN)
    assert not NoteReturn.applies(noted)


def test_a_reporter_who_agreed_is_asked_before_the_end_and_after_it() -> None:
    case = suspended()
    assert due_of_measure(case) == [END - 7 * DAY]
    numbers = [one.number for one in case.check_ins]
    assert numbers == sorted(set(numbers))
    after, _ = woken(own_answered(case), END)
    assert due_of_measure(after) == [END - 7 * DAY, END + 7 * DAY]


@pytest.mark.parametrize("early", [True, False], ids=["ended early", "expired"])
def test_the_end_of_a_measure_starts_its_follow_up_also_of_a_closed_case(early: bool) -> None:
    closed = done(own_answered(suspended()), Close(), AT + DAY, ANN)[0]
    assert closed.state is CaseState.CLOSED
    at = AT + 10 * DAY if early else END
    if early:
        said = done(closed, EndMeasure(MEASURE, WHY, ANN), at)[0]
        assert said.check_ins == closed.check_ins
        ended = done(said, EndMeasure(MEASURE, Words("e2"), BEN), at)[0]
    else:
        ended = woken(closed, END)[0]
    assert ended.check_ins[-1].due_at == at + 7 * DAY
    asked, told = woken(ended, at + 7 * DAY)
    assert told[-1] == (at + 7 * DAY, "case.check_in_due")
    assert asked.state is CaseState.CLOSED
    _, told = woken(asked, at + 90 * DAY)
    assert told[-1][1] == "case.check_ins_ended"


def banned(kind: str) -> Case:
    """A closed case with a measure that has no last day. Its reporter agreed to be asked, and has answered."""
    measure = replace(suspended().measures[0], kind=kind, until=None)
    return done(replace(own_answered(suspended()), measures=(measure,), check_ins=()), Close(), AT, ANN)[0]


@pytest.mark.parametrize("kind", ["permanent_ban", "event_removal"])
def test_the_end_of_a_measure_that_has_no_last_day_starts_its_follow_up_as_well(kind: str) -> None:
    ended = MeasureEnded(
        previous="closed", state="closed", measure_id=MEASURE, outcome=kind, end="early", reason_id=WHY.id
    )
    (told,) = follow_measures(banned(kind), [ended], POLICY, AT)
    assert [one.due_at for one in told.check_ins] == [AT + 7 * DAY]


@pytest.mark.parametrize("way", [(Close(),), (FollowUp("yes"),)], ids=["closed", "followed up"])
def test_who_agreed_is_asked_after_a_decision_that_lifts_a_ban(way: tuple[Command, ...]) -> None:
    case = replace(banned("permanent_ban"), state=CaseState.INVESTIGATING)
    for command in (proposal("advice"), agree(BEN), agree(CAT), decision("advice"), *way):
        case, _ = done(case, command, AT + DAY, ANN)
    assert case.measures[0].state == "ended"
    assert (AT + 8 * DAY, "case.check_in_due") in woken(case, AT + 8 * DAY)[1]


def test_a_new_follow_up_leaves_what_is_to_be_asked_after_a_measure() -> None:
    ended = woken(done(own_answered(suspended()), Close(), AT + DAY, ANN)[0], END)[0]
    again = replace(ended, state=CaseState.DECIDED)
    asked = done(again, FollowUp("yes"), END + DAY)[0]
    assert due_of_measure(asked) == [END - 7 * DAY, END + 7 * DAY]
    assert (END + 7 * DAY, "case.check_in_due") in woken(asked, END + 7 * DAY)[1]
    # Without consent nothing is asked.
    assert due_of_measure(done(again, FollowUp("no"), END + DAY)[0]) == [END - 7 * DAY]


def test_what_is_to_be_asked_before_the_end_of_a_measure_is_asked_once() -> None:
    again = replace(suspended(), state=CaseState.DECIDED)
    asked = done(again, FollowUp("yes"), AT + DAY)[0]
    assert due_of_measure(asked) == [END - 7 * DAY]
    numbers = [one.number for one in asked.check_ins]
    assert len(numbers) == len(set(numbers))


def appealed(state: CaseState) -> Case:
    """A case with a suspension that was appealed in this state; its own check-ins are answered."""
    waits = Appeal("a1", "reporter", "facts", ANN.ref, END - DAY, "a1", state)
    return replace(own_answered(suspended()), state=CaseState.APPEALED, appeals=(waits,))


@pytest.mark.parametrize("state", ASKING)
def test_a_measure_that_ends_under_an_appeal_is_followed_up_once_that_is_upheld(state: CaseState) -> None:
    case, told = woken(appealed(state), END + 20 * DAY)
    assert (case.measures[0].state, due_of_measure(case)) == ("expired", [END + 7 * DAY])
    assert "case.check_in_due" not in {name for _, name in told}
    upheld, _ = done(case, DecideAppeal("upheld", Words("v1"), BEN), END + 21 * DAY)
    assert upheld.state is state
    assert "case.check_in_due" in {name for _, name in woken(upheld, END + 21 * DAY)[1]}


def test_a_measure_that_ends_before_the_follow_up_has_none_under_an_appeal_either() -> None:
    assert due_of_measure(woken(appealed(CaseState.DECIDED), END)[0]) == []


@pytest.mark.parametrize("consent", ["no", "stopped"])
def test_nobody_is_asked_after_a_measure_who_did_not_agree_or_stopped_the_asking(consent: str) -> None:
    case = suspended("no" if consent == "no" else "yes")
    if consent == "stopped":
        first = case.check_ins[0]
        case = done(case, ReceiveCheckIn(first.number, first.due_at, "declined", True, "a-1"), AT + DAY)[0]
    after, told = woken(case, END + 60 * DAY)
    assert due_of_measure(after) == []
    assert not any(name == "case.check_in_due" for _, name in told)


def test_what_follows_a_measure_is_told_by_triage_and_named_by_the_policy() -> None:
    _, events = done(decided(), ActInEmergency("temporary_suspension", LAST, "community", Words(MEASURE), ANN))
    (told,) = [event for event in events if event.fact.name == "measure.follow_up_set"]
    assert told.actor.role == "service"
    assert told.policy_version is not None


def test_a_case_that_is_asked_of_two_measures_never_uses_a_number_twice() -> None:
    second = "00000000-0000-0000-0000-00000000000d"
    case = done(suspended(), ActInEmergency("restriction", LAST - timedelta(5), "pages", Words(second), ANN))[0]
    measures = tuple(replace(measure, review_by=None, confirmed=True) for measure in case.measures)
    case, _ = woken(replace(case, measures=measures), END)
    numbers = [one.number for one in case.check_ins]
    assert len(numbers) == len(set(numbers))
