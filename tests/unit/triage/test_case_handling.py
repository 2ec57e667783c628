"""A case is taken, put back and followed: who may, what follows, and what two people at once come to."""

from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Claim, Release, Start, Unwatch, Watch
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.recusal import Recuse
from services.triage.case.commands.table import decide
from services.triage.case.lifecycle import NotPermitted, Taken
from shared.access.principal import Role
from shared.events import Actor, CaseAssigned, CaseReleased, CaseState, CaseUnwatched, CaseWatched
from shared.policy import load_policy
from tests.support.case_steps import open_case, step

POLICY = load_policy()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ALICE = Actor("person:a11ce0de00000000", "responder")
BEN = Actor("person:b0b0b0b000000000", "responder")
CORA = Actor("person:c0ac0ac000000000", "coordinator")
MINE, ASKED = (Claim(ALICE), Start()), Ask(Words("q-1"))


def after(*commands: Command, by: Actor = ALICE) -> Case:
    case = open_case(AT)
    for number, command in enumerate(commands, start=1):
        case, _ = step(case, command, AT + timedelta(hours=number), by)
    return case


def told(case: Case, command: Command):
    return decide(case, command, POLICY, AT + timedelta(days=1))


def put_back(by: Actor = ALICE) -> Release:
    return Release(Words("w-1"), by)


def test_a_case_that_nobody_has_can_be_claimed() -> None:
    case = after()
    assert Claim.suits(case, ALICE.ref, None)
    assert told(case, Claim(ALICE)) == [CaseAssigned(previous="triaged", state="assigned", assignee=ALICE.ref)]
    taken = after(Claim(ALICE))
    assert (taken.state, taken.assignee, Claim.suits(taken, ALICE.ref, None)) == (CaseState.ASSIGNED, ALICE.ref, False)
    assert told(taken, Claim(ALICE)) == []


@pytest.mark.parametrize("commands", [(Claim(ALICE),), MINE, (*MINE, ASKED), (*MINE, Decide("advice", Words("r")))])
def test_a_case_that_another_person_has_is_taken(commands: tuple[Command, ...]) -> None:
    with pytest.raises(Taken):
        told(after(*commands), Claim(BEN))
    with pytest.raises(Taken):
        told(after(*commands), put_back(BEN))
    for assignee in (BEN, CORA):
        with pytest.raises(Taken):
            told(after(*commands), Assign(assignee.ref, BEN))
    # The person who has it gives it to another one, and so does a coordinator.
    for by in (ALICE, CORA):
        assert told(after(*commands), Assign(BEN.ref, by))[0].assignee == BEN.ref
    assert told(after(*commands), Assign(ALICE.ref, BEN)) == []


def test_a_case_left_by_a_recusal_is_claimed_in_the_state_that_it_has() -> None:
    case = after(*MINE, Recuse("related", ALICE.ref, ALICE))
    assert told(case, Claim(BEN)) == [CaseAssigned(previous="investigating", state="investigating", assignee=BEN.ref)]


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        ((Claim(ALICE),), "triaged"),
        (MINE, "triaged"),
        ((*MINE, ASKED), "triaged"),
        ((*MINE, Decide("advice", Words("r-1"))), "decided"),
    ],
)
@pytest.mark.parametrize("by", [ALICE, CORA])
def test_a_case_put_back_waits_for_somebody_of_its_body(commands: tuple[Command, ...], state: str, by: Actor) -> None:
    before = after(*commands)
    assert told(before, put_back(by))[0] == CaseReleased(
        previous=before.state, state=state, previous_assignee=ALICE.ref, reason_id="w-1"
    )
    case = after(*commands, put_back(by))
    assert (case.state, case.assignee, case.body) == (state, None, before.body)
    assert case.history[-1].fact in ("case.released", "deadline.started")
    assert Claim.suits(case, ALICE.ref, None)


def test_an_answer_still_reaches_a_case_that_was_put_back() -> None:
    case = after(*MINE, ASKED, put_back(), ReceiveAnswer("q-1", "a-1"))
    assert (case.state, case.questions[0].answers) == (CaseState.TRIAGED, ("a-1",))
    assert not any(deadline.remaining_seconds for deadline in case.deadlines)
    taken = after(*MINE, ASKED, put_back(), Claim(BEN), ReceiveAnswer("q-1", "a-1"))
    assert (taken.state, taken.questions[0].answers) == (CaseState.ASSIGNED, ("a-1",))


def test_nothing_is_put_back_that_nobody_has() -> None:
    with pytest.raises(NotPermitted):
        told(after(), put_back())
    assert told(after(Claim(ALICE), Recuse("related", ALICE.ref, ALICE)), put_back(CORA)) == []


def test_a_form_to_put_a_case_back_is_for_those_who_may() -> None:
    case = after(Claim(ALICE))
    offered = [Release.suits(case, who.ref, Role(who.role)) for who in (ALICE, BEN, CORA)]
    assert offered == [True, False, True]
    assert not Release.suits(after(), CORA.ref, Role.COORDINATOR)
    assert [Assign.suits(case, who.ref, Role(who.role)) for who in (ALICE, BEN, CORA)] == offered
    assert all(Assign.suits(after(), who.ref, Role(who.role)) for who in (ALICE, BEN, CORA))


def test_a_person_follows_a_case_once_and_stops_once() -> None:
    assert told(after(), Watch(ALICE)) == [CaseWatched(previous="triaged", state="triaged", person=ALICE.ref)]
    case = after(Watch(ALICE), Watch(CORA))
    assert case.watchers == (ALICE.ref, CORA.ref)
    assert told(case, Watch(ALICE)) == []
    assert told(case, Unwatch(CORA)) == [CaseUnwatched(previous="triaged", state="triaged", person=CORA.ref)]
    assert told(case, Unwatch(BEN)) == []
    assert after(Watch(ALICE), Unwatch(ALICE)).watchers == ()
    assert [Watch.suits(case, who.ref, None) for who in (ALICE, BEN)] == [False, True]
    assert [Unwatch.suits(case, who.ref, None) for who in (ALICE, BEN)] == [True, False]


def test_a_person_who_is_recused_follows_the_case_no_longer() -> None:
    assert after(Watch(ALICE), Watch(BEN), Recuse("related", ALICE.ref, ALICE)).watchers == (BEN.ref,)
