"""A person acts alone in an emergency, another one reviews it within a day, and measures end; no machine sanctions."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.appeals import DecideAppeal, LodgeAppeal, Reopen
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.emergency import ActInEmergency, EndMeasure, ReviewEmergency
from services.triage.case.commands.handling import Attend, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.merging import Merge
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.table import COMMANDS, carry_out
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import NotPermitted, permitted_in
from services.triage.case.timers.table import wakes_at
from services.triage.desk.next_step import next_step
from shared.access.actions import ACTIONS
from shared.access.principal import PEOPLE as ROLES
from shared.events import FACTS, Actor, CaseFact, CaseState, DeadlineStarted, EmergencyMeasureTaken, Event
from shared.policy import MEASURE_REVIEW
from tests.support.case_steps import names_of
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
    LATER,
    PEOPLE,
    POLICY,
    STAFF,
    after,
    against,
    agree,
    decision,
    given_people,
    led,
    proposal,
    refused,
)

DAY = timedelta(days=1)
ID = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"


def done(case: Case, command: Command, at: datetime = AT, by: Actor = TRIAGE) -> tuple[Case, list[Event]]:
    actor, command = getattr(command, "by", None) or by, given_people(command, PEOPLE)
    found, events = carry_out(
        case, command, POLICY, PEOPLE, at, case_id="c", actor=actor, cause=f"c{case.seq}", trace=None
    )
    assert found is not None
    return found, events


def acted(case: Case, at: datetime = AT, measure: str = "restriction", until: date = LATER, ref: str = ID) -> Case:
    return done(case, ActInEmergency(measure, until, "community", Words(ref), ANN), at)[0]


def review(finding: str = "confirmed", by: Actor = BEN, ref: str = ID) -> ReviewEmergency:
    return ReviewEmergency(ref, finding, Words("rev"), by)


def clock(case: Case) -> tuple[datetime, datetime | None]:
    (found,) = [d for d in case.deadlines if d.name == MEASURE_REVIEW]
    return found.due_at, found.met_at


def test_a_measure_of_an_emergency_holds_at_once_and_has_a_day_for_its_review() -> None:
    case, events = done(led(), ActInEmergency("restriction", LATER, "contact", Words(ID), ANN), AT)
    taken, started = (event.fact for event in events)
    assert isinstance(taken, EmergencyMeasureTaken)
    assert isinstance(started, DeadlineStarted)
    assert (taken.review_by, started.deadline, started.due_at) == (AT + DAY, MEASURE_REVIEW, AT + DAY)
    (measure,) = case.measures
    assert (measure.kind, measure.scope, measure.last_day, measure.by) == ("restriction", "contact", LATER, ANN.ref)
    assert (measure.stands, measure.emergency, case.state) == (True, True, CaseState.INVESTIGATING)


@pytest.mark.parametrize(("finding", "stands"), [("confirmed", True), ("ended", False)])
def test_another_person_confirms_or_ends_it(finding: str, stands: bool) -> None:
    case, events = done(acted(led()), review(finding), AT + timedelta(hours=23))
    assert names_of(events) == ["emergency.measure_reviewed", "deadline.met"]
    assert (case.measures[0].stands, case.measures[0].review_by) == (stands, None)
    assert clock(case) == (AT + DAY, AT + timedelta(hours=23))
    case, events = done(case, Wake(), AT + 2 * DAY)
    assert case.measures[0].stands is stands
    assert "measure.lapsed" not in names_of(events)


@pytest.mark.parametrize("by", [ANN, Actor(ANN.ref, "coordinator")])
def test_nobody_reviews_what_they_have_done(by: Actor) -> None:
    case = acted(led())
    assert refused(case, review(by=by)) == [("/measure_id", "own_measure")]
    assert [ReviewEmergency.suits(case, who.ref, None) for who in (by, BEN)] == [False, True]
    assert [next_step(case, who.ref).step for who in (by, BEN)] == ["await-review", "review-measure"]


def test_what_nobody_reviews_in_time_lapses_by_a_fact_of_triage() -> None:
    case = acted(led())
    assert done(case, Wake(), AT + DAY - timedelta(seconds=1))[0].measures[0].stands
    assert refused(case, review(), AT + DAY) == [("/measure_id", "nothing_to_review")]
    told: list[str] = []
    for _ in range(4):
        case, events = done(case, Wake(), AT + DAY)
        told += names_of(events)
    assert told[-3:] == ["deadline.breached", "measure.lapsed", "deadline.met"]
    assert case.measures[0].state == "lapsed"
    assert refused(case, review(), AT + DAY) == [("/measure_id", "nothing_to_review")]
    assert refused(case, EndMeasure(ID, Words("e"), ANN)) == [("/measure_id", "no_measure")]


def test_two_measures_wait_for_a_review_each() -> None:
    case = acted(acted(led()), AT + timedelta(hours=5), "event_removal", ref=OTHER)
    assert clock(case) == (AT + DAY, None)
    case, events = done(case, review(), AT + timedelta(hours=6))
    assert names_of(events) == ["emergency.measure_reviewed", "deadline.started"]
    assert clock(case) == (AT + timedelta(hours=29), None)
    case, _ = done(case, review(by=CAT, ref=OTHER), AT + timedelta(hours=7))
    assert clock(case) == (AT + timedelta(hours=29), AT + timedelta(hours=7))


@pytest.mark.parametrize("by", [ANN, Actor(ANN.ref, "coordinator")])
def test_nobody_prolongs_an_emergency_alone_by_acting_again(by: Actor) -> None:
    waiting = acted(led())
    lapsed = done(done(waiting, Wake(), AT + DAY)[0], Wake(), AT + DAY)[0]
    early = done(waiting, EndMeasure(ID, Words("e"), ANN), AT)[0]
    refuted = done(waiting, review("ended"), AT)[0]
    again = ActInEmergency("restriction", LATER, "community", Words(OTHER), by)
    for case in (waiting, lapsed, early, refuted):
        assert refused(case, again, AT + timedelta(hours=23)) == [("/measure", "taken_before")]
        assert refused(case, again, AT + DAY) == [("/measure", "day_is_over")]
        assert len(done(case, replace(again, by=BEN), AT + DAY)[0].measures) == 2
    confirmed = done(waiting, review(), AT)[0]
    for one in (BEN, CAT):
        confirmed = done(confirmed, EndMeasure(ID, Words(f"e {one.ref}"), one), AT)[0]
    assert not confirmed.measures[0].stands
    assert len(done(confirmed, again, AT + DAY)[0].measures) == 2


@pytest.mark.parametrize("end", ["lapsed", "early", "refuted", "waiting"])
def test_one_person_acts_alone_for_one_day_however_the_measure_is_spelled(end: str) -> None:
    waiting = acted(led())
    # In the same emergency a person may do all that it takes.
    assert len(acted(waiting, AT + timedelta(hours=23), "event_removal", ref=OTHER).measures) == 2
    case = {
        "lapsed": lambda: done(done(waiting, Wake(), AT + DAY)[0], Wake(), AT + DAY)[0],
        "early": lambda: done(waiting, EndMeasure(ID, Words("e"), ANN), AT)[0],
        "refuted": lambda: done(waiting, review("ended"), AT)[0],
        "waiting": lambda: waiting,
    }[end]()
    same = ActInEmergency("restriction", LATER, "pages", Words(OTHER), ANN)
    for other in (same, replace(same, measure="event_removal"), replace(same, project="enwiki")):
        assert refused(case, other, AT + DAY) == [("/measure", "day_is_over")]
        assert len(done(case, replace(other, by=BEN), AT + DAY)[0].measures) == 2


def test_a_measure_ends_with_its_last_day_by_a_fact_of_triage() -> None:
    case, _ = done(acted(led(), until=date(2026, 11, 25)), review())
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    assert done(case, Wake(), midnight - timedelta(seconds=1))[0].measures[0].stands
    case, events = done(case, Wake(), midnight)
    assert names_of(events) == ["measure.expired"]
    assert (case.measures[0].state, case.measures[0].ended_at) == ("expired", midnight)


@pytest.mark.parametrize("way", [(), (Close(),)])
def test_what_was_decided_ends_with_its_last_day_also_in_a_closed_case(way: tuple[Command, ...]) -> None:
    case = led(proposal("restriction"), agree(BEN), decision("restriction", CAT), *way)
    (measure,) = case.measures
    assert (measure.kind, measure.last_day, measure.emergency, measure.id) == ("restriction", LATER, False, "d1")
    told: set[str] = set()
    while (due := wakes_at(case)) and due <= datetime(2026, 12, 25, tzinfo=UTC):
        case, events = done(case, Wake(), due)
        told.update(names_of(events))
    assert "measure.expired" in told
    assert not case.measures[0].stands


def test_a_person_ends_a_measure_early_with_a_reason_but_no_ban() -> None:
    case, events = done(acted(led()), EndMeasure(ID, Words("e1"), CAT), AT)
    assert names_of(events) == ["measure.ended", "deadline.met"]
    assert case.measures[0].state == "ended"
    ban = led(proposal("permanent_ban"), agree(BEN), agree(CAT), decision("permanent_ban"))
    assert ban.measures[0].until is None
    assert refused(ban, EndMeasure("d1", Words("e1"), BEN)) == [("/measure_id", "has_no_end")]
    assert refused(ban, EndMeasure(OTHER, Words("e1"), BEN)) == [("/measure_id", "no_measure")]


def end(by: Actor, ref: str = "d1") -> EndMeasure:
    return EndMeasure(ref, Words(f"e {by.ref}"), by)


def test_what_took_two_people_ends_early_by_the_word_of_two() -> None:
    case = led(proposal("temporary_suspension"), against(EVE), agree(BEN), decision("temporary_suspension"))
    said, events = done(case, end(EVE), AT)
    assert names_of(events) == ["measure.end_proposed"]
    assert (said.measures[0].stands, said.measures[0].end_by) == (True, EVE.ref)
    assert refused(said, end(Actor(EVE.ref, "coordinator"))) == [("/measure_id", "own_end")]
    assert [EndMeasure.suits(said, who.ref, None) for who in (EVE, FAY)] == [False, True]
    ended, events = done(said, end(FAY), AT + DAY)
    assert (names_of(events), ended.measures[0].stands) == (["measure.ended"], False)
    # Who is recused since then has said nothing.
    recused = done(said, Recuse("related", EVE.ref, EVE), AT)[0]
    assert done(recused, end(FAY), AT)[0].measures[0].end_by == FAY.ref


@pytest.mark.parametrize(
    "people",
    [
        People({BODY: [*STAFF[:4], STAFF[5]]}),
        People({BODY: [*STAFF[:4], replace(STAFF[4], trainings=()), STAFF[5]]}),
        replace(PEOPLE, parties=STAFF[4].pseudonyms),
    ],
    ids=["gone", "untrained", "named"],
)
def test_the_word_of_a_person_who_may_not_handle_the_case_any_more_ends_no_measure(people: People) -> None:
    case = led(proposal("temporary_suspension"), agree(BEN), decision("temporary_suspension"))
    said = done(case, end(EVE), AT)[0]
    heard = after(said, end(FAY), people=people)[0]
    assert (heard.measures[0].stands, heard.measures[0].end_by) == (True, FAY.ref)
    assert not after(heard, end(CAT), people=people)[0].measures[0].stands


@pytest.mark.parametrize(
    ("measure", "alone"),
    [("waiting", True), ("confirmed", False), ("protective_measure", True), ("restriction", False), ("gone", False)],
)
def test_one_person_ends_only_what_one_person_imposed(measure: str, alone: bool) -> None:
    decided = led(proposal("restriction"), agree(BEN), decision("restriction"))
    gone = tuple(replace(one, kind="pillory") for one in decided.measures)
    protected = led(proposal("protective_measure"), Ask(Words("q")), ReceiveAnswer("q", "a"))
    case, ref = {
        "waiting": lambda: (acted(led()), ID),
        "confirmed": lambda: (done(acted(led()), review(), AT)[0], ID),
        "protective_measure": lambda: (done(protected, decision("protective_measure"), AT)[0], "d1"),
        "restriction": lambda: (decided, "d1"),
        "gone": lambda: (replace(decided, measures=gone), "d1"),
    }[measure]()
    assert done(case, end(EVE, ref), AT)[0].measures[0].stands is not alone


def test_a_decision_of_one_person_ends_nothing_that_took_two() -> None:
    case = led(proposal("restriction"), agree(BEN), decision("restriction"), Close(), Reopen(Words("r")), Start())
    assert refused(case, decision("advice", EVE)) == [("/outcome", "not_proposed")]
    case = done(case, proposal("advice", EVE, "p2"), AT)[0]
    assert refused(case, decision("advice", EVE)) == [("/outcome", "needs_second")]
    case = done(done(case, agree(CAT), AT)[0], decision("advice", EVE), AT)[0]
    assert (case.outcome, case.measures[0].stands) == ("advice", False)


def test_a_decision_takes_the_place_of_all_measures() -> None:
    case = acted(led(proposal("restriction"), agree(BEN)), measure="temporary_suspension")
    case, events = done(case, decision("restriction", CAT))
    assert names_of(events)[:2] == ["case.decided", "measure.ended"]
    assert [(m.kind, m.stands) for m in case.measures] == [("temporary_suspension", False), ("restriction", True)]
    assert clock(case)[1] == AT


def test_what_is_overturned_holds_no_longer() -> None:
    case = led(proposal("restriction"), agree(BEN), decision("restriction", CAT))
    case = acted(case, measure="temporary_suspension")
    case, _ = after(case, LodgeAppeal("reporter", "facts", Words("a"), CORA))
    case, _ = after(case, DecideAppeal("overturned", Words("v"), DOT))
    # What was done in an emergency since then waits for its own review.
    assert [(m.kind, m.stands) for m in case.measures] == [("restriction", False), ("temporary_suspension", True)]


def test_only_what_the_policy_lets_one_person_do_is_done_in_an_emergency() -> None:
    assert POLICY.emergency_outcomes == ("restriction", "temporary_suspension", "event_removal", "protective_measure")
    past = ActInEmergency("restriction", date(2026, 11, 23), "contact", Words(ID), ANN)
    assert refused(led(), past) == [("/until", "in_the_past")]
    closed = led(decision("advice"), Close())
    with pytest.raises(NotPermitted):
        done(closed, ActInEmergency("restriction", LATER, "contact", Words(ID), ANN))


def test_a_first_action_in_an_emergency_keeps_its_clock() -> None:
    assert "emergency.measure_taken" in POLICY.deadlines["emergency_action"].met_by


def test_a_case_with_measures_that_hold_is_not_merged() -> None:
    other = replace(led(), id="another")
    assert refused(acted(led()), Merge(other, None)) == [("/other", "measures_stand")]


IMPOSING = {"case.decided", "emergency.measure_taken", "emergency.measure_reviewed"}
"""The facts by which anything is imposed on a person, or goes on being imposed."""


def by_machine(case: Case, at: datetime) -> tuple[Case, set[str]]:
    """What becomes of a case when triage alone does all that it can, and which facts it writes."""
    told: set[str] = set()
    for number in range(50):
        answers = [ReceiveAnswer(question.id, f"a{number}") for question in case.questions]
        new: list[str] = []
        for command in (*answers, Wake(), Attend()):
            if command.name not in permitted_in(case.state):
                continue
            case, events = done(case, command, at)
            new += [name for name in names_of(events) if name != "case.information_received" or number == 0]
        told.update(new)
        if not new:
            break
    return case, told


def test_no_fact_that_triage_writes_itself_is_a_sanction() -> None:
    cases = [
        led(),
        led(proposal("restriction"), agree(BEN)),
        led(proposal("permanent_ban"), agree(BEN), agree(CAT), agree(DOT)),
        led(proposal("restriction"), agree(BEN), Ask(Words("q1"))),
        led(proposal("restriction"), agree(BEN), decision("restriction", CAT)),
        led(proposal("permanent_ban"), agree(BEN), agree(CAT), decision("permanent_ban"), Close()),
        acted(led()),
        done(acted(led()), review())[0],
        acted(led(proposal("restriction"), agree(BEN))),
        after(led(decision("warning")), LodgeAppeal("reporter", "facts", Words("a"), CORA))[0],
    ]
    told: set[str] = set()
    for case in cases:
        for days in (0, 1, 2, 15, 31, 200, 9999):
            after_all, facts = by_machine(case, AT + days * DAY)
            told |= facts
            assert after_all.outcome == case.outcome
            assert {m.id for m in after_all.measures if m.stands} <= {m.id for m in case.measures if m.stands}
    assert told >= {"measure.expired", "measure.lapsed", "deadline.breached", "case.information_received"}
    assert told.isdisjoint(IMPOSING)


def test_handlers_are_warned_of_a_review_also_where_the_case_is_closed() -> None:
    appealed, _ = after(led(decision("warning"), Close()), LodgeAppeal("reporter", "facts", Words("a"), CORA))
    closed, _ = after(acted(appealed), DecideAppeal("upheld", Words("v"), DOT))
    assert closed.state is CaseState.CLOSED
    for case in (acted(led()), closed):
        assert wakes_at(case) == AT + DAY - timedelta(hours=6)
        warned, events = done(case, Wake(), AT + DAY - timedelta(hours=6))
        assert names_of(events) == ["deadline.warned"]
        assert (next_step(warned).step, next_step(warned).due_at) == ("review-measure", AT + DAY)
        missed, events = done(warned, Wake(), AT + DAY)
        assert names_of(events) == ["deadline.breached"]
        lapsed, events = done(missed, Wake(), AT + DAY)
        assert names_of(events) == ["measure.lapsed", "deadline.met"]
        assert next_step(lapsed).step != "review-measure"


def test_a_case_is_not_closed_while_a_measure_waits_for_its_review() -> None:
    case = acted(led(decision("advice")))
    assert refused(case, Close()) == [("", "review_waits")]
    assert not Close.applies(case)
    assert done(done(case, review())[0], Close())[0].state is CaseState.CLOSED


def test_only_people_impose_anything() -> None:
    assert {fact.name for fact in FACTS.values() if issubclass(fact, CaseFact)} >= IMPOSING
    for command in ("decide", "act_in_emergency", "review_emergency"):
        assert COMMANDS[command].by_people
        assert set(ACTIONS[f"case.{command}"].handlers) <= set(ROLES)
