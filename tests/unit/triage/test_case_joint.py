"""A joint case: who may vote on it, and what becomes of the joint work when people, bodies or states change."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.triage.case.attendance import People, attend, voters
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide, Object, ProposeDecision, Second
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.joint import AcceptInvitation, DeclineInvitation, EndJoint, InviteBody
from services.triage.case.commands.merging import Follow, Merge
from services.triage.case.commands.recusal import Confirm, Recuse
from services.triage.case.commands.referral import AcceptReferral, Refer
from services.triage.case.commands.waking import Wake
from services.triage.case.forms import resource_of
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from services.triage.case.outline import outline_of
from services.triage.case.timers.table import wakes_at
from services.triage.case.voting import count_votes
from shared.access.authorization import allow, is_permitted
from shared.access.conditions import Reason, Refusal
from shared.access.principal import Principal, Role
from shared.events import Actor, CasePassedOn, CaseState, InvitationLapsed, JointEnded, RecusalDeclared, mark_noted
from shared.policy import load_policy
from tests.support.case_steps import open_case, step
from tests.support.people import coordinator, responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANN, ANA = (responder(name, "enwiki_arbcom") for name in ("a1a1", "a2a2"))
STU, SUE, SAM = (responder(name, "stewards") for name in ("51a1", "51b2", "51c3"))
UMA, UNA = (responder(name, "u4c") for name in ("7a11", "7b22"))
PEOPLE = People({"enwiki_arbcom": [ANN, ANA], "stewards": [STU, SUE, SAM], "u4c": [UMA, UNA]})
BY = ANN.actor(Role.RESPONDER)
WHY = Words("why")


def led(*commands: Command) -> Case:
    case = open_case(AT)
    for command in commands:
        case, _ = step(case, command, AT)
    return case


def joint(*bodies: str) -> Case:
    joins: list[Command] = []
    for body in bodies or ("stewards",):
        joins += [InviteBody(body, WHY, BY, PEOPLE), AcceptInvitation(PEOPLE, STU.actor(Role.RESPONDER))]
    return led(Assign(ANN.ref), Start(), *joins)


def without(*gone: Principal) -> People:
    return People({body: [one for one in some if one not in gone] for body, some in PEOPLE.staff.items()})


def may(who: Principal, action: str, case: Case) -> bool:
    return is_permitted(replace(who, authenticated_at=AT), f"case.{action}", resource_of(case, POLICY), AT)


def test_people_of_all_bodies_vote_and_the_quorum_counts_all_of_them() -> None:
    case = joint()
    assert voters(case, PEOPLE, POLICY, AT) == {one.ref for one in (ANN, ANA, STU, SUE, SAM)}
    ban = ProposeDecision("permanent_ban", None, "community", WHY, BY, PEOPLE)
    case, _ = step(case, ban, AT)
    assert case.proposal
    tally = count_votes(case, case.proposal, PEOPLE, POLICY, AT)
    assert (tally.voters, "quorum" in tally.needs) == (5, True)
    alone = led(Assign(ANN.ref), Start(), ban)
    assert alone.proposal
    assert "quorum" not in count_votes(alone, alone.proposal, PEOPLE, POLICY, AT).needs


@pytest.mark.parametrize("action", ["decide", "refer", "merge", "close", "claim", "assign", "invite_body", "withdraw"])
def test_people_of_a_joined_body_do_not_lead(action: str) -> None:
    case = joint()
    assert may(ANN, action, case)
    assert not may(STU, action, case)


def test_people_of_a_joined_body_work_with_it_and_a_coordinator_there_takes_it_from_nobody() -> None:
    case, chief = joint(), coordinator("51d4", "stewards")
    for action in ("read", "read_content", "note", "ask", "propose_decision", "second", "recuse", "release"):
        assert may(STU, action, case)
        assert not may(UMA, action, case)
    assert may(chief, "read", case)
    assert may(chief, "end_joint", case)
    assert not may(chief, "release", case)
    assert not may(chief, "read_content", case)
    answer = allow(UMA, "case.read", resource_of(case, POLICY), AT)
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.BODY


def test_a_recusal_shuts_out_of_every_body() -> None:
    case, _ = step(joint(), Recuse("involved", STU.ref, coordinator("51d4", "stewards").actor(Role.COORDINATOR)), AT)
    assert not may(STU, "read", case)
    assert STU.ref not in voters(case, PEOPLE, POLICY, AT)
    assert attend(case, PEOPLE, POLICY, AT) == []


@pytest.mark.parametrize("people", [without(STU, SUE, SAM), People(PEOPLE.staff, parties=STU.pseudonyms)])
def test_a_body_that_cannot_look_after_the_case_is_part_of_it_no_more(people: People) -> None:
    (fact,) = attend(joint("stewards", "u4c"), people, POLICY, AT)
    assert fact == JointEnded(previous="investigating", state="investigating", body="stewards", assignee=ANN.ref)


def test_a_lead_with_too_few_people_goes_to_its_stand_in_although_others_have_joined() -> None:
    facts = attend(joint(), without(ANN, ANA), POLICY, AT)
    assert [fact.name for fact in facts] == ["case.passed_on"]


@pytest.mark.parametrize("gone", [(), ("u4c",)])
def test_a_body_that_joined_never_stands_in_for_the_lead_not_even_once_it_left(gone: tuple[str, ...]) -> None:
    case = joint("u4c")
    for body in gone:
        case, _ = step(case, EndJoint(body, WHY, UMA.actor(Role.RESPONDER), PEOPLE), AT)
    (fact,) = attend(case, without(ANN, ANA), POLICY, AT)
    assert fact.name == "case.unattended"
    last = People({**without(ANN, ANA).staff, "trust_safety": [responder("9a99", "trust_safety")]})
    (fact,) = attend(case, last, POLICY, AT)
    assert isinstance(fact, CasePassedOn)
    assert fact.body == "trust_safety"


def declared(case: Case, person: Principal, by: Actor) -> tuple[Case, datetime | None]:
    case, (event,) = step(case, Recuse("involved", person.ref, by, people=PEOPLE), AT)
    assert isinstance(event.fact, RecusalDeclared)
    return case, event.fact.confirm_by


def test_a_coordinator_alone_shuts_out_nobody_of_another_body_of_the_case() -> None:
    chief, joined_chief = coordinator("e5e5", "enwiki_arbcom"), coordinator("51d4", "stewards")
    people = {"enwiki_arbcom": [ANN, ANA, chief], "stewards": [STU, SUE, SAM, joined_chief], "u4c": [UMA]}
    everybody = People(people)
    for by, person, waits in (
        (joined_chief, ANN, True),
        (joined_chief, STU, False),
        (chief, STU, True),
        (chief, ANN, False),
        (chief, UMA, False),
    ):
        recuse = Recuse("involved", person.ref, by.actor(Role.COORDINATOR), people=everybody)
        case, _ = step(joint(), recuse, AT)
        assert (case.lapses_at is not None) is waits


def test_people_of_the_joined_body_shut_out_nobody_of_the_lead_among_themselves() -> None:
    case, confirm_by = declared(joint(), ANN, STU.actor(Role.RESPONDER))
    assert confirm_by
    again = (
        Confirm(ANN.ref, SUE.actor(Role.RESPONDER), PEOPLE),
        Recuse("involved", ANN.ref, SUE.actor(Role.RESPONDER), people=PEOPLE),
    )
    for command in again:
        with pytest.raises(FieldsRefused, match="lead_confirms"):
            step(case, command, AT)
    # Nor where another body has the case meanwhile.
    case = replace(case, body="trust_safety")
    with pytest.raises(FieldsRefused, match="lead_confirms"):
        step(case, again[0], AT)
    confirmed, _ = step(case, Confirm(ANN.ref, ANA.actor(Role.RESPONDER), PEOPLE), AT)
    assert confirmed.lapses_at is None


def test_a_named_person_of_the_lead_is_shut_out_with_a_word_of_the_lead_alone() -> None:
    token = "7" * 32
    people = replace(PEOPLE, meant={token: ANN.ref})
    case, _ = step(joint(), Recuse("named", ANN.ref, STU.actor(Role.RESPONDER), token, people), AT)
    with pytest.raises(FieldsRefused, match="lead_confirms"):
        step(case, Confirm(token, SUE.actor(Role.RESPONDER), people), AT)
    case, _ = step(case, Confirm(token, ANA.actor(Role.RESPONDER), people), AT)
    assert case.recused == (token,)


def test_a_recusal_by_one_person_ends_no_joint_work_until_it_is_confirmed() -> None:
    people = without(SAM)
    case, _ = declared(joint(), STU, BY)
    assert attend(case, people, POLICY, AT) == []
    case, _ = step(case, Confirm(STU.ref, ANA.actor(Role.RESPONDER), people), AT)
    (fact,) = attend(case, people, POLICY, AT)
    assert fact.name == "case.joint_ended"


def test_words_of_a_handler_end_no_joint_work_and_those_of_a_reporter_do() -> None:
    named = STU.pseudonyms
    noted = PEOPLE.beside(named.union(map(mark_noted, named)))
    case, _ = step(joint(), ProposeDecision("permanent_ban", None, "community", WHY, BY, PEOPLE), AT)
    case, _ = step(case, Object(WHY, STU.actor(Role.RESPONDER)), AT)
    assert attend(case, noted, POLICY, AT) == []
    assert case.proposal
    assert count_votes(case, case.proposal, noted, POLICY, AT).against == (STU.ref,)
    (fact,) = attend(case, PEOPLE.beside(named), POLICY, AT)
    assert fact.name == "case.joint_ended"


def test_nobody_puts_aside_what_a_person_of_a_joined_body_agrees_with_by_ending_joint_work() -> None:
    restriction = ProposeDecision("restriction", date(2027, 1, 1), "pages", WHY, BY, PEOPLE)
    case, _ = step(joint(), restriction, AT)
    assert step(case, EndJoint("stewards", WHY, BY, PEOPLE), AT)[0].joined == ()
    case, _ = step(case, Second(None, STU.actor(Role.RESPONDER)), AT)
    for who in (ANN, ANA, SUE):
        with pytest.raises(FieldsRefused, match="proposal_stands"):
            step(case, EndJoint("stewards", WHY, who.actor(Role.RESPONDER), PEOPLE), AT)
    # A person takes the own vote away, and a body whose people have not voted is in nobody's way.
    assert step(case, EndJoint("stewards", WHY, STU.actor(Role.RESPONDER), PEOPLE), AT)[0].joined == ()
    case, _ = step(joint(), restriction, AT)
    case, _ = step(case, Second(None, ANA.actor(Role.RESPONDER)), AT)
    assert step(case, EndJoint("stewards", WHY, BY, PEOPLE), AT)[0].joined == ()


def test_nobody_ends_joint_work_while_another_person_of_the_body_objects() -> None:
    case, _ = step(joint(), ProposeDecision("warning", None, None, WHY, BY, PEOPLE), AT)
    case, _ = step(case, Object(WHY, STU.actor(Role.RESPONDER)), AT)
    for who in (ANN, SUE):
        with pytest.raises(FieldsRefused, match="objects"):
            step(case, EndJoint("stewards", WHY, who.actor(Role.RESPONDER), PEOPLE), AT)
    # The votes of people who are gone count no more anyway.
    for who, people in ((STU, PEOPLE), (ANN, without(STU))):
        after, _ = step(case, EndJoint("stewards", WHY, who.actor(Role.RESPONDER), people), AT)
        assert after.joined == ()


def test_a_merged_case_that_follows_into_a_body_that_joined_has_it_once() -> None:
    merged = replace(joint("stewards", "u4c"), state=CaseState.MERGED, merged_into="other")
    case, _ = step(merged, Follow(replace(merged, body="stewards", own_body="stewards")), AT)
    assert case.bodies == ("stewards", "u4c")


def test_a_case_with_joint_work_is_merged_only_once_that_has_ended() -> None:
    other = replace(joint(), id="other", code_name="calm-river")
    case = joint()
    with pytest.raises(FieldsRefused, match="/other: is_joint"):
        step(case, Merge(other, None), AT)
    case, _ = step(case, EndJoint("stewards", WHY, BY, PEOPLE), AT)
    case, _ = step(case, Merge(other, None), AT)
    assert case.state == "merged"


def test_a_joined_body_that_gets_the_case_leads_and_has_not_joined_it() -> None:
    case, _ = step(joint("stewards", "u4c"), Refer("stewards", WHY, BY, PEOPLE), AT)
    case, _ = step(case, AcceptReferral(PEOPLE), AT)
    assert (case.bodies, case.referrals[0].left_at) == (("stewards", "u4c"), AT)


def test_an_invited_body_that_stands_in_for_the_lead_meanwhile_joins_nothing() -> None:
    case = led(InviteBody("u4c", WHY, BY, PEOPLE))
    case = replace(case, body="u4c")
    assert not AcceptInvitation.applies(case)
    with pytest.raises(NotPermitted):
        step(case, AcceptInvitation(PEOPLE, UMA.actor(Role.RESPONDER)), AT)
    assert attend(case, PEOPLE, POLICY, AT) == attend(replace(case, referrals=()), PEOPLE, POLICY, AT)


def test_an_invitation_waits_for_no_closed_case_and_lapses_once_it_is_open() -> None:
    decided = Decide("advice", WHY, BY, people=PEOPLE)
    case = led(Assign(ANN.ref), Start(), InviteBody("stewards", WHY, BY, PEOPLE), decided)
    assert wakes_at(case) == AT + timedelta(hours=48)
    closed, _ = step(case, Close(), AT)
    assert (closed.asked, closed.state) == (None, CaseState.CLOSED)
    for command in (AcceptInvitation(PEOPLE), DeclineInvitation(WHY)):
        with pytest.raises(NotPermitted):
            step(closed, command, AT)
    case, events = step(case, Wake(), AT + timedelta(hours=49))
    assert [event.fact for event in events][:1] == [
        InvitationLapsed(previous="decided", state="decided", to_body="stewards")
    ]
    with pytest.raises(NotPermitted):
        step(case, AcceptInvitation(PEOPLE), AT)


def test_an_outline_tells_nothing_of_other_bodies() -> None:
    case, _ = step(joint(), InviteBody("u4c", WHY, BY, PEOPLE), AT)
    assert case.joined == ("stewards",)
    seen = outline_of(case)
    assert (seen.joined, len(seen.referrals), [one.detail for one in seen.history]) == ((), 1, ["u4c"])


def test_who_has_the_case_loses_it_with_the_body_that_goes_unless_another_one_has_them() -> None:
    both = responder("b0b0", "stewards", "u4c")
    people = People({**PEOPLE.staff, "stewards": [STU, SUE, both], "u4c": [UMA, both]})
    for holder, kept in ((STU, None), (both, both.ref), (ANN, ANN.ref)):
        case, _ = step(joint("stewards", "u4c"), Assign(holder.ref), AT)
        case, _ = step(case, EndJoint("stewards", WHY, BY, people), AT)
        assert (case.assignee, case.joined) == (kept, ("u4c",))


def test_who_lost_the_case_does_not_get_it_back_with_the_end_of_another_body() -> None:
    case, _ = step(joint("stewards", "u4c"), Assign(STU.ref), AT)
    gone = attend(case, without(STU, SUE, SAM, UMA, UNA), POLICY, AT)
    assert [fact.assignee for fact in gone if isinstance(fact, JointEnded)] == [None, None]
    case, _ = step(joint(), Assign(ANN.ref), AT)
    moved, ended = attend(case, without(ANN, ANA, STU, SUE, SAM), POLICY, AT)
    assert (moved.name, ended) == (
        "case.passed_on", JointEnded(previous="investigating", state="investigating", body="stewards"),
    )  # fmt: skip


@pytest.mark.parametrize(("who", "body", "code"), [(STU, "u4c", "not_yours"), (ANN, "legal", "not_joined")])
def test_only_the_lead_lets_another_body_go(who: Principal, body: str, code: str) -> None:
    with pytest.raises(FieldsRefused, match=code):
        step(joint("stewards", "u4c"), EndJoint(body, WHY, who.actor(Role.RESPONDER), PEOPLE), AT)
