"""What a merge does to recusals: it takes away no person and no objection that the rules of recusal would leave."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.asking import AnswerRecusal, ReceiveRecusalAsk
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Object, ProposeDecision, Second
from services.triage.case.commands.handling import Assign, Claim, Start
from services.triage.case.commands.merging import Merge, Unmerge
from services.triage.case.commands.recusal import Confirm, Recuse, Withdraw
from services.triage.case.commands.table import carry_out, carry_out_other
from services.triage.case.commands.waking import Wake
from services.triage.case.lifecycle import FieldsRefused
from shared.access.principal import Role
from shared.events import Actor, CaseState
from tests.support.case_steps import POLICY, open_case, step
from tests.support.people import coordinator, responder

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
BODY = "enwiki_arbcom"
STAFF = [responder(name * 4, BODY) for name in ("a1", "b1", "c1", "d1", "e1", "f1")]
ANN, BEN, CAT, DOT = (one.actor(Role.RESPONDER) for one in STAFF[:4])
LEAD = coordinator("c0acc0ac", BODY)
CORA = LEAD.actor(Role.COORDINATOR)
PEOPLE = People({BODY: [*STAFF, LEAD]})
WHY = Words("why")
ASK = "11111111-1111-1111-1111-111111111111"


def led(*commands: Command, at: datetime = AT) -> Case:
    return after(open_case(AT), *commands, at=at)


def after(case: Case, *commands: Command, at: datetime = AT) -> Case:
    for command in commands:
        case, _ = step(case, command, at)
    return case


def both(command: Merge | Unmerge, case: Case, other: Case, at: datetime) -> tuple[Case, Case]:
    cause = f"{command.name} {case.seq}"
    changed, _ = carry_out(case, command, POLICY, PEOPLE, at, case_id="a", actor=ANN, cause=cause, trace=None)
    survivor, _ = carry_out_other(other, case, command, POLICY, PEOPLE, at, actor=ANN, cause=cause, trace=None)
    assert changed is not None
    return changed, survivor


def merged(case: Case, other: Case, at: datetime = AT + HOUR) -> tuple[Case, Case]:
    """The case as part of the other one, and the other one."""
    other = replace(other, id="other")
    return both(Merge(other, None, "other", "case", people=PEOPLE, by=ANN), case, other, at)


def parted(case: Case, other: Case, at: datetime = AT + 3 * HOUR) -> Case:
    """The case once it is a case for itself again."""
    return both(Unmerge(other, WHY, "other", "case", PEOPLE), case, other, at)[0]


def not_merged(case: Case, other: Case, at: datetime = AT + HOUR) -> str:
    with pytest.raises(FieldsRefused) as caught:
        merged(case, other, at)
    return caught.value.faults[0].code


def recused(person: Actor, by: Actor, ground: str = "involved") -> Recuse:
    return Recuse(ground, person.ref, by, "7" * 32, PEOPLE)


def objected() -> Case:
    """A case in which DOT objects to what ANN proposes."""
    proposal = ProposeDecision("permanent_ban", None, "community", WHY, ANN, PEOPLE)
    return led(Assign(ANN.ref), Start(), proposal, Object(WHY, DOT))


@pytest.mark.parametrize("by", [CORA, DOT], ids=["coordinator", "oneself"])
def test_a_merge_takes_no_objection_away_by_the_word_of_one_person(by: Actor) -> None:
    alone = led(recused(DOT, by))
    assert alone.recusals[0].confirm_by is None
    assert not_merged(alone, objected()) == "takes_two"
    first = after(objected(), recused(DOT, CORA))
    assert not_merged(alone, first) == "takes_two"
    _, survivor = merged(alone, after(first, Confirm(DOT.ref, BEN, PEOPLE)))
    assert survivor.recused == (DOT.ref,)


def test_what_two_people_have_said_in_one_case_holds_in_the_survivor() -> None:
    two = led(recused(DOT, BEN), Confirm(DOT.ref, CAT, PEOPLE))
    _, survivor = merged(two, objected())
    (recusal,) = survivor.recusals
    assert (recusal.by, recusal.confirmed_by, recusal.confirm_by) == (BEN.ref, CAT.ref, None)


def test_a_case_in_which_a_person_objects_is_part_of_no_other() -> None:
    assert not_merged(objected(), led()) == "objected"
    assert merged(led(), objected())[0].state is CaseState.MERGED
    gone = after(objected(), recused(DOT, CORA), Confirm(DOT.ref, BEN, PEOPLE))
    assert merged(gone, led())[0].state is CaseState.MERGED


def test_nobody_puts_aside_by_a_merge_what_others_agree_with() -> None:
    proposed = led(Assign(ANN.ref), Start(), ProposeDecision("permanent_ban", None, "community", WHY, ANN, PEOPLE))
    assert merged(proposed, led())[0].state is CaseState.MERGED
    assert not_merged(after(proposed, Second(None, DOT)), led()) == "proposal_stands"
    assert merged(led(), after(proposed, Second(None, DOT)))[0].state is CaseState.MERGED


def test_the_survivor_knows_who_declared_a_recusal() -> None:
    _, survivor = merged(led(recused(DOT, BEN)), led())
    (recusal,) = survivor.recusals
    assert (recusal.by, recusal.role, recusal.confirm_by) == (BEN.ref, "responder", AT + DAY)
    with pytest.raises(FieldsRefused, match="/person: own_recusal"):
        step(survivor, Confirm(DOT.ref, BEN, PEOPLE), AT + HOUR)
    assert after(survivor, Confirm(DOT.ref, ANN, PEOPLE), at=AT + HOUR).lapses_at is None


def test_nobody_takes_back_after_a_merge_what_a_person_said_of_themselves() -> None:
    _, survivor = merged(led(recused(DOT, DOT)), led())
    for by in (ANN, CORA):
        with pytest.raises(FieldsRefused, match="/person: not_to_withdraw"):
            step(survivor, Withdraw(DOT.ref, "mistaken", by), AT + HOUR)


def test_nobody_keeps_a_person_away_day_after_day_by_merging_cases() -> None:
    later = AT + DAY
    survivor = after(led(recused(DOT, BEN)), Wake(), at=later)
    assert survivor.recused == ()
    again = led(recused(DOT, BEN), at=later)
    assert not_merged(again, survivor, later) == "takes_two"
    _, survivor = merged(led(recused(DOT, CAT), at=later), survivor, later)
    assert survivor.lapses_at == later + DAY
    _, survivor = merged(again, survivor, later)
    assert survivor.lapses_at == later + DAY


def test_what_holds_for_good_in_one_case_does_not_lapse_in_the_survivor() -> None:
    _, survivor = merged(led(recused(DOT, CORA)), led(recused(DOT, BEN)))
    assert (survivor.recused, survivor.lapses_at) == ((DOT.ref,), None)


def test_a_case_that_comes_back_shuts_out_those_recused_from_its_survivor_meanwhile() -> None:
    case, survivor = merged(led(Assign(DOT.ref)), led(recused(CAT, CORA)))
    survivor = after(survivor, recused(DOT, DOT), recused(BEN, ANN), at=AT + 2 * HOUR)
    back = parted(case, survivor)
    assert (back.state, back.recused, back.assignee) == (CaseState.ASSIGNED, (DOT.ref, BEN.ref), None)
    assert [(one.by, one.confirm_by) for one in back.recusals] == [(DOT.ref, None), (ANN.ref, AT + DAY + 2 * HOUR)]


def test_a_case_that_comes_back_keeps_its_objections_until_two_say_otherwise() -> None:
    case = objected()
    _, survivor = merged(led(), led())
    case = replace(case, state=CaseState.MERGED, merged_from=case.state, merged_into="other")
    back = parted(case, after(survivor, recused(DOT, CORA), at=AT + 2 * HOUR))
    assert (back.recused, back.lapses_at) == ((DOT.ref,), AT + 3 * HOUR + DAY)


def test_a_person_who_refused_a_party_has_no_part_in_the_survivor_either() -> None:
    case = led(ReceiveRecusalAsk(ASK, "reporter"), AnswerRecusal(ASK, "refused", WHY, DOT))
    _, survivor = merged(case, led(Assign(DOT.ref)))
    assert (survivor.refusers, survivor.assignee) == (frozenset({DOT.ref}), None)
    with pytest.raises(FieldsRefused, match="cannot_have"):
        step(survivor, Claim(DOT), AT + HOUR)
    assert not_merged(case, objected()) == "takes_two"


def test_an_answer_in_a_part_keeps_no_clock_of_the_survivor() -> None:
    case, survivor = merged(led(), led(ReceiveRecusalAsk(ASK, "reporter")))
    case = after(case, ReceiveRecusalAsk("2" + ASK[1:], "reporter"), at=AT + 2 * HOUR)
    answer = AnswerRecusal("2" + ASK[1:], "refused", WHY, DOT, survivor, "other", "case")
    told = {"actor": DOT, "cause": "answer", "trace": None}
    changed, events = carry_out_other(survivor, case, answer, POLICY, PEOPLE, AT + 3 * HOUR, **told)
    assert [event.fact.name for event in events] == ["case.recusal_answered"]
    assert changed.deadlines == survivor.deadlines
