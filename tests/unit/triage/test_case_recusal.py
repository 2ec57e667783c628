"""To recuse another person takes two people or a coordinator: one person alone has a day's effect, once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.author import TRIAGE
from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.commands.asking import AnswerRecusal, ReceiveRecusalAsk
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.decision import Decide, ProposeDecision, Second
from services.triage.case.commands.handling import Assign, Claim, Release, Start
from services.triage.case.commands.merging import Merge
from services.triage.case.commands.recusal import CONFIRM_WITHIN, Confirm, Recuse, Withdraw
from services.triage.case.commands.waking import Wake
from services.triage.case.forms import FORMS
from services.triage.case.lifecycle import FieldsRefused
from shared.access.principal import Role
from shared.events import Actor, CaseDecided, CaseState, DeadlineFact, Event, RecusalDeclared, RecusalWithdrawn
from shared.policy import load_policy
from tests.support.case_steps import names_of, open_case, step
from tests.support.people import coordinator, responder

POLICY = load_policy(None)
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
ANN, BEN, CAT = (responder(name, "enwiki_arbcom").actor(Role.RESPONDER) for name in ("a1a1", "b1b1", "c1c1"))
CORA = coordinator("c0ac", "enwiki_arbcom").actor(Role.COORDINATOR)
TOKEN = "7" * 32


def opened() -> Case:
    return open_case(AT)


def after(case: Case, command: Command, at: datetime = AT, by: Actor = TRIAGE) -> tuple[Case, list[Event]]:
    return step(case, command, at, by)


def refused(case: Case, command: Command, at: datetime = AT) -> str:
    with pytest.raises(FieldsRefused) as caught:
        after(case, command, at)
    return caught.value.faults[0].code


def declared(by: Actor = ANN, person: Actor = BEN) -> Case:
    case, _ = after(opened(), Recuse("involved", person.ref, by))
    return case


def test_a_recusal_of_another_person_holds_at_once_and_waits_for_a_second_one() -> None:
    case, events = after(opened(), Recuse("involved", BEN.ref, ANN))
    (fact,) = [event.fact for event in events]
    assert isinstance(fact, RecusalDeclared)
    assert (fact.person, fact.confirm_by) == (BEN.ref, AT + DAY) == (BEN.ref, AT + CONFIRM_WITHIN)
    assert (case.recused, case.lapses_at) == ((BEN.ref,), AT + DAY)


@pytest.mark.parametrize(("by", "person"), [(BEN, BEN), (CORA, BEN), (CORA, CORA)])
def test_to_step_back_oneself_and_what_a_coordinator_declares_needs_nobody_else(by: Actor, person: Actor) -> None:
    case = declared(by, person)
    assert (case.recused, case.lapses_at) == ((person.ref,), None)
    assert after(case, Wake(), AT + 30 * DAY)[0].recused == (person.ref,)


@pytest.mark.parametrize("command", [Confirm(BEN.ref, CAT), Confirm(BEN.ref, CORA), Recuse("other", BEN.ref, CAT)])
def test_a_second_person_or_a_coordinator_confirms_it_for_good(command: Command) -> None:
    case, events = after(declared(), command, AT + DAY - timedelta(seconds=1))
    assert names_of(events) == ["case.recusal_confirmed"]
    case, events = after(case, Wake(), AT + 2 * DAY)
    assert (case.recused, events) == ((BEN.ref,), [])


@pytest.mark.parametrize(("by", "other"), [(ANN, CAT), (ANN, CORA), (CORA, ANN)])
def test_what_a_party_asks_for_takes_two_people_whatever_their_roles(by: Actor, other: Actor) -> None:
    case, _ = after(opened(), Recuse("asked_by_party", BEN.ref, by))
    assert (case.recused, case.lapses_at) == ((BEN.ref,), AT + DAY)
    assert after(case, Wake(), AT + DAY)[0].recused == ()
    for role in ("responder", "coordinator"):
        assert refused(case, Confirm(BEN.ref, Actor(by.ref, role))) == "own_recusal"
    case, events = after(case, Confirm(BEN.ref, other))
    assert (names_of(events), case.lapses_at) == (["case.recusal_confirmed"], None)


ASK = "1" * 8 + "-1111-1111-1111-" + "1" * 12


def asked(party: str = "reporter", *before: Command) -> Case:
    case, _ = after(opened(), Assign(BEN.ref))
    for command in before:
        case, _ = after(case, command)
    case, events = after(case, ReceiveRecusalAsk(ASK, party, TOKEN if party == "respondent" else None))
    assert names_of(events) == ["case.recusal_asked", "deadline.started"]
    assert after(case, ReceiveRecusalAsk(ASK, party)) == (case, [])
    return case


def test_what_a_party_asks_for_is_granted_once_a_second_person_confirms_the_recusal() -> None:
    case, _ = after(asked(), Recuse("asked_by_party", BEN.ref, ANN))
    assert [ask.id for ask in case.open_recusal_asks] == [ASK]
    lapsed, _ = after(case, Wake(), AT + DAY)
    assert [ask.id for ask in lapsed.open_recusal_asks] == [ASK]
    for command in (Confirm(BEN.ref, CAT), Recuse("involved", BEN.ref, CAT)):
        granted, events = after(case, command)
        assert names_of(events) == ["case.recusal_confirmed", "case.recusal_answered", "deadline.met"]
        assert [ask.answer for ask in granted.recusal_asks] == ["granted"]


def clock_of(case: Case) -> tuple[timedelta, str | None]:
    """In what time after AT the clock of what parties ask for is due, and what was told of it."""
    (clock,) = [one for one in case.deadlines if one.name == "recusal_answer"]
    told = {"met": clock.met_at, "escalated": clock.escalated_at, "breached": clock.breached_at}
    return clock.due_at - AT, next((what for what, at in told.items() if at), None)


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_party_asks_for_has_a_clock_also_where_the_case_is_closed(closed: bool) -> None:
    case = replace(asked(), state=CaseState.CLOSED) if closed else asked()
    assert clock_of(case) == (5 * DAY, None)
    late, events = after(case, Wake(), AT + 7 * DAY)
    assert clock_of(late) == (5 * DAY, "escalated")
    told = [(event.fact.name, event.fact.deadline) for event in events if isinstance(event.fact, DeadlineFact)]
    assert {("deadline.breached", "recusal_answer"), ("deadline.escalated", "recusal_answer")} <= set(told)
    answered, _ = after(case, AnswerRecusal(ASK, "refused", Words("w1"), ANN), AT + DAY)
    assert clock_of(answered) == (5 * DAY, "met")


def test_the_clock_counts_from_the_oldest_request_that_waits() -> None:
    case, _ = after(asked(), ReceiveRecusalAsk("2" + ASK[1:], "respondent", TOKEN), AT + DAY)
    later, _ = after(case, AnswerRecusal("2" + ASK[1:], "refused", Words("w1"), ANN), AT + 2 * DAY)
    assert clock_of(later) == (5 * DAY, None)
    later, _ = after(case, AnswerRecusal(ASK, "refused", Words("w1"), ANN), AT + 2 * DAY)
    assert clock_of(later) == (6 * DAY, None)


def test_what_was_granted_and_taken_back_waits_from_then_on() -> None:
    case, _ = after(asked(), Recuse("asked_by_party", BEN.ref, ANN))
    case, _ = after(case, Confirm(BEN.ref, CAT))
    case, _ = after(case, Withdraw(BEN.ref, "mistaken", CORA), AT + 9 * DAY)
    assert clock_of(case) == (14 * DAY, None)


def test_what_a_recusal_on_another_ground_granted_waits_again_once_it_is_taken_back() -> None:
    case, _ = after(asked(), Recuse("involved", BEN.ref, ANN))
    case, _ = after(case, Confirm(BEN.ref, CAT))
    case, _ = after(case, AnswerRecusal(ASK, "granted", Words("w1"), ANN))
    assert case.open_recusal_asks == ()
    case, _ = after(case, Withdraw(BEN.ref, "mistaken", CORA))
    assert [ask.id for ask in case.open_recusal_asks] == [ASK]


def test_what_one_recusal_granted_does_not_wait_again_for_the_end_of_another() -> None:
    case, _ = after(asked(), Recuse("asked_by_party", BEN.ref, ANN))
    case, _ = after(case, Confirm(BEN.ref, CAT))
    case, _ = after(case, Recuse("involved", CAT.ref, ANN))
    case, _ = after(case, Confirm(CAT.ref, CORA))
    case, _ = after(case, Withdraw(CAT.ref, "mistaken", CORA))
    assert case.open_recusal_asks == ()


def test_what_waits_again_has_its_time_anew_also_after_another_answer() -> None:
    case, _ = after(asked(), Recuse("asked_by_party", BEN.ref, ANN))
    case, _ = after(case, Confirm(BEN.ref, CAT))
    case, _ = after(case, ReceiveRecusalAsk("2" + ASK[1:], "respondent", TOKEN), AT + 20 * DAY)
    case, _ = after(case, Withdraw(BEN.ref, "mistaken", CORA), AT + 30 * DAY)
    case, _ = after(case, AnswerRecusal("2" + ASK[1:], "refused", Words("w1"), ANN), AT + 31 * DAY)
    assert clock_of(case) == (35 * DAY, None)


def test_who_steps_back_grants_nothing_and_a_person_without_a_part_answers() -> None:
    waiting = asked()
    granted = AnswerRecusal(ASK, "granted", Words("w1"), ANN)
    assert refused(waiting, granted) == "nobody_recused"
    for ground in ("asked_by_party", "related"):
        case, events = after(waiting, Recuse(ground, BEN.ref, BEN))
        assert names_of(events) == ["case.recusal_declared"]
        assert (case.recused, case.lapses_at, [ask.id for ask in case.open_recusal_asks]) == ((BEN.ref,), None, [ASK])
        assert [ask.answer for ask in after(case, granted)[0].recusal_asks] == ["granted"]


def test_a_recusal_from_before_a_party_asked_grants_nothing() -> None:
    granted = AnswerRecusal(ASK, "granted", Words("w1"), ANN)
    case = asked("reporter", Recuse("involved", CAT.ref, CAT))
    assert (case.recused, refused(case, granted)) == ((CAT.ref,), "nobody_recused")
    case, _ = after(case, Recuse("related", BEN.ref, BEN))
    assert [ask.answer for ask in after(case, granted)[0].recusal_asks] == ["granted"]
    # Nor does its confirmation, which meant another person; who had a part and stepped back before can be meant.
    case, _ = after(asked("reporter", Recuse("asked_by_party", CAT.ref, ANN)), Confirm(CAT.ref, CORA))
    assert (case.recused, refused(case, granted)) == ((CAT.ref,), "nobody_recused")
    assert [ask.id for ask in case.open_recusal_asks] == [ASK]
    case = asked("reporter", Recuse("involved", BEN.ref, BEN))
    assert [ask.answer for ask in after(case, granted)[0].recusal_asks] == ["granted"]


def test_of_two_parties_who_ask_none_is_answered_by_a_recusal_alone() -> None:
    case, _ = after(asked(), ReceiveRecusalAsk("2" + ASK[1:], "respondent", TOKEN))
    case, _ = after(case, Recuse("asked_by_party", BEN.ref, ANN))
    case, events = after(case, Confirm(BEN.ref, CAT))
    assert names_of(events) == ["case.recusal_confirmed"]
    case, _ = after(case, AnswerRecusal(ASK, "granted", Words("w1"), ANN))
    assert [ask.answer for ask in case.recusal_asks] == ["granted", None]


def test_what_two_people_granted_nobody_undoes_but_another_coordinator_and_it_waits_again() -> None:
    case, _ = after(asked(), Recuse("asked_by_party", BEN.ref, ANN))
    case, _ = after(case, Confirm(BEN.ref, CAT))
    for who in (ANN, CAT, Actor(ANN.ref, "coordinator")):
        assert refused(case, Withdraw(BEN.ref, "mistaken", who)) == "not_to_withdraw"
    case, _ = after(case, Withdraw(BEN.ref, "mistaken", CORA))
    assert (case.recused, [ask.id for ask in case.open_recusal_asks]) == ((), [ASK])


def test_who_refuses_a_party_has_no_part_in_the_case_any_more() -> None:
    case, _ = after(opened(), ReceiveRecusalAsk(ASK, "reporter", None))
    assert refused(case, Merge(replace(opened(), id="other"))) == "recusal_waits"
    case, _ = after(case, AnswerRecusal(ASK, "refused", Words("w1"), BEN))
    assert refused(case, Claim(BEN)) == refused(case, Assign(BEN.ref)) == "cannot_have"
    case, _ = after(case, Assign(ANN.ref))
    case, _ = after(case, Start())
    propose = ProposeDecision("warning", None, "", Words("p1"), BEN)
    for command in (propose, Decide("advice", Words("d1"), BEN)):
        assert refused(case, command) == "cannot_have"
    case, _ = after(case, replace(propose, by=ANN))
    assert refused(case, Second(None, BEN)) == "cannot_have"


@pytest.mark.parametrize(
    ("party", "told"),
    [("reporter", ["case.recusal_answered", "case.reporter_told"]), ("respondent", ["case.recusal_answered"])],
)
def test_people_without_a_part_in_the_case_refuse_it_with_their_reasons(party: str, told: list[str]) -> None:
    case = asked(party)
    assert refused(case, AnswerRecusal(ASK, "refused", Words("w1"), BEN)) == "had_part"
    assert refused(case, AnswerRecusal(ASK, "refused", Words("w1"), Actor(BEN.ref, "coordinator"))) == "had_part"
    put_back, _ = after(case, Release(Words("r1"), BEN))
    assert refused(put_back, AnswerRecusal(ASK, "refused", Words("w1"), BEN)) == "had_part"
    assert [AnswerRecusal.suits(case, who.ref, None) for who in (BEN, ANN)] == [False, True]
    case, events = after(case, AnswerRecusal(ASK, "refused", Words("w1"), ANN))
    assert [name for name in names_of(events) if name.startswith("case.")] == told
    assert [(ask.answer, ask.told_id) for ask in case.recusal_asks] == [("refused", "w1")]
    assert refused(case, AnswerRecusal(ASK, "refused", Words("w2"), CAT)) == "not_asked"


def test_one_person_alone_confirms_nothing_in_no_role() -> None:
    case = declared()
    for role in ("responder", "coordinator"):
        assert refused(case, Confirm(BEN.ref, Actor(ANN.ref, role))) == "own_recusal"
    assert after(case, Recuse("related", BEN.ref, ANN)) == (case, [])


def test_what_nobody_confirms_lapses_after_a_day_and_not_before() -> None:
    case = declared()
    assert after(case, Wake(), AT + DAY - timedelta(seconds=1))[1] == []
    assert refused(case, Confirm(BEN.ref, CAT), AT + DAY) == "not_pending"
    case, events = after(case, Wake(), AT + DAY)
    assert names_of(events) == ["case.recusal_lapsed"]
    assert (case.recused, case.lapses_at) == ((), None)
    assert after(case, Wake(), AT + DAY) == (case, [])


def test_nobody_keeps_a_person_away_by_declaring_it_day_after_day() -> None:
    case, _ = after(declared(), Wake(), AT + DAY)
    assert refused(case, Recuse("related", BEN.ref, ANN)) == "declared_before"
    taken_back, _ = after(declared(), Withdraw(BEN.ref, "mistaken", ANN))
    assert refused(taken_back, Recuse("related", BEN.ref, ANN)) == "declared_before"
    # Another person may, and they themselves, and a coordinator.
    for by in (CAT, BEN, CORA):
        assert after(case, Recuse("related", BEN.ref, by))[0].recused == (BEN.ref,)


@pytest.mark.parametrize("by", [ANN, CAT, CORA])
def test_what_is_not_confirmed_anybody_takes_back_with_a_reason(by: Actor) -> None:
    case, events = after(declared(), Withdraw(BEN.ref, "unfounded", by))
    (fact,) = [event.fact for event in events]
    assert fact == RecusalWithdrawn(previous="triaged", state="triaged", person=BEN.ref, withdrawal="unfounded")
    assert (case.recused, case.lapses_at, case.history[-1].detail) == ((), None, "unfounded")


def test_what_is_confirmed_only_its_author_or_a_coordinator_takes_back() -> None:
    case, _ = after(declared(), Confirm(BEN.ref, CORA))
    assert [Withdraw.suits(case, who.ref, Role(who.role)) for who in (ANN, CAT, CORA)] == [True, False, True]
    assert refused(case, Withdraw(BEN.ref, "unfounded", CAT)) == "not_to_withdraw"
    for by in (ANN, CORA):
        assert after(case, Withdraw(BEN.ref, "resolved", by))[0].recused == ()


def test_nobody_takes_back_what_a_person_said_of_themselves() -> None:
    for by in (ANN, CORA):
        assert refused(declared(BEN, BEN), Withdraw(BEN.ref, "mistaken", by)) == "not_to_withdraw"
    assert refused(opened(), Withdraw(BEN.ref, "mistaken", ANN)) == "not_to_withdraw"


def named(by: Actor = ANN, person: Actor = BEN) -> Recuse:
    return Recuse("named", person.ref, by, TOKEN)


def test_events_have_only_a_token_of_a_person_that_is_named() -> None:
    case, events = after(opened(), Assign(BEN.ref))
    for command in (named(), Confirm(TOKEN, CAT), Withdraw(TOKEN, "mistaken", CORA)):
        case, more = after(case, command)
        events += more
    assert names_of(events)[1:] == ["case.recusal_declared", "case.recusal_confirmed", "case.recusal_withdrawn"]
    assert [event.fact.person for event in events[1:]] == [TOKEN] * 3  # type: ignore[attr-defined]  # all have it
    lapsed = after(after(opened(), named())[0], Wake(), AT + DAY)[1]
    assert BEN.ref not in "".join(event.fact.model_dump_json() for event in (*events[1:], *lapsed))


@pytest.mark.parametrize(
    ("recusal", "expected"),
    [(None, False), (named(), True), (Recuse("related", BEN.ref, ANN), True), (named(BEN, CAT), True)],
)
def test_a_decision_says_whether_its_author_is_recused(recusal: Recuse | None, expected: bool) -> None:
    case = after(opened(), recusal)[0] if recusal else opened()
    form = FORMS["decide"]
    texts = {"outcome": "advice", "reason": "Why."}
    command = form.command_of(texts, BEN, people=NOBODY, words_id=str, token_of=lambda person: {BEN.ref: TOKEN}[person])
    (fact,) = command.decide(case, CaseState.DECIDED, POLICY, AT)
    assert isinstance(fact, CaseDecided)
    assert fact.by_recused is expected


def test_naming_a_person_takes_the_case_from_any_handler() -> None:
    for handler in (BEN, CAT):
        case, _ = after(opened(), Assign(handler.ref))
        case, _ = after(case, named())
        assert case.assignee is None


@pytest.mark.parametrize("by", [ANN, CORA])
def test_naming_a_person_takes_two_in_every_role(by: Actor) -> None:
    case, _ = after(opened(), named(by))
    assert (case.recused, case.lapses_at) == ((TOKEN,), AT + DAY)
    assert refused(case, Confirm(TOKEN, by)) == "own_recusal"
    assert after(case, named(by)) == (case, [])
    assert after(case, named(CAT))[0].lapses_at is None
    lapsed, events = after(case, Wake(), AT + DAY)
    assert (lapsed.recused, names_of(events)) == ((), ["case.recusal_lapsed"])


def test_nobody_names_themselves() -> None:
    assert refused(opened(), named(ANN, ANN)) == "missing"


def test_one_person_keeps_another_away_for_one_day_on_whatever_ground() -> None:
    other = Recuse("involved", BEN.ref, ANN, TOKEN)
    for first, second in ((named(), other), (other, named())):
        case, _ = after(opened(), first)
        assert refused(case, second) == "declared_before"
        case, _ = after(case, Wake(), AT + DAY)
        assert refused(case, second) == "declared_before"
    # Where a second person agreed, it holds already.
    case, _ = after(after(opened(), other)[0], Confirm(BEN.ref, CAT))
    assert names_of(after(case, named())[1]) == ["case.recusal_declared"]


def test_each_command_is_offered_only_where_it_could_be_about_something() -> None:
    for case, expected in (
        (opened(), (False, False)),
        (declared(), (True, True)),
        (declared(CORA), (False, True)),
        (declared(BEN, BEN), (False, False)),
    ):
        assert (Confirm.applies(case), Withdraw.applies(case)) == expected
