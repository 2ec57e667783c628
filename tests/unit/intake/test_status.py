"""What became of a report follows its case's facts: by their state, and of deadlines what triage tells."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import pytest

from services.intake.mailbox.appeals import way_to_appeal
from services.intake.mailbox.views import view_deadlines
from services.intake.report.status import Status, follow
from shared.events import (
    AppealDecided,
    AppealLodged,
    CaseAbsorbed,
    CaseAssigned,
    CaseAttended,
    CaseDecided,
    CaseFact,
    CaseMerged,
    CasePassedOn,
    CaseReopened,
    CaseTriaged,
    CaseUnattended,
    CaseUnmerged,
    ClocksFollowed,
    ClockThere,
    DeadlineBreached,
    DeadlineMet,
    DeadlinePaused,
    DeadlineResumed,
    DeadlineSet,
    DeadlineStarted,
    EmergencyMeasureReviewed,
    EmergencyMeasureTaken,
    InformationRequested,
    InvestigationStarted,
    InvitationAccepted,
    JointEnded,
    MeasureEnded,
    MeasureExpired,
    MeasureFact,
    MeasureLapsed,
    RecusalConfirmed,
    RecusalDeclared,
    RecusalLapsed,
    RecusalWithdrawn,
    ReferralAccepted,
)
from shared.policy import load_policy
from tests.support.intake_rig import START, case_event

POLICY = load_policy(None)
DAY = timedelta(days=1)
DUE = START + 7 * DAY
STEP = {"previous": "investigating", "state": "investigating"}
TRIAGED = CaseTriaged(
    previous="received", state="triaged", category="unclassified", lane="standard", body="enwiki_arbcom",
    rule="one-wiki", deadlines=(DeadlineSet(name="decision", due_at=DUE),), deadlines_told=True,
)  # fmt: skip


def after(*facts: CaseFact, days: float = 1) -> Status:
    """The status after these facts, each so many days after the one before."""
    status = Status(updated_at=START)
    for seq, fact in enumerate(facts, 1):
        followed = follow(status, case_event("r-1", seq, fact, START + seq * days * DAY))
        assert followed is not None
        status = followed
    return status


def standing(status: Status, now: datetime = START) -> tuple[str, bool | None]:
    (view,) = view_deadlines(status, now)
    return view.standing, view.met


def met(at: datetime) -> DeadlineMet:
    return DeadlineMet(**STEP, deadline="decision", due_at=DUE, met_at=at)


PAUSED = DeadlinePaused(**STEP, deadline="decision", due_at=DUE, remaining_seconds=3600)


@pytest.mark.parametrize(("at", "told"), [(DUE, ("met", True)), (DUE + DAY, ("late", False))])
def test_a_deadline_is_met_in_time_or_late_as_triage_tells_it(at: datetime, told: tuple[str, bool]) -> None:
    assert standing(after(TRIAGED, met(at))) == told


def test_no_step_keeps_a_deadline_that_triage_would_tell_of() -> None:
    assert standing(after(TRIAGED, InvestigationStarted(**STEP))) == ("open", None)


def test_a_paused_deadline_is_not_late_and_runs_again_to_a_new_date() -> None:
    assert standing(after(TRIAGED, PAUSED), DUE + DAY) == ("paused", None)
    resumed = DeadlineResumed(**STEP, deadline="decision", due_at=DUE + 9 * DAY)
    again = after(TRIAGED, PAUSED, resumed)
    assert standing(again, DUE + DAY) == ("open", None)
    assert again.deadlines[0].due_at == DUE + 9 * DAY
    assert standing(after(TRIAGED, PAUSED, met(DUE))) == ("met", True)


def test_a_breach_is_told_even_to_a_reader_with_a_clock_behind() -> None:
    breached = DeadlineBreached(**STEP, deadline="decision", due_at=DUE)
    assert standing(after(TRIAGED, breached)) == ("late", False)
    assert standing(after(TRIAGED, breached, met(DUE + DAY))) == ("late", False)


def test_what_is_told_of_a_deadline_that_the_case_has_not_changes_no_deadline() -> None:
    strange = DeadlineMet(**STEP, deadline="strange", due_at=DUE, met_at=DUE)
    assert after(TRIAGED, strange).deadlines == after(TRIAGED).deadlines


class CaseTurnedPurple(CaseFact):
    """A step that only a later version tells."""

    name: ClassVar[str] = "case.turned_purple"


def test_a_fact_that_says_nothing_else_is_followed_by_its_state() -> None:
    status = after(TRIAGED, CaseTurnedPurple(previous="triaged", state="purple"))
    assert (status.state, status.updated_at) == ("purple", START + 2 * DAY)


def test_a_question_is_kept_with_the_state_it_led_to() -> None:
    asked = InformationRequested(previous="investigating", state="awaiting_information", question_id="q-1")
    status = after(TRIAGED, asked, PAUSED)
    assert [question.question_id for question in status.questions] == ["q-1"]


def test_who_may_read_follows_recusals_and_body_and_the_reporter_sees_none_of_it() -> None:
    ben, cat = "person:b1b1000000000000", "person:c1c1000000000000"
    declared = [RecusalDeclared(**STEP, person=person, ground="other") for person in (ben, cat)]
    passed = CasePassedOn(**STEP, lane="standard", body="u4c", previous_body="enwiki_arbcom")
    triaged, alone = after(TRIAGED), CaseUnattended(**STEP, body="u4c")
    for facts, recused, body in (
        ([*declared], (ben, cat), "enwiki_arbcom"),
        ([*declared, RecusalConfirmed(**STEP, person=ben)], (ben, cat), "enwiki_arbcom"),
        ([*declared, RecusalLapsed(**STEP, person=ben)], (cat,), "enwiki_arbcom"),
        ([*declared, RecusalWithdrawn(**STEP, person=cat, withdrawal="mistaken")], (ben,), "enwiki_arbcom"),
        ([passed, alone, CaseAttended(**STEP, body="u4c")], (), "u4c"),
    ):
        status = after(TRIAGED, *facts)
        assert (status.recused, status.body, status.seq) == (recused, body, 1 + len(facts))
        assert (status.state, status.updated_at) == (triaged.state, triaged.updated_at)


def test_the_outcome_of_a_case_that_is_reopened_stands_no_longer() -> None:
    decided = CaseDecided(previous="investigating", state="decided", outcome="warning", reason_id="d1")
    appeal = {"appeal_id": "a1", "party": "reporter", "reason_id": "v1"}
    upheld = AppealDecided(previous="appealed", state="decided", verdict="upheld", outcome="warning", **appeal)
    overturned = AppealDecided(previous="appealed", state="reopened", verdict="overturned", **appeal)
    reopened = CaseReopened(previous="closed", state="reopened", reason_id="r1")
    assert (after(TRIAGED, decided, upheld).outcome, after(TRIAGED, decided, upheld).state) == ("warning", "decided")
    for fact in (overturned, reopened):
        status = after(TRIAGED, decided, fact)
        assert (status.state, status.outcome, status.reason_id) == ("reopened", None, None)


@pytest.mark.parametrize(("late", "outcome_grounds"), [(0, True), (40, False)])
def test_what_still_imposes_a_measure_is_appealed_until_its_window_ends(late: int, outcome_grounds: bool) -> None:
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="warning", reason_id="d1", appeal_until=DUE + 10 * DAY
    )
    reopened = CaseReopened(previous="closed", state="reopened", reason_id="r1", still_imposed=True)
    status = after(TRIAGED, decided, reopened)
    way = way_to_appeal(status, POLICY, DUE + late * DAY, ())
    assert (status.outcome, "facts" in way.grounds, way.barred) == (None, outcome_grounds, None)
    assert ("inaction" in way.grounds) is (late > 0)


@pytest.mark.parametrize("end", [MeasureEnded, MeasureExpired])
@pytest.mark.parametrize("measure_id", ["d1", "m1"])
def test_only_the_end_of_its_measure_ends_appeals_against_what_was_reopened(
    end: type[MeasureFact], measure_id: str
) -> None:
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="suspension", reason_id="d1", scope="wiki", appeal_until=DUE
    )
    reopened = CaseReopened(previous="closed", state="reopened", reason_id="r1", still_imposed=True)
    closed = InvestigationStarted(previous="reopened", state="closed")
    more = {"end": "early", "reason_id": "e1"} if end is MeasureEnded else {}
    ended = end(previous="reopened", state="reopened", measure_id=measure_id, outcome="suspension", **more)
    stands = measure_id != "d1"
    for status in (
        after(decided, reopened, ended),
        # Who reopens it a second time changes nothing.
        after(decided, reopened, closed, reopened, ended),
    ):
        assert "facts" in way_to_appeal(after(decided, reopened), POLICY, START, ()).grounds
        assert ("facts" in way_to_appeal(status, POLICY, START, ()).grounds) is stands
        assert (status.decided_at is not None, status.appeal_until is not None) == (stands, stands)
    assert after(decided, ended).appeal_until == DUE


@pytest.mark.parametrize(("imposed", "stands"), [((), False), (("d1",), False), (("d1", "m1"), True)])
def test_what_was_reopened_before_ids_were_kept_ends_with_the_last_measure(
    imposed: tuple[str, ...], *, stands: bool
) -> None:
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="suspension", reason_id="d1", scope="wiki", appeal_until=DUE
    )
    reopened = CaseReopened(previous="closed", state="reopened", reason_id="r1", still_imposed=True)
    before = replace(after(decided, reopened), reopened=None, imposed=imposed)
    ended = MeasureExpired(previous="reopened", state="reopened", measure_id="d1", outcome="suspension")
    status = follow(before, case_event("r-1", before.seq + 1, ended))
    assert status is not None
    assert (status.decided_at is not None, status.appeal_until is not None) == (stands, stands)


@pytest.mark.parametrize("party", ["reporter", "respondent"])
def test_an_appeal_that_is_kept_back_is_on_no_page(party: str) -> None:
    appeal = {"appeal_id": "a1", "party": party}
    lodged = AppealLodged(
        previous="decided", state="appealed", appeal_ground="facts", reason_id="w", kept_back=True, **appeal
    )
    upheld = AppealDecided(previous="appealed", state="decided", verdict="upheld", reason_id="v", told_id="t", **appeal)
    for status in (after(TRIAGED, lodged), after(TRIAGED, lodged, upheld)):
        assert (status.appeals, status.their_appeals) == ((), ())


def test_an_appeal_of_the_person_who_suffered_it_is_no_appeal_of_a_respondent() -> None:
    lodged = AppealLodged(
        previous="triaged", state="appealed", appeal_id="a1", party="target", appeal_ground="inaction", reason_id="w"
    )
    status = after(TRIAGED, lodged)
    assert (status.appeals, status.their_appeals, status.binds(DUE)) == ((), (), False)


def test_the_time_for_an_appeal_is_as_was_told_with_the_verdict_on_the_one_before() -> None:
    decided = CaseDecided(
        previous="investigating", state="decided", outcome="warning", reason_id="d1", appeal_until=DUE + DAY
    )
    theirs = {"appeal_id": "a1", "party": "respondent", "reason_id": "v1", "verdict": "upheld"}
    for until in (None, DUE + 9 * DAY):
        upheld = AppealDecided(previous="appealed", state="decided", outcome="warning", appeal_until=until, **theirs)
        way = way_to_appeal(after(TRIAGED, decided, upheld), POLICY, DUE + 5 * DAY, ())
        assert (way.barred, way.until) == (("over", DUE + DAY) if until is None else (None, until))


def test_a_clock_that_starts_anew_is_followed_and_one_of_the_handlers_own_is_not_shown() -> None:
    anew = DeadlineStarted(**STEP, deadline="decision", due_at=DUE + 30 * DAY)
    own = DeadlineStarted(**STEP, deadline="emergency_measure_review", due_at=DUE)
    status = after(TRIAGED, met(DUE), anew, own)
    assert [(d.name, d.due_at, d.met_at) for d in status.deadlines] == [("decision", DUE + 30 * DAY, None)]


def test_a_missed_clock_can_be_appealed_though_its_next_line_runs() -> None:
    anew = DeadlineStarted(**STEP, deadline="decision", due_at=DUE + 30 * DAY)
    for kept, grounds in (([met(DUE + DAY)], ("inaction",)), ([met(DUE)], ()), ([], ("inaction",))):
        status = after(TRIAGED, *kept, anew, days=5)
        assert standing(status, DUE + 9 * DAY) == ("open", None)
        assert way_to_appeal(status, POLICY, DUE + 9 * DAY, ()).grounds == grounds


def test_a_reporter_sees_nothing_of_a_merger_and_the_report_counts_as_closed() -> None:
    merged = CaseMerged(previous="investigating", state="merged", other_case="x")
    resumed = DeadlineResumed(previous="merged", state="merged", deadline="decision", due_at=DUE)
    status = after(TRIAGED, InvestigationStarted(**STEP), merged, resumed)
    assert (status.state, status.before_merge) == ("closed", "investigating")
    unmerged = CaseUnmerged(previous="merged", state="investigating", other_case="x")
    status = after(TRIAGED, InvestigationStarted(**STEP), merged, unmerged)
    assert (status.state, status.before_merge) == ("investigating", None)


def test_a_clock_that_began_anew_after_the_merge_is_shown_as_it_is_now() -> None:
    merged = CaseMerged(previous="investigating", state="merged", other_case="x")
    told = {"previous": "merged", "state": "merged"}
    there = ClocksFollowed(**told, deadlines=(ClockThere(name="decision", due_at=DUE),), told=1)
    anew = DeadlineStarted(**told, deadline="decision", previous_due_at=DUE, due_at=DUE + 9 * DAY)
    status = after(TRIAGED, merged, there, anew)
    assert standing(status, DUE + DAY) == ("open", None)
    assert way_to_appeal(status, POLICY, DUE + DAY, ()).barred == "nothing"
    kept = ClocksFollowed(**told, deadlines=(ClockThere(name="decision", due_at=DUE, met_at=DUE),), told=1)
    assert standing(after(TRIAGED, merged, kept), DUE + DAY) == ("met", True)


def test_a_survivor_has_the_lane_and_the_person_that_triage_tells() -> None:
    assigned = CaseAssigned(previous="triaged", state="assigned", assignee="person:a11ce0de00000000")
    absorbed = CaseAbsorbed(
        previous="assigned", state="assigned", other_case="x", lane="emergency", previous_lane="standard"
    )
    status = after(TRIAGED, assigned, absorbed)
    assert (status.state, status.lane, status.assignee) == ("assigned", "emergency", None)


def test_a_reporter_sees_which_bodies_work_on_the_report_now() -> None:
    step = {"previous": "assigned", "state": "assigned"}
    joined = [InvitationAccepted(**step, body=body) for body in ("stewards", "u4c")]
    assert after(TRIAGED, *joined).joined == ("stewards", "u4c")
    status = after(TRIAGED, *joined, JointEnded(**step, body="u4c", assignee="person:a11ce0de00000000"))
    assert (status.joined, status.assignee) == (("stewards",), "person:a11ce0de00000000")
    # One that gets the case has it, and has not joined it.
    taken = ReferralAccepted(previous="referred", state="triaged", body="stewards", previous_body="enwiki_arbcom")
    assert (after(TRIAGED, *joined, taken).body, after(TRIAGED, *joined, taken).joined) == ("stewards", ("u4c",))


def test_an_erased_report_still_binds_while_a_measure_stands_or_can_be_appealed() -> None:
    measure = {"measure_id": "m-1", "outcome": "restriction"}
    step = {"previous": "investigating", "state": "investigating"}
    taken = EmergencyMeasureTaken(
        **step, **measure, scope="community", until=DUE.date(), reason_id="r", review_by=DUE + DAY
    )
    ends = (
        EmergencyMeasureReviewed(**step, **measure, review="ended", reason_id="r"),
        MeasureEnded(**step, **measure, end="early", reason_id="r"),
        MeasureLapsed(**step, **measure),
        MeasureExpired(**step, **measure),
    )
    assert not after(TRIAGED).binds(DUE)
    kept = EmergencyMeasureReviewed(**step, **measure, review="confirmed", reason_id="r")
    assert after(TRIAGED, taken, kept).binds(DUE)
    assert [after(TRIAGED, taken, end).binds(DUE) for end in ends] == [False] * 4
    decided = {"previous": "investigating", "state": "decided", "outcome": "warning", "reason_id": "r"}
    status = after(TRIAGED, CaseDecided(**decided, appeal_until=DUE))
    assert (status.binds(DUE), status.binds(DUE + DAY)) == (True, False)
    banned = after(TRIAGED, CaseDecided(**decided, scope="community"))
    assert (banned.binds(DUE), banned.imposed) == (True, ("r",))
