"""A case goes on as part of another one: both tell it, nothing is owed twice, and nobody sees more than before."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.clocks_there import absorptions
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide, ProposeDecision
from services.triage.case.commands.handling import Assign, LetGo, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer, Tell
from services.triage.case.commands.merging import Follow, Merge, Unmerge
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.table import carry_out, decide
from services.triage.case.commands.waiting import Pause
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import evolve
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from services.triage.case.parts import had_part, took_part
from services.triage.case.timers.table import wakes_at
from services.triage.case.values import Deadline
from shared.events import (
    CaseAbsorbed,
    CaseDetached,
    CaseMerged,
    CaseState,
    ClocksFollowed,
    InformationRequested,
    ReporterTold,
)
from tests.unit.triage.test_case_linking import ALICE, AT, POLICY, WHY, call, do, facts_of, opened

BEN, CARLA = "person:b0b0b0b000000000", "person:ca71aca71a000000"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def led(case: Case, *commands: Command) -> Case:
    """The case after these commands, an hour apart."""
    for number, command in enumerate(commands):
        told = {"actor": ALICE, "cause": f"{case.id} {number}", "trace": None}
        after, _ = carry_out(case, command, POLICY, NOBODY, AT + number * HOUR, case_id=case.id, **told)
        assert after is not None
        case = after
    return case


def due(case: Case) -> dict[str, object]:
    return {d.name: d.due_at for d in case.deadlines if d.met_at is None}


def two(**changed: object) -> tuple[Case, Case]:
    """A case, and the one that survives."""
    return opened("amber-harbour", **changed), opened("calm-river")


def test_a_merged_case_names_its_survivor_and_the_survivor_says_so() -> None:
    a, b = two()
    a, b, events = do(a, Merge(b, Words("why")), b)
    first, second = facts_of(events)
    assert isinstance(first, CaseMerged)
    assert (first.state, first.other_case, first.note_id) == ("merged", call(b), "why")
    assert isinstance(second, CaseAbsorbed)
    assert (second.previous, second.state, second.other_case) == ("triaged", "triaged", call(a))
    assert (a.state, a.merged_into, a.merged_from) == (CaseState.MERGED, call(b), CaseState.TRIAGED)
    assert b.absorbed == (call(a),)
    assert (a.next_due, wakes_at(a)) == (None, None)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (CaseState.CLOSED, "cannot_absorb"),
        (CaseState.MERGED, "cannot_absorb"),
        (CaseState.DECIDED, "cannot_absorb"),
        (CaseState.REFERRED, "cannot_absorb"),
    ],
)
def test_an_ended_case_takes_in_no_other(state: CaseState, code: str) -> None:
    a, b = two()
    with pytest.raises(FieldsRefused, match=f"/other: {code}"):
        decide(a, Merge(replace(b, state=state)), POLICY, AT)


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.MERGED, CaseState.DECIDED, CaseState.REFERRED])
def test_an_ended_case_is_not_merged(state: CaseState) -> None:
    a, b = two()
    with pytest.raises(NotPermitted):
        decide(replace(a, state=state), Merge(b), POLICY, AT)


def test_a_case_is_not_merged_into_itself_or_across_bodies_or_with_others_in_it() -> None:
    a, b = two()
    for first, other, code in (
        (a, a, "same_case"),
        (a, replace(b, body="stewards"), "other_body"),
        (replace(a, absorbed=("x",)), b, "has_absorbed"),
    ):
        with pytest.raises(FieldsRefused, match=f"/other: {code}"):
            decide(first, Merge(other), POLICY, AT)


def test_no_clock_stands_still_on_a_merged_case() -> None:
    a, b = two()
    a = led(a, Assign(ALICE.ref), Start(), Pause("evidence", (AT + 3 * DAY).date()))
    a, b, events = do(a, Merge(b), b, AT + 3 * HOUR)
    assert [fact.name for fact in facts_of(events)][:2] == ["case.resumed", "case.merged"]
    assert a.pause is None
    assert all(deadline.remaining_seconds is None for deadline in a.deadlines)


def test_two_cases_are_not_merged_into_each_other() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b)
    with pytest.raises(FieldsRefused, match="/other: has_absorbed"):
        decide(b, Merge(a), POLICY, AT)


def test_the_survivor_takes_the_stricter_lane_and_the_earlier_deadlines() -> None:
    a, b = opened("amber-harbour", flags=("physical_violence",)), opened("calm-river")
    a, b = (
        replace(a, body=b.body),
        replace(
            b, deadlines=tuple(replace(d, due_at=d.due_at - HOUR) if d.name == "decision" else d for d in b.deadlines)
        ),
    )
    earlier = {name: min(at, due(b).get(name, at)) for name, at in due(a).items()}
    _, after, events = do(a, Merge(b), b)
    assert (b.lane, after.lane) == ("standard", "emergency")
    assert due(after) == {**due(b), **earlier}
    assert "emergency_action" in due(after)
    absorbed = next(fact for fact in facts_of(events) if isinstance(fact, CaseAbsorbed))
    assert (absorbed.previous_lane, absorbed.lane) == ("standard", "emergency")
    assert "decision" not in {deadline.name for deadline in absorbed.deadlines}


@pytest.mark.parametrize("told", [False, True])
def test_a_deadline_that_the_survivor_has_missed_stays_as_it_was_told(told: bool) -> None:
    a, b = two()
    a = replace(a, deadlines=tuple(replace(d, due_at=d.due_at - 6 * HOUR) for d in a.deadlines))
    at = due(b)["first_response"] + HOUR
    b = carry_out(b, Wake(), POLICY, NOBODY, at, case_id=b.id, actor=TRIAGE, cause="w", trace=None)[0] if told else b
    _, after, _ = do(a, Merge(b), b, at)
    missed, before = (next(d for d in one.deadlines if d.name == "first_response") for one in (after, b))
    assert missed == before
    assert bool(missed.breached_at) is told
    # What runs still comes earlier.
    assert due(after)["decision"] == due(a)["decision"]


@pytest.mark.parametrize(("sooner", "untold"), [(HOUR, True), (-HOUR, True), (HOUR, False)])
def test_a_missed_deadline_of_the_survivor_is_escalated_when_the_earlier_of_both_is(
    sooner: timedelta, untold: bool
) -> None:
    a, b = two()
    at = due(b)["first_response"] + HOUR

    def missed(case: Case) -> Deadline:
        return next(d for d in case.deadlines if d.name == "first_response")

    other = replace(missed(a), due_at=missed(a).due_at - sooner, escalate_at=missed(a).escalate_at - sooner)
    a = replace(a, deadlines=tuple(other if d.name == other.name else d for d in a.deadlines))
    told = replace(missed(b), escalated_at=None if untold else at)
    b = replace(b, deadlines=tuple(told if d.name == told.name else d for d in b.deadlines))
    _, after, _ = do(a, Merge(b), b, at)
    earlier = min(other.escalate_at, told.escalate_at) if untold else told.escalate_at
    assert missed(after) == replace(told, escalate_at=earlier)


def test_a_survivor_in_the_stricter_lane_stays_there() -> None:
    a, b = opened("amber-harbour"), opened("calm-river", flags=("physical_violence",))
    _, after, _ = do(replace(a, body=b.body), Merge(b), b)
    assert after.lane == "emergency"
    assert due(after) == due(b)


def test_what_the_survivor_has_begun_already_is_not_owed_again() -> None:
    a, b = opened("amber-harbour", flags=("physical_violence",)), led(opened("calm-river"), Assign(BEN), Start())
    _, after, _ = do(replace(a, body=b.body), Merge(b), b, AT + 3 * HOUR)
    assert "emergency_action" not in due(after)


def test_a_clock_that_stands_still_gets_no_more_time_by_a_merger() -> None:
    b = led(opened("calm-river"), Assign(BEN), Start(), Ask(Words("q1")))
    early = opened("amber-harbour")
    early = replace(early, deadlines=tuple(replace(d, due_at=d.due_at - timedelta(days=7)) for d in early.deadlines))
    at = AT + 5 * HOUR
    _, after, _ = do(early, Merge(b), b, at)
    left = next(d for d in after.deadlines if d.name == "decision")
    assert not left.is_running
    assert left.due_if_running(at) == due(early)["decision"]


def test_those_recused_from_either_are_recused_from_the_survivor() -> None:
    a, b = two()
    a = led(a, Recuse("involved", BEN, replace(ALICE, ref=BEN)), Recuse("named", BEN, ALICE, "f" * 32))
    assert a.recused == (BEN, "f" * 32)
    _, after, _ = do(a, Merge(b), led(b, Assign(BEN)))
    assert (after.recused, after.assignee) == ((BEN,), None)
    _, after, _ = do(a, Merge(b), led(b, Recuse("related", BEN, ALICE), Assign(ALICE.ref)))
    assert (after.recused, after.assignee) == ((BEN,), ALICE.ref)


def test_a_person_who_may_not_see_the_merged_case_loses_the_survivor() -> None:
    a, b = two()
    _, after, _ = do(a, Merge(b, assignee_stays=False), led(b, Assign(BEN)))
    assert after.assignee is None


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_case_comes_back_as_it_was_and_its_clocks_have_run_on(number: int) -> None:
    a, b = two()
    a = led(a, *(Assign(BEN), Start(), Ask(Words("q1")))[:number])
    merged, b, _ = do(a, Merge(b), b, AT + 4 * HOUR)
    back, after, events = do(merged, Unmerge(b, WHY), b, AT + 9 * HOUR)
    assert (back.state, back.assignee, back.merged_into, back.merged_from) == (a.state, a.assignee, None, None)
    assert after.absorbed == ()
    at = AT + 9 * HOUR
    before = {d.name: d.due_if_running(AT + 4 * HOUR) for d in a.deadlines}
    assert {d.name: d.due_if_running(at) for d in back.deadlines} == before
    assert facts_of(events)[0].name == "case.unmerged"


def test_an_answer_that_comes_to_a_merged_case_is_kept_and_counts_when_it_comes_back() -> None:
    a, b = two()
    a, b, _ = do(led(a, Assign(BEN), Start(), Ask(Words("q1"))), Merge(b), b, AT + 4 * HOUR)
    a = led(a, ReceiveAnswer("q1", "a1"))
    assert (a.state, a.questions[0].answers) == (CaseState.MERGED, ("a1",))
    back, _, _ = do(a, Unmerge(b, WHY), b, AT + 9 * HOUR)
    assert back.state is CaseState.INVESTIGATING


def test_a_case_leaves_only_the_case_of_which_it_is_a_part() -> None:
    a, b = two()
    c = opened("quiet-meadow")
    a, b, _ = do(a, Merge(b), b)
    with pytest.raises(FieldsRefused, match="/other: not_merged"):
        decide(a, Unmerge(c, WHY, other_ref=call(c)), POLICY, AT)
    with pytest.raises(NotPermitted):
        decide(c, Unmerge(b, WHY, other_ref=call(b)), POLICY, AT)


def test_a_survivor_holds_several_cases_and_lets_one_go() -> None:
    a, b = two()
    c = opened("quiet-meadow")
    a, b, _ = do(a, Merge(b), b)
    c, b, _ = do(c, Merge(b), b)
    assert b.absorbed == (call(a), call(c))
    a, b, _ = do(a, Unmerge(b, WHY), b)
    assert b.absorbed == (call(c),)


def test_who_had_a_part_in_a_case_has_had_it_in_the_survivor_too() -> None:
    a, b = two()
    a = led(a, Assign(BEN), Start(), ProposeDecision("warning", None, "", why=Words("p"), by=ALICE))
    a, b, _ = do(a, Merge(b, people=NOBODY), b)
    assert took_part(b) == {ALICE.ref}
    assert had_part(b) == {ALICE.ref, BEN}
    # They proposed what an appeal can be about.
    assert ALICE.ref in b.deciders
    b = led(b, Assign(CARLA), Start())
    assert had_part(b) == {ALICE.ref, BEN, CARLA}


def test_who_had_a_part_in_the_survivor_has_had_it_in_the_case_that_leaves_it() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b)
    b = led(b, Assign(CARLA), Start(), Decide("no_violation", Words("r"), ALICE))
    a, b, _ = do(a, Unmerge(b, WHY), b)
    assert took_part(a) == took_part(b) == {ALICE.ref}
    assert had_part(a) == {ALICE.ref, CARLA}


DORA = "person:d04ad04ad04a0000"


def by(person: str, case: Case, *commands: Command) -> Case:
    """The case after a person gave these commands."""
    for command in commands:
        told = {"actor": replace(ALICE, ref=person), "cause": f"{case.id} {case.seq} {person}", "trace": None}
        after, _ = carry_out(case, command, POLICY, NOBODY, AT + case.seq * HOUR, case_id=case.id, **told)
        assert after is not None
        case = after
    return case


def voted(case: Case, person: str = BEN, holder: str = CARLA) -> Case:
    """The case, which `holder` has, with a proposal of this person."""
    proposal = ProposeDecision("no_violation", None, "", why=Words("p"), by=replace(ALICE, ref=person))
    return by(person, by(holder, case, Assign(holder), Start()), proposal)


@pytest.mark.parametrize("before", [False, True], ids=["once", "after another one"])
def test_a_merge_for_a_moment_changes_for_nobody_who_decides_an_appeal(*, before: bool) -> None:
    a, b, c = voted(opened("amber-harbour"), DORA, DORA), voted(opened("calm-river")), opened("quiet-meadow")
    own, other = (took_part(a), had_part(a)), (took_part(b), had_part(b), b.apart)
    a = replace(a, refused_there=(DORA,))
    for case in (c, a) if before else (a,):
        merged, b, _ = do(case, Merge(b), b)
        assert took_part(case) <= took_part(b)
        assert case.refusers <= b.refusers
        back, b, _ = do(merged, Unmerge(b, WHY), b, AT + HOUR + timedelta(seconds=3))
    assert (took_part(back), had_part(back)) == own
    assert (took_part(b), had_part(b), b.apart) == other


def test_who_did_something_while_cases_were_one_had_a_part_in_both() -> None:
    a, b = voted(opened("amber-harbour"), DORA, DORA), voted(opened("calm-river"))
    a, b, _ = do(a, Merge(b), b)
    b = by(DORA, by(BEN, b, Tell(Words("m1"))), Tell(Words("m2")))
    a, b, _ = do(a, Unmerge(b, WHY), b, AT + 9 * HOUR)
    assert (took_part(a), had_part(a)) == ({DORA, BEN}, {DORA, BEN})
    assert (took_part(b), had_part(b)) == ({BEN, DORA}, {BEN, DORA, CARLA})


def test_who_voted_on_what_was_decided_while_cases_were_one_took_part_in_both() -> None:
    a, b = opened("amber-harbour"), voted(opened("calm-river"))
    a, b, _ = do(a, Merge(b), b)
    b = by(ALICE.ref, b, Decide("no_violation", Words("r"), ALICE))
    a, b, _ = do(a, Unmerge(b, WHY), b, AT + 9 * HOUR)
    assert (took_part(a), had_part(a)) == ({BEN, ALICE.ref}, {BEN, ALICE.ref})


LEFT = LetGo(frozenset({CARLA}))


@pytest.mark.parametrize(
    ("before", "after", "had"),
    [
        ((), (), {CARLA}),
        ((), (Assign(DORA),), {CARLA, DORA}),
        ((), (LEFT,), {CARLA}),
        ((LEFT,), (Assign(DORA),), {DORA}),
        ((Assign(DORA),), (), {DORA}),
    ],
    ids=["she has it", "given on later", "let go later", "let go before", "given on before"],
)
def test_who_had_the_survivor_when_a_clock_was_missed_has_had_its_part(
    before: tuple[Command, ...], after: tuple[Command, ...], had: set[str]
) -> None:
    a, b = opened("amber-harbour"), by(CARLA, opened("calm-river"), Assign(CARLA), Start())
    a, b, _ = do(a, Merge(b), b)
    for number, command in enumerate((*before, Wake(), *after)):
        told = {"actor": TRIAGE, "cause": f"late {number}", "trace": None}
        then, events = carry_out(b, command, POLICY, NOBODY, AT + (90 + number) * DAY, case_id=b.id, **told)
        assert then is not None
        assert events
        b = then
    a, b, _ = do(a, Unmerge(b, WHY), b, AT + 99 * DAY)
    assert (took_part(a), had_part(a)) == (frozenset(), had)


def test_one_of_two_parts_leaves_with_its_own_people_alone() -> None:
    a, c = (voted(opened(name), DORA, person) for name, person in (("amber-harbour", DORA), ("quiet-meadow", CARLA)))
    b = opened("calm-river")
    a, b, _ = do(a, Merge(b), b)
    c, b, _ = do(c, Merge(b), b)
    a, b, _ = do(a, Unmerge(b, WHY), b, AT + 9 * HOUR)
    assert (took_part(b), had_part(b)) == ({DORA}, {DORA, CARLA})
    c, b, _ = do(c, Unmerge(b, WHY), b, AT + 10 * HOUR)
    assert (took_part(b), had_part(b), b.brought) == (frozenset(), frozenset(), ())


def test_nobody_goes_where_an_older_triage_merged_another_case_behind_theirs() -> None:
    a, c = (voted(opened(name), DORA, person) for name, person in (("amber-harbour", DORA), ("quiet-meadow", CARLA)))
    b = opened("calm-river")
    a, b, _ = do(a, Merge(b), b)
    known = b.brought
    c, b, _ = do(c, Merge(b), b)
    # An older triage writes only the fields that it knows.
    a, b, _ = do(a, Unmerge(b, WHY), replace(b, brought=known), AT + 9 * HOUR)
    assert (took_part(b), had_part(b)) == ({DORA}, {DORA, CARLA})
    c, b, _ = do(c, Unmerge(b, WHY), b, AT + 10 * HOUR)
    assert (took_part(b), had_part(b)) == ({DORA}, {DORA, CARLA})


def test_a_case_that_the_survivor_does_not_list_leaves_it_all_the_same() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b)
    a, b, _ = do(a, Unmerge(b, WHY), replace(b, absorbed=()))
    assert (a.merged_into, b.absorbed) == (None, ())


def test_all_people_count_on_in_a_survivor_of_which_older_events_tell() -> None:
    a, b = voted(opened("amber-harbour"), DORA, CARLA), opened("calm-river")
    a, b, _ = do(a, Merge(b), b)
    old = replace(b, brought=())
    _, after, events = do(a, Unmerge(old, WHY), old, AT + 9 * HOUR)
    told = next(event for event in events if isinstance(event.fact, CaseDetached))
    before = replace(told, fact=told.fact.model_copy(update={"stayed": None}))
    for one in (after, evolve(b, before)):
        assert (took_part(one), had_part(one), one.brought) == ({DORA}, {DORA, CARLA}, ())


def test_the_warning_of_a_clock_that_stood_still_comes_as_long_before_as_ever() -> None:
    a, b = led(opened("amber-harbour"), Assign(BEN), Start(), Ask(Words("q1"))), opened("calm-river")
    late = replace(b, deadlines=tuple(replace(d, due_at=d.due_at + 30 * DAY) for d in b.deadlines))
    _, after, _ = do(a, Merge(late), late, AT + 9 * DAY)
    before, now = (next(d for d in case.deadlines if d.name == "decision") for case in (a, after))
    assert now.due_at > before.due_at
    for name in ("warn_at", "escalate_at"):
        assert getattr(now, name) - now.due_at == getattr(before, name) - before.due_at


def followed(case: Case, survivor: Case, at: datetime) -> tuple[Case, list[str]]:
    """The merged case after it followed its survivor, and what it told by that."""
    told = {"actor": ALICE, "cause": f"{survivor.seq} {at}", "trace": None}
    after, events = carry_out(
        case, Follow(survivor, absorptions(survivor).get(call(case))), POLICY, NOBODY, at, case_id=case.id, **told
    )
    assert after is not None
    return after, [fact.name for fact in facts_of(events)]


def told(case: Case, word: str, at: datetime) -> Case:
    """The case after its reporter was told this."""
    after, _ = carry_out(
        case, Tell(Words(word)), POLICY, NOBODY, at, case_id=case.id, actor=ALICE, cause=f"{word} {at}", trace=None
    )
    assert after is not None
    return after


def shown(case: Case) -> dict[str, tuple[datetime, bool]]:
    """What the reporter of a merged case reads of its clocks: when each is due, and whether it is kept."""
    return {one.name: (one.due_at, one.met_at is not None) for one in case.clocks_there}


@pytest.mark.parametrize("earlier", [timedelta(hours=77), timedelta(hours=-77)], ids=["earlier", "later"])
def test_a_reporter_learns_no_day_of_the_other_report_from_a_merge(earlier: timedelta) -> None:
    a, b = opened("amber-harbour"), opened("calm-river")
    moved = tuple(replace(one, due_at=one.due_at - earlier) for one in b.deadlines)
    b = told(replace(b, deadlines=moved), "before the merge", AT + HOUR)
    a, b, _ = do(a, Merge(b), b, AT + 2 * HOUR)
    promised = due(a)
    a, _ = followed(a, b, AT + 2 * HOUR)
    assert shown(a) == {name: (at, False) for name, at in promised.items()}
    assert "first_response" in promised


def test_a_merged_case_has_no_answer_until_its_survivor_gives_one_after_the_merge() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b, AT + 2 * HOUR)
    a, _ = followed(a, b, AT + 2 * HOUR)
    assert shown(a)["first_response"][1] is False
    b = told(b, "after the merge", AT + 3 * HOUR)
    promised = due(a)["first_response"]
    a, facts = followed(a, b, AT + 3 * HOUR)
    assert shown(a)["first_response"] == (promised, True)
    assert facts[:2] == [ReporterTold.name, ClocksFollowed.name]


def test_nobody_is_said_to_be_at_work_once_the_survivor_is_decided() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b, AT + 2 * HOUR)
    a, _ = followed(a, b, AT + 2 * HOUR)
    b = told(replace(b, outcome="advice"), "Thank you.", AT + 3 * HOUR)
    a, facts = followed(a, b, AT + 3 * HOUR)
    assert ReporterTold.name not in facts
    assert followed(a, replace(b, outcome=None), AT + 4 * HOUR)[1].count(ReporterTold.name) == 0


def test_what_was_told_before_a_case_followed_clocks_is_no_news() -> None:
    a, b = two()
    a, b, _ = do(a, Merge(b), b, AT + 2 * HOUR)
    b = told(told(b, "long ago", AT + 3 * HOUR), "later", AT + 4 * HOUR)
    a, facts = followed(a, b, AT + 90 * DAY)
    assert facts == [ClocksFollowed.name]
    b = told(b, "now", AT + 91 * DAY)
    assert ReporterTold.name in followed(a, b, AT + 91 * DAY)[1]


def test_each_wordless_message_has_an_id_of_its_own_also_after_a_second_merge() -> None:
    a, b = two()
    ids = []
    for day in (1, 2):
        a, b, _ = do(a, Merge(b), b, AT + day * DAY)
        a, _ = followed(a, b, AT + day * DAY)
        b = told(b, "hello", AT + day * DAY + HOUR)
        facts = decide(a, Follow(b, absorptions(b).get(call(a))), POLICY, AT + day * DAY + HOUR)
        ids += [fact.message_id for fact in facts if isinstance(fact, ReporterTold)]
        a, _ = followed(a, b, AT + day * DAY + HOUR)
        a, b, _ = do(a, Unmerge(b, WHY), b, AT + day * DAY + 2 * HOUR)
    assert len(ids) == len(set(ids)) == 2


def test_what_a_survivor_told_counts_from_the_last_time_that_it_took_a_case_in() -> None:
    case = opened("calm-river")
    took, wrote, asked = (
        replace(case.history[0], fact=one.name) for one in (CaseAbsorbed, ReporterTold, InformationRequested)
    )
    steps = [replace(took, other_case="a"), wrote, *(replace(took, other_case=one) for one in "ba"), asked, took, wrote]
    history = tuple(replace(step, seq=number) for number, step in enumerate(steps, start=1))
    survivor = replace(case, history=history)
    assert absorptions(survivor) == {"a": (history[3], 2), "b": (history[2], 2)}
    for ref, (step, _) in absorptions(survivor).items():
        assert step == next(one for one in reversed(history) if (one.fact, one.other_case) == (CaseAbsorbed.name, ref))
