"""Sanctions take a second person, bans two thirds of the votes; who is recused or gone has no vote any more."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

import pytest

from services.triage.case.attendance import People, voters
from services.triage.case.case import Case
from services.triage.case.commands.appeals import Reopen
from services.triage.case.commands.command import Command, Words, takes
from services.triage.case.commands.decision import Decide, Object, ProposeDecision, Second
from services.triage.case.commands.handling import Assign, Close, Start
from services.triage.case.commands.inquiry import Ask, ReceiveAnswer
from services.triage.case.commands.recusal import NAMED, Confirm, Recuse, Withdraw
from services.triage.case.hearing import step_of_proposal
from services.triage.case.lifecycle import FieldsRefused, NotPermitted
from services.triage.case.voting import count_votes
from services.triage.desk.likely import most_likely
from services.triage.desk.next_step import next_step
from shared.access.principal import Leave, Principal, Role
from shared.events import Actor, CaseDecided, CaseFact, CaseState, Event, mark_noted
from shared.policy import load_policy
from tests.support.case_steps import open_case, step
from tests.support.people import coordinator, responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BODY = "enwiki_arbcom"
STAFF = [responder(name * 4, BODY) for name in ("a1", "b1", "c1", "d1", "e1", "f1")]
ANN, BEN, CAT, DOT, EVE, FAY = (one.actor(Role.RESPONDER) for one in STAFF)
CORA = coordinator("c0acc0ac", BODY).actor(Role.COORDINATOR)
PEOPLE = People({BODY: STAFF})
TOKEN = "7" * 32
LATER = date(2026, 12, 24)


def given_people(command: Command, people: People) -> Command:
    # Commands that count votes are dataclasses with an attribute for it.
    return replace(command, people=people) if takes(type(command), "people") else command  # type: ignore[type-var]


def after(case: Case, command: Command, at: datetime = AT, people: People = PEOPLE) -> tuple[Case, list[Event]]:
    return step(case, given_people(command, people), at)


def refused(case: Case, command: Command, at: datetime = AT, people: People = PEOPLE) -> list[tuple[str, str]]:
    with pytest.raises(FieldsRefused) as caught:
        after(case, command, at, people)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def led(*commands: Command) -> Case:
    case = open_case(AT)
    for command in (Assign(ANN.ref), Start(), *commands):
        case, _ = after(case, command)
    assert case.body == BODY
    return case


def proposal(outcome: str, by: Actor = ANN, why: str = "p1") -> ProposeDecision:
    rule = POLICY.outcomes[outcome]
    return ProposeDecision(outcome, LATER if rule.timed else None, "pages" if rule.scoped else "", Words(why), by)


def agree(by: Actor) -> Second:
    return Second(None, by)


def against(by: Actor) -> Object:
    return Object(Words(f"o {by.ref}"), by)


def needs(case: Case, people: People = PEOPLE, at: datetime = AT) -> tuple[str, ...]:
    assert case.proposal is not None
    return count_votes(case, case.proposal, people, POLICY, at).needs


def decision(outcome: str, by: Actor = ANN) -> Decide:
    return Decide(outcome, Words("d1"), by)


ALONE = [code for code, rule in POLICY.outcomes.items() if not rule.needs_proposal]
SANCTIONS = [code for code, rule in POLICY.outcomes.items() if rule.sanction]


def test_the_policy_says_what_a_sanction_is() -> None:
    assert SANCTIONS == ["restriction", "temporary_suspension", "permanent_ban", "event_removal"]
    assert ALONE == ["no_violation", "out_of_scope", "advice", "mediation", "warning", "referral"]
    assert [code for code, rule in POLICY.outcomes.items() if rule.needs == "two_thirds"] == ["permanent_ban"]


@pytest.mark.parametrize("outcome", ALONE)
def test_what_is_no_sanction_one_person_decides(outcome: str) -> None:
    case, (decided, *_) = after(led(), decision(outcome))
    assert isinstance(decided.fact, CaseDecided)
    assert (case.state, case.outcome, decided.fact.in_favour) == (CaseState.DECIDED, outcome, ())


@pytest.mark.parametrize("outcome", [code for code in POLICY.outcomes if code not in ALONE])
def test_nothing_else_is_decided_without_a_proposal_of_it(outcome: str) -> None:
    assert refused(led(), decision(outcome)) == [("/outcome", "not_proposed")]
    assert refused(led(proposal("advice")), decision(outcome)) == [("/outcome", "not_proposed")]


@pytest.mark.parametrize("outcome", SANCTIONS)
def test_nobody_decides_on_a_sanction_alone(outcome: str) -> None:
    case = led(proposal(outcome))
    assert refused(case, decision(outcome)) == [("/outcome", "needs_second")]
    assert refused(case, agree(ANN)) == [("/why", "own_proposal")]
    assert refused(case, agree(Actor(ANN.ref, "coordinator"))) == [("/why", "own_proposal")]


def test_a_second_person_carries_a_sanction_and_the_decision_tells_so() -> None:
    case, events = after(led(proposal("restriction"), agree(BEN)), decision("restriction", CAT))
    fact = events[0].fact
    assert isinstance(fact, CaseDecided)
    assert (fact.in_favour, fact.against) == ((ANN.ref, BEN.ref), ())
    assert (fact.until, fact.scope) == (LATER, "pages")
    assert (case.state, case.proposal) == (CaseState.DECIDED, None)


@pytest.mark.parametrize(
    ("votes", "missing"),
    [
        ([], ("second", "quorum")),
        ([agree(BEN)], ("quorum",)),
        ([agree(BEN), agree(CAT)], ()),
        ([agree(BEN), against(CAT)], ()),
        ([against(BEN), against(CAT)], ("second", "majority")),
        ([agree(BEN), against(CAT), against(DOT)], ("majority",)),
        ([agree(BEN), agree(CAT), against(DOT), against(EVE)], ("majority",)),
        ([agree(BEN), agree(CAT), against(DOT), against(EVE), agree(FAY)], ()),
    ],
)
def test_a_ban_needs_two_thirds_of_the_votes_and_half_of_the_body(votes: list[Command], missing: tuple[str]) -> None:
    case = led(proposal("permanent_ban"), *votes)
    assert needs(case) == missing
    if missing:
        assert refused(case, decision("permanent_ban")) == [("/outcome", f"needs_{missing[0]}")]
    else:
        assert after(case, decision("permanent_ban"))[0].outcome == "permanent_ban"


def test_a_person_has_one_vote_and_may_change_it() -> None:
    case = led(proposal("restriction"), against(BEN), agree(BEN))
    assert case.proposal is not None
    assert [(vote.by, vote.in_favour) for vote in case.proposal.votes] == [(BEN.ref, True)]
    assert after(case, agree(BEN)) == (case, [])
    assert needs(after(case, against(BEN))[0]) == ("second",)


def test_a_vote_is_offered_to_those_who_have_not_given_it() -> None:
    case = led(proposal("temporary_suspension"), against(BEN))
    offered = {who: {one.name for one in (Second, Object) if one.suits(case, who.ref, None)} for who in (ANN, BEN, CAT)}
    assert offered == {ANN: set(), BEN: {"second"}, CAT: {"second", "object"}}
    steps = [next_step(case, who.ref).step for who in (ANN, BEN, CAT)]
    assert steps == ["await-votes", "await-votes", "vote"]
    assert [most_likely(case, {"second", "decide"}, step) for step in steps] == [None, None, "second"]


def test_the_decision_is_next_once_a_proposal_has_its_votes() -> None:
    case = led(proposal("temporary_suspension"), agree(BEN))
    assert needs(case) == ()
    ready = step_of_proposal(case, POLICY, AT, ready=True)
    for who in (ANN, BEN, CAT):
        found = next_step(case, who.ref, proposed=ready).step
        assert (found, most_likely(case, {"second", "decide"}, found)) == ("decide-proposed", "decide")


def test_votes_of_who_was_recused_after_voting_do_not_count() -> None:
    case = led(proposal("restriction"), agree(BEN), Recuse("related", BEN.ref, BEN))
    assert needs(case) == ("second",)
    assert refused(case, decision("restriction")) == [("/outcome", "needs_second")]
    # Neither does that of the person who proposed it.
    case = led(proposal("restriction"), agree(BEN), Recuse("related", ANN.ref, CORA))
    assert needs(case) == ("second",)
    assert needs(after(case, agree(CAT))[0]) == ()


def test_a_recusal_that_is_taken_back_gives_the_vote_back() -> None:
    case = led(proposal("restriction"), agree(BEN), Recuse("related", BEN.ref, CAT))
    assert needs(case) == ("second",)
    assert needs(after(case, Withdraw(BEN.ref, "mistaken", CAT))[0]) == ()


def test_votes_of_who_is_named_by_handlers_do_not_count() -> None:
    people = replace(PEOPLE, meant={TOKEN: BEN.ref})
    case = led(proposal("restriction"), agree(BEN), Recuse(NAMED, BEN.ref, CAT, TOKEN))
    assert needs(case, people) == ("second",)
    assert needs(after(case, Confirm(TOKEN, DOT))[0], people) == ("second",)


@pytest.mark.parametrize(
    "gone",
    [
        replace(STAFF[1], grants=()),
        replace(STAFF[1], trainings=()),
        replace(STAFF[1], confidential_until=AT - timedelta(days=1)),
        replace(STAFF[1], leaves=(Leave(AT - timedelta(days=1)),)),
        replace(STAFF[1], grants=responder("b1b1b1b1", "enwiki_admins").grants),
    ],
)
def test_only_who_may_handle_the_case_has_a_vote(gone: object) -> None:
    people = People({BODY: [*STAFF[:1], gone, *STAFF[2:]]})  # type: ignore[list-item]  # a table of principals
    case = led(proposal("restriction"), agree(BEN))
    assert BEN.ref not in voters(case, people, POLICY, AT)
    assert needs(case, people) == ("second",)


def test_a_leave_takes_no_objection_away() -> None:
    away = {BEN.ref, DOT.ref}
    people = People({BODY: [replace(one, leaves=(Leave(AT),)) if one.ref in away else one for one in STAFF]})
    case = led(proposal("permanent_ban"), agree(CAT), against(BEN), against(DOT))
    assert needs(case, people) == needs(case) == ("majority",)
    # Else who is on leave neither agrees nor counts for the quorum.
    assert needs(led(proposal("permanent_ban"), agree(BEN)), people) == ("second", "quorum")
    assert voters(case, people, POLICY, AT).isdisjoint(away)


def test_a_person_who_is_named_in_the_report_has_no_vote() -> None:
    people = replace(PEOPLE, parties=STAFF[1].pseudonyms)
    assert BEN.ref not in voters(led(), people, POLICY, AT)


def test_a_proposal_that_changes_starts_its_vote_anew() -> None:
    assert refused(led(proposal("restriction"), agree(BEN)), proposal("temporary_suspension", why="p2")) == [
        ("/outcome", "proposal_stands")
    ]
    case = led(proposal("restriction"), agree(BEN), against(BEN), proposal("temporary_suspension", why="p2"))
    assert case.proposal is not None
    assert (case.proposal.votes, needs(case)) == ((), ("second",))
    assert refused(case, decision("restriction")) == [("/outcome", "not_proposed")]
    # The same outcome with other words is another proposal, too.
    case = led(proposal("restriction"), agree(BEN), against(BEN), proposal("restriction", why="p3"))
    assert needs(after(case, agree(CAT))[0]) == ()


def test_who_proposes_the_same_outcome_again_puts_the_agreement_of_nobody_aside() -> None:
    for outcome, agreeing in (("restriction", (BEN,)), ("restriction", (BEN, CAT)), ("permanent_ban", (BEN, CAT, DOT))):
        case = led(proposal(outcome), *map(agree, agreeing))
        for by in (ANN, EVE):
            assert refused(case, proposal(outcome, by, "p2")) == [("/outcome", "proposal_stands")]
    # While nobody else agrees, or once more people object, the person who made it may change its words.
    for votes in ((), (against(BEN),), (agree(BEN), against(CAT))):
        assert needs(led(proposal("restriction"), *votes, proposal("restriction", why="p2"))) == ("second",)


def test_an_objection_stands_against_the_same_outcome_proposed_again() -> None:
    case = led(proposal("permanent_ban"), against(BEN), agree(CAT), proposal("permanent_ban", why="p2"))
    assert case.proposal is not None
    assert [(vote.by, vote.in_favour) for vote in case.proposal.votes] == [(BEN.ref, False)]
    case, _ = after(case, agree(CAT))
    case, _ = after(case, against(DOT))
    assert "majority" in needs(case)
    # Who objected can agree with it then, and has nothing against another outcome, or against a proposal of their own.
    assert needs(after(led(proposal("restriction"), against(BEN), proposal("restriction")), agree(BEN))[0]) == ()
    for again in (proposal("restriction"), proposal("permanent_ban", BEN, "p2")):
        proposed = led(proposal("permanent_ban"), against(BEN), against(CAT), again).proposal
        assert proposed is not None
        assert proposed.vote_of(BEN.ref) is (True if proposed.by == BEN.ref else None)


def test_proposing_another_outcome_in_between_takes_no_objection_away() -> None:
    ban, other = proposal("permanent_ban"), proposal("restriction", why="p2")
    case = led(ban, against(BEN), against(DOT), other, against(CAT), agree(EVE), proposal("permanent_ban", why="p3"))
    assert case.proposal is not None
    assert {vote.by for vote in case.proposal.votes if not vote.in_favour} == {BEN.ref, DOT.ref}
    # Agreeing takes an objection back, in whichever round; and what is decided on is outvoted.
    case = led(ban, against(BEN), other, proposal("permanent_ban", why="p3"), agree(BEN), against(CAT), ban)
    assert case.proposal is not None
    assert [vote.by for vote in case.proposal.votes] == [CAT.ref]
    case, _ = after(led(proposal("restriction"), against(BEN), agree(CAT)), decision("restriction"))
    assert case.objections == ()
    # A case from before objections were kept apart has them as votes alone.
    old = replace(led(ban, against(BEN)), objections=())
    for again in (other, proposal("permanent_ban", why="p3")):
        old, _ = after(old, again)
    assert old.proposal is not None
    assert [vote.by for vote in old.proposal.votes] == [BEN.ref]


@pytest.mark.parametrize(("ground", "by"), [("related", ANN), (NAMED, ANN), ("related", CORA)])
def test_the_word_of_one_person_takes_no_objection_away(ground: str, by: Actor) -> None:
    alone = Recuse(ground, BEN.ref, by, token=TOKEN)
    people = replace(PEOPLE, meant={TOKEN: BEN.ref})
    case = led(proposal("permanent_ban"), agree(CAT), against(BEN), against(DOT))
    case, _ = after(case, alone, people=people)
    assert "majority" in needs(case, people)
    # Once another one has said so, it does not count any more. The votes in favour end at once.
    case, _ = after(case, Confirm(TOKEN if ground == NAMED else BEN.ref, EVE), people=people)
    assert "majority" not in needs(case, people)
    case, _ = after(led(proposal("restriction"), agree(BEN)), alone, people=people)
    assert needs(case, people) == ("second",)


def noting(*people: Principal) -> People:
    """Everybody, where only words of handlers name these."""
    named = frozenset().union(*(one.pseudonyms for one in people))
    return PEOPLE.beside(named.union(map(mark_noted, named)))


def test_words_of_a_handler_take_no_objection_away() -> None:
    case = led(proposal("permanent_ban"), agree(CAT), against(BEN), against(DOT))
    noted, named = noting(STAFF[1], STAFF[3]), replace(PEOPLE, parties=STAFF[1].pseudonyms)
    assert needs(case, noted) == needs(case) == ("majority",)
    assert {BEN.ref, DOT.ref}.isdisjoint(voters(case, noted, POLICY, AT))
    # What a reporter says takes it away, and two people who say that the person is recused.
    assert "majority" not in needs(case, named)
    for command in (Recuse("related", BEN.ref, CAT), Confirm(BEN.ref, EVE)):
        case, _ = after(case, command, people=noted)
    assert "majority" not in needs(case, noted)
    # The votes in favour end at once, and the proposal stands all the same.
    case = led(proposal("restriction"), agree(BEN))
    assert needs(case, noted) == ("second",)
    case = led(proposal("restriction", BEN))
    assert refused(case, decision("no_violation"), people=noting(STAFF[1])) == [("/outcome", "proposal_stands")]


def test_a_vote_of_who_is_only_named_by_handlers_carries_nothing_and_stops_no_two_others() -> None:
    three, other = People({BODY: STAFF[:3]}), decision("advice", BEN)
    noted = three.beside(noting(STAFF[2]).parties)
    ban, restriction = led(proposal("permanent_ban", CAT)), led(proposal("restriction", CAT), agree(ANN))
    # The body is as large as before, so no quorum is met by a note; and the vote in favour does not count.
    assert needs(ban, noted) == ("second", "quorum")
    assert needs(restriction, three) == () != needs(restriction, noted) == ("second",)
    # Else the note of one person would end what two agreed on.
    assert refused(restriction, other, people=noted) == [("/outcome", "proposal_stands")]
    # Where both others want something else, or have recused the person, they go on.
    objected, _ = after(restriction, against(ANN), people=noted)
    recused, _ = after(restriction, Recuse("related", CAT.ref, BEN), people=noted)
    recused, _ = after(recused, Confirm(CAT.ref, ANN), people=noted)
    for case in (objected, recused):
        assert after(case, other, people=noted)[0].outcome == "advice"


def test_the_word_of_one_person_takes_no_proposal_out_of_the_way() -> None:
    case = led(proposal("permanent_ban"), Recuse("related", ANN.ref, BEN))
    assert refused(case, decision("no_violation", BEN)) == [("/outcome", "proposal_stands")]


def test_no_proposal_waits_for_the_vote_of_a_person_who_cannot_give_it() -> None:
    people, other = People({BODY: STAFF[:3]}), decision("advice", BEN)
    case = led(proposal("restriction"))
    assert refused(case, other, people=people) == [("/outcome", "proposal_stands")]
    # Of those who have not voted, nobody can agree: the person who proposed it says alone that CAT is recused.
    recused, _ = after(case, Recuse("related", CAT.ref, ANN), people=people)
    assert after(recused, other, people=people)[0].outcome == "advice"
    # What the person says alone who wants another outcome does not take the vote away that the proposal waits for.
    recused, _ = after(case, Recuse("related", CAT.ref, BEN), people=people)
    assert refused(recused, other, people=people) == [("/outcome", "proposal_stands")]
    assert after(after(recused, Confirm(CAT.ref, ANN), people=people)[0], other, people=people)[0].outcome == "advice"
    noted = people.beside(noting(STAFF[2]).parties)
    assert refused(case, other, people=noted) == [("/outcome", "proposal_stands")]


def test_of_two_people_who_agree_nobody_puts_it_aside_alone() -> None:
    two = People({BODY: STAFF[:2]})
    others = (decision("advice"), proposal("advice", why="p2"), proposal("restriction", why="p2"))
    case = led(proposal("restriction"), agree(BEN))
    for other in (replace(one, by=by) for one in others for by in (ANN, BEN)):
        assert refused(case, other, people=two) == [("/outcome", "proposal_stands")]
    # Nor after the word of the same person that the other one is recused, or by words of a handler that name the other.
    recused, _ = after(case, Recuse("related", BEN.ref, ANN), people=two)
    assert refused(recused, decision("advice"), people=two) == [("/outcome", "proposal_stands")]
    noted = two.beside(noting(STAFF[1]).parties)
    assert refused(case, decision("advice"), people=noted) == [("/outcome", "proposal_stands")]
    # It is decided on, or the other one objects openly, or two people say that the other one is recused.
    assert after(case, decision("restriction"), people=two)[0].outcome == "restriction"
    objected, _ = after(case, against(BEN), people=two)
    confirmed, _ = after(recused, Confirm(BEN.ref, CORA), people=two)
    for at_hand in (objected, confirmed):
        for other in others:
            assert after(at_hand, other, people=two)[1]
    # What waits for the reporter alone has the agreement, too; what has lost a vote, or its last day, has it no longer.
    heard = led(proposal("protective_measure"), agree(BEN))
    assert needs(heard, two) == ("reporter",)
    assert refused(heard, decision("advice"), people=two) == [("/outcome", "proposal_stands")]
    assert after(case, decision("advice"), people=People({BODY: STAFF[:1]}))[0].outcome == "advice"
    assert after(case, decision("advice"), AT + timedelta(days=60), people=two)[0].outcome == "advice"


def test_two_handlers_who_disagree_hold_no_case_up() -> None:
    two = People({BODY: STAFF[:2]})
    for outcome in (*SANCTIONS, *ALONE):
        case, others = led(proposal(outcome)), [one for one in ALONE if one != outcome]
        for votes in ((), (against(BEN),), (agree(BEN),), (agree(BEN), against(BEN))):
            at_hand = case
            for vote in votes:
                at_hand, _ = after(at_hand, vote, people=two)
            decided = [by for by in (ANN, BEN) for one in (outcome, *others) if can(at_hand, decision(one, by), two)]
            assert decided, (outcome, votes)


def can(case: Case, command: Command, people: People) -> bool:
    try:
        return bool(after(case, command, people=people)[1])
    except FieldsRefused:
        return False


def test_nobody_gets_around_the_proposal_of_another_person() -> None:
    case = led(proposal("permanent_ban"))
    for command in (proposal("advice", BEN, "p2"), decision("advice", BEN)):
        assert refused(case, command) == [("/outcome", "proposal_stands")]
    # The person who proposed it may while nobody else agrees, and anybody may where that person may vote no longer.
    for way in ((), (Recuse("related", ANN.ref, ANN),)):
        by = BEN if way else ANN
        assert after(led(proposal("permanent_ban"), *way), decision("advice", by))[0].outcome == "advice"


@pytest.mark.parametrize(
    ("outcome", "in_favour", "objecting", "by", "staff", "stands"),
    [
        # Nobody alone puts aside what can win, or has won: not by an objection either, nor who made it.
        ("permanent_ban", "", "E", EVE, 6, True),
        ("permanent_ban", "BCD", "E", EVE, 6, True),
        ("permanent_ban", "BCD", "E", ANN, 6, True),
        ("permanent_ban", "BC", "EF", EVE, 6, True),
        ("restriction", "", "B", BEN, 6, True),
        ("restriction", "B", "C", CAT, 6, True),
        ("restriction", "B", "", ANN, 6, True),
        ("warning", "", "B", BEN, 6, True),
        ("warning", "B", "CD", CAT, 6, True),
        # More people are against it than in favour; who wants another outcome is one of them.
        ("permanent_ban", "", "BC", BEN, 6, False),
        ("restriction", "", "B", CAT, 6, False),
        ("restriction", "B", "CD", EVE, 6, False),
        ("restriction", "", "B", ANN, 6, False),
        ("warning", "", "BC", CAT, 6, False),
        # Those who have not voted cannot carry it any more.
        ("permanent_ban", "BC", "DEF", DOT, 6, False),
        ("permanent_ban", "BC", "DE", DOT, 5, False),
        ("permanent_ban", "BC", "D", DOT, 5, True),
        ("restriction", "", "B", BEN, 2, False),
        ("restriction", "", "B", BEN, 3, True),
    ],
)
def test_a_proposal_stands_while_it_can_win_and_is_not_outvoted(
    outcome: str, in_favour: str, objecting: str, by: Actor, staff: int, stands: bool
) -> None:
    people = People({BODY: STAFF[:staff]})
    actors = dict(zip("ABCDEF", (ANN, BEN, CAT, DOT, EVE, FAY), strict=True))
    case = led(proposal(outcome))
    for command in (*(agree(actors[one]) for one in in_favour), *(against(actors[one]) for one in objecting)):
        case, _ = after(case, command, people=people)
    for command in (proposal("no_violation", by, "p2"), decision("no_violation", by)):
        if stands:
            assert refused(case, command, people=people) == [("/outcome", "proposal_stands")]
        else:
            assert after(case, command, people=people)[1]


def test_what_no_vote_carries_any_more_is_in_nobodys_way() -> None:
    case = led(ProposeDecision("restriction", AT.date(), "pages", Words("p"), ANN), agree(BEN))
    assert refused(case, decision("advice", CAT)) == [("/outcome", "proposal_stands")]
    assert after(case, decision("advice", CAT), AT + timedelta(days=1))[0].outcome == "advice"


@pytest.mark.parametrize(
    ("outcome", "until", "scope", "faults"),
    [
        ("pillory", None, "", [("/outcome", "unknown_choice")]),
        ("restriction", None, "", [("/until", "missing"), ("/scope", "missing")]),
        ("restriction", date(2026, 11, 23), "pages", [("/until", "in_the_past")]),
        ("temporary_suspension", date(9999, 12, 30), "community", [("/until", "too_far")]),
        ("restriction", date.min, "pages", [("/until", "missing")]),
        ("permanent_ban", LATER, "community", [("/until", "not_timed")]),
        ("advice", LATER, "pages", [("/until", "not_timed"), ("/scope", "not_scoped")]),
    ],
)
def test_what_is_proposed_says_its_end_and_its_scope(
    outcome: str, until: date | None, scope: str, faults: list[tuple[str, str]]
) -> None:
    assert refused(led(), ProposeDecision(outcome, until, scope, Words("p"), ANN)) == faults


def test_a_measure_may_end_today_and_cannot_be_decided_tomorrow() -> None:
    case = led(ProposeDecision("restriction", AT.date(), "pages", Words("p"), ANN), agree(BEN))
    assert needs(case) == ()
    assert needs(case, at=datetime(2026, 11, 25, tzinfo=UTC)) == ("date",)


def test_the_reporter_hears_first_what_the_policy_says() -> None:
    measure = "protective_measure"
    case = led(Ask(Words("q0")), ReceiveAnswer("q0", "a0"))
    case, _ = after(case, proposal(measure), AT + timedelta(hours=1))
    assert needs(case) == ("reporter",)
    assert refused(case, decision(measure), AT + timedelta(hours=2)) == [("/outcome", "needs_reporter")]
    case, _ = after(case, Ask(Words("q1")), AT + timedelta(hours=2))
    with pytest.raises(NotPermitted):
        after(case, decision(measure))
    started, _ = after(case, Start(), AT + timedelta(hours=3))
    assert refused(started, decision(measure), AT + timedelta(hours=3)) == [("/outcome", "needs_answer")]
    case, _ = after(case, ReceiveAnswer("q1", "a1"), AT + timedelta(hours=3))
    assert after(case, decision(measure), AT + timedelta(hours=4))[0].outcome == measure


def test_an_outcome_that_left_the_policy_is_not_decided() -> None:
    case = led(proposal("restriction"), agree(BEN))
    fewer = {code: rule for code, rule in POLICY.outcomes.items() if code != "restriction"}
    policy = replace(POLICY, outcomes=MappingProxyType(fewer))
    assert case.proposal is not None
    assert count_votes(case, case.proposal, PEOPLE, policy, AT).needs == ("outcome",)


def test_nobody_votes_on_nothing() -> None:
    assert refused(led(), agree(BEN)) == refused(led(), against(BEN)) == [("/why", "nothing_proposed")]


def test_votes_and_proposals_are_unseen_by_the_reporter() -> None:
    case, events = after(led(), proposal("restriction"))
    events += after(case, agree(BEN))[1] + after(case, against(CAT))[1]
    assert [event.fact.name for event in events] == [
        f"decision.{what}" for what in ("proposed", "seconded", "objected")
    ]
    assert all(isinstance(event.fact, CaseFact) and event.fact.unseen for event in events)


def test_a_ban_ends_by_the_votes_that_it_took() -> None:
    banned = led(proposal("permanent_ban"), agree(BEN), against(CAT), agree(DOT), decision("permanent_ban"))
    case = banned
    for command in (Close(), Reopen(Words("r1")), Start()):
        case, _ = after(case, command)
    assert [measure.kind for measure in case.measures if measure.stands] == ["permanent_ban"]
    for outcome in ALONE:
        assert refused(case, decision(outcome, CAT)) == [("/outcome", "not_proposed")]
    case, _ = after(case, proposal("no_violation", CAT))
    assert step_of_proposal(case, POLICY, AT) == "vote"
    assert needs(case) == ("second", "quorum")
    case, _ = after(after(case, agree(EVE))[0], against(ANN))
    assert needs(case) == ()
    case, _ = after(case, decision("no_violation", CAT))
    assert (case.outcome, case.measures[0].stands) == ("no_violation", False)
    # A ban that the policy has under another name now ends by as many votes.
    renamed = replace(banned, measures=tuple(replace(measure, kind="eternal_ban") for measure in banned.measures))
    case, _ = after(after(after(renamed, Close())[0], Reopen(Words("r1")))[0], Start())
    assert refused(case, decision("advice", CAT)) == [("/outcome", "not_proposed")]
    assert needs(after(case, proposal("no_violation", CAT))[0]) == ("second", "quorum")
