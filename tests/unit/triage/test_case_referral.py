"""A case that is referred stays with its sender until the other body accepts, and goes on if that body does not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.attendance import People, attend
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.handling import Assign, Start
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.referral import AcceptReferral, DeclineReferral, RecallReferral, Refer
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from services.triage.case.outline import outline_of
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Deadline, Snooze
from shared.access.principal import Role
from shared.events import Actor, CaseReferred, CaseState, Event, ReferralAccepted, ReferralDeclined, ReferralReturned
from shared.policy import load_policy
from tests.support.case_steps import open_case, step
from tests.support.people import coordinator, responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TWO_DAYS, HOUR = timedelta(hours=48), timedelta(hours=1)
ANN = responder("a1a1", "enwiki_arbcom").actor(Role.RESPONDER)
CORA = coordinator("c0ac", "enwiki_arbcom").actor(Role.COORDINATOR)
BODIES = ("enwiki_arbcom", "stewards", "u4c", "trust_safety", "ombuds_commission")
PEOPLE = People({body: [responder("f1f1", body), responder("f2f2", body)] for body in BODIES})
WHY = Words("why")


def opened(**changed: object) -> Case:
    return open_case(AT, **changed)


def after(case: Case, command: Command, at: datetime = AT) -> tuple[Case, list[Event]]:
    return step(case, command, at)


def led(*commands: Command, case: Case | None = None) -> Case:
    case = case or opened()
    for command in commands:
        case, _ = after(case, command)
    return case


def to(body: str, by: object = ANN, people: People = PEOPLE) -> Refer:
    return Refer(body, WHY, by, people)  # type: ignore[arg-type]  # an actor


def refused(case: Case, command: Command, at: datetime = AT) -> str:
    with pytest.raises(FieldsRefused) as caught:
        after(case, command, at)
    return caught.value.faults[0].code


HELD = Assign("person:a1a1000000000000")
BEFORE = {
    CaseState.TRIAGED: (),
    CaseState.ASSIGNED: (HELD,),
    CaseState.INVESTIGATING: (HELD, Start()),
    CaseState.AWAITING_INFORMATION: (HELD, Start(), Ask(Words("q1"))),
}


def test_a_referral_tells_both_bodies_and_leaves_the_case_with_its_sender() -> None:
    case, events = after(led(HELD), to("stewards"))
    assert events[0].fact == CaseReferred(
        previous="assigned",
        state="referred",
        from_body="enwiki_arbcom",
        to_body="stewards",
        reason_id="why",
        accept_by=AT + TWO_DAYS,
    )
    assert events[0].policy_version == POLICY.version
    assert (case.body, case.assignee, case.state) == ("enwiki_arbcom", HELD.assignee, CaseState.REFERRED)
    assert case.next_due == opened().next_due
    assert wakes_at(case) == AT + TWO_DAYS


def clocks(case: Case) -> list[Deadline]:
    """All but that of updates, which begins anew where an answer is awaited no longer."""
    return [deadline for deadline in case.deadlines if deadline.name != "update"]


@pytest.mark.parametrize("state", BEFORE)
def test_an_accepted_case_is_new_in_the_other_body_and_has_no_more_time(state: CaseState) -> None:
    before = led(*BEFORE[state])
    case, events = after(led(to("stewards"), case=before), AcceptReferral(PEOPLE), AT + HOUR)
    assert isinstance(events[0].fact, ReferralAccepted)
    assert (case.state, case.body, case.own_body, case.assignee) == (CaseState.TRIAGED, "stewards", "stewards", None)
    assert [(d.due_at, d.met_at) for d in clocks(case)] == [(d.due_at, d.met_at) for d in clocks(before)]
    assert all(deadline.remaining_seconds is None for deadline in case.deadlines)
    assert (case.lane, case.rule, case.referrals[-1].ended) == (before.lane, before.rule, "accepted")
    assert attend(case, PEOPLE, POLICY, AT) == []


@pytest.mark.parametrize("state", BEFORE)
def test_a_declined_case_goes_on_as_before(state: CaseState) -> None:
    before = led(*BEFORE[state])
    case, events = after(led(to("stewards"), case=before), DeclineReferral(Words("no")), AT)
    assert events[0].fact == ReferralDeclined(
        previous="referred", state=state.value, to_body="stewards", reason_id="no"
    )
    assert (case.state, case.body, case.assignee) == (state, before.body, before.assignee)
    assert clocks(case) == clocks(before)
    assert (case.referrals[-1].ended, case.referrals[-1].answer_id) == ("declined", "no")


@pytest.mark.parametrize("state", BEFORE)
def test_a_referral_that_its_sender_recalls_is_over_at_once_and_may_be_made_again(state: CaseState) -> None:
    before = led(*BEFORE[state])
    case, events = after(led(to("stewards"), case=before), RecallReferral(Words("mistaken")), AT)
    assert events[0].fact == ReferralReturned(
        previous="referred", state=state.value, to_body="stewards", reason_id="mistaken"
    )
    assert (case.state, case.body, case.assignee) == (state, before.body, before.assignee)
    assert clocks(case) == clocks(before)
    assert (case.referrals[-1].ended, case.referrals[-1].answer_id) == ("recalled", "mistaken")
    for command in (AcceptReferral(PEOPLE), DeclineReferral(WHY), RecallReferral(WHY)):
        with pytest.raises(NotPermitted):
            led(command, case=case)
    # The body that was asked had no time to answer, so it was not silent.
    for _ in range(3):
        case = led(to("stewards"), RecallReferral(WHY), case=case)
    assert led(to("stewards"), case=case).state is CaseState.REFERRED


def test_a_body_that_was_silent_twice_is_asked_again_by_a_coordinator_alone() -> None:
    case, at = opened(), AT
    for _ in range(2):
        case, _ = after(case, to("stewards"), at)
        at += TWO_DAYS
        case, _ = after(case, Wake(), at)
    assert [one.ended for one in case.referrals] == ["returned", "returned"]
    assert refused(case, to("stewards"), at) == "had_before"
    assert after(case, to("stewards", CORA), at)[0].state is CaseState.REFERRED
    assert after(case, to("u4c"), at)[0].state is CaseState.REFERRED


@pytest.mark.parametrize(("waited", "is_silence"), [(TWO_DAYS / 2, True), (TWO_DAYS / 2 - HOUR, False)])
def test_a_recall_after_half_of_the_time_counts_as_silence(waited: timedelta, is_silence: bool) -> None:
    case, at = opened(), AT
    for _ in range(2):
        case, _ = after(case, to("stewards"), at)
        at += waited
        case, _ = after(case, RecallReferral(WHY), at)
    if is_silence:
        assert refused(case, to("stewards"), at) == "had_before"
    else:
        assert after(case, to("stewards"), at)[0].state is CaseState.REFERRED
    assert after(case, to("stewards", CORA), at)[0].state is CaseState.REFERRED


def test_a_case_that_is_referred_and_recalled_for_ever_keeps_its_owner_and_no_clock() -> None:
    before = led(Assign(ANN.ref), Start())
    case, at, told = before, AT, set()
    while at < AT + timedelta(days=40):
        case, _ = after(case, to("stewards"), at)
        assert case.asked is not None
        at += (case.asked.accept_by - at) / 2 - timedelta(minutes=1)
        case, woken = after(case, Wake(), at)
        case, recalled = after(case, RecallReferral(WHY), at)
        told |= {(event.fact.name, getattr(event.fact, "deadline", "")) for event in (*woken, *recalled)}
        assert (case.assignee, case.body, case.state) == (ANN.ref, before.body, before.state)
    assert {("deadline.breached", "decision"), ("deadline.escalated", "decision")} <= told


@pytest.mark.parametrize("state", BEFORE)
def test_a_referral_that_nobody_answers_is_over_in_time_and_not_before(state: CaseState) -> None:
    case = led(*BEFORE[state], to("stewards"))
    assert after(case, Wake(), AT + TWO_DAYS - timedelta(seconds=1))[1] == []
    back, events = after(case, Wake(), AT + TWO_DAYS)
    assert (events[0].fact.name, back.state, back.body) == ("case.referral_returned", state, "enwiki_arbcom")
    assert (back.referral, back.referrals[-1].ended) == (None, "returned")
    with pytest.raises(NotPermitted):
        after(case, AcceptReferral(PEOPLE), AT + TWO_DAYS)


def test_an_urgent_referral_is_over_in_an_hour() -> None:
    case = led(to("u4c"), case=opened(flags=("physical_violence",)))
    assert case.referral is not None
    assert case.referral.accept_by == AT + HOUR


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("enwiki_arbcom", "own_body"),
        ("a body that has ended", "cannot_take"),
        ("ombuds_commission", "cannot_take"),
        ("legal", "cannot_take"),
    ],
)
@pytest.mark.parametrize("by", [ANN, CORA])
def test_some_bodies_are_asked_by_nobody(body: str, code: str, by: object) -> None:
    assert refused(opened(), to(body, by)) == code


def test_a_body_with_a_named_or_recused_person_is_refused_like_an_empty_one() -> None:
    steward = PEOPLE.staff["stewards"][0]
    named = replace(PEOPLE, parties=frozenset(steward.pseudonyms))
    recused = led(Recuse("involved", steward.ref, CORA))
    empty = People({body: people for body, people in PEOPLE.staff.items() if body != "stewards"})
    for case, people in ((opened(), named), (recused, PEOPLE), (opened(), empty)):
        assert refused(case, to("stewards", people=people)) == "cannot_take"
    waiting = led(to("stewards"))
    with pytest.raises(NotPermitted):
        after(waiting, AcceptReferral(named))


def test_a_case_goes_in_no_circle_unless_a_coordinator_sends_it() -> None:
    there = led(to("stewards"), AcceptReferral(PEOPLE))
    assert refused(there, to("enwiki_arbcom")) == "had_before"
    assert led(to("enwiki_arbcom", CORA), case=there).state is CaseState.REFERRED
    further = led(to("u4c"), AcceptReferral(PEOPLE), case=there)
    for body in ("enwiki_arbcom", "stewards"):
        assert refused(further, to(body)) == "had_before"
    declined = led(to("stewards"), DeclineReferral(Words("no")))
    assert refused(declined, to("stewards")) == "had_before"
    assert led(to("stewards", CORA), case=declined).state is CaseState.REFERRED
    over, _ = after(led(to("stewards")), Wake(), AT + TWO_DAYS)
    assert led(to("stewards"), case=over).state is CaseState.REFERRED


@pytest.mark.parametrize("role", ["responder", "coordinator"])
def test_nobody_accepts_what_they_have_referred(role: str) -> None:
    case = led(to("stewards"))
    with pytest.raises(NotPermitted):
        led(AcceptReferral(PEOPLE, Actor(ANN.ref, role)), case=case)
    assert not AcceptReferral.suits(case, ANN.ref, Role(role))
    assert AcceptReferral.suits(case, CORA.ref, Role(role))
    assert led(AcceptReferral(PEOPLE, CORA), case=case).body == "stewards"


def test_a_case_is_referred_to_one_body_at_a_time_and_answered_once() -> None:
    case = led(to("stewards"))
    accepted, declined = (led(one, case=case) for one in (AcceptReferral(PEOPLE), DeclineReferral(Words("no"))))
    for command, there in ((to("u4c"), case), (AcceptReferral(PEOPLE), accepted), (DeclineReferral(WHY), declined)):
        with pytest.raises(NotPermitted):
            led(command, case=there)
    for command in (AcceptReferral(PEOPLE), DeclineReferral(WHY)):
        with pytest.raises(NotPermitted):
            led(command)


def test_what_happens_meanwhile_counts_when_the_case_goes_on() -> None:
    asked = led(*BEFORE[CaseState.AWAITING_INFORMATION], to("stewards"), ReceiveAnswer("q1", "a1"))
    assert led(DeclineReferral(WHY), case=asked).state is CaseState.INVESTIGATING
    lost = led(*BEFORE[CaseState.AWAITING_INFORMATION], to("stewards"), LoseReporter())
    assert led(DeclineReferral(WHY), case=lost).state is CaseState.INVESTIGATING
    assert led(to("stewards"), HELD, DeclineReferral(WHY)).state is CaseState.ASSIGNED
    late = led(*BEFORE[CaseState.AWAITING_INFORMATION], to("stewards"), AcceptReferral(PEOPLE))
    assert led(ReceiveAnswer("q1", "a1"), case=late).state is CaseState.TRIAGED


def test_the_body_that_is_asked_sees_an_outline() -> None:
    case = led(
        *BEFORE[CaseState.AWAITING_INFORMATION], Recuse("other", "person:0000000000000000", CORA), to("stewards")
    )
    case = led(Recuse("other", "person:1111111111111111", CORA), case=case)
    outline = outline_of(case)
    assert (outline.seq, outline.deadlines, outline.place) == (case.seq, case.deadlines, case.place)
    assert (outline.flags, outline.recusals, outline.recused, outline.questions, outline.assignee) == (
        (), (), (), (), None,
    )  # fmt: skip
    assert [(step.fact, step.detail) for step in outline.history] == [("case.referred", "stewards")]
    assert outline.referral == case.referral
    assert outline_of(replace(case, snooze=Snooze("person:2222222222222222", None))).snooze is None
