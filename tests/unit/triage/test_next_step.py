"""What must happen next with a case, by its state and its clocks."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.check_ins import ReceiveCheckIn
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.follow_up import FollowUp
from services.triage.case.commands.handling import Assign, Claim, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.notes import WriteNote
from services.triage.case.commands.parties import ReceiveReply
from services.triage.case.commands.waiting import Pause
from services.triage.case.commands.waking import Wake
from services.triage.case.facets import ANSWERED, UNASSIGNED, WAITING, facets_of
from services.triage.desk.next_step import STEPS, next_step, time_left
from services.triage.desk.views import HERE
from shared.events import Actor
from shared.i18n.messages import Messages
from tests.support.case_steps import open_case, step

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALICE = Actor("person:a11ce0de00000000", "responder")
REPORTER = Actor("reporter", "reporter")
RESPONDENT = Actor("respondent", "respondent")
ASK = Ask(Words("q-1", "When?"))
DECIDE = Decide("advice", Words("r-1", "So."))
BEGUN = (Claim(ALICE), Start())


def after(*commands: Command, by: Actor = ALICE, case: Case | None = None, **changed: object) -> Case:
    case = case or open_case(AT, **changed)
    for command in commands:
        case, _ = step(case, command, AT, by)
    return case


@pytest.mark.parametrize(
    ("case", "wanted", "clock"),
    [
        (after(), "take", "first_response"),
        (after(flags=("physical_violence",)), "take", "emergency_action"),
        (after(Claim(ALICE)), "start", "first_response"),
        (after(*BEGUN), "respond", "first_response"),
        (after(*BEGUN, ASK), "await-answer", None),
        (after(*BEGUN, DECIDE), "close", "after_decision"),
        (after(*BEGUN, DECIDE, Close()), "nothing", None),
    ],
    ids=["new", "emergency", "taken", "begun", "asked", "decided", "closed"],
)
def test_the_next_step_follows_from_the_state_and_the_next_clock(case: Case, wanted: str, clock: str | None) -> None:
    found = next_step(case)
    assert (found.step, found.clock) == (wanted, clock)


def test_after_an_answer_the_decision_is_next() -> None:
    case = after(ReceiveAnswer("q-1", "a-1"), by=REPORTER, case=after(*BEGUN, ASK))
    assert (next_step(case).step, next_step(case).clock) == ("decide", "decision")


@pytest.mark.parametrize(
    "wrote",
    [(ReceiveAnswer("q-1", "a-1"), REPORTER), (ReceiveReply("7" * 32, "r-1"), RESPONDENT)],
    ids=["answer", "reply"],
)
def test_what_is_written_to_a_closed_case_is_read_until_a_person_notes_it(wrote: tuple[Command, Actor]) -> None:
    closed = after(*BEGUN, ASK, Start(), DECIDE, Close())
    written = after(wrote[0], by=wrote[1], case=closed)
    assert next_step(written).step == "read-answer"
    assert facets_of(written) == [
        f"assignee:{ALICE.ref}", ANSWERED, "community:enwiki", "category:harassment.insults"
    ]  # fmt: skip
    noted = after(WriteNote(Words("n-1", "Called."), "body"), case=written)
    assert (next_step(noted).step, facets_of(noted)) == ("nothing", [])


def test_a_reporter_who_only_wants_to_be_asked_no_more_wrote_nothing() -> None:
    followed = after(*BEGUN, DECIDE, FollowUp("yes"))
    one = followed.check_ins[0]
    followed, _ = step(followed, Wake(), one.due_at)
    stopped = after(ReceiveCheckIn(one.number, one.due_at, "declined", True, "a-1"), by=REPORTER, case=followed)
    assert ANSWERED not in facets_of(stopped)
    assert facets_of(after(Close(), case=stopped)) == []
    told = after(ReceiveCheckIn(one.number, one.due_at, "answered", False, "a-2"), by=REPORTER, case=followed)
    assert (ANSWERED in facets_of(told), next_step(told).step) == (True, "read-answer")


def test_every_step_has_its_message() -> None:
    messages = Messages.load([HERE / "i18n"])
    assert {step for step in STEPS if not messages.has(f"desk-next-{step}")} == set()


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=3, hours=4), ("days", 3)),
        (timedelta(hours=47), ("hours", 47)),
        (timedelta(minutes=59), ("minutes", 59)),
        (timedelta(seconds=9), ("minutes", 0)),
    ],
    ids=str,
)
def test_time_left_is_rounded_down(left: timedelta, told: tuple[str, int]) -> None:
    assert time_left(left) == told


def test_facets_say_who_has_a_case_and_what_it_waits_for() -> None:
    assert facets_of(after())[:1] == [UNASSIGNED]
    assert facets_of(after(*BEGUN))[:1] == [f"assignee:{ALICE.ref}"]
    assert WAITING in facets_of(after(*BEGUN, ASK))
    assert WAITING in facets_of(after(*BEGUN, Pause("other_authority", date(2026, 11, 26))))
    assert facets_of(after(*BEGUN, DECIDE, Close())) == []


def test_a_case_is_answered_until_a_person_does_something_with_it() -> None:
    case = after(ReceiveAnswer("q-1", "a-1"), by=REPORTER, case=after(*BEGUN, ASK))
    assert ANSWERED in facets_of(case)
    replied = after(ReceiveReply("7" * 32, "r-1"), by=RESPONDENT, case=case)
    assert ANSWERED in facets_of(replied)
    assert ANSWERED not in facets_of(after(Assign("person:b0b0b0b000000000"), case=replied))
    assert ANSWERED in facets_of(after(ReceiveReply("7" * 32, "r-1"), by=RESPONDENT, case=after(*BEGUN)))
