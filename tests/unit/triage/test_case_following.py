"""A case that came of the report of another one stays shut to those who may not see that one, whenever it is said."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import People
from services.triage.case.case import Case
from services.triage.case.commands.command import Words
from services.triage.case.commands.decision import Object, ProposeDecision
from services.triage.case.commands.following import KeepApart
from services.triage.case.commands.handling import Assign, Release, Start
from services.triage.case.commands.opening import Open
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.table import carry_out
from services.triage.case.commands.waking import Wake
from shared.access.principal import Role
from shared.events import CaseState
from tests.support.case_steps import POLICY, open_case, step
from tests.support.people import responder
from tests.support.triage_rig import reported

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
BODY = "enwiki_arbcom"
STAFF = [responder(name * 4, BODY) for name in ("a1", "b1", "c1", "d1", "e1", "f1")]
ANN, BEN, CAT, DOT = (one.actor(Role.RESPONDER) for one in STAFF[:4])
PEOPLE = People({BODY: STAFF})
WHY = Words("why")
TOLD_BADLY = {"category": "unclassified", "flags": ("retaliation",), "channel": "follow_up"}


def came_of(first: Case, **report: object) -> Case:
    """A new case: one of bad treatment for the report of the first, or else a part of it."""
    told = reported(received_at=AT, parties_apart=True, **(report or {"channel": "split"}))
    opening = Open("other", told.fact, PEOPLE, first, False, "first", "later")
    made = {"case_id": "later", "actor": TRIAGE, "cause": told.id, "trace": None}
    case, _ = carry_out(None, opening, POLICY, PEOPLE, AT, **made)
    assert case is not None
    return case


def kept_apart(case: Case, *firsts: Case, at: datetime = AT + HOUR) -> Case:
    made = {"case_id": "later", "actor": TRIAGE, "cause": f"apart {case.seq} {at}", "trace": None}
    after, _ = carry_out(case, KeepApart(firsts, PEOPLE), POLICY, PEOPLE, at, **made)
    assert after is not None
    return after


def after(case: Case, *commands: object) -> Case:
    for command in commands:
        case, _ = step(case, command, AT)
    return case


def objected(case: Case) -> Case:
    """The case, in which DOT objects to what ANN proposes."""
    proposal = ProposeDecision("permanent_ban", None, "community", WHY, ANN, PEOPLE)
    return after(case, Assign(ANN.ref), Start(), proposal, Object(WHY, DOT))


def test_who_only_gets_the_first_case_later_sees_the_new_one_no_more() -> None:
    first = open_case(AT)
    case = kept_apart(came_of(first, **TOLD_BADLY), after(first, Assign(BEN.ref), Release(WHY, BEN)))
    assert [(one.person, one.by, one.ground) for one in case.recusals] == [(BEN.ref, TRIAGE.ref, "prior_knowledge")]


def test_nobody_takes_an_objection_away_by_giving_a_person_the_first_case() -> None:
    first = open_case(AT)
    case = objected(came_of(first, **TOLD_BADLY))
    given = after(first, Assign(DOT.ref))
    assert kept_apart(case, given).seq == case.seq
    # What a person does in the first case is their own doing.
    proposal = ProposeDecision("warning", None, None, WHY, DOT, PEOPLE)
    assert kept_apart(case, after(given, Start(), proposal)).recused == (DOT.ref,)


def test_a_part_learns_of_conflicts_alone() -> None:
    first = after(open_case(AT), Assign(BEN.ref), Recuse("involved", CAT.ref, CAT))
    assert kept_apart(came_of(open_case(AT)), first).recused == (CAT.ref,)


def test_what_holds_for_a_day_is_said_once_however_often_the_cases_are_judged() -> None:
    first = after(open_case(AT), Recuse("involved", CAT.ref, ANN, people=PEOPLE))
    case = kept_apart(came_of(open_case(AT)), first)
    assert case.lapses_at == AT + DAY
    assert kept_apart(case, first).seq == case.seq
    made = {"case_id": "later", "actor": TRIAGE, "cause": "wake", "trace": None}
    lapsed, _ = carry_out(case, Wake(), POLICY, PEOPLE, AT + DAY, **made)
    assert lapsed is not None
    assert lapsed.recused == ()
    assert kept_apart(lapsed, first, at=AT + DAY).seq == lapsed.seq


@pytest.mark.parametrize("state", [CaseState.MERGED, CaseState.CLOSED])
def test_it_counts_wherever_the_new_case_is_and_for_all_of_the_first(state: CaseState) -> None:
    first = open_case(AT)
    survivor = after(replace(open_case(AT), id="survivor"), Assign(BEN.ref), Start())
    survivor = after(survivor, ProposeDecision("warning", None, None, WHY, BEN, PEOPLE))
    case = replace(came_of(first, **TOLD_BADLY), state=state)
    assert kept_apart(case, first, survivor).recused == (BEN.ref,)
