"""A case waits: clocks that stand still, what ends a pause or a snooze, and what cannot be put off."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.appeals import DecideAppeal, ReceiveAppeal, Reopen
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Claim, Close, LetGo, Release, Start
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer
from services.triage.case.commands.parties import ReceiveReply
from services.triage.case.commands.sorting import SetFlags
from services.triage.case.commands.table import decide
from services.triage.case.commands.waiting import Pause, Resume, Snooze, Unsnooze
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import FieldsRefused, Taken
from services.triage.case.timers.table import wakes_at
from services.triage.desk.next_step import NextStep, next_step
from shared.events import Actor, CasePaused, CaseResumed, CaseSnoozed, CaseState, CaseWoken, DeadlineFact
from shared.policy import load_policy
from tests.support.case_steps import open_case, step

POLICY = load_policy()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = Actor("person:a11ce0de00000000", "responder")
BEN = Actor("person:b0b0b0b000000000", "responder")
MINE = (Claim(ALICE), Start())
THURSDAY = date(2026, 11, 26)
BEGIN = datetime(2026, 11, 26, tzinfo=UTC)
AUTHORITY = Pause("other_authority", THURSDAY)
ASK = Ask(Words("q-1"))
REACHED = {"channel": "form", "contactable": True}


def after(*commands: Command, at: datetime = AT, case: Case | None = None, **changed: object) -> Case:
    # Nothing reaches this reporter, so there is no clock of updates.
    case = case or open_case(AT, **{"channel": "kafka", "contactable": False, **changed})
    for command in commands:
        case, _ = step(case, command, at, ALICE)
    return case


def told(case: Case, command: Command, at: datetime = AT) -> list[str]:
    return [
        f"{fact.name} {fact.deadline}" if isinstance(fact, DeadlineFact) else fact.name
        for fact in decide(case, command, POLICY, at)
    ]


def decision(case: Case):
    return next(deadline for deadline in case.deadlines if deadline.name == "decision")


def test_a_pause_stops_the_clocks_that_can_be_paused() -> None:
    case = after(*MINE)
    assert told(case, AUTHORITY) == ["case.paused", "deadline.paused decision"]
    fact = decide(case, AUTHORITY, POLICY, AT)[0]
    assert isinstance(fact, CasePaused)
    assert (fact.pause, fact.until, fact.previous_pause) == ("other_authority", BEGIN, None)
    paused = after(AUTHORITY, case=case)
    assert decision(paused).remaining_seconds == 28 * 86_400
    assert [d.name for d in paused.deadlines if d.is_running] == ["first_response"]
    assert told(paused, AUTHORITY) == []
    longer = decide(paused, Pause("evidence", date(2026, 11, 30)), POLICY, AT)
    assert isinstance(longer[0], CasePaused)
    assert (len(longer), longer[0].previous_pause, longer[0].previous_until) == (1, "other_authority", BEGIN)


@pytest.mark.parametrize(
    ("command", "pointer", "code"),
    [
        (Pause("other_authority", AT.date()), "/resume_on", "not_to_come"),
        (Pause("other_authority", date(2020, 1, 1)), "/resume_on", "not_to_come"),
        (Pause("evidence", AT.date() + 31 * DAY), "/resume_on", "too_far"),
        (Snooze(AT.date(), ALICE), "/snooze_until", "not_to_come"),
        (Snooze(date.max, ALICE), "/snooze_until", "too_far"),
        (Snooze(None, ALICE), "/snooze_until", "missing"),
    ],
)
def test_a_day_that_cannot_be_is_told(command: Command, pointer: str, code: str) -> None:
    with pytest.raises(FieldsRefused) as refused:
        decide(after(*MINE), command, POLICY, AT)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [(pointer, code)]


@pytest.mark.parametrize("between", [(), (Resume(),), (Pause("reporter_asked", date(2026, 12, 6)),)])
def test_no_clock_stands_still_longer_by_pausing_again_and_again(between: tuple[Command, ...]) -> None:
    case, then = after(*MINE, Pause("evidence", date(2026, 12, 14))), AT + 10 * DAY
    if between:
        case = after(*between, at=then, case=case)
    later = then + (5 * DAY if between else timedelta(hours=12))
    last = AT.date() + (35 if between else 30) * DAY
    assert told(case, Pause("evidence", last), later)[0] == "case.paused"
    with pytest.raises(FieldsRefused) as refused:
        decide(case, Pause("evidence", last + DAY), POLICY, later)
    assert [fault.code for fault in refused.value.faults] == ["too_far"]


def test_a_pause_that_is_over_resumes_by_itself() -> None:
    case = after(*MINE, AUTHORITY)
    assert wakes_at(case) == BEGIN
    assert told(case, Wake(), BEGIN - timedelta(seconds=1)) == []
    assert told(case, Wake(), BEGIN) == ["case.resumed", "deadline.resumed decision"]
    on = after(Wake(), case=case, at=BEGIN)
    assert (on.pause, decision(on).due_at) == (None, BEGIN + 28 * DAY)


def test_an_outage_at_the_end_of_a_pause_gives_the_clocks_no_more_time() -> None:
    case = after(*MINE, AUTHORITY)
    late = BEGIN + 10 * DAY
    assert decision(after(Wake(), case=case, at=late)).due_at == BEGIN + 28 * DAY
    # A person may be quicker than the watch.
    by_person = after(Resume(), case=case, at=late)
    assert decision(by_person).due_at == BEGIN + 28 * DAY
    met = decision(after(Decide("advice", Words("r-1")), case=case, at=BEGIN + 29 * DAY))
    assert met.due_at == BEGIN + 28 * DAY < met.met_at


def test_a_pause_that_ended_keeps_no_clock_from_an_answer_that_came_later() -> None:
    case = after(*MINE, ASK, AUTHORITY, **REACHED)
    answered_at = BEGIN + 3 * DAY
    answered = after(ReceiveAnswer("q-1", "a-1"), case=case, at=answered_at)
    assert decision(after(Wake(), case=answered, at=BEGIN + 10 * DAY)).due_at == answered_at + 28 * DAY


def test_people_go_on_before_that() -> None:
    case = after(*MINE, AUTHORITY)
    assert Resume.applies(case)
    (fact, _) = decide(case, Resume(), POLICY, AT + DAY)
    assert fact == CaseResumed(previous="investigating", state="investigating", pause="other_authority", until=BEGIN)
    assert told(after(*MINE), Resume()) == []


def test_a_clock_stands_still_as_long_as_anything_keeps_it() -> None:
    case = after(*MINE, ASK, AUTHORITY, **REACHED)
    assert told(case, ReceiveAnswer("q-1", "a-1")) == ["case.information_received"]
    answered = after(ReceiveAnswer("q-1", "a-1"), case=case)
    assert told(answered, Wake(), BEGIN) == [
        "case.resumed", "deadline.resumed decision", "deadline.started update"
    ]  # fmt: skip
    assert told(case, Wake(), BEGIN) == ["case.resumed"]
    waiting = after(Wake(), case=case, at=BEGIN)
    assert told(waiting, ReceiveAnswer("q-1", "a-1"), BEGIN)[1] == "deadline.resumed decision"


def test_an_overdue_clock_is_not_paused() -> None:
    late = AT + 40 * DAY
    assert told(after(*MINE), Pause("evidence", late.date() + DAY), late) == ["case.paused"]


def test_a_case_snoozed_until_a_day_is_not_woken_by_an_answer() -> None:
    case = after(*MINE, ASK, Snooze(THURSDAY, ALICE), **REACHED)
    assert case.asleep_for == ALICE.ref
    assert case.place_for(ALICE.ref) > case.place == case.place_for(BEN.ref)
    case = after(ReceiveAnswer("q-1", "a-1"), case=case)
    assert case.asleep_for == ALICE.ref
    assert wakes_at(case) == BEGIN
    assert told(case, Wake(), BEGIN) == ["case.woken"]
    assert after(Wake(), case=case, at=BEGIN).asleep_for is None


def test_a_case_snoozed_until_an_answer_is_woken_by_nothing_else() -> None:
    case = after(*MINE, ASK, Snooze(None, ALICE), **REACHED)
    assert told(case, Wake(), AT + DAY) == []
    assert after(Start(), case=case).asleep_for == ALICE.ref
    assert told(case, ReceiveReply("7" * 32, "r-1")) == ["case.respondent_replied"]
    assert after(ReceiveAnswer("q-1", "a-1"), case=case).asleep_for is None


def test_a_snooze_until_an_answer_ends_where_no_answer_can_come() -> None:
    case = after(*MINE, Ask(Words("q-1")), Snooze(None, ALICE), case=open_case(AT))
    assert after(LoseReporter(), case=case).snooze is None


def test_no_answer_that_does_not_come_keeps_the_clock_of_an_emergency() -> None:
    case = after(*MINE, ASK, SetFlags(("physical_violence",), None, ALICE), **REACHED)
    running = [one.name for one in case.deadlines if one.is_running]
    assert (case.is_urgent, case.awaits_until, "emergency_action" in running) == (True, None, True)
    assert "deadline.met emergency_action" not in told(case, Wake(), AT + 20 * DAY)


def test_no_report_that_is_erased_keeps_the_clock_of_an_emergency() -> None:
    case = after(*MINE, ASK, SetFlags(("physical_violence",), None, ALICE), **REACHED)
    assert "deadline.met emergency_action" not in told(case, LoseReporter())
    lost = after(LoseReporter(), case=case)
    assert lost.state is CaseState.INVESTIGATING
    assert "emergency_action" in [one.name for one in lost.deadlines if one.is_running]


def test_a_case_goes_on_by_itself_where_no_answer_comes_in_the_time_of_the_policy() -> None:
    case = after(*MINE, ASK, Snooze(None, ALICE), **REACHED)
    assert (case.next_due, case.awaits_until, wakes_at(case)) == (None, AT + 14 * DAY, AT + 14 * DAY)
    assert next_step(case) == NextStep("await-answer", AT + 14 * DAY)
    assert told(case, Wake(), AT + 14 * DAY - timedelta(seconds=1)) == []
    assert told(case, Wake(), AT + 14 * DAY) == [
        "case.woken", "case.investigation_started", "deadline.resumed decision", "deadline.started update"
    ]  # fmt: skip
    case = after(Wake(), case=case, at=AT + 14 * DAY)
    assert (case.state, case.asleep_for, case.awaits_until) == (CaseState.INVESTIGATING, None, None)
    late = after(ReceiveAnswer("q-1", "a-1"), case=case, at=AT + 30 * DAY)
    assert late.questions[0].answers == ("a-1",)


def test_a_further_question_is_awaited_anew() -> None:
    case = after(Start(), Ask(Words("q-2")), case=after(*MINE, ASK, **REACHED), at=AT + 9 * DAY)
    assert wakes_at(case) == AT + (9 + 14) * DAY


def test_a_question_from_before_its_time_was_told_is_awaited_as_before() -> None:
    case = after(*MINE, ASK, **REACHED)
    old = replace(case, questions=(replace(case.questions[0], answer_by=None),))
    assert (old.awaits_until, wakes_at(old)) == (None, None)


def test_nobody_asks_a_reporter_that_nothing_reaches() -> None:
    with pytest.raises(FieldsRefused) as caught:
        decide(after(*MINE), ASK, POLICY, AT)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/question", "unreachable")]
    assert [Ask.applies(case) for case in (after(*MINE), after(*MINE, **REACHED))] == [False, True]


def test_clocks_that_start_anew_in_a_paused_case_stand_still_at_once() -> None:
    case = after(Pause("other_authority", date(2027, 1, 20)), case=after(*MINE), at=AT + 8 * DAY)
    case = after(ReceiveAppeal("a-1", "inaction"), case=case, at=AT + 8 * DAY)
    case = after(DecideAppeal("overturned", Words("v-1"), BEN), case=case, at=AT + 9 * DAY)
    assert (case.state, case.pause is not None, decision(case).remaining_seconds) == ("reopened", True, 28 * 86_400)
    resumed = after(Resume(), case=case, at=AT + 19 * DAY)
    assert decision(resumed).due_at == AT + (19 + 28) * DAY


def test_clocks_that_start_anew_after_a_pause_are_not_resumed_to_what_was_left() -> None:
    case = after(*MINE, AUTHORITY)
    case = replace(case, state=CaseState.CLOSED, outcome="advice")
    case = after(Reopen(Words("r-1")), case=case, at=BEGIN + DAY)
    assert decision(case).due_at == BEGIN + DAY + 28 * DAY


def test_clocks_go_on_and_an_overdue_case_is_woken() -> None:
    case = after(*MINE, Snooze(date(2026, 12, 20), ALICE))
    assert [d.is_running for d in case.deadlines if d.met_at is None] == [True, True]
    assert case.next_due == AT + 7 * DAY
    at = case.next_due
    for _ in range(2):
        case = after(Wake(), case=case, at=at - 2 * DAY)
    assert case.asleep_for
    while (due := wakes_at(case)) and due <= at:
        case = after(Wake(), case=case, at=at)
    assert case.asleep_for is None
    with pytest.raises(FieldsRefused, match="must_stay"):
        decide(case, Snooze(date(2026, 12, 20), ALICE), POLICY, at + timedelta(hours=1))


def test_an_urgent_case_stays_in_its_place() -> None:
    with pytest.raises(FieldsRefused, match="must_stay"):
        decide(after(*MINE, flags=("physical_violence",)), Snooze(THURSDAY, ALICE), POLICY, AT)
    case = after(*MINE, Snooze(THURSDAY, ALICE), SetFlags(("minor_involved",), None, ALICE))
    assert case.asleep_for is None
    assert isinstance(decide(case, Wake(), POLICY, AT)[0], CaseWoken)


def test_only_the_person_who_has_a_case_puts_it_off() -> None:
    case = after(*MINE)
    with pytest.raises(Taken):
        decide(case, Snooze(THURSDAY, BEN), POLICY, AT)
    assert [Snooze.suits(case, who.ref, None) for who in (ALICE, BEN)] == [True, False]
    (fact,) = decide(case, Snooze(THURSDAY, ALICE), POLICY, AT)
    assert fact == CaseSnoozed(
        previous="investigating", state="investigating", person=ALICE.ref, previous_until=None, until=BEGIN
    )
    snoozed = after(Snooze(THURSDAY, ALICE), case=case)
    assert told(snoozed, Snooze(THURSDAY, ALICE)) == []
    assert told(snoozed, Unsnooze(BEN)) == []
    assert told(snoozed, Unsnooze(ALICE)) == ["case.woken"]
    assert [Unsnooze.suits(snoozed, who.ref, None) for who in (ALICE, BEN)] == [True, False]
    # Who takes it over sees it in its place.
    assert after(Assign(BEN.ref), case=snoozed).asleep_for is None


def test_a_pause_and_a_snooze_end_each_by_a_command_of_its_own() -> None:
    case = after(*MINE, AUTHORITY, Snooze(date(2026, 12, 20), ALICE))
    resumed, woken = after(Resume(), case=case), after(Unsnooze(ALICE), case=case)
    assert (resumed.pause, resumed.asleep_for, decision(resumed).is_running) == (None, ALICE.ref, True)
    assert (woken.pause, woken.asleep_for, decision(woken).is_running) == (case.pause, None, False)
    assert [Resume.applies(one) for one in (case, resumed, woken)] == [True, False, True]
    assert [Unsnooze.applies(one) for one in (case, resumed, woken)] == [True, True, False]


@pytest.mark.parametrize(
    "away",
    [
        (Assign(BEN.ref),),
        (Release(Words("w-1"), ALICE),),
        (Release(Words("w-1"), ALICE), Assign(BEN.ref)),
        (LetGo(frozenset({ALICE.ref})),),
    ],
    ids=["handed over", "put back", "put back and taken", "left"],
)
def test_a_snooze_does_not_come_back_with_the_case(away: tuple[Command, ...]) -> None:
    case = after(*MINE, Snooze(date(2026, 12, 20), ALICE), *away)
    assert (case.snooze, Unsnooze.applies(case)) == (None, False)
    back = after(Assign(ALICE.ref), case=case)
    assert (back.assignee, back.asleep_for) == (ALICE.ref, None)


def test_a_case_that_is_reopened_is_put_off_no_longer() -> None:
    case = after(*MINE, Snooze(date(2026, 12, 20), ALICE), Decide("advice", Words("d")), Close())
    assert case.snooze is not None
    assert told(case, Reopen(Words("w")))[:2] == ["case.reopened", "case.woken"]
    back = after(Reopen(Words("w")), case=case)
    assert (back.state, back.assignee, back.snooze) == (CaseState.REOPENED, ALICE.ref, None)
