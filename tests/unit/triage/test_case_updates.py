"""The clock of updates: what keeps it, when it begins anew, and which cases have none."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import encode

from services.intake.report.status import Status, follow
from services.triage.author import TRIAGE
from services.triage.case.case import Case
from services.triage.case.commands.appeals import DecideAppeal, LodgeAppeal, Reopen
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer, Tell
from services.triage.case.commands.merging import Merge
from services.triage.case.commands.notes import WriteNote
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import decide, events_of
from services.triage.case.commands.waiting import Pause, Resume
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import fold
from services.triage.case.lifecycle import FieldsRefused
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Deadline
from services.triage.desk.likely import most_likely
from services.triage.desk.next_step import next_step
from shared.documents import Codec
from shared.events import Actor, CaseState, DeadlineFact, Event, ReportReceived
from shared.policy import load_policy
from tests.support.triage_rig import reported

POLICY = load_policy()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = Actor("person:a11ce0de00000000", "responder")
BOB = Actor("person:b0b0b0b0b0b0b0b0", "responder")
BEGUN = (Assign(ALICE.ref), Start())
DECIDED = (*BEGUN, Decide("advice", Words("r-1")))


def told(*commands: Command, every: timedelta = DAY, **report: object) -> list[Event]:
    """The events of a case that is opened at AT and gets one command each day."""
    fact = reported(received_at=AT, **report).fact
    assert isinstance(fact, ReportReceived)
    events: list[Event] = []
    for number, command in enumerate((Open("amber-road", fact), *commands)):
        case, at = fold(events), AT + number * every
        events += events_of(case, command, POLICY, at, case_id="c-1", actor=ALICE, cause=f"{number}", trace=None)
    return events


def case_of(*commands: Command, **report: object) -> Case:
    case = fold(told(*commands, **report))
    assert case is not None
    return case


def line(case: Case) -> Deadline | None:
    return next((one for one in case.deadlines if one.name == "update"), None)


def lines(case: Case) -> list[tuple[int, bool]]:
    """Each line of the clock: due so many days after AT, and whether it was kept in time."""
    found = [one for one in (*case.earlier_deadlines, *case.deadlines) if one.name == "update"]
    return [((one.due_at - AT).days, one.met_at is not None and one.met_at <= one.due_at) for one in found]


def woken(case: Case, at: datetime) -> Case:
    while (due := wakes_at(case)) and due <= at:
        case = (
            fold(events_of(case, Wake(), POLICY, due, case_id="c-1", actor=TRIAGE, cause=f"{due}", trace=None), case)
            or case
        )
    return case


def test_it_starts_as_the_case_stands_with_a_handling_body() -> None:
    assert lines(case_of()) == [(14, False)]


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ((*BEGUN, Tell(Words("m-1"))), [(14, True), (17, False)]),
        ((*BEGUN, Tell(Words("m-1")), Tell(Words("m-2"))), [(14, True), (17, True), (18, False)]),
        ((*BEGUN, Ask(Words("q-1"))), [(14, True)]),
        ((*BEGUN, Ask(Words("q-1")), ReceiveAnswer("q-1", "a-1")), [(14, True), (18, False)]),
        ((*BEGUN, Ask(Words("q-1")), Start()), [(14, True), (18, False)]),
        (DECIDED, [(14, True)]),
        ((*DECIDED, Close(), Reopen(Words("r-2"))), [(14, True), (19, False)]),
        ((*DECIDED, LodgeAppeal("reporter", "facts", Words("a-1"), ALICE)), [(14, True), (18, False)]),
    ],
    ids=["told", "told twice", "asked", "answered", "not awaited", "decided", "reopened", "appealed"],
)  # fmt: skip
def test_each_thing_that_the_reporter_is_told_begins_the_next_line(
    commands: tuple[Command, ...], expected: list[tuple[int, bool]]
) -> None:
    assert lines(case_of(*commands)) == expected


def test_nobody_tells_a_reporter_who_can_read_nothing() -> None:
    for case in (case_of(*BEGUN, channel="kafka", contactable=False), case_of(*BEGUN, LoseReporter())):
        assert not Tell.applies(case)
        with pytest.raises(FieldsRefused, match="/message: unreachable"):
            decide(case, Tell(Words("m-1")), POLICY, AT)


@pytest.mark.parametrize("verdict", ["upheld", "overturned"])
def test_an_appeal_that_is_decided_keeps_it(verdict: str) -> None:
    appealed = (*DECIDED, LodgeAppeal("reporter", "facts", Words("a-1"), ALICE))
    case = case_of(*appealed, DecideAppeal(verdict, Words("v-1"), BOB))
    after = [(19, False)] if verdict == "overturned" else []
    assert lines(case) == [(14, True), (18, True), *after]


def test_a_step_of_which_the_reporter_hears_nothing_keeps_nothing() -> None:
    assert lines(case_of(*BEGUN, WriteNote(Words("n-1"), "shared"))) == [(14, False)]


def test_silence_is_warned_of_told_as_missed_and_escalated_once() -> None:
    begun = case_of(*BEGUN)
    silent = line(woken(begun, AT + 60 * DAY))
    assert silent is not None
    assert (silent.warned_at, silent.breached_at, silent.escalated_at) == (AT + 12 * DAY, AT + 14 * DAY, AT + 21 * DAY)
    assert len([step for step in woken(begun, AT + 300 * DAY).history if step.detail == "update"]) == 3


def test_a_line_that_was_missed_stays_missed_for_ever() -> None:
    late = told(*BEGUN, Tell(Words("m-1")), every=8 * DAY)
    case = fold(late)
    assert case is not None
    assert lines(case) == [(14, False), (38, False)]
    assert [(one.was_missed, one.met_at) for one in case.earlier_deadlines] == [(True, AT + 24 * DAY)]


def test_a_paused_case_nags_nobody_and_goes_on_with_what_was_left() -> None:
    paused = case_of(*BEGUN, Pause("evidence", (AT + 20 * DAY).date()))
    assert (line(paused) or Deadline("", AT)).remaining_seconds == 11 * 86_400
    again = case_of(*BEGUN, Pause("evidence", (AT + 20 * DAY).date()), Resume())
    assert lines(again) == [(15, False)]
    spoken = case_of(*BEGUN, Pause("evidence", (AT + 20 * DAY).date()), Tell(Words("m-1")), Resume())
    assert lines(spoken) == [(15, True), (19, False)]


def test_a_merged_case_nags_nobody_and_its_line_moves_none_of_the_survivor() -> None:
    older = case_of(*BEGUN)
    report = reported(received_at=AT).fact
    assert isinstance(report, ReportReceived)
    other = fold(
        events_of(
            None, Open("blue-road", report), POLICY, AT + 5 * DAY, case_id="c-2", actor=TRIAGE, cause="o", trace=None
        )
    )
    assert other is not None
    merge = Merge(other, other_ref="a" * 32, own_ref="b" * 32)
    events = events_of(older, merge, POLICY, AT + 6 * DAY, case_id="c-1", actor=ALICE, cause="m", trace=None)
    merged = fold(events, older)
    assert merged is not None
    assert (merged.state, wakes_at(merged), merged.next_due) == (CaseState.MERGED, None, None)
    absorbed = merge.decide_other(other, older, POLICY, AT + 6 * DAY)[0]
    assert "update" not in {one.name for one in absorbed.deadlines}  # type: ignore[attr-defined]


def test_a_reporter_who_cannot_be_reached_starts_no_clock() -> None:
    for channel in ("kafka", "pattern"):
        unreachable = case_of(*BEGUN, channel=channel, contactable=False)
        assert (line(unreachable), unreachable.reachable) == (None, False)
    assert line(case_of(*BEGUN, channel="kafka", contactable=True)) is not None
    assert line(case_of(*BEGUN, channel="form", contactable=False)) is not None


def test_a_case_from_before_the_clock_gets_it_with_its_next_step() -> None:
    begun = case_of(*BEGUN)
    older = replace(begun, deadlines=tuple(one for one in begun.deadlines if one.name != "update"))
    at = AT + 9 * DAY
    stepped = fold(
        events_of(
            older, WriteNote(Words("n"), "shared"), POLICY, at, case_id="c-1", actor=ALICE, cause="n", trace=None
        ),
        older,
    )
    assert stepped is not None
    assert lines(stepped) == [(23, False)]


def test_the_desk_says_that_the_reporter_is_to_be_told_and_offers_it() -> None:
    told_of = case_of(*BEGUN, Tell(Words("m-1")))
    assert next_step(told_of).step == "decide"
    silent = woken(told_of, AT + 15 * DAY)
    assert (next_step(silent).step, next_step(silent).clock) == ("update", "update")
    assert most_likely(silent, {"ask", "decide", "tell"}, "update") == "tell"


def test_the_page_of_the_report_shows_the_line_that_runs() -> None:
    status = Status(updated_at=AT)
    for event in told(*BEGUN, Tell(Words("m-1"))):
        status = follow(status, event) or status
    shown = next(one for one in status.deadlines if one.name == "update")
    assert (shown.due_at, shown.met_at) == (AT + 17 * DAY, None)
    assert [one.message_id for one in status.messages] == ["m-1"]


def test_the_clock_of_a_case_with_many_messages_stays_small() -> None:
    few, many = (
        Codec(Case).to_document(case_of(*BEGUN, *(Tell(Words(f"m-{n}")) for n in range(size)))) for size in (1, 21)
    )
    assert len(many["earlier_deadlines"]) == 21
    assert len(encode(many)) - len(encode(few)) < 40_000


def test_every_fact_of_the_clock_is_of_triage() -> None:
    events = [event for event in told(*BEGUN, Tell(Words("m-1"))) if isinstance(event.fact, DeadlineFact)]
    assert {event.actor for event in events if getattr(event.fact, "deadline", "") == "update"} == {TRIAGE}
