"""A decided case is followed up: who may be asked again and when, and whether what was agreed is kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.triage.case.afterwards import is_answered
from services.triage.case.case import Case
from services.triage.case.check_ins import ASKING as ASKED_IN
from services.triage.case.commands.appeals import DecideAppeal
from services.triage.case.commands.check_ins import CheckIn, ReceiveCheckIn, ReceiveConsent
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.follow_up import Agree, CheckAgreement, FollowUp
from services.triage.case.commands.handling import Close
from services.triage.case.commands.inquiry import LoseReporter, ReceiveAnswer, TakeAnswer
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import fold
from services.triage.case.facets import facets_of, in_community
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from services.triage.case.timers.follow_up import TIMERS
from services.triage.case.timers.table import wakes_at as wakes_next
from services.triage.case.values import Appeal, Question
from services.triage.desk.next_step import next_step
from shared.access.principal import Role
from shared.events import AgreementChecked, AgreementMade, CaseState, CheckInKept, DeadlineFact, Event, FollowUpBegun
from shared.policy import load_policy
from tests.support.case_steps import open_case, step
from tests.support.people import responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ANN, BEN = (responder(name, "enwiki_arbcom").actor(Role.RESPONDER) for name in ("a1a1", "b1b1"))
SOON = date(2026, 12, 24)
ASKING, _ = TIMERS
wakes_at = ASKING.next_at


def decided(setting: str = "online", outcome: str = "advice", state: CaseState = CaseState.DECIDED) -> Case:
    return replace(
        open_case(AT, setting=setting), state=state, outcome=outcome, deadlines=(), questions=(Question("q1", AT),)
    )


def after(case: Case, *commands: Command, at: datetime = AT) -> tuple[Case, list[Event]]:
    """The case, and what was told of it but for its clocks."""
    all_events: list[Event] = []
    for command in commands:
        case, events = step(case, command, at, ANN)
        all_events += (event for event in events if not isinstance(event.fact, DeadlineFact))
    return case, all_events


def followed_up(consent: str = "yes", setting: str = "online") -> Case:
    return after(decided(setting), FollowUp(consent))[0]


def due_after(case: Case) -> list[timedelta]:
    return [check_in.due_at - AT for check_in in case.check_ins]


@pytest.mark.parametrize(
    ("consent", "setting", "expected"),
    [
        ("yes", "online", [7 * DAY, 30 * DAY, 90 * DAY]),
        ("yes", "third_party", [7 * DAY, 30 * DAY, 90 * DAY]),
        ("yes", "in_person", [2 * DAY, 30 * DAY, 90 * DAY]),
        ("yes", "hybrid", [2 * DAY, 30 * DAY, 90 * DAY]),
        ("no", "online", []),
        ("no", "in_person", []),
    ],
)
def test_the_policy_says_when_the_reporter_is_asked_again(
    consent: str, setting: str, expected: Sequence[timedelta]
) -> None:
    case, (event,) = after(decided(setting), FollowUp(consent))
    assert isinstance(event.fact, FollowUpBegun)
    assert (event.fact.previous, event.fact.state, event.fact.consent) == ("decided", "following_up", consent)
    assert event.policy_version == POLICY.version
    assert (case.state, case.consent, due_after(case)) == (CaseState.FOLLOWING_UP, consent, expected)
    assert wakes_at(case) == (AT + expected[0] if expected else None)


@pytest.mark.parametrize("outcome", sorted(POLICY.outcomes))
def test_every_outcome_is_followed_up(outcome: str) -> None:
    assert len(after(decided(outcome=outcome), FollowUp("yes"))[0].check_ins) == 3


def test_a_reporter_who_does_not_answer_is_asked_twice_and_then_never_again() -> None:
    case = followed_up()
    assert after(case, Wake(), at=AT + 7 * DAY - timedelta(seconds=1)) == (case, [])
    case, events = after(case, Wake(), Wake(), at=AT + 7 * DAY)
    assert [(e.fact.name, getattr(e.fact, "attempt", None)) for e in events] == [("case.check_in_due", 1)]
    assert wakes_at(case) == AT + 21 * DAY
    case, events = after(case, Wake(), Wake(), at=AT + 21 * DAY)
    assert [(e.fact.name, getattr(e.fact, "attempt", None)) for e in events] == [("case.check_in_due", 2)]
    case, events = after(case, Wake(), Wake(), at=AT + 35 * DAY)
    assert [e.fact.name for e in events] == ["case.check_in_kept", "case.check_in_kept", "case.check_ins_ended"]
    assert [one.answer for one in case.check_ins] == ["no_answer", "no_answer", None]
    assert (case.unasked_for, wakes_at(case)) == ("no_answer", None)


def test_after_an_outage_one_question_stands_for_all_moments_that_passed() -> None:
    case, events = after(followed_up(), Wake(), Wake(), at=AT + 400 * DAY)
    assert [event.fact.name for event in events] == ["case.check_in_due"]
    case, _ = after(case, said(case), at=AT + 401 * DAY)
    assert [one.answer for one in case.check_ins] == ["answered"] * 3
    assert wakes_at(case) is None


def said(case: Case, answer: str = "answered", *, stop: bool = False, answer_id: str = "c1") -> ReceiveCheckIn:
    return ReceiveCheckIn(1, case.check_ins[0].due_at, answer, stop, answer_id)


@pytest.mark.parametrize(
    ("answer", "stop", "facts", "next_at"),
    [
        ("answered", False, ["case.check_in_kept"], 30 * DAY),
        ("declined", False, ["case.check_in_kept"], 30 * DAY),
        ("answered", True, ["case.check_in_kept", "case.check_ins_ended"], None),
        ("declined", True, ["case.check_in_kept", "case.check_ins_ended"], None),
    ],
)
def test_the_reporter_answers_once_and_can_stop_the_asking(
    answer: str, stop: bool, facts: list[str], next_at: timedelta | None
) -> None:
    case, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    command = said(case, answer, stop=stop)
    case, events = after(case, command, command, at=AT + 8 * DAY)
    assert [event.fact.name for event in events] == facts
    assert (case.check_ins[0].answer, case.check_ins[0].answer_id) == (answer, "c1")
    assert wakes_at(case) == (AT + next_at if next_at else None)
    if stop:
        with pytest.raises(FieldsRefused, match="/consent: asked_no_more"):
            after(replace(case, state=CaseState.DECIDED), FollowUp("yes"))


@pytest.mark.parametrize("state", sorted(set(CaseState) - {CaseState.RECEIVED}))
def test_what_the_reporter_says_counts_more_than_silence_and_in_every_state(state: CaseState) -> None:
    case, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    case, _ = after(case, CheckIn("no_answer"), at=AT + 8 * DAY)
    case, (event,) = after(replace(case, state=state, reachable=False), said(case), at=AT + 9 * DAY)
    assert (event.fact.state, case.check_ins[0].answer) == (state, "answered")
    unknown = ReceiveCheckIn(1, AT, "answered", False, "c2")
    assert after(case, unknown) == (case, [])


def test_what_became_of_a_check_in_can_be_noted_by_a_handler() -> None:
    case, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    case, (event,) = after(case, CheckIn("no_answer"), at=AT + 8 * DAY)
    assert isinstance(event.fact, CheckInKept)
    assert (event.fact.number, event.fact.answer) == (1, "no_answer")
    assert wakes_at(case) == AT + 30 * DAY
    assert not CheckIn.applies(case)
    with pytest.raises(FieldsRefused, match="nothing_due"):
        after(case, CheckIn("answered"), at=AT + 9 * DAY)


@pytest.mark.parametrize("state", sorted(set(CaseState) - {CaseState.RECEIVED}))
def test_an_answer_by_another_door_can_be_noted_whatever_has_become_of_the_case(state: CaseState) -> None:
    case, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    noted, events = after(replace(case, state=state), CheckIn("answered"), at=AT + 8 * DAY)
    assert ([event.fact.name for event in events], noted.state) == (["case.check_in_kept"], state)
    assert noted.check_ins[0].answer == "answered"


@pytest.mark.parametrize("before", [CheckIn("answered"), None], ids=["noted", "answered"])
def test_to_stop_the_asking_later_changes_nothing_of_the_answer(before: CheckIn | None) -> None:
    case, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    case, _ = after(case, before or said(case), at=AT + 8 * DAY)
    answer = "declined" if before else "answered"
    stopped, (event,) = after(case, said(case, answer, stop=True), at=AT + 9 * DAY)
    assert event.fact.name == "case.check_ins_ended"
    assert (stopped.check_ins[0].answer, stopped.unasked_for) == ("answered", "stopped")
    assert wakes_at(stopped) is None


@pytest.mark.parametrize("state", [state for state in CaseState if state not in ASKED_IN])
def test_nobody_is_asked_of_a_case_that_is_not_followed_up_any_more(state: CaseState) -> None:
    assert wakes_at(replace(followed_up(), state=state)) is None


def test_an_agreement_is_tracked_and_its_keeping_checked_as_often_as_needed() -> None:
    case, (event,) = after(followed_up(), Agree(Words("a1", "They say sorry."), "reported", SOON))
    assert isinstance(event.fact, AgreementMade)
    assert (event.fact.agreement_id, event.fact.who, event.fact.by_when) == ("a1", "reported", SOON)
    assert (case.agreements[0].kept, case.agreements[0].checked_by) == ("unknown", None)
    for before, kept in (("unknown", "partly"), ("partly", "yes"), ("yes", "no")):
        case, (event,) = after(case, CheckAgreement("a1", kept), at=AT + DAY)
        assert isinstance(event.fact, AgreementChecked)
        assert (event.fact.previous_kept, event.fact.kept) == (before, kept)
    assert (case.agreements[0].kept, case.agreements[0].checked_by) == ("no", ANN.ref)


@pytest.mark.parametrize("way", [(), (Close(),)], ids=["followed up", "closed"])
def test_handlers_look_at_an_agreement_once_its_day_is_over(way: tuple[Command, ...]) -> None:
    case, _ = after(followed_up("no"), Agree(Words("a1", "They say sorry."), "reported", SOON), *way)
    over = datetime(2026, 12, 25, tzinfo=UTC)
    assert after(case, Wake(), at=over - timedelta(seconds=1))[1] == []
    told: list[Event] = []
    while (due := wakes_next(case)) and due <= over:
        case, events = after(case, Wake(), at=due)
        told += events
    assert [event.fact.name for event in told] == ["case.agreement_due"]
    assert (next_step(case).step, next_step(case).due_at) == ("check-agreement", over)
    assert in_community("enwiki") in facets_of(case)
    checked, _ = after(case, CheckAgreement("a1", "unknown"), at=over + DAY)
    assert next_step(checked).step == ("nothing" if way else "close-at-last")
    assert after(checked, Wake(), at=over + 9 * DAY)[1] == []


def test_what_is_known_of_an_agreement_is_not_asked_for() -> None:
    case, _ = after(followed_up("no"), Agree(Words("a1"), "reported", SOON), CheckAgreement("a1", "yes"), Close())
    assert wakes_next(case) is None


def test_an_agreement_needs_a_day_that_has_not_passed() -> None:
    today = Agree(Words("a1"), "reporter", AT.date())
    assert after(decided(), today)[0].agreements
    with pytest.raises(FieldsRefused, match="/by_when: in_the_past"):
        after(decided(), replace(today, by_when=(AT - DAY).date()))


def test_an_agreement_that_the_case_does_not_have_cannot_be_checked() -> None:
    with pytest.raises(FieldsRefused, match="/agreement: unknown_choice"):
        after(followed_up(), CheckAgreement("a2", "yes"))


def test_a_case_is_closed_with_or_without_a_follow_up() -> None:
    for case in (decided(), followed_up()):
        assert after(case, Close())[0].state is CaseState.CLOSED
    closed, _ = after(followed_up(), Agree(Words("a1"), "witness", SOON), Close())
    assert after(closed, CheckAgreement("a1", "yes"))[0].agreements[0].kept == "yes"
    with pytest.raises(NotPermitted):
        after(closed, FollowUp("yes"))


@pytest.mark.parametrize("state", sorted(set(CaseState) - {CaseState.RECEIVED}))
def test_an_answer_is_never_refused_whatever_has_become_of_the_case(state: CaseState) -> None:
    case, _ = after(decided(state=state), ReceiveAnswer("q1", "a1"))
    assert case.questions[0].answers == ("a1",)
    expected = CaseState.INVESTIGATING if state is CaseState.AWAITING_INFORMATION else state
    assert case.state is expected
    assert after(case, ReceiveAnswer("q1", "a1")) == (case, [])
    noted, _ = after(decided(state=state), TakeAnswer("q1", Words("a1")))
    assert (noted.questions[0].answers, noted.state) == (("a1",), expected)


def test_a_second_follow_up_keeps_what_became_of_the_first_and_a_late_answer_counts() -> None:
    first, _ = after(followed_up(), Wake(), at=AT + 7 * DAY)
    again = replace(first, state=CaseState.DECIDED)
    for consent, numbers in (("yes", [1, 4, 5, 6]), ("no", [1])):
        second, _ = after(again, FollowUp(consent), at=AT + 20 * DAY)
        assert [(one.number, one.answer) for one in second.check_ins] == [
            (number, "no_answer" if number == 1 else None) for number in numbers
        ]
        assert wakes_at(second) == (AT + 27 * DAY if consent == "yes" else None)
        late, _ = after(second, said(first), at=AT + 21 * DAY)
        assert [one.answer for one in late.check_ins] == ["answered", *[None] * (len(numbers) - 1)]


def test_a_second_follow_up_from_before_takes_the_numbers_of_the_first() -> None:
    known, _ = after(followed_up(), Wake(), CheckIn("answered"), at=AT + 7 * DAY)
    begun = after(decided(), FollowUp("yes"), at=AT + 20 * DAY)[1][0]
    again = fold([replace(begun, case_seq=known.seq + 1)], known)
    assert again
    assert [(one.number, one.answer) for one in again.check_ins] == [(1, None), (2, None), (3, None)]


def test_what_the_reporter_says_of_being_asked_again_holds_for_its_handlers() -> None:
    agreed, events = after(decided(), ReceiveConsent("yes"), ReceiveConsent("yes"))
    assert not is_answered(agreed)
    assert [event.fact.name for event in events] == ["case.consent_given"]
    assert FollowUp.chosen(agreed) == {"consent": "yes"}
    with pytest.raises(FieldsRefused, match="consent_given"):
        after(agreed, FollowUp("no"))
    assert len(after(agreed, FollowUp("yes"))[0].check_ins) == 3
    stopped, _ = after(agreed, ReceiveConsent("no"))
    assert FollowUp.chosen(stopped) == {"consent": "no"}
    assert after(stopped, Close())[0].state is CaseState.CLOSED
    with pytest.raises(FieldsRefused, match="asked_no_more"):
        after(stopped, FollowUp("yes"))
    assert after(stopped, FollowUp("no"), ReceiveConsent("yes"), ReceiveConsent("no"))[0].check_ins == ()


YES_ON_THE_PAGE, YES_BY_PHONE = ReceiveConsent("yes"), FollowUp("yes")


@pytest.mark.parametrize(
    "way",
    [(YES_ON_THE_PAGE, Close()), (Close(), YES_ON_THE_PAGE), (YES_BY_PHONE, Close()),
     (YES_ON_THE_PAGE, FollowUp("yes"), Close()), (FollowUp("no"), Close(), YES_ON_THE_PAGE)],
    ids=["page, closed", "closed, page", "phone, closed", "page, followed up", "unasked, closed, page"],
)  # fmt: skip
def test_a_reporter_who_agreed_by_any_door_is_asked_although_the_case_is_closed(way: tuple[Command, ...]) -> None:
    case, _ = after(decided(), *way)
    assert (case.state, case.consent, due_after(case)) == (CaseState.CLOSED, "yes", [7 * DAY, 30 * DAY, 90 * DAY])
    assert case.check_ins == after(case, ReceiveConsent("yes"))[0].check_ins
    asked, events = after(case, Wake(), at=AT + 7 * DAY)
    assert ([event.fact.name for event in events], asked.state) == (["case.check_in_due"], CaseState.CLOSED)
    told, _ = after(asked, said(asked), at=AT + 8 * DAY)
    assert (told.check_ins[0].answer, wakes_at(told)) == ("answered", AT + 30 * DAY)
    stopped, _ = after(told, ReceiveConsent("no"))
    assert wakes_at(stopped) is None


def test_a_reporter_who_agrees_while_an_appeal_runs_is_asked_once_it_has_changed_nothing() -> None:
    closed, _ = after(decided(), Close())
    appeal = Appeal("a1", "reported", "facts", ANN.ref, AT, "r1", CaseState.CLOSED)
    appealed = replace(closed, state=CaseState.APPEALED, appeals=(appeal,))
    case, _ = after(appealed, YES_ON_THE_PAGE, YES_ON_THE_PAGE)
    assert (case.state, case.consent, wakes_at(case)) == (CaseState.APPEALED, "yes", None)
    case, _ = after(case, DecideAppeal("upheld", Words("It was so."), BEN))
    assert (case.state, due_after(case)) == (CaseState.CLOSED, [7 * DAY, 30 * DAY, 90 * DAY])
    assert wakes_at(case) == AT + 7 * DAY


def test_closing_anew_asks_anew_and_what_was_asked_before_stays() -> None:
    case, _ = after(followed_up(), Close(), Wake(), at=AT + 7 * DAY)
    again, _ = after(replace(case, state=CaseState.DECIDED), Close(), at=AT + 20 * DAY)
    assert [(one.number, one.answer) for one in again.check_ins] == [(1, "no_answer"), (4, None), (5, None), (6, None)]
    assert wakes_at(again) == AT + 27 * DAY


@pytest.mark.parametrize(
    "way", [(), (YES_ON_THE_PAGE, ReceiveConsent("no")), (FollowUp("no"),), (YES_ON_THE_PAGE, LoseReporter())]
)
def test_who_did_not_agree_or_cannot_be_asked_is_not_asked_of_a_closed_case(way: tuple[Command, ...]) -> None:
    case, events = after(decided(), *way, Close())
    assert (case.state, case.check_ins, events[-1].fact.name) == (CaseState.CLOSED, (), "case.closed")


def test_a_reporter_begins_or_ends_the_asking_after_the_follow_up_has_begun() -> None:
    unasked, _ = after(decided(), FollowUp("no"))
    asked, events = after(unasked, ReceiveConsent("yes"), at=AT + 2 * DAY)
    assert [event.fact.name for event in events] == ["case.consent_given", "case.follow_up_begun"]
    assert (asked.consent, wakes_at(asked)) == ("yes", AT + 9 * DAY)
    ended, _ = after(after(decided(), FollowUp("yes"))[0], ReceiveConsent("no"))
    assert (ended.unasked_for, wakes_at(ended), next_step(ended).step) == ("stopped", None, "close-at-last")


@pytest.mark.parametrize("begun_anew", [False, True])
def test_who_was_silent_and_then_wants_to_be_asked_is_asked(begun_anew: bool) -> None:
    case = followed_up()
    while due := wakes_at(case):
        case, _ = after(case, Wake(), at=due)
    assert case.unasked_for == "no_answer"
    if begun_anew:
        case = replace(case, state=CaseState.DECIDED)
    case, events = after(case, ReceiveConsent("yes"), at=AT + 90 * DAY)
    assert case.unasked_for is None
    told = ["case.consent_given", "case.follow_up_begun"]
    assert [event.fact.name for event in events] == (told[:1] if begun_anew else told)
    if begun_anew:
        case, _ = after(case, FollowUp("yes"), at=AT + 90 * DAY)
    assert wakes_at(case) == AT + 97 * DAY
