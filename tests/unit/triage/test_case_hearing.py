"""The reporter hears first what is proposed: who is asked, how long a decision waits, and what waits for nobody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.intake.report.status import Status, follow
from services.triage.author import TRIAGE
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide, ProposeDecision
from services.triage.case.commands.emergency import ActInEmergency
from services.triage.case.commands.handling import Assign, Start
from services.triage.case.commands.inquiry import Ask, LoseReporter, ReceiveAnswer, TakeAnswer
from services.triage.case.commands.merging import Merge
from services.triage.case.commands.sorting import ConfirmCategory, SetFlags
from services.triage.case.commands.waking import Wake
from services.triage.case.hearing import awaited_until, bar_of, hearing_of, need_of, step_of_proposal
from services.triage.case.lifecycle import FieldsRefused
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Deadline
from services.triage.desk.likely import most_likely
from services.triage.desk.next_step import next_step
from shared.events import Actor, CaseState
from shared.policy import Hearing
from tests.support.case_steps import POLICY, names_of, open_case, step
from tests.unit.triage.test_case_linking import do

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE = Actor("person:a11ce0de00000000", "responder")
BOB = Actor("person:b0b0b0b000000000", "responder")
REPORTER = Actor("reporter", "reporter")
BEGUN = (Assign(ALICE.ref), Start())
HOUNDING = "harassment.hounding"
MEDIATION = ProposeDecision("mediation", None, "", Words("p-1"), ALICE)
DECIDE = Decide("mediation", Words("d-1"), ALICE)
PUT = (*BEGUN, MEDIATION, Ask(Words("q-1")))


def led(*commands: Command, at: datetime = AT, **report: object) -> Case:
    case = open_case(AT, **{"category": HOUNDING, **report})
    for command in commands:
        case, _ = step(case, command, at, REPORTER if isinstance(command, ReceiveAnswer) else ALICE)
    return case


def refused(case: Case, at: datetime = AT, command: Command = DECIDE) -> list[str]:
    with pytest.raises(FieldsRefused) as caught:
        step(case, command, at, ALICE)
    return [fault.code for fault in caught.value.faults]


def test_what_the_policy_wants_heard_is_proposed_asked_about_and_awaited() -> None:
    assert refused(led(*BEGUN)) == ["not_proposed"]
    assert refused(led(*BEGUN, MEDIATION)) == ["needs_reporter"]
    assert refused(led(*PUT, Start())) == ["needs_answer"]
    assert refused(led(*PUT, Start()), AT + 7 * DAY - timedelta(seconds=1)) == ["needs_answer"]


def test_an_answer_or_the_end_of_the_time_lets_the_case_be_decided() -> None:
    answered = led(*PUT, ReceiveAnswer("q-1", "a-1"))
    assert step(answered, DECIDE, AT + DAY, ALICE)[0].outcome == "mediation"
    late = led(*PUT, Start())
    assert step(late, DECIDE, AT + 7 * DAY, ALICE)[0].outcome == "mediation"


@pytest.mark.parametrize("before", [(*BEGUN, MEDIATION), PUT, (*PUT, Start())], ids=["not asked", "asked", "begun"])
def test_a_reporter_whose_report_is_erased_stops_no_case(before: tuple[Command, ...]) -> None:
    case, lost = step(led(*before), LoseReporter(), AT, TRIAGE)
    assert names_of(lost)[0] == "case.reporter_lost"
    assert case.state is CaseState.INVESTIGATING
    assert "decision" in {d.name for d in case.deadlines if d.is_running}
    assert "update" not in {d.name for d in case.deadlines if d.is_running}
    assert step(case, DECIDE, AT, ALICE)[0].outcome == "mediation"
    assert step(case, LoseReporter(), AT, TRIAGE)[1] == []


def test_the_case_goes_on_by_itself_where_no_answer_comes() -> None:
    case = led(*PUT)
    assert wakes_at(case) == AT + 7 * DAY
    case, events = step(case, Wake(), AT + 7 * DAY, TRIAGE)
    assert (case.state, names_of(events)[0]) == (CaseState.INVESTIGATING, "case.investigation_started")
    assert {d.name for d in case.deadlines if d.is_running} == {"decision", "update"}
    assert step(case, DECIDE, AT + 7 * DAY, ALICE)[0].outcome == "mediation"


def test_a_question_after_that_time_is_awaited_as_any_other() -> None:
    case, _ = step(led(*PUT), Wake(), AT + 7 * DAY, TRIAGE)
    case, _ = step(case, Ask(Words("q-2")), AT + 8 * DAY, ALICE)
    assert case.state is CaseState.AWAITING_INFORMATION
    assert case.awaits_until == AT + (8 + 14) * DAY


def test_a_further_question_takes_no_more_time() -> None:
    case, _ = step(led(*PUT, Start()), Ask(Words("q-2")), AT + 6 * DAY, ALICE)
    assert (awaited_until(case), case.awaits_until) == (AT + 7 * DAY, AT + (6 + 14) * DAY)


@pytest.mark.parametrize("sorted_so", [("harassment.insults",), ("harassment.insults", "harassment.other")])
def test_a_category_that_a_person_corrected_still_wants_the_reporter_heard(sorted_so: tuple[str, ...]) -> None:
    case = led(*BEGUN, *(ConfirmCategory(category, Words("w"), ALICE) for category in sorted_so))
    assert case.earlier_categories == (HOUNDING, *sorted_so[:-1])
    assert refused(case) == ["not_proposed"]
    case, _ = step(case, MEDIATION, AT, ALICE)
    assert refused(case) == ["needs_reporter"]


def test_a_flag_that_a_person_took_away_still_wants_the_reporter_heard() -> None:
    case = led(*BEGUN, SetFlags((), Words("r-1"), ALICE), category="unclassified", flags=("ongoing",))
    row = Hearing(frozenset({"mediation"}), flags=frozenset({"ongoing"}), within=7 * DAY)
    assert hearing_of(case, "mediation", replace(POLICY, hearings=(row,))) is row
    assert hearing_of(led(*BEGUN, category="unclassified"), "mediation", replace(POLICY, hearings=(row,))) is None


def test_who_notes_the_answer_of_the_reporter_does_not_decide_on_it() -> None:
    noted = led(*PUT, TakeAnswer("q-1", Words("a-1")))
    assert refused(noted) == ["own_note"]
    assert [step_of_proposal(noted, POLICY, AT, reader=one) for one in (ALICE.ref, BOB.ref, "")] == [
        "await-decision", "decide-proposed", "decide-proposed",
    ]  # fmt: skip
    assert step(noted, replace(DECIDE, by=BOB), AT)[0].outcome == "mediation"
    # Where the reporter answers as well, another person notes it, too, or the time for it is over, nobody is barred.
    own, _ = step(noted, ReceiveAnswer("q-1", "a-2"), AT, REPORTER)
    again, _ = step(noted, TakeAnswer("q-1", Words("a-3")), AT, BOB)
    for case, at in ((own, AT), (again, AT), (noted, AT + 7 * DAY)):
        assert step(case, DECIDE, at, ALICE)[0].outcome == "mediation"


def test_an_urgent_case_stops_waiting_once_all_was_told_of_its_clocks() -> None:
    case = replace(led(*BEGUN, Ask(Words("q-1"))), lane="emergency")
    case = replace(case, deadlines=(*case.deadlines, Deadline("emergency_action", AT + DAY, escalate_at=AT + 2 * DAY)))
    for day, told in (1, "deadline.breached"), (2, "deadline.escalated"), (14, "case.investigation_started"):
        at = AT + day * DAY
        assert wakes_at(case) == at
        case, events = step(case, Wake(), at, TRIAGE)
        assert names_of(events)[0] == told
    assert case.state is CaseState.INVESTIGATING


def test_a_silent_reporter_is_asked_again_and_the_clocks_run() -> None:
    case = led(*BEGUN, Ask(Words("q-1")), category="harassment.insults")
    for number in range(2, 6):
        at = AT + (number - 1) * 15 * DAY
        while (due := wakes_at(case)) and due <= at:
            case, _ = step(case, Wake(), due, TRIAGE)
        case, _ = step(case, Ask(Words(f"q-{number}")), at, ALICE)
    assert case.state is CaseState.AWAITING_INFORMATION
    # Once the reporter let an answer's time pass, the decision came due as if nobody had been asked.
    [decision] = [d for d in case.deadlines if d.name == "decision"]
    assert decision.breached_at == decision.due_at == AT + (28 + 14) * DAY
    answered, _ = step(case, ReceiveAnswer("q-5", "a-1"), AT + 61 * DAY, TRIAGE)
    assert answered.stops_clocks(AT + 62 * DAY)


def test_a_clock_that_an_older_version_stopped_for_a_silent_reporter_runs_again() -> None:
    case, _ = step(led(*BEGUN, Ask(Words("q-1")), category="harassment.insults"), Wake(), AT + 14 * DAY, TRIAGE)
    case, _ = step(case, Ask(Words("q-2")), AT + 15 * DAY, ALICE)
    stopped = [replace(d, remaining_seconds=9) if d.name == "decision" else d for d in case.deadlines]
    case, events = step(replace(case, deadlines=tuple(stopped)), Start(), AT + 16 * DAY, ALICE)
    assert "deadline.resumed" in names_of(events)
    assert "decision" in {d.name for d in case.deadlines if d.is_running}


def test_a_question_by_a_slower_clock_puts_the_proposal_to_the_reporter() -> None:
    case, _ = step(led(*BEGUN, MEDIATION), Ask(Words("q-1")), AT - timedelta(seconds=1), ALICE)
    assert case.awaits_until == AT + 7 * DAY - timedelta(seconds=1)
    assert refused(step(case, Start(), AT, ALICE)[0]) == ["needs_answer"]


def test_where_asking_is_enough_the_decision_waits_for_no_answer() -> None:
    policy = replace(POLICY, hearings=(Hearing(outcomes=frozenset({"mediation"})),))
    assert need_of(led(*BEGUN, MEDIATION), "mediation", policy, AT) == "reporter"
    assert need_of(led(*PUT), "mediation", policy, AT) is None


def test_another_proposal_is_heard_of_its_own() -> None:
    again = replace(MEDIATION, why=Words("p-2"))
    case, _ = step(led(*PUT, Start()), again, AT + DAY, ALICE)
    assert refused(case, AT + 30 * DAY) == ["needs_reporter"]


@pytest.mark.parametrize(
    "report",
    [{"category": "harassment.insults"}, {"channel": "kafka", "contactable": False}],
    ids=["another category", "nothing reaches the reporter"],
)
def test_elsewhere_nobody_has_to_be_asked(report: dict[str, object]) -> None:
    assert step(led(*BEGUN, **report), DECIDE, AT, ALICE)[0].outcome == "mediation"


def test_what_is_urgent_waits_for_nobody() -> None:
    urgent = {"flags": ("physical_violence",)}
    case = led(*PUT, **urgent)
    assert (case.is_urgent, awaited_until(case), case.awaits_until) == (True, None, AT + 14 * DAY)
    assert step(led(*PUT, Start(), **urgent), DECIDE, AT, ALICE)[0].outcome == "mediation"
    raised = replace(led(*PUT, Start()), lane="emergency")
    assert step(raised, DECIDE, AT, ALICE)[0].outcome == "mediation"


VIOLENT = SetFlags(("physical_violence",), None, ALICE)
BY_BOB = replace(VIOLENT, by=BOB)
CORA = Actor("person:c0c0c0c000000000", "coordinator")
LOWERED = SetFlags((), Words("w"), CORA)


@pytest.mark.parametrize(
    ("commands", "bar"),
    [
        ((*PUT, VIOLENT, Start()), "own_lane"),
        ((*BEGUN, VIOLENT, MEDIATION, Ask(Words("q-1")), Start()), "own_lane"),
        ((*PUT, VIOLENT, TakeAnswer("q-1", Words("a-1"))), "own_note"),
        ((*PUT, BY_BOB, LOWERED, VIOLENT, Start()), "own_lane"),
        # The reporter has answered, or another person says that there is no time.
        ((*PUT, VIOLENT, ReceiveAnswer("q-1", "a-1")), None),
        ((*PUT, BY_BOB, Start()), None),
        ((*PUT, BY_BOB, TakeAnswer("q-1", Words("a-1"))), None),
    ],
)
def test_who_makes_a_case_urgent_does_not_pass_the_reporter_over_alone(
    commands: tuple[Command, ...], bar: str | None
) -> None:
    case = led(*commands)
    assert case.is_urgent
    assert step_of_proposal(case, POLICY, AT, reader=ALICE.ref) == ("await-decision" if bar else "decide-proposed")
    if bar:
        assert refused(case) == refused(case, AT + 7 * DAY - timedelta(seconds=1)) == [bar]
    # Another person decides at once, and this one when the time for an answer is over.
    for by, at in ((CORA, AT), (ALICE, AT + 7 * DAY), *(() if bar else ((ALICE, AT),))):
        assert step(case, replace(DECIDE, by=by), at)[0].outcome == "mediation"


def test_who_makes_a_case_urgent_by_a_merge_does_not_pass_the_reporter_over_alone_either() -> None:
    survivor, other = led(*PUT, Start()), replace(led(*BEGUN, VIOLENT), id="c-2", code_name="calm-river")
    case = do(other, Merge(survivor), survivor, AT)[1]
    assert case.is_urgent
    assert refused(case) == ["own_lane"]
    assert step(case, replace(DECIDE, by=BOB), AT)[0].outcome == "mediation"
    # A merge that leaves the case as urgent as it was bars nobody.
    for before in ((*PUT, BY_BOB, Start()), (*PUT, BY_BOB, LOWERED, BY_BOB, Start())):
        survivor = led(*before)
        case = do(other, Merge(survivor), survivor, AT)[1]
        assert step(case, DECIDE, AT, ALICE)[0].outcome == "mediation"


def test_who_makes_a_case_more_urgent_that_was_urgent_already_may_decide() -> None:
    child = SetFlags(("minor_involved",), None, ALICE)
    both = SetFlags(("minor_involved", "physical_violence"), None, ALICE)
    case = led(*PUT, both, Start(), flags=child.flags)
    assert (case.lane, case.earlier_lanes) == ("emergency", ("child_protection",))
    assert step(case, DECIDE, AT, ALICE)[0].outcome == "mediation"
    # It is not urgent without the person who first made it so, in whichever lane it is now.
    case = led(*PUT, child, replace(both, by=BOB), Start())
    assert (case.lane, refused(case)) == ("emergency", ["own_lane"])


def test_a_lane_that_a_person_changed_still_wants_the_reporter_heard() -> None:
    row = Hearing(frozenset({"mediation"}), lanes=frozenset({"standard"}), within=7 * DAY)
    policy, case = replace(POLICY, hearings=(row,)), led(*PUT, VIOLENT, Start())
    assert hearing_of(case, "mediation", policy) is row
    assert bar_of(case, "mediation", ALICE.ref, policy, AT) == "own_lane"
    assert hearing_of(led(*BEGUN, flags=("physical_violence",)), "mediation", policy) is None
    survivor = led(*PUT, Start())
    merged = do(replace(case, id="c-2", code_name="calm-river"), Merge(survivor), survivor, AT)[1]
    assert hearing_of(merged, "mediation", policy) is row


def test_an_emergency_measure_needs_no_hearing() -> None:
    act = ActInEmergency("protective_measure", (AT + 9 * DAY).date(), "contact", Words("w"), ALICE)
    assert step(led(*BEGUN), act, AT, ALICE)[0].measures[0].stands


def test_the_desk_says_what_comes_next_and_offers_it() -> None:
    permitted = {"ask", "decide", "second", "start"}

    def shown(case: Case, at: datetime) -> tuple[str, str | None]:
        found = next_step(case, proposed=step_of_proposal(case, POLICY, at))
        return found.step, most_likely(case, permitted, found.step)

    assert shown(led(*BEGUN, MEDIATION), AT) == ("hear", "ask")
    put = led(*PUT)
    assert shown(put, AT)[0] == shown(led(*PUT, Start()), AT)[0] == "await-hearing"
    assert next_step(put, proposed="await-hearing").due_at == AT + 7 * DAY
    assert shown(led(*PUT, ReceiveAnswer("q-1", "a-1")), AT) == ("decide-proposed", "decide")
    assert shown(led(*PUT, Start()), AT + 7 * DAY) == ("decide-proposed", "decide")
    assert shown(put, AT + 8 * DAY)[0] == "await-answer"


def test_the_reporter_sees_until_when_the_decision_waits() -> None:
    status = Status(updated_at=AT)
    case = open_case(AT, category=HOUNDING)
    for command in PUT:
        case, events = step(case, command, AT, ALICE)
        for event in events:
            status = follow(status, event) or status
    assert status.questions[0].answer_by == AT + 7 * DAY


def test_a_row_fits_only_where_all_of_its_parts_do() -> None:
    row = Hearing(frozenset({"advice"}), frozenset({HOUNDING}), frozenset({"ongoing"}), frozenset({"standard"}))
    assert row.fits("advice", HOUNDING, frozenset({"ongoing", "cross_wiki"}), "standard")
    assert not row.fits("warning", HOUNDING, frozenset({"ongoing"}), "standard")
    assert not row.fits("advice", "unclassified", frozenset({"ongoing"}), "standard")
    assert not row.fits("advice", HOUNDING, frozenset(), "standard")
    assert not row.fits("advice", HOUNDING, frozenset({"ongoing"}), "emergency")
