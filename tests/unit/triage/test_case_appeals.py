"""Direct parties appeal, also against inaction; people who did not decide before decide on it."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from services.intake.mailbox.appeals import way_to_appeal
from services.intake.report.status import Deadline as PageDeadline
from services.intake.report.status import Status, follow
from services.triage.case.attendance import People, able, attend
from services.triage.case.case import Case
from services.triage.case.commands.appeals import VERDICTS, DecideAppeal, LodgeAppeal, ReceiveAppeal, Reopen
from services.triage.case.commands.asking import AnswerRecusal, ReceiveRecusalAsk
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.emergency import ActInEmergency, ReviewEmergency
from services.triage.case.commands.handling import Assign, Claim, Close, Release, Start
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer, Tell
from services.triage.case.commands.parties import AddParty
from services.triage.case.commands.referral import DeclineReferral, Refer
from services.triage.case.commands.sorting import ConfirmCategory
from services.triage.case.commands.table import carry_out, decide
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import fold
from services.triage.case.facets import facets_of
from services.triage.case.lifecycle import NotPermitted
from services.triage.case.values import RefusedAppeal
from services.triage.desk.likely import most_likely
from services.triage.desk.next_step import next_step
from shared.events import (
    APPEAL_GROUNDS,
    Actor,
    AppealDecided,
    AppealLodged,
    AppealRefused,
    CaseState,
    DeadlineStarted,
    Event,
)
from tests.support.case_steps import names_of
from tests.support.people import responder
from tests.unit.triage.test_case_decision import (
    ANN,
    AT,
    BEN,
    BODY,
    CAT,
    CORA,
    DOT,
    EVE,
    FAY,
    PEOPLE,
    POLICY,
    STAFF,
    after,
    against,
    agree,
    decision,
    led,
    proposal,
    refused,
)

DAY = timedelta(days=1)
ID = "1" * 8 + "-1111-1111-1111-" + "1" * 12
DECIDED = (proposal("restriction"), agree(BEN), decision("restriction", CAT))


def appeal(
    party: str = "reporter",
    ground: str = "facts",
    by: Actor = CORA,
    why: str = "a1",
    respondent: str = "",
    target: str = "",
) -> LodgeAppeal:
    return LodgeAppeal(party, ground, Words(why), by, respondent=respondent, target=target)


def harmed(name: str, role: str = "target") -> AddParty:
    return AddParty(role, Words(name))


def verdict(verdict: str, by: Actor = DOT, why: str = "v1") -> DecideAppeal:
    return DecideAppeal(verdict, Words(why), by)


def accused(case: Case) -> Case:
    return replace(case, parties=("5" * 32,), subjects=("5" * 32,))


@pytest.mark.parametrize("way", [DECIDED, (*DECIDED, Close())])
@pytest.mark.parametrize("kind", VERDICTS)
def test_a_verdict_leads_back_or_reopens_the_case(way: tuple[Command, ...], kind: str) -> None:
    before = led(*way)
    case, _ = after(before, appeal())
    assert case.state is CaseState.APPEALED
    case, events = after(case, verdict(kind))
    fact = events[0].fact
    assert isinstance(fact, AppealDecided)
    assert (fact.verdict, fact.party, fact.previous_outcome) == (kind, "reporter", "restriction")
    if kind in ("overturned", "remanded"):
        assert (case.state, case.outcome, fact.outcome) == (CaseState.REOPENED, None, None)
        assert after(case, Start())[0].state is CaseState.INVESTIGATING
    else:
        assert (case.state, case.outcome, fact.outcome) == (before.state, "restriction", "restriction")


@pytest.mark.parametrize("by", [ANN, BEN, CAT, Actor(BEN.ref, "coordinator")])
def test_nobody_who_proposed_seconded_or_decided_decides_on_the_appeal(by: Actor) -> None:
    case, _ = after(led(*DECIDED), appeal())
    assert refused(case, verdict("upheld", by)) == [("/verdict", "decided_before")]
    assert [DecideAppeal.suits(case, who.ref, None) for who in (by, DOT)] == [False, True]
    shown = [next_step(case, who.ref).step for who in (by, DOT)]
    assert shown == ["await-verdict", "decide-appeal"]
    assert [most_likely(case, {"decide_appeal"}, step) for step in shown] == [None, "decide_appeal"]


def attended(case: Case, command: Command, at: datetime = AT) -> tuple[Case, list[Event]]:
    """As `after`, with what follows from who is there for the case."""
    done, events = carry_out(
        case, command, POLICY, PEOPLE, at, case_id="c-1", actor=CORA, cause=f"c{case.seq}", trace=None
    )
    assert done is not None
    return done, events


def test_a_decider_who_has_the_case_has_it_no_longer_once_it_is_appealed() -> None:
    assert led(*DECIDED).assignee == ANN.ref
    case, events = attended(led(*DECIDED), appeal())
    assert (names_of(events)[-1], case.assignee) == ("case.handler_apart", None)
    assert "unassigned" in facets_of(case)
    assert DOT.ref in {one.ref for one in able(case, PEOPLE, POLICY, AT)}
    assert attend(case, PEOPLE, POLICY, AT) == []
    taken, _ = after(case, Claim(DOT))
    assert after(taken, verdict("upheld"))[0].assignee == DOT.ref


@pytest.mark.parametrize(("taker", "state"), [(None, CaseState.TRIAGED), (DOT, CaseState.INVESTIGATING)])
def test_after_an_appeal_against_inaction_a_case_that_nobody_has_waits_to_be_taken(
    taker: Actor | None, state: CaseState
) -> None:
    late, _ = after(led(), Wake(), AT + 60 * DAY)
    case, _ = attended(late, appeal(ground="inaction"), AT + 60 * DAY)
    assert (late.assignee, case.assignee) == (ANN.ref, None)
    case = after(case, Claim(taker), AT + 60 * DAY)[0] if taker else case
    assert after(case, verdict("upheld"), AT + 61 * DAY)[0].state is state


def measure(by: Actor) -> ActInEmergency:
    return ActInEmergency("restriction", date(2026, 12, 1), "pages", why=Words(ID), by=by)


def test_nobody_who_voted_or_acted_in_an_emergency_before_decides_on_the_appeal_or_gets_it() -> None:
    votes = (proposal("restriction"), agree(BEN), against(CAT), decision("restriction"))
    case = led(measure(EVE), ReviewEmergency(ID, "confirmed", Words("r1"), FAY), *votes, Release(Words("back"), ANN))
    case, _ = after(case, appeal())
    took_part = [one.ref for one in (ANN, BEN, CAT, EVE, FAY)]
    assert case.deciders == {*took_part, CORA.ref}
    for who in (ANN, BEN, CAT, EVE, FAY):
        assert refused(case, verdict("overturned", who)) == [("/verdict", "decided_before")]
        assert refused(case, Assign(who.ref)) == [("/assignee", "cannot_have")]
        assert refused(case, Claim(who)) == [("", "cannot_have")]
    assert [who.ref for who in STAFF if Claim.suits(case, who.ref, None)] == [DOT.ref]
    assert [who.ref for who in able(case, PEOPLE, POLICY, AT)] == [DOT.ref]
    assert after(case, Claim(DOT))[0].assignee == DOT.ref
    assert after(case, verdict("overturned", DOT))[0].state is CaseState.REOPENED


def test_who_protects_a_person_while_an_appeal_waits_may_still_decide_on_it() -> None:
    case, _ = after(led(*DECIDED), appeal())
    case, _ = after(case, measure(DOT))
    assert after(case, verdict("upheld", DOT))[0].appeal is None


@pytest.mark.parametrize("ground", ["facts", "inaction"])
def test_who_took_an_appeal_down_does_not_decide_on_it(ground: str) -> None:
    case = led(*DECIDED) if ground == "facts" else led()
    case, _ = after(case, appeal(ground=ground, by=DOT), AT + 8 * DAY)
    for kind in VERDICTS:
        assert refused(case, verdict(kind, DOT), AT + 9 * DAY) == [("/verdict", "decided_before")]
    assert DOT.ref not in {one.ref for one in able(case, PEOPLE, POLICY, AT + 9 * DAY)}
    assert after(case, verdict("overturned", EVE), AT + 9 * DAY)[0].state is CaseState.REOPENED


@pytest.mark.parametrize("party", ["reporter", "respondent"])
def test_what_handlers_took_down_takes_no_appeal_from_the_party(party: str) -> None:
    case, _ = after(accused(led(*DECIDED)), appeal(party, by=DOT), AT + DAY)
    case, _ = after(case, verdict("ineligible", EVE), AT + 2 * DAY)
    own, _ = after(case, ReceiveAppeal("p1", "facts", party, "5" * 32 if party == "respondent" else None), AT + 3 * DAY)
    assert [one.id for one in own.appeals] == ["a1", "p1"]
    # The party has said it. So handlers take down no other one.
    own, _ = after(own, verdict("upheld", FAY, "v2"), AT + 4 * DAY)
    assert refused(own, appeal(party, why="a2"), AT + 5 * DAY) == [("/ground", "appealed_before")]


def test_an_appeal_against_inaction_takes_neither_votes_nor_the_missed_clock_away() -> None:
    late, _ = after(led(proposal("restriction"), agree(BEN), against(CAT)), Wake(), AT + 60 * DAY)
    case, _ = after(late, appeal(ground="inaction", by=DOT), AT + 60 * DAY)
    case, _ = after(case, verdict("remanded", EVE), AT + 61 * DAY)
    assert (case.state, case.proposal) == (CaseState.REOPENED, late.proposal)
    assert next_step(case, BEN.ref).step == "start"
    own, _ = after(case, ReceiveAppeal("p1", "inaction"), AT + 62 * DAY)
    assert own.state is CaseState.APPEALED


def test_an_appeal_in_a_case_of_several_reports_is_shown_to_no_party() -> None:
    both = replace(led(*DECIDED), absorbed=("other",))
    case, events = after(both, appeal(), AT + DAY)
    assert (events[0].fact.kept_back, after(led(*DECIDED), appeal())[1][0].fact.kept_back) == (True, False)
    told = DecideAppeal("upheld", Words("v1"), DOT, Words("t1"))
    assert refused(case, told, AT + 2 * DAY) == [("/told", "read_by_nobody")]
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    # Each of the two reporters has an appeal, by the handlers or by a receipt.
    assert after(case, ReceiveAppeal("p1", "facts"), AT + 3 * DAY)[0].appeal is not None
    case, _ = after(case, appeal(why="a2"), AT + 3 * DAY)
    case, _ = after(case, verdict("upheld", EVE, "v2"), AT + 4 * DAY)
    assert refused(case, appeal(why="a3"), AT + 5 * DAY) == [("/ground", "appealed_before")]


def test_an_appeal_goes_to_the_stand_in_where_all_of_the_body_voted_or_acted() -> None:
    own = next(iter(POLICY.stand_ins(BODY)))
    people = People({BODY: STAFF[:4], own: [responder("a4a4", own)]})
    case = led(measure(DOT), proposal("restriction"), agree(BEN), against(CAT), decision("restriction"))
    assert attend(case, people, POLICY, AT) == []
    (passed_on,) = attend(after(case, appeal())[0], people, POLICY, AT)
    assert (passed_on.name, getattr(passed_on, "body", None)) == ("case.passed_on", own)


def test_nobody_decides_twice_on_appeals_of_a_case() -> None:
    case, _ = after(accused(led(*DECIDED)), appeal())
    case, _ = after(case, verdict("upheld"))
    case, _ = after(case, appeal("respondent", why="a2"))
    assert refused(case, verdict("overturned", DOT, "v2")) == [("/verdict", "decided_before")]


def test_who_is_no_party_does_not_appeal() -> None:
    # Nobody is named as the person reported: not either where the report names a witness.
    assert refused(led(*DECIDED), appeal("respondent")) == [("/party", "no_party")]
    assert refused(replace(led(*DECIDED), parties=("5" * 32,)), appeal("respondent")) == [("/party", "no_party")]
    welfare = replace(accused(led(decision("advice"))), category="welfare.self_harm")
    assert refused(welfare, appeal("respondent")) == [("/party", "no_party")]
    assert after(accused(led(*DECIDED)), appeal("respondent"))[0].state is CaseState.APPEALED


def test_an_appeal_by_a_receipt_of_who_is_no_party_is_refused_and_kept() -> None:
    decided = led(*DECIDED)
    welfare = replace(accused(led(decision("advice"))), category="welfare.self_harm")
    for case, party in ((decided, "respondent"), (welfare, "respondent"), (accused(decided), "witness")):
        after_it, _ = after(case, ReceiveAppeal("p1", "facts", party))
        assert (after_it.state, after_it.appeals) == (case.state, ())
        assert [(one.id, one.refusal) for one in after_it.refused_appeals] == [("p1", "not_possible")]
    case, _ = after(accused(decided), ReceiveAppeal("p1", "facts", "respondent"))
    assert case.state is CaseState.APPEALED


def test_the_appeal_of_one_respondent_takes_none_from_another() -> None:
    case, _ = after(accused(led(*DECIDED)), ReceiveAppeal("p1", "facts", "respondent", "a" * 32), AT + DAY)
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    again, _ = after(case, ReceiveAppeal("p2", "facts", "respondent", "a" * 32), AT + 3 * DAY)
    assert [one.refusal for one in again.refused_appeals] == ["appealed_before"]
    other, _ = after(case, ReceiveAppeal("p3", "facts", "respondent", "b" * 32), AT + 3 * DAY)
    assert [one.respondent for one in other.appeals] == ["a" * 32, "b" * 32]


def test_an_appeal_that_handlers_take_down_is_that_of_one_respondent() -> None:
    both = replace(led(*DECIDED), parties=("a" * 32, "b" * 32), subjects=("a" * 32, "b" * 32))
    assert refused(both, appeal("respondent")) == [("/respondent", "missing")]
    assert refused(both, appeal("respondent", respondent="c" * 32)) == [("/respondent", "unknown_choice")]
    assert refused(both, appeal("reporter", respondent="a" * 32)) == [("/respondent", "unknown_choice")]
    case, _ = after(both, appeal("respondent", respondent="a" * 32), AT + DAY)
    assert refused(case, DecideAppeal("upheld", Words("v1"), DOT, Words("t1"))) == [("/told", "read_by_nobody")]
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    again = appeal("respondent", respondent="a" * 32, why="a2")
    assert refused(case, again, AT + 3 * DAY) == [("/ground", "appealed_before")]
    other, _ = after(case, appeal("respondent", respondent="b" * 32, why="a2"), AT + 3 * DAY)
    assert [one.respondent for one in other.appeals] == ["a" * 32, "b" * 32]


def test_the_only_respondent_of_a_case_need_not_be_chosen() -> None:
    one = accused(led(*DECIDED))
    case, _ = after(one, appeal("respondent"), AT + DAY)
    assert [a.respondent for a in case.appeals] == ["5" * 32]
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    before = replace(case, appeals=(replace(case.appeals[0], respondent=None),))
    for known in (case, before):
        again = appeal("respondent", respondent="5" * 32, why="a2")
        assert refused(known, again, AT + 3 * DAY) == [("/ground", "appealed_before")]


def test_a_person_who_suffered_it_appeals_through_the_handlers_where_another_one_reported() -> None:
    # Nobody is known to have suffered it; a witness is no party.
    for way in (DECIDED, (*DECIDED, harmed("w1", "witness"))):
        assert refused(led(*way), appeal("target")) == [("/party", "no_party")]
    decided = led(*DECIDED, harmed("t1"))
    for other in ("reporter", "respondent"):
        assert refused(accused(decided), appeal(other, target="t1")) == [("/target", "unknown_choice")]
    assert refused(decided, appeal("target"), AT + 181 * DAY) == [("/ground", "too_late")]
    case, events = after(decided, appeal("target", by=EVE), AT + DAY)
    lodged = events[0].fact
    assert isinstance(lodged, AppealLodged)
    assert (case.state, lodged.party, lodged.target, lodged.respondent) == (CaseState.APPEALED, "target", "t1", None)
    # Others decide on it than those who decided before, or took it down; and no receipt opens it.
    for by in (ANN, BEN, CAT, EVE):
        assert refused(case, verdict("upheld", by), AT + DAY) == [("/verdict", "decided_before")]
    assert refused(case, DecideAppeal("upheld", Words("v1"), DOT, Words("t1"))) == [("/told", "read_by_nobody")]
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    assert refused(case, appeal("target", why="a2"), AT + 3 * DAY) == [("/ground", "appealed_before")]
    # It takes no appeal from the other parties.
    assert after(case, appeal(why="a2"), AT + 3 * DAY)[0].state is CaseState.APPEALED


def test_of_several_who_suffered_it_the_handler_says_which_one_appeals() -> None:
    both = led(*DECIDED, harmed("t1"), harmed("t2"))
    assert refused(both, appeal("target")) == [("/target", "missing")]
    assert refused(both, appeal("target", target="t3")) == [("/target", "unknown_choice")]
    case, _ = after(both, appeal("target", target="t1"), AT + DAY)
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    assert refused(case, appeal("target", target="t1", why="a2"), AT + 3 * DAY) == [("/ground", "appealed_before")]
    assert after(case, appeal("target", target="t2", why="a2"), AT + 3 * DAY)[0].state is CaseState.APPEALED


def test_a_person_who_suffered_it_appeals_against_inaction() -> None:
    case = led(harmed("t1"))
    assert refused(case, appeal("target", "inaction")) == [("/ground", "not_overdue")]
    appealed, _ = after(case, appeal("target", "inaction"), AT + 40 * DAY)
    assert appealed.appeal is not None
    assert (appealed.appeal.party, appealed.appeal.target) == ("target", "t1")


@pytest.mark.parametrize("ground", [ground for ground in APPEAL_GROUNDS if ground != "inaction"])
def test_a_decision_is_appealed_within_the_window_once_by_each_party(ground: str) -> None:
    case = led(*DECIDED)
    assert after(case, appeal(ground=ground), AT + 180 * DAY)[0].state is CaseState.APPEALED
    assert refused(case, appeal(ground=ground), AT + 181 * DAY) == [("/ground", "too_late")]
    case, _ = after(case, appeal(ground=ground), AT + DAY)
    case, _ = after(case, verdict("upheld"), AT + 2 * DAY)
    assert refused(case, appeal(ground="proportion", why="a2"), AT + 3 * DAY) == [("/ground", "appealed_before")]
    assert refused(led(), appeal(ground=ground)) == [("/ground", "not_decided")]


@pytest.mark.parametrize(
    "way", [(), (Ask(Words("q1")),), (Ask(Words("q1")), ReceiveAnswer("q1", "a1")), DECIDED], ids=str
)
def test_inaction_is_appealed_once_a_deadline_was_missed(way: tuple[Command, ...]) -> None:
    case = led(*way)
    assert refused(case, appeal(ground="inaction")) == [("/ground", "not_overdue")]


def test_inaction_is_appealed_without_a_decision_and_goes_on_where_it_was() -> None:
    case, _ = after(led(), appeal(ground="inaction"), AT + 8 * DAY)
    assert case.state is CaseState.APPEALED
    back, _ = after(case, verdict("upheld"), AT + 9 * DAY)
    assert back.state is CaseState.INVESTIGATING
    assert refused(back, appeal(ground="inaction", why="a2"), AT + 9 * DAY) == [("/ground", "appealed_before")]
    # Another deadline is missed later, and that can be appealed, too.
    assert after(back, appeal(ground="inaction", why="a2"), AT + 29 * DAY)[0].state is CaseState.APPEALED
    # A breach that was told counts as well.
    told, _ = after(led(), Wake(), AT + 8 * DAY)
    assert after(told, appeal(ground="inaction"), AT + 9 * DAY)[0].state is CaseState.APPEALED


def test_an_appeal_that_was_sent_within_the_window_is_in_time_however_late_it_comes() -> None:
    case, until = led(*DECIDED), AT + 180 * DAY
    for sent, refusals in ((until, []), (until + timedelta(seconds=1), ["too_late"])):
        after_it, _ = after(case, ReceiveAppeal("p1", "facts", sent_at=sent), until + DAY)
        assert [one.refusal for one in after_it.refused_appeals] == refusals


def test_the_time_for_an_appeal_stands_still_while_that_of_another_party_waits() -> None:
    case, until = accused(led(*DECIDED)), AT + 180 * DAY
    case, _ = after(case, ReceiveAppeal("p1", "facts"), until - 2 * DAY)
    case, _ = after(case, ReceiveAppeal("p2", "facts", "respondent", "5" * 32), until - DAY)
    case, _ = after(case, ReceiveAppeal("p3", "facts", "respondent", "5" * 32), until + DAY)
    assert [one.refusal for one in case.refused_appeals] == ["not_now", "not_now"]
    case, events = after(case, verdict("upheld"), until + 5 * DAY)
    assert events[0].fact.appeal_until == case.appeal_until == until + 7 * DAY
    for days, refusals in ((7, []), (8, ["too_late"])):
        late, _ = after(case, ReceiveAppeal("p4", "facts", "respondent", "5" * 32), until + days * DAY)
        assert [one.refusal for one in late.refused_appeals][2:] == refusals


@pytest.mark.parametrize("goes_back", [Wake(), DeclineReferral(Words("n1"))], ids=["unanswered", "declined"])
def test_the_reporter_sees_that_the_time_for_an_appeal_stood_still_in_a_referral(goes_back: Command) -> None:
    case, until = led(*DECIDED), AT + 180 * DAY
    others = tuple(responder(name, "stewards") for name in ("5a" * 8, "5b" * 8, "5c" * 8))
    there = People({BODY: STAFF, "stewards": others})
    status = Status(AT, state="decided", outcome="restriction", decided_at=AT, appeal_until=until, seq=case.seq)
    told = []
    for days, command in enumerate((Close(), Reopen(Words("r1")), Start(), Refer("stewards", Words("f1"), ANN))):
        case, events = after(case, command, AT + days * DAY, there)
        told += events
    while case.state is CaseState.REFERRED:
        case, events = after(case, goes_back, AT + 5 * DAY, there)
        told += events
    for event in told:
        status = follow(status, event) or status
    assert names_of(told).count("appeal.window_moved") == 1
    assert case.appeal_until == status.appeal_until == until + 2 * DAY
    last = until + 2 * DAY
    assert "facts" in way_to_appeal(status, POLICY, last, ()).grounds
    assert "facts" not in way_to_appeal(status, POLICY, last + timedelta(seconds=1), ()).grounds
    for at, refusals in ((last, []), (last + timedelta(seconds=1), ["too_late"])):
        assert [one.refusal for one in after(case, ReceiveAppeal("p1", "facts"), at)[0].refused_appeals] == refusals


def test_who_has_the_case_does_not_decide_whether_too_little_was_done() -> None:
    case, _ = after(led(), appeal(ground="inaction"), AT + 8 * DAY)
    assert case.assignee == ANN.ref
    assert refused(case, verdict("upheld", ANN)) == [("/verdict", "decided_before")]


def test_putting_the_case_back_does_not_make_its_handler_a_judge_of_it() -> None:
    case, _ = after(led(), appeal(ground="inaction"), AT + 8 * DAY)
    case, _ = after(case, Release(Words("r1"), ANN), AT + 8 * DAY)
    assert refused(case, verdict("upheld", ANN), AT + 9 * DAY) == [("/verdict", "decided_before")]
    # So it is where the case was put back before the appeal. Who takes it to judge it had no part in it.
    case, _ = after(led(Release(Words("r1"), ANN)), appeal(ground="inaction"), AT + 8 * DAY)
    case, _ = after(case, Assign(BEN.ref), AT + 8 * DAY)
    assert refused(case, verdict("upheld", ANN), AT + 9 * DAY) == [("/verdict", "decided_before")]
    assert after(case, verdict("upheld", BEN), AT + 9 * DAY)[0].appeal is None


def test_there_is_one_appeal_at_a_time_and_none_to_decide_without_one() -> None:
    case, _ = after(led(*DECIDED), appeal())
    for command in (appeal(ground="facts", why="a2"), Close(), Reopen(Words("r"))):
        with pytest.raises(NotPermitted):
            after(case, command)
    with pytest.raises(NotPermitted):
        after(led(*DECIDED), verdict("upheld"))


def test_reopening_starts_the_deadlines_anew() -> None:
    at = AT + 60 * DAY
    case, events = after(led(*DECIDED, Close()), Reopen(Words("r1")), at)
    assert (case.state, case.outcome, case.reason_id) == (CaseState.REOPENED, None, None)
    started = [event.fact for event in events if isinstance(event.fact, DeadlineStarted)]
    assert {fact.deadline for fact in started} == {"first_response", "decision", "update"}
    due = {d.name: d.due_at for d in case.deadlines if d.met_at is None}
    assert due == {"first_response": at + 7 * DAY, "decision": at + 28 * DAY, "update": at + 14 * DAY}
    anew = [fact.previous_due_at for fact in started if fact.deadline != "update"]
    assert all(before and before < at for before in anew)
    for command in (Start(), proposal("advice", why="p2"), agree(BEN), decision("advice")):
        case, _ = after(case, command, at + DAY)
    assert {d.met_at for d in case.deadlines if d.name == "decision"} == {at + DAY}


BANNED = (proposal("permanent_ban"), agree(BEN), agree(CAT), decision("permanent_ban"))


def test_a_reopened_decision_is_appealed_while_a_measure_of_it_stands() -> None:
    case = accused(led(*BANNED))
    until = case.appeal_until
    for command in (Close(), Reopen(Words("r1")), Start()):
        case, events = after(case, command, AT + DAY)
    assert (case.outcome, case.decided_at, case.appeal_until, until) == (None, AT, until, AT + 180 * DAY)
    assert fold(events, replace(case, history=case.history[: -len(events)])).appeal_until == until
    assert LodgeAppeal.applies(case)
    assert refused(case, appeal("respondent"), AT + 181 * DAY) == [("/ground", "too_late")]
    # What is not decided in time after that can be appealed all the same.
    assert after(case, appeal(ground="inaction"), AT + 181 * DAY)[0].state is CaseState.APPEALED
    case, _ = after(case, ReceiveAppeal("p1", "facts", "respondent", "5" * 32), AT + 2 * DAY)
    again, _ = after(case, verdict("upheld"), AT + 3 * DAY)
    assert again.state is CaseState.INVESTIGATING
    assert refused(again, appeal("respondent"), AT + 4 * DAY) == [("/ground", "appealed_before")]
    case, _ = after(case, verdict("overturned"), AT + 3 * DAY)
    assert (case.decided_at, case.appeal_until, case.measures[0].stands) == (None, None, False)
    assert refused(case, appeal("reporter"), AT + 4 * DAY) == [("/ground", "not_decided")]


def test_a_corrected_category_takes_no_appeal_from_a_person_who_is_banned() -> None:
    case = accused(led(*BANNED))
    for command in (Close(), Reopen(Words("r1")), ConfirmCategory("welfare.self_harm", Words("c1"), ANN)):
        case, _ = after(case, command, AT + DAY)
    assert after(case, appeal("respondent"), AT + DAY)[0].state is CaseState.APPEALED
    own = ReceiveAppeal("p1", "facts", "respondent", "5" * 32)
    assert after(case, own, AT + DAY)[0].state is CaseState.APPEALED


def test_what_is_reopened_without_a_measure_takes_no_appeal_before_the_next_decision() -> None:
    case = led(decision("warning"))
    for command in (Close(), Reopen(Words("r1"))):
        case, _ = after(case, command, AT + DAY)
    assert (case.decided_at, case.appeal_until) == (None, None)
    assert refused(case, appeal(), AT + DAY) == [("/ground", "not_decided")]


def test_an_appeal_goes_to_a_body_with_people_who_did_not_decide() -> None:
    two = People({BODY: STAFF[:3], "u4c": [responder("a4a4", "u4c")]}, PEOPLE.parties)
    case = led(*DECIDED)
    assert attend(case, two, POLICY, AT) == []
    appealed, _ = after(case, appeal())
    assert [fact.name for fact in attend(appealed, PEOPLE, POLICY, AT)] == ["case.handler_apart"]
    own = next(iter(POLICY.stand_ins(BODY)))
    others = People({BODY: STAFF[:3], own: [responder("a4a4", own)]})
    (passed_on,) = attend(appealed, others, POLICY, AT)
    assert (passed_on.name, getattr(passed_on, "body", None)) == ("case.passed_on", own)


def test_an_answer_is_taken_while_an_appeal_waits() -> None:
    case, _ = after(led(), Wake(), AT + 8 * DAY)
    case, _ = after(case, Ask(Words("q1")), AT + 8 * DAY)
    case, _ = after(case, appeal(ground="inaction"), AT + 8 * DAY)
    case, events = after(case, ReceiveAnswer("q1", "a1"), AT + 9 * DAY)
    assert (case.state, events[0].fact.name) == (CaseState.APPEALED, "case.information_received")
    assert fold([], case) == case


@pytest.mark.parametrize("came", [ReceiveAnswer("q1", "a1"), LoseReporter()], ids=lambda came: came.name)
def test_a_case_whose_answer_came_or_never_will_awaits_nothing_after_the_appeal(came: Command) -> None:
    case, _ = after(led(), Wake(), AT + 8 * DAY)
    for command in (Ask(Words("q1")), appeal(ground="inaction")):
        case, _ = after(case, command, AT + 8 * DAY)
    assert after(case, verdict("upheld"), AT + 8 * DAY)[0].state is CaseState.AWAITING_INFORMATION
    case, _ = after(case, came, AT + 8 * DAY)
    assert after(case, verdict("upheld"), AT + 9 * DAY)[0].state is CaseState.INVESTIGATING


def test_an_appeal_by_a_slower_clock_than_the_decision_is_one_against_it() -> None:
    case, _ = after(led(*DECIDED), appeal(), AT - timedelta(seconds=1))
    case, _ = after(case, verdict("upheld"), AT + DAY)
    assert refused(case, appeal(why="a2"), AT + 2 * DAY) == [("/ground", "appealed_before")]


@pytest.mark.parametrize(
    ("way", "ground", "days", "told"),
    [
        (DECIDED, "facts", 1, None),
        ((*DECIDED, Close()), "facts", 1, None),
        ((), "inaction", 8, None),
        ((), "facts", 1, "not_decided"),
        ((), "inaction", 1, "not_overdue"),
        (DECIDED, "facts", 181, "too_late"),
        (DECIDED, "inaction", 1, "not_overdue"),
        ((*DECIDED, appeal("respondent")), "facts", 1, "not_now"),
        ((*DECIDED, ReceiveAppeal("p0", "facts"), verdict("upheld")), "facts", 1, "appealed_before"),
        ((*DECIDED, appeal(), verdict("ineligible")), "facts", 1, None),
    ],
)
def test_the_reporters_own_appeal_is_lodged_or_refused_once(
    way: tuple[Command, ...], ground: str, days: int, told: str | None
) -> None:
    case = accused(led())
    for hours, command in enumerate(way):
        case, _ = after(case, command, AT + timedelta(hours=hours))
    before, at = case, AT + days * DAY
    case, events = after(case, ReceiveAppeal("p1", ground), at)
    fact = events[0].fact
    if told is None:
        assert isinstance(fact, AppealLodged)
        assert (fact.party, fact.appeal_ground, fact.reason_id, case.state) == ("reporter", ground, "p1", "appealed")
    else:
        assert isinstance(fact, AppealRefused)
        assert (fact.refusal, case.state, case.appeals) == (told, before.state, before.appeals)
    # It comes again, later and when it could be taken: nothing happens.
    assert decide(case, ReceiveAppeal("p1", ground), POLICY, at + DAY) == []


def test_a_decision_can_be_appealed_for_as_long_as_was_told_with_it() -> None:
    case = led(*DECIDED)
    assert case.appeal_until == AT + 180 * DAY
    longer = replace(case, appeal_until=AT + 200 * DAY)
    assert after(longer, ReceiveAppeal("p1", "facts"), AT + 190 * DAY)[0].state is CaseState.APPEALED
    # Inaction before a decision can be appealed for no longer than the decision.
    missed, _ = after(led(), Wake(), AT + 8 * DAY)
    case, _ = after(missed, decision("advice"), AT + 8 * DAY)
    assert refused(case, appeal(ground="inaction"), AT + 189 * DAY) == [("/ground", "too_late")]
    assert after(case, appeal(ground="inaction"), AT + 187 * DAY)[0].state is CaseState.APPEALED


def test_a_deadline_that_was_kept_too_late_can_be_appealed_though_no_breach_was_told() -> None:
    case = led()
    late = tuple(replace(d, met_at=d.due_at + DAY) if d.name == "decision" else d for d in case.deadlines)
    case = replace(case, deadlines=late)
    assert LodgeAppeal.applies(case)
    assert after(case, ReceiveAppeal("p1", "inaction"), AT + 5 * DAY)[0].state is CaseState.APPEALED


ASKED = (0, ReceiveRecusalAsk("q1", "reporter"))
TOLD = [(day, Tell(Words(f"m{day}"))) for day in (13, 26)]
THEIRS = (0, ReceiveRecusalAsk("q2", "respondent", "5" * 32))


@pytest.mark.parametrize(
    ("steps", "days", "inaction"),
    [
        pytest.param([], 6, (False, False), id="nothing-is-missed"),
        pytest.param([], 8, (True, True), id="first-response"),
        pytest.param([*((0, command) for command in DECIDED)], 15, (False, False), id="after-decision"),
        pytest.param(
            [*((0, command) for command in DECIDED), (1, appeal()), *TOLD, (38, verdict("upheld"))], 41, (False, False),
            id="appeal-decision",
        ),
        pytest.param([ASKED], 4, (False, False), id="asked"),
        pytest.param([ASKED], 6, (True, False), id="reporter-waits"),
        pytest.param([THEIRS], 6, (False, True), id="respondent-waits"),
        pytest.param([(2, ASKED[1]), THEIRS], 6, (False, True), id="the-newer-one-is-not-late"),
        pytest.param([ASKED, (6, AnswerRecusal("q1", "refused", Words("w1"), DOT))], 6.5, (True, False), id="too-late"),
        pytest.param([ASKED, (4, AnswerRecusal("q1", "refused", Words("w1"), DOT))], 6.5, (False, False), id="in-time"),
    ],
)  # fmt: skip
def test_a_party_appeals_against_inaction_where_it_was_owed_what_was_missed(
    steps: list[tuple[float, Command]], days: float, inaction: tuple[bool, bool]
) -> None:
    case = accused(led())
    due = tuple(PageDeadline(d.name, d.due_at, d.met_at) for d in case.deadlines)
    status = Status(AT, state=case.state, seq=case.seq, body=case.body, deadlines=due, deadlines_told=True)
    for day, command in steps:
        case, events = after(case, command, AT + day * DAY)
        for event in events:
            status = follow(status, event) or status
    now = AT + days * DAY
    for party, token, owed in zip(("reporter", "respondent"), (None, "5" * 32), inaction, strict=True):
        own = status if party == "reporter" else replace(status, appeals=status.their_appeals)
        assert ("inaction" in way_to_appeal(own, POLICY, now, (), token).grounds) is owed
        taken, _ = after(case, ReceiveAppeal("p1", "inaction", party, token), now)
        assert [one.refusal for one in taken.refused_appeals] == ([] if owed else ["not_overdue"])
        assert (taken.state is CaseState.APPEALED) is owed


def test_a_message_takes_no_missed_clock_from_an_appeal() -> None:
    case, _ = after(led(), Tell(Words("m1")))
    due = {d.name: d.due_at for d in case.deadlines}["update"]
    case, _ = after(case, Tell(Words("m2")), due + DAY)
    missed = [d for d in case.deadlines if d.was_missed]
    assert ([d.name for d in case.earlier_deadlines if d.was_missed], missed) == (["update"], [])
    assert LodgeAppeal.applies(case)
    taken, _ = after(case, ReceiveAppeal("p1", "inaction"), due + 2 * DAY)
    assert taken.state is CaseState.APPEALED
    # A line that was kept in time, or had time left when the next one began, is no inaction.
    kept, _ = after(after(led(), Tell(Words("m1")))[0], Tell(Words("m2")), AT + DAY)
    assert kept.earlier_deadlines
    assert refused(kept, appeal(ground="inaction"), AT + 2 * DAY) == [("/ground", "not_overdue")]


def test_an_appeal_in_a_merged_case_is_refused_for_good_and_kept() -> None:
    missed, _ = after(led(), Wake(), AT + 8 * DAY)
    merged = replace(missed, state=CaseState.MERGED)
    case, _ = after(merged, ReceiveAppeal("p1", "inaction"), AT + 8 * DAY)
    assert case.refused_appeals == (RefusedAppeal("p1", "inaction", AT + 8 * DAY, "not_possible"),)
    assert case.state is CaseState.MERGED


def test_words_on_an_appeal_need_a_receipt_that_opens_it() -> None:
    told = DecideAppeal("upheld", Words("v1"), DOT, Words("t1"))
    case, _ = after(accused(led(*DECIDED)), appeal("respondent"))
    assert refused(case, told) == [("/told", "read_by_nobody")]
    case, _ = after(led(*DECIDED), appeal())
    assert after(case, told)[0].appeal is None
    case, _ = after(accused(led(*DECIDED)), ReceiveAppeal("p1", "facts", "respondent", "5" * 32))
    case, events = after(case, told)
    assert (case.appeal, events[0].fact.told_id) == (None, "t1")
