"""Somebody who can act has each case: who is there for it decides where it goes, whatever happens to people."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.triage.author import TRIAGE
from services.triage.case.attendance import RENEWED_WITHIN, People, attend, attendance
from services.triage.case.case import Case
from services.triage.case.commands.asking import AnswerRecusal, ReceiveRecusalAsk
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide
from services.triage.case.commands.handling import Assign, Attend, Close, LetGo, Start
from services.triage.case.commands.inquiry import Ask
from services.triage.case.commands.opening import Open
from services.triage.case.commands.recusal import Confirm, Recuse, Withdraw
from services.triage.case.commands.table import carry_out
from services.triage.case.commands.waking import Wake
from services.triage.case.evolve.fold import fold
from services.triage.case.forms import resource_of
from services.triage.case.lifecycle import CommandRefused
from services.triage.case.timers.table import wakes_at
from shared.access.authorization import allow
from shared.access.conditions import Permit
from shared.access.principal import PEOPLE, Grant, Leave, Principal, Role
from shared.access.roster import Staff
from shared.events import (
    Actor,
    CaseAttended,
    CaseOpened,
    CasePassedOn,
    CaseState,
    CaseTriaged,
    CaseUnattended,
    DeadlineEscalated,
    Event,
    ReportReceived,
)
from shared.policy import ReportFacts, load_policy
from tests.support.case_steps import names_of
from tests.support.examples import up_to
from tests.support.people import coordinator, responder
from tests.support.triage_rig import TOKENS, reported

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ANN, BEN, CAT = (responder(name, "enwiki_arbcom") for name in ("a1a1", "b1b1", "c1c1"))
UMA, ULI = (responder(name, "u4c") for name in ("d1d1", "e1e1"))
TOM = responder("f1f1", "trust_safety")
CORA = coordinator("c0ac", "enwiki_arbcom")
OLA = responder("0a0a", "ombuds_commission")
EVERYBODY = (ANN, BEN, CAT, UMA, ULI, TOM, OLA)


def staff_of(*people: Principal) -> Staff:
    staff: dict[str, list[Principal]] = {}
    for one in people:
        for body in {body for grant in one.grants if grant.role in PEOPLE for body in grant.bodies}:
            staff.setdefault(body, []).append(one)
    return staff


def test_cases_that_name_nobody_on_the_roster_ask_the_same_of_it() -> None:
    everybody = People(staff_of(*EVERYBODY))
    assert everybody.beside(frozenset({"0" * 32})) == everybody
    assert everybody.beside(frozenset({"0" * 32, ANN.ref})) == replace(everybody, parties=frozenset({ANN.ref}))


def opened(*people: Principal, names: Sequence[Principal] = (), **changed: object) -> tuple[Case, list[Event]]:
    """A case of this report, which names these people, with these people on the roster."""
    subjects = tuple(name for one in names for name in one.pseudonyms)
    event = reported(subjects=subjects, **changed)
    assert isinstance(event.fact, ReportReceived)
    there = People(staff_of(*people), frozenset(subjects))
    case, events = carry_out(
        None, Open("amber-harbour", event.fact, there), POLICY, there, AT, case_id=event.case_id, actor=TRIAGE,
        cause="c", trace=None,
    )  # fmt: skip
    assert case is not None
    assert fold(events) == case
    return case, events


def test_a_case_waits_to_be_taken_once_its_handler_serves_no_body_of_it() -> None:
    case, _ = opened(*EVERYBODY)
    case, _ = given_to(case, Assign(ANN.ref), *EVERYBODY)
    case, _ = given_to(case, Start(), *EVERYBODY)
    gone = frozenset({ANN.ref})
    on_leave = replace(ANN, leaves=(Leave(AT - timedelta(days=1), None),))
    for there in (EVERYBODY, (on_leave, BEN, CAT)):
        assert given_to(case, LetGo(gone, People(staff_of(*there))), *there)[1] == []
    ended, renewable = (
        replace(ANN, grants=tuple(replace(grant, expires_at=at) for grant in ANN.grants))
        for at in (AT - RENEWED_WITHIN, AT)
    )
    # What is voted on begins anew without its handler, so a role is renewed in time.
    kept, urgent = ((renewable, BEN, CAT), replace(case, lane="emergency"))
    assert given_to(case, LetGo(gone, People(staff_of(*kept))), *kept)[1] == []
    assert [e.fact.name for e in given_to(urgent, LetGo(gone, People(staff_of(*kept))), *kept)[1]] == [
        "case.handler_left"
    ]
    for there in ((BEN, CAT), (ended, BEN, CAT)):
        free, (event,) = given_to(case, LetGo(gone, People(staff_of(*there))), *there)
        assert (event.fact.name, free.assignee, free.state) == ("case.handler_left", None, CaseState.TRIAGED)
        # Who got the case meanwhile may have joined the body after it was looked at who serves it.
        assert given_to(case, LetGo(frozenset({BEN.ref}), People(staff_of(*there))), *there)[1] == []


def test_people_of_a_body_that_the_policy_lost_need_training_of_the_last_resort() -> None:
    case, _ = opened(*EVERYBODY)
    bodies = {body: known for body, known in POLICY.bodies.items() if body != case.body}
    policy = replace(POLICY, bodies=MappingProxyType(bodies))
    needed = policy.bodies[policy.last_resort].training
    assert (policy.training_of(case.body), policy.training_of("u4c"), policy.training_of(None)) == (
        needed, POLICY.bodies["u4c"].training, (),
    )  # fmt: skip
    untrained = tuple(replace(one, trainings=()) for one in (ANN, BEN, CAT))
    assert needed
    for people, able in (((ANN, BEN, CAT), 2), (untrained, 0)):
        there = People(staff_of(*people, UMA, ULI, OLA))
        assert attendance(case.body or "", case.community, there, policy, AT).able == able
        may = allow(people[0], "case.start", resource_of(case, policy), AT)
        assert isinstance(may, Permit) is bool(able)
        # A case for which nobody of it is trained goes to the last resort.
        assert [fact.body for fact in attend(case, there, policy, AT) if isinstance(fact, CasePassedOn)] == (
            [] if able else [policy.last_resort]
        )


ASK = ReceiveRecusalAsk("1" * 8 + "-1111-1111-1111-" + "1" * 12, "reporter")


def test_where_everybody_had_a_part_the_stand_in_answers_a_party_and_the_case_comes_back() -> None:
    two = (ANN, BEN, UMA, ULI, OLA)
    case, _ = opened(*two)
    for one in (ANN, BEN):
        case, _ = given_to(case, Assign(one.ref), *two)
    asked, events = given_to(case, ASK, *two)
    assert (names_of(events)[-1], asked.body) == ("case.passed_on", "u4c")
    refusal = AnswerRecusal(ASK.ask_id, "refused", Words("w1"), UMA.actor(Role.RESPONDER))
    answered, events = given_to(asked, refusal, *two)
    assert (names_of(events)[-1], answered.body) == ("case.passed_on", "enwiki_arbcom")


def test_a_respondent_who_asks_for_a_recusal_moves_no_case() -> None:
    two = (ANN, BEN, UMA, ULI, OLA)
    case, _ = opened(*two)
    for one in (ANN, BEN):
        case, _ = given_to(case, Assign(one.ref), *two)
    asked, events = given_to(case, replace(ASK, party="respondent", respondent="7" * 32), *two)
    assert (asked.body, "case.passed_on" in names_of(events)) == (case.body, False)


@pytest.mark.parametrize(
    ("others", "lane"),
    [((CAT,), "standard"), ((CORA,), "standard"), ((), "standard"), ((UMA,), "emergency")],
    ids=["another one", "a coordinator", "nobody anywhere", "urgent"],
)
def test_else_the_case_stays_where_it_is_while_a_party_asks(others: tuple[Principal, ...], lane: str) -> None:
    there = (ANN, BEN, *others)
    case, _ = opened(*there)
    for one in (ANN, BEN):
        case, _ = given_to(case, Assign(one.ref), *there)
    asked, _ = given_to(replace(case, lane=lane), ASK, *there)
    assert (asked.body, asked.assignee) == ("enwiki_arbcom", BEN.ref)


def given_to(
    case: Case, command: Command, *people: Principal, at: datetime = AT, meant: Mapping[str, str] = MappingProxyType({})
) -> tuple[Case, list[Event]]:
    """The case after a command, with these people on the roster; tokens of the case stand for those `meant`."""
    there = People(staff_of(*people), frozenset(case.parties), meant)
    by = getattr(command, "by", None) or TRIAGE
    after, events = carry_out(
        case, command, POLICY, there, at, case_id=case.id, actor=by, cause=f"c{case.seq}", trace=None
    )
    assert after is not None
    assert fold(events, case) == after
    return after, events


def can_open(case: Case, *people: Principal, at: datetime = AT) -> set[str]:
    resource = resource_of(case, POLICY)
    return {one.ref for one in people if isinstance(allow(one, "case.start", resource, at), Permit)}


def actor(who: Principal) -> Actor:
    return who.actor(Role.RESPONDER)


def test_a_case_stays_with_its_body_while_nobody_of_the_body_is_named() -> None:
    case, events = opened(*EVERYBODY)
    assert case.body == "enwiki_arbcom"
    assert names_of(events) == ["case.opened", "case.triaged", "deadline.met"]
    assert attend(case, People(staff_of(*EVERYBODY)), POLICY, AT) == []


@pytest.mark.parametrize(
    ("named", "body"),
    [((ANN,), "u4c"), ((ANN, UMA), "trust_safety"), ((ANN, UMA, TOM), "ombuds_commission")],
)
def test_the_case_itself_goes_past_each_body_with_a_person_who_is_named(
    named: tuple[Principal, ...], body: str
) -> None:
    case, events = opened(*EVERYBODY, names=named)
    triaged = events[1].fact
    assert isinstance(triaged, CaseTriaged)
    assert (case.body, triaged.body, triaged.own_body, triaged.passed_over) == (body, body, "enwiki_arbcom", ())
    told = {one.ref for one in EVERYBODY if body in one.grants[0].bodies}
    assert can_open(case, *EVERYBODY) == told != set()
    assert not case.unattended


def triaged_in(*people: Principal, names: Sequence[Principal] = ()) -> CaseTriaged:
    """What an event tells of a report that always names three, of these people."""
    strangers = [replace(ANN, pseudonyms=frozenset({digit * 32})) for digit in "789"]
    _, events = opened(*people, names=[*names, *strangers[len(names) :]], received_at=AT)
    fact = events[1].fact
    assert isinstance(fact, CaseTriaged)
    return fact


def test_no_event_tells_why_a_body_was_passed_over_or_which_were_asked() -> None:
    away = [replace(one, leaves=(Leave(AT - timedelta(days=1)),)) for one in (ANN, BEN, CAT)]
    named = triaged_in(*EVERYBODY, names=[ANN])
    assert named == triaged_in(*EVERYBODY, names=[BEN, CAT]) == triaged_in(*away, UMA, ULI, TOM, OLA)
    # Only the body that has the case is another one than for a stranger's name.
    assert named.model_copy(update={"body": "enwiki_arbcom"}) == triaged_in(*EVERYBODY)


@up_to(100)
@given(named=st.lists(st.sampled_from(EVERYBODY), unique=True), there=st.lists(st.sampled_from(EVERYBODY), unique=True))
def test_the_events_of_a_case_prove_that_its_routing_followed_the_policy(
    named: list[Principal], there: list[Principal]
) -> None:
    opening, triaged, *_ = [event.fact for event in opened(*there, names=named)[1]]
    assert isinstance(opening, CaseOpened)
    assert isinstance(triaged, CaseTriaged)
    way = POLICY.triage(ReportFacts(opening.community, opening.category, frozenset(opening.flags), opening.setting))
    assert (triaged.rule, triaged.own_body) == (way.rule, way.body)
    assert triaged.body in (way.body, *POLICY.stand_ins(way.body))


def test_an_emergency_goes_past_a_named_person_with_its_own_deadline() -> None:
    case, _ = opened(*EVERYBODY, names=(TOM,), flags=("physical_violence",))
    assert (case.body, case.lane) == ("u4c", "emergency")
    assert "emergency_action" in {deadline.name for deadline in case.deadlines}


def test_where_nobody_is_left_that_is_a_fact_and_a_person_can_still_open_it() -> None:
    everybody = (*EVERYBODY[:-1], replace(OLA, pseudonyms=ANN.pseudonyms))
    case, events = opened(*everybody, names=(ANN, UMA, TOM))
    assert isinstance(events[-1].fact, CaseUnattended)
    assert case.unattended
    assert can_open(case, *everybody) == {BEN.ref, CAT.ref}


@pytest.mark.parametrize(
    "away",
    [
        lambda one: replace(one, leaves=(Leave(AT - timedelta(days=1)),)),
        lambda one: replace(one, grants=(replace(one.grants[0], expires_at=AT),)),
        lambda one: replace(one, confidential_until=AT),
        lambda one: replace(one, trainings=()),
        lambda one: replace(one, grants=(replace(one.grants[0], communities=("swwiki",)),)),
    ],
    ids=["on leave", "role expired", "agreement expired", "not trained", "of another community"],
)
def test_a_body_in_which_nobody_can_act_is_passed_over(away: object) -> None:
    assert callable(away)
    gone = [away(one) for one in (ANN, BEN, CAT)]
    case, _ = opened(*gone, UMA, ULI, TOM, OLA)
    assert case.body == "u4c"
    # It was there, and they went later.
    case, _ = opened(*EVERYBODY)
    after, events = given_to(case, Attend(), *gone, UMA, ULI, TOM, OLA)
    assert (after.body, names_of(events)) == ("u4c", ["case.passed_on"])


def test_a_body_without_people_keeps_a_case_only_where_nobody_is_anywhere() -> None:
    case, _ = opened(UMA)
    assert case.body == "u4c"
    case, events = opened()
    assert (case.body, names_of(events)[-1]) == ("enwiki_arbcom", "case.unattended")
    # It is said once, and taken back when people come.
    assert given_to(case, Attend())[1] == []
    after, events = given_to(case, Attend(), ANN)
    assert [event.fact for event in events] == [CaseAttended(previous="triaged", state="triaged", body="enwiki_arbcom")]
    assert not after.unattended


def test_a_person_who_is_named_later_or_joins_later_moves_the_case() -> None:
    case, _ = opened(*EVERYBODY)
    for moved in (
        given_to(replace(case, parties=tuple(ANN.pseudonyms)), Attend(), *EVERYBODY),
        given_to(
            replace(case, parties=("5" * 32,)),
            Attend(),
            *EVERYBODY,
            replace(responder("9999", "enwiki_arbcom"), pseudonyms=frozenset({"5" * 32})),
        ),
    ):
        after, events = moved
        assert (after.body, after.assignee, names_of(events)) == ("u4c", None, ["case.passed_on"])


def test_a_coordinator_of_the_body_who_is_named_is_passed_over_as_well() -> None:
    coordinator = replace(UMA, grants=(Grant(PEOPLE[1], ("enwiki_arbcom",)),))
    case, _ = opened(ANN, BEN, coordinator, ULI, names=(UMA,))
    assert case.body == "u4c"


def test_a_case_on_its_way_keeps_its_state_and_its_clocks() -> None:
    case, _ = opened(*EVERYBODY)
    for command in (Assign(ANN.ref), Start(), Ask(Words("q1"))):
        case, _ = given_to(case, command, *EVERYBODY)
    after, events = given_to(case, Attend(), UMA, at=AT + timedelta(days=1))
    assert (after.state, after.assignee, after.questions) == (case.state, None, case.questions)
    (passed,) = [event.fact for event in events]
    assert isinstance(passed, CasePassedOn)
    # The decision's clock stands still while the reporter is asked; the first response has been given.
    assert [deadline.name for deadline in passed.deadlines] == []
    assert after.deadlines == case.deadlines


def test_an_ended_case_goes_nowhere() -> None:
    case, _ = opened(*EVERYBODY)
    for command in (Assign(ANN.ref), Start(), Decide("advice", Words("r")), Close()):
        case, _ = given_to(case, command, *EVERYBODY)
    assert attend(case, People({}), POLICY, AT) == []


def test_a_body_of_one_goes_on_alone_until_one_of_it_is_recused() -> None:
    case, _ = opened(ANN, UMA)
    assert (case.body, attend(case, People(staff_of(ANN, UMA)), POLICY, AT)) == ("enwiki_arbcom", [])
    after, events = given_to(case, Recuse("involved", ANN.ref, actor(ANN)), ANN, UMA)
    assert (after.body, names_of(events)) == ("u4c", ["case.recusal_declared", "case.passed_on"])


def test_where_one_is_recused_two_others_must_be_left() -> None:
    case, _ = opened(*EVERYBODY)
    after, events = given_to(case, Recuse("involved", ANN.ref, actor(CAT)), *EVERYBODY)
    assert (after.body, names_of(events)) == ("enwiki_arbcom", ["case.recusal_declared"])
    after, events = given_to(after, Recuse("involved", BEN.ref, actor(CAT)), *EVERYBODY)
    assert (after.body, names_of(events)) == ("u4c", ["case.recusal_declared", "case.passed_on"])


@pytest.mark.parametrize(("quorum", "recused", "body"), [(3, 1, "enwiki_arbcom"), (4, 1, "u4c"), (3, 2, "u4c")])
def test_the_policy_says_how_many_of_a_body_must_be_left(quorum: int, recused: int, body: str) -> None:
    own = replace(POLICY.bodies["enwiki_arbcom"], quorum=quorum)
    policy = replace(POLICY, bodies={**POLICY.bodies, own.id: own})
    of_body = [responder(f"{n:04x}", own.id) for n in range(1, 5)]
    case, _ = opened(*of_body, UMA)
    people = People(staff_of(*of_body, UMA))
    for one in of_body[:recused]:
        case, _ = given_to(case, Recuse("other", one.ref, actor(one)), *of_body, UMA)
    moved = [fact.body for fact in attend(case, people, policy, AT) if isinstance(fact, CasePassedOn)]
    assert next(iter(moved), own.id) == body
    # People of the body that has it then can open it.
    assert UMA.ref in can_open(replace(case, body="u4c"), UMA) or not moved


def meaning(*people: Principal) -> dict[str, str]:
    return {TOKENS.of("c", one.ref): one.ref for one in people}


def naming(who: Principal, by: Principal) -> Recuse:
    return Recuse("named", who.ref, actor(by), TOKENS.of("c", who.ref))


def test_a_body_keeps_a_case_while_one_handler_alone_names_a_colleague() -> None:
    case, _ = opened(*EVERYBODY)
    case, events = given_to(case, naming(BEN, ANN), *EVERYBODY, meant=meaning(BEN))
    assert (case.body, names_of(events)) == ("enwiki_arbcom", ["case.recusal_declared"])
    # By then, intake has told everywhere that the person is shut out.
    people = People(staff_of(*EVERYBODY), frozenset({BEN.ref}), meaning(BEN))
    assert attend(case, people, POLICY, AT) == []
    # With a second person it is a case about a person of the body, so it goes.
    token = TOKENS.of("c", BEN.ref)
    case, events = given_to(case, Confirm(token, actor(CAT)), *EVERYBODY, meant=meaning(BEN))
    assert (case.body, names_of(events)) == ("u4c", ["case.recusal_confirmed", "case.passed_on"])


def test_of_two_the_one_who_names_the_other_has_the_case_no_longer() -> None:
    case, _ = opened(ANN, BEN, UMA)
    case, events = given_to(case, naming(BEN, ANN), ANN, BEN, UMA, meant=meaning(BEN))
    assert (case.body, names_of(events)) == ("u4c", ["case.recusal_declared", "case.passed_on"])


PERSON_BODIES = st.lists(
    st.sampled_from(["enwiki_arbcom", "u4c", "trust_safety", "stewards"]), min_size=1, max_size=2, unique=True
)
CROWD = st.lists(PERSON_BODIES, max_size=5).map(
    lambda crowd: [responder(f"{n + 1:04x}", *bodies) for n, bodies in enumerate(crowd)]
)


@up_to(300)
@given(crowd=CROWD, last=st.booleans(), data=st.data())
def test_no_commands_of_one_person_leave_a_case_that_nobody_can_open(
    crowd: list[Principal], last: bool, data: st.DataObject
) -> None:
    people = [*crowd, *([OLA] if last else [])]
    named = data.draw(st.lists(st.sampled_from(people), max_size=3, unique=True)) if people else []
    case, _ = opened(*people, names=named)
    anybody = data.draw(st.sampled_from(people)) if people else ANN
    for _ in range(data.draw(st.integers(0, 6))):
        if anybody.ref not in can_open(case, *people):
            break
        target = data.draw(st.sampled_from([*people, ANN]))
        command = data.draw(
            st.sampled_from(
                [
                    Assign(anybody.ref),
                    Start(),
                    Ask(Words("q")),
                    Recuse("other", target.ref, actor(anybody)),
                    Confirm(target.ref, actor(anybody)),
                    Withdraw(target.ref, "mistaken", actor(anybody)),
                    Wake(),
                    Attend(),
                ]
            )
        )
        try:
            case, _ = given_to(case, command, *people)
        except CommandRefused:
            continue
        about, beside = resource_of(case, POLICY), People(staff_of(*people), frozenset(case.parties))
        there = attendance(case.body or "", case.community, beside, POLICY, AT, frozenset(case.recused))
        # Everybody who is told may open it, or a fact says that this is not so.
        assert there.can_keep or case.unattended
        possible = {
            one.ref
            for one in people
            for body in one.grants[0].bodies
            if body in (case.body, *POLICY.stand_ins(case.body or ""))
            and isinstance(allow(one, "case.start", replace(about, body=body), AT), Permit)
        }
        assert can_open(case, *people) or not possible


@pytest.mark.parametrize(
    ("named", "to_body"),
    [((), "u4c"), ((UMA,), "trust_safety"), ((UMA, TOM, OLA), "u4c")],
    ids=["nobody", "one", "all"],
)
def test_a_stand_in_of_which_nobody_is_shut_out_hears_of_a_missed_deadline(
    named: tuple[Principal, ...], to_body: str
) -> None:
    case, _ = opened(*EVERYBODY, names=named)
    people = People(staff_of(*EVERYBODY), frozenset(case.parties))
    told = list[DeadlineEscalated]()
    while (at := wakes_at(case)) and at < AT + timedelta(days=60):
        case, events = given_to(case, Wake(people), *EVERYBODY, at=at)
        told += [event.fact for event in events if isinstance(event.fact, DeadlineEscalated)]
    assert case.body == "enwiki_arbcom"
    assert {fact.to_body for fact in told} == {to_body}
