"""Deadlines of a case: which steps keep them, how their clocks pause, and how older cases fold."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.commands.appeals import Reopen
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer, Tell
from services.triage.case.commands.opening import Open
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.splitting import Split
from services.triage.case.commands.table import events_of
from services.triage.case.commands.waiting import Pause
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import fold
from services.triage.case.timers.table import due, wakes_at
from services.triage.case.timers.timer import Moment
from services.triage.case.values import Deadline, Move
from shared.events import (
    Actor,
    CaseTriaged,
    DeadlineBreached,
    DeadlineEscalated,
    DeadlineFact,
    DeadlineMet,
    DeadlinePaused,
    DeadlineStarted,
    Draft,
    Event,
    Fact,
    ReportReceived,
    stamp,
)
from shared.policy import DeadlineRule, Policy, load_policy
from shared.policy.model import EVERYWHERE
from tests.support.other_clocks import without_updates
from tests.support.triage_rig import reported

POLICY = without_updates(load_policy())
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALICE = Actor("person:a11ce0de00000000", "responder")
TO_THE_QUESTION = (Assign(ALICE.ref), Start(), Ask(Words("q-1")))
DAY = timedelta(days=1)


def told(
    *commands: Command, every: timedelta = DAY, policy: Policy = POLICY, flags: tuple[str, ...] = ()
) -> list[Event]:
    """The events of a case that is opened at AT and gets one command each day."""
    report = reported(received_at=AT, flags=flags).fact
    assert isinstance(report, ReportReceived)
    events: list[Event] = []
    for number, command in enumerate((Open("amber-road", report), *commands)):
        at = AT + number * every
        events += events_of(
            fold(events), command, policy, at, case_id="c-1", actor=ALICE, cause=f"{number}", trace=None
        )
    return events


def case_of(events: list[Event]) -> Case:
    case = fold(events)
    assert case is not None
    return case


def woken(case: Case, at: datetime) -> Case:
    return fold(events_of(case, Wake(), POLICY, at, case_id="c-1", actor=TRIAGE, cause="w", trace=None), case) or case


def names(events: list[Event]) -> list[str]:
    return [f"{e.fact.name} {e.fact.deadline}" for e in events if isinstance(e.fact, DeadlineFact)]


def deadline(case: Case, name: str):
    return next(d for d in case.deadlines if d.name == name)


def from_before(events: list[Event]) -> list[Event]:
    """The same events as a version without facts of deadlines wrote them."""
    kept = [event for event in events if not isinstance(event.fact, DeadlineFact)]
    return [replace(e, case_seq=n, fact=_untold(e)) for n, e in enumerate(kept, start=1)]


def _untold(event: Event):
    fact = event.fact
    return fact.model_copy(update={"deadlines_told": False}) if isinstance(fact, CaseTriaged) else fact


def test_a_step_tells_of_each_deadline_that_it_keeps() -> None:
    events = told(Assign(ALICE.ref), Start(), Decide("advice", Words("r-1")))
    kept = ["deadline.met acknowledgement", "deadline.met first_response", "deadline.met decision"]
    assert names(events) == [*kept, "deadline.started after_decision"]
    met = [event for event in events if isinstance(event.fact, DeadlineMet)]
    assert {event.actor for event in met} == {TRIAGE}
    assert {event.policy_version for event in met} == {POLICY.version}
    assert [event.fact.met_at for event in met] == [AT, AT + 3 * DAY, AT + 3 * DAY]
    assert all(event.fact.previous == event.fact.state for event in met)
    assert met[-1].cause == events[-4].cause == "3"


def test_a_pausable_clock_stands_still_while_the_case_awaits_information() -> None:
    case = case_of(told(*TO_THE_QUESTION))
    paused = deadline(case, "decision")
    assert (paused.remaining_seconds, paused.due_at) == (25 * 86_400, AT + 28 * DAY)
    assert not paused.is_overdue(AT + 400 * DAY)
    assert paused.due_if_running(AT + 100 * DAY) == AT + 125 * DAY
    assert case.next_due is None


@pytest.mark.parametrize("going_on", [Start(), ReceiveAnswer("q-1", "a-1")])
def test_it_runs_again_with_the_time_that_was_left(going_on: Command) -> None:
    events = told(*TO_THE_QUESTION, Recuse("other", "person:0ddba11000000000", ALICE), going_on)
    assert names(events)[-2:] == ["deadline.paused decision", "deadline.resumed decision"]
    case = case_of(events)
    assert deadline(case, "decision").due_at == case.next_due == AT + 5 * DAY + 25 * DAY
    assert deadline(case, "decision").remaining_seconds is None


def in_business_days() -> Policy:
    """A decision is due after two business days; a warning comes one before, and an escalation one after."""
    rule = replace(POLICY.deadlines["decision"], within=2 * DAY, business=True, warn=DAY, escalate=DAY)
    return replace(POLICY, deadlines={**POLICY.deadlines, "decision": rule})


MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("opened", "paused_after", "until", "left", "due"),
    [
        # From Monday at ten to the midnight before Friday, and so one day and 23 hours later.
        (MONDAY, 1, 27, 47, datetime(2026, 11, 30, 23, tzinfo=UTC)),
        # From Friday at ten, with 14 hours of it and nine of Monday left, to the midnight before Thursday.
        (MONDAY + 3 * DAY, 25, 33, 23, datetime(2026, 12, 3, 23, tzinfo=UTC)),
        # From a Saturday, of which nothing counts.
        (MONDAY + 3 * DAY, 49, 30, 9, datetime(2026, 11, 30, 9, tzinfo=UTC)),
    ],
)
def test_a_clock_of_business_days_keeps_business_time_while_it_stands_still(
    opened: datetime, paused_after: int, until: int, left: int, due: datetime
) -> None:
    policy = in_business_days()
    ends_at = datetime(2026, 11, 1, tzinfo=UTC) + (until - 1) * DAY
    report = reported(received_at=opened).fact
    assert isinstance(report, ReportReceived)
    steps: tuple[tuple[Command, datetime], ...] = (
        (Open("amber-road", report), opened),
        (Assign(ALICE.ref), opened),
        (Start(), opened),
        (Pause("evidence", ends_at.date()), opened + timedelta(hours=paused_after)),
        (Wake(), ends_at),
    )
    events: list[Event] = []
    for number, (command, at) in enumerate(steps):
        if isinstance(command, Wake):
            stands = deadline(case_of(events), "decision")
            assert (stands.remaining_seconds, stands.business) == (left * 3_600, True)
        events += events_of(
            fold(events), command, policy, at, case_id="c-1", actor=ALICE, cause=f"{number}", trace=None
        )
    runs = deadline(case_of(events), "decision")
    assert (runs.due_at, runs.remaining_seconds, runs.business) == (due, None, False)
    assert (runs.warn_at, runs.escalate_at) == (EVERYWHERE.earlier(due, DAY), EVERYWHERE.later(due, DAY))


def test_a_clock_that_stood_still_before_business_time_was_kept_goes_on_by_the_calendar() -> None:
    policy = in_business_days()
    events = told(Assign(ALICE.ref), Start(), Pause("evidence", date(2026, 11, 30)), every=timedelta(), policy=policy)
    older = [replace(event, fact=_by_calendar(event.fact)) for event in events]
    ends_at = datetime(2026, 11, 30, tzinfo=UTC)
    older += events_of(fold(older), Wake(), policy, ends_at, case_id="c-1", actor=TRIAGE, cause="w", trace=None)
    assert deadline(case_of(older), "decision").due_at == ends_at + 2 * DAY


def _by_calendar(fact: Fact) -> Fact:
    return fact.model_copy(update={"business": False}) if isinstance(fact, DeadlinePaused) else fact


def test_the_warning_and_the_escalation_of_business_days_leave_out_the_weekend() -> None:
    clock = in_business_days().deadline("decision", MONDAY + 3 * DAY)
    friday, tuesday = MONDAY + 4 * DAY, MONDAY + 8 * DAY
    assert (clock.warn_at, clock.due_at, clock.escalate_at) == (friday, MONDAY + 7 * DAY, tuesday)


def test_each_question_pauses_and_the_decision_is_judged_by_the_last_date() -> None:
    two_questions = (*TO_THE_QUESTION, Start(), Ask(Words("q-2")), Start())
    events = told(*two_questions, Decide("advice", Words("r-1")), every=2 * DAY)
    assert names(events)[2:] == [
        "deadline.paused decision",
        "deadline.resumed decision",
        "deadline.paused decision",
        "deadline.resumed decision",
        "deadline.met decision",
        "deadline.started after_decision",
    ]
    decision = deadline(case_of(events), "decision")
    assert (decision.due_at, decision.met_at) == (AT + 32 * DAY, AT + 14 * DAY)


def test_a_deadline_that_was_missed_before_is_not_paused() -> None:
    events = told(*TO_THE_QUESTION, every=10 * DAY)
    assert names(events) == ["deadline.met acknowledgement", "deadline.met first_response"]
    assert deadline(case_of(events), "decision").is_overdue(AT + 31 * DAY)


def test_a_policy_says_which_steps_keep_a_deadline() -> None:
    own = DeadlineRule("first_response", "received", 7 * DAY, frozenset(), False, frozenset({"case.assigned"}))
    policy = replace(POLICY, deadlines={**POLICY.deadlines, own.id: own})
    case = case_of(told())
    events = events_of(case, Assign(ALICE.ref), policy, AT, case_id="c-1", actor=ALICE, cause="c", trace=None)
    assert names(events) == ["deadline.met first_response"]
    later = events_of(
        case_of(told(Assign(ALICE.ref), Start())), Ask(Words("q")), policy, AT, case_id="c-1", actor=ALICE, cause="c",
        trace=None,
    )  # fmt: skip
    assert "deadline.met first_response" not in names(later)


def test_a_breach_is_kept_beside_its_deadline() -> None:
    events = told()
    due_at = deadline(case_of(events), "first_response").due_at
    fact = DeadlineBreached(previous="triaged", state="triaged", deadline="first_response", due_at=due_at)
    breach = stamp(
        [Draft(fact, TRIAGE, due_at, "t")], source="s", subject="case/c-1", case_id="c-1", last_seq=3, trace=None
    )
    after = case_of([*events, *breach])
    assert deadline(after, "first_response").breached_at == due_at
    assert after.history[-1].detail == "first_response"


def moment(at: datetime) -> Moment:
    """A time at which nobody is there."""
    return Moment(at, POLICY, NOBODY)


def due_of(case: Case, at: datetime) -> list[str]:
    """What would be told of which deadline at that time."""
    return [f"{fact.name} {fact.deadline}" for fact in due(case, moment(at)) if isinstance(fact, DeadlineFact)]


def test_handlers_are_warned_then_it_is_missed_then_others_hear_of_it_each_once() -> None:
    case = case_of(told())
    for at, said in (
        (AT + 5 * DAY, "deadline.warned first_response"),
        (AT + 7 * DAY, "deadline.breached first_response"),
        (AT + 10 * DAY, "deadline.escalated first_response"),
        (AT + 23 * DAY, "deadline.warned decision"),
        (AT + 28 * DAY, "deadline.breached decision"),
        (AT + 35 * DAY, "deadline.escalated decision"),
    ):
        assert wakes_at(case) == at
        assert (due_of(case, at - timedelta(seconds=1)), due_of(case, at)) == ([], [said])
        case = woken(case, at)
    assert (wakes_at(case), due_of(case, AT + 300 * DAY)) == (None, [])


def test_after_an_outage_what_was_missed_is_told_in_order_and_nobody_is_warned_of_it() -> None:
    case = case_of(told())
    assert due_of(case, AT + 30 * DAY) == [
        "deadline.breached first_response",
        "deadline.escalated first_response",
        "deadline.breached decision",
    ]
    after = woken(case, AT + 30 * DAY)
    assert wakes_at(after) == AT + 35 * DAY


def test_others_hear_of_it_who_would_have_the_case_next() -> None:
    (*_, fact) = due(woken(case_of(told()), AT + 7 * DAY), moment(AT + 10 * DAY))
    assert isinstance(fact, DeadlineEscalated)
    assert fact.to_body == POLICY.stand_ins("enwiki_arbcom")[0]


def test_a_clock_that_stood_still_warns_later_by_as_much() -> None:
    case = case_of(told(*TO_THE_QUESTION))
    before = deadline(case, "decision")
    again = case_of(told(*TO_THE_QUESTION, ReceiveAnswer("q-1", "a-1")))
    after = deadline(again, "decision")
    assert (
        after.warn_at - before.warn_at == after.escalate_at - before.escalate_at == after.due_at - before.due_at == DAY
    )


def test_what_was_missed_can_still_be_done_and_both_are_kept() -> None:
    case = case_of(told(Assign(ALICE.ref), Start()))
    at = AT + 29 * DAY
    late = woken(case, at)
    events = events_of(
        late, Decide("advice", Words("r")), POLICY, at, case_id="c-1", actor=ALICE, cause="d", trace=None
    )
    kept = deadline(fold(events, late), "decision")
    assert (kept.due_at, kept.breached_at, kept.met_at) == (AT + 28 * DAY, at, at)


MATTER = Split(Words("part"), "harassment.doxing", ())


def part_of(
    first: Case | None, at: datetime, channel: str = "split", policy: Policy = POLICY, **said: Any
) -> list[Event]:
    """The events of the case of one matter, which is opened at that time."""
    report = reported(received_at=AT, channel=channel, parties_apart=True, **{"category": MATTER.category, **said}).fact
    assert isinstance(report, ReportReceived)
    command = Open("calm-river", report, first=first, first_lost=first is None, other_ref="first", own_ref="part")
    return events_of(None, command, policy, at, case_id="c-2", actor=TRIAGE, cause="part", trace=None)


def with_rule(name: str, **fields: Any) -> Policy:
    """The policy, with one rule of a deadline changed."""
    return replace(POLICY, deadlines={**POLICY.deadlines, name: replace(POLICY.deadlines[name], **fields)})


def test_what_the_whole_report_had_kept_is_kept_in_a_matter_that_is_split_off_late() -> None:
    first = case_of(told(Assign(ALICE.ref), Start(), Tell(Words("m-1")), MATTER))
    events = part_of(first, AT + 30 * DAY)
    part = case_of(events)
    assert names(events) == ["deadline.met acknowledgement", "deadline.met first_response"]
    for name in ("acknowledgement", "first_response"):
        assert (deadline(part, name).met_at, deadline(part, name).was_missed) == (deadline(first, name).met_at, False)
    # What nothing had kept runs on from the receipt.
    assert (deadline(part, "decision").due_at, deadline(part, "decision").met_at) == (AT + 28 * DAY, None)
    # A matter of the matter goes on from there.
    again = case_of(part_of(case_of([*events, *events_of(
        part, MATTER, POLICY, AT + 31 * DAY, case_id="c-2", actor=ALICE, cause="again", trace=None
    )]), AT + 31 * DAY))  # fmt: skip
    assert again.deadlines == part.deadlines


def test_what_the_first_case_keeps_after_the_split_keeps_nothing_of_the_matter() -> None:
    split = told(MATTER, Assign(ALICE.ref), Start(), Decide("advice", Words("r-1")))
    part = case_of(part_of(case_of(split), AT + 4 * DAY))
    assert [d.name for d in part.deadlines if d.met_at] == ["acknowledgement"]
    assert deadline(part, "acknowledgement").met_at == AT


def test_a_matter_that_is_split_off_earlier_keeps_nothing_by_what_came_before_a_later_split() -> None:
    other = Split(Words("other"), "harassment.hounding", ())
    first = case_of(told(Assign(ALICE.ref), Start(), MATTER, Tell(Words("m-1")), other))
    kept = {
        category: [d.name for d in case_of(part_of(first, AT + 6 * DAY, category=category)).deadlines if d.met_at]
        for category in (MATTER.category, other.category)
    }
    assert kept == {MATTER.category: ["acknowledgement"], other.category: ["acknowledgement", "first_response"]}


@pytest.mark.parametrize(("flag", "name"), [
    ("physical_violence", "emergency_action"), ("minor_involved", "child_protection_action"),
])  # fmt: skip
def test_what_was_done_at_once_in_the_first_case_is_not_done_in_an_urgent_matter(flag: str, name: str) -> None:
    first = case_of(told(Assign(ALICE.ref), Start(), MATTER, every=timedelta(minutes=10), flags=(flag,)))
    part = case_of(part_of(first, AT + timedelta(minutes=40), flags=(flag,)))
    assert deadline(first, name).met_at
    assert deadline(part, name).is_running
    assert deadline(part, "acknowledgement").met_at == AT


@pytest.mark.parametrize("name", ["first_response", "decision"])
def test_a_decision_in_the_first_case_that_was_reopened_keeps_nothing_of_the_matter(name: str) -> None:
    policy = with_rule(name, restarts=False)
    decided = (Assign(ALICE.ref), Start(), Decide("advice", Words("r-1")), Close(), Reopen(Words("r-2")), MATTER)
    first = case_of(told(*decided, policy=policy))
    part = case_of(part_of(first, AT + 7 * DAY, policy=policy))
    assert deadline(first, name).met_at
    assert [d.name for d in part.deadlines if d.met_at] == ["acknowledgement"]


def test_a_clock_that_stood_still_in_the_first_case_was_kept_in_time_for_the_matter_too() -> None:
    policy = with_rule("first_response", pausable=True)
    paused = (Assign(ALICE.ref), Start(), Pause("evidence", (AT + 9 * DAY).date()), Tell(Words("m-1")), MATTER)
    first = case_of(told(*paused, every=2 * DAY, policy=policy))
    part = case_of(part_of(first, AT + 11 * DAY, policy=policy))
    kept, before = (deadline(one, "first_response") for one in (part, first))
    assert before.due_at > before.met_at > AT + 7 * DAY
    assert (kept.due_at, kept.met_at) == (before.due_at, before.met_at)


@pytest.mark.parametrize("channel", ["split", "follow_up"])
def test_a_case_after_bad_treatment_or_without_its_first_one_is_kept_from_its_opening(channel: str) -> None:
    first = None if channel == "split" else case_of(told(Assign(ALICE.ref), Start(), Tell(Words("m-1")), MATTER))
    part = case_of(part_of(first, AT + 30 * DAY, channel))
    assert {d.name: d.met_at for d in part.deadlines if d.met_at} == {"acknowledgement": AT + 30 * DAY}


def test_a_clock_that_was_not_kept_when_the_matter_was_split_off_stays_missed() -> None:
    first = case_of(told(Assign(ALICE.ref), Start(), MATTER, every=10 * DAY))
    part = case_of(part_of(first, AT + 30 * DAY))
    late = fold(
        events_of(part, Wake(), POLICY, AT + 30 * DAY, case_id="c-2", actor=TRIAGE, cause="w", trace=None), part
    )
    assert late is not None
    assert {d.name for d in late.deadlines if d.was_missed} == {"first_response", "decision"}


@pytest.mark.parametrize(("commands", "comes"), [
    ((*TO_THE_QUESTION, Start(), Decide("advice", Words("r-1")), Close()), []),
    (TO_THE_QUESTION, ["case.investigation_started"]),
], ids=["closed", "its clock stands still"])  # fmt: skip
def test_a_case_that_has_ended_or_waits_misses_nothing(commands: tuple[Command, ...], comes: list[str]) -> None:
    case = case_of(told(*commands))
    assert [fact.name for fact in due(case, moment(AT + 300 * DAY))] == comes
    assert (wakes_at(case) is None) == (not comes)


def test_a_case_recorded_before_these_facts_folds_to_what_it_was() -> None:
    case = case_of(from_before(told(*TO_THE_QUESTION, Start(), Decide("advice", Words("r-1")))))
    assert {d.name: (d.due_at, d.met_at, d.remaining_seconds) for d in case.deadlines} == {
        "acknowledgement": (AT + DAY, AT, None),
        "first_response": (AT + 7 * DAY, AT + 3 * DAY, None),
        "decision": (AT + 28 * DAY, AT + 5 * DAY, None),
    }
    assert [step.fact for step in case.history] == [
        "case.opened",
        "case.triaged",
        "case.assigned",
        "case.investigation_started",
        "case.information_requested",
        "case.investigation_started",
        "case.decided",
    ]


def test_an_older_case_goes_on_with_facts_of_its_deadlines() -> None:
    before = from_before(told(*TO_THE_QUESTION[:2]))
    case = case_of(before)
    asked = events_of(case, TO_THE_QUESTION[2], POLICY, AT + DAY, case_id="c-1", actor=ALICE, cause="c", trace=None)
    assert names(asked) == ["deadline.met first_response", "deadline.paused decision"]
    after = fold(asked, case)
    assert after == case_of([*before, *asked])
    assert deadline(case_of([*before, *asked]), "first_response").met_at == AT + DAY


@pytest.mark.parametrize(
    ("facts", "missed"),
    [
        ([], False),
        ([DeadlineMet(previous="closed", state="closed", deadline="decision", due_at=AT, met_at=AT)], False),
        ([DeadlineMet(previous="closed", state="closed", deadline="decision", due_at=AT, met_at=AT + DAY)], True),
        ([DeadlineBreached(previous="closed", state="closed", deadline="decision", due_at=AT)], True),
    ],
    ids=["open", "kept", "late", "missed"],
)
def test_a_clock_that_starts_anew_keeps_its_line(facts: list[DeadlineFact], missed: bool) -> None:
    case = case_of(told())
    anew = DeadlineStarted(
        previous="closed", state="reopened", deadline="decision", previous_due_at=AT, due_at=AT + 30 * DAY
    )
    drafts = [Draft(fact, TRIAGE, AT + 2 * DAY, "c") for fact in (*facts, anew, anew)]
    events = stamp(drafts, source="hearth/triage", subject="case/c-1", case_id="c-1", last_seq=case.seq, trace=None)
    case = fold(events, case) or case
    assert [(d.name, d.was_missed) for d in case.earlier_deadlines] == [("decision", missed), ("decision", False)]
    assert [d.due_at for d in case.deadlines if d.name == "decision"] == [AT + 30 * DAY]


def decision_of(case: Case) -> Deadline:
    return next(one for one in case.deadlines if one.name == "decision")


def test_a_deadline_says_why_it_is_due_at_another_time() -> None:
    events = told(*TO_THE_QUESTION)
    waiting = decision_of(case_of(events))
    assert (waiting.stopped_for, waiting.moves) == ("answer", ())
    answered = decision_of(case_of(told(*TO_THE_QUESTION, ReceiveAnswer("q-1", "a-1"))))
    first, later = AT + 28 * DAY, AT + 29 * DAY
    assert (answered.stopped_for, answered.moves) == (None, (Move("answer", AT + 4 * DAY, first, later),))


def test_a_decision_on_a_case_that_stands_still_tells_the_reason_as_well() -> None:
    pause = Pause("evidence", (AT + 9 * DAY).date())
    case = case_of(told(Assign(ALICE.ref), Start(), pause, Decide("advice", Words("r-1"))))
    assert [(move.reason, move.before) for move in decision_of(case).moves] == [("evidence", AT + 28 * DAY)]


def test_a_clock_that_starts_anew_says_that_the_case_was_reopened() -> None:
    closing = (Assign(ALICE.ref), Start(), Decide("advice", Words("r-1")), Close())
    case = case_of(told(*closing, Reopen(Words("r-2"))))
    assert [move.reason for move in decision_of(case).moves] == ["reopened"]
    assert decision_of(case).moves[0].before == AT + 28 * DAY
