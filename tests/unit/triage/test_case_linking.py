"""Two cases have to do with each other: both tell it, once, whichever of them is linked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.triage.case.attendance import NOBODY
from services.triage.case.case import Case
from services.triage.case.commands.command import Command, Words
from services.triage.case.commands.linking import RELATIONS, Link, Unlink
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import carry_out, carry_out_other, decide
from services.triage.case.evolve.fold import fold
from services.triage.case.lifecycle import FieldsRefused
from services.triage.case.values import Link as LinkOf
from services.triage.others import Beside
from shared.clients.vault import Contents
from shared.events import Actor, CaseFact, CaseLinked, CaseState, CaseUnlinked, Event
from tests.support.triage_rig import POLICY, reported

AT = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ALICE = Actor("person:a11ce0de00000000", "responder")
WHY = Words("w-1")


def opened(code_name: str, **changed: object) -> Case:
    """A case that is new."""
    event = reported(received_at=AT, **changed)
    told = {"actor": ALICE, "cause": event.id, "trace": None}
    case, _ = carry_out(None, Open(code_name, event.fact), POLICY, NOBODY, AT, case_id=event.case_id, **told)
    assert case is not None
    return case


def do(
    case: Case, command: Command, other: Case, at: datetime = AT + timedelta(hours=1)
) -> tuple[Case, Case, list[Event]]:
    """Both cases after a command, and the events of both."""
    command = replace(command, other_ref=call(other), own_ref=call(case))
    told = {"actor": ALICE, "cause": f"{command.name} {case.seq} {other.seq}", "trace": None}
    after, events = carry_out(case, command, POLICY, NOBODY, at, case_id=case.id, **told)
    assert after is not None
    if not events:
        return case, other, []
    other_after, more = carry_out_other(other, case, command, POLICY, NOBODY, at, **told)
    assert fold(more, other) or other == other_after
    return after, other_after, [*events, *more]


def call(case: Case) -> str:
    """What another case calls this one."""
    return f"the other: {case.code_name}"


def facts_of(events: list[Event]) -> list[CaseFact]:
    """What happened, without who is there for the cases."""
    return [e.fact for e in events if isinstance(e.fact, CaseFact) and e.fact.name != "case.unattended"]


@pytest.mark.parametrize("relation", RELATIONS)
def test_both_cases_tell_a_link_and_only_one_has_the_words(relation: str) -> None:
    a, b = opened("amber-harbour"), opened("calm-river")
    after, other, events = do(a, Link(b, relation, Words("why")), b)
    first, second = facts_of(events)
    assert isinstance(first, CaseLinked)
    assert isinstance(second, CaseLinked)
    assert (first.other_case, first.relation, first.note_id) == (call(b), relation, "why")
    assert (second.other_case, second.relation, second.note_id) == (call(a), relation, None)
    assert (after.links, other.links) == ((LinkOf(call(b), relation, "why"),), (LinkOf(call(a), relation),))
    assert (after.state, other.state) == (a.state, b.state)
    assert after.deadlines == a.deadlines


def test_the_words_of_a_hidden_link_stand_in_no_mention_either() -> None:
    case, _, _ = do(opened("amber-harbour"), Link(b := opened("calm-river"), "duplicate", Words("why")), b)
    statement = {"id": "why", "kind": "link", "text": "Ask Ben about it."}
    mentions = [{"id": "1", "words": "Ann"}, {"id": "2", "words": "Ben"}]
    contents = Contents(
        case.report_id,
        {
            "content": {"narrative": "Ann wrote it."},
            "correspondence": {"statements": [statement]},
            "mentions": {"items": mentions},
        },
    )
    assert Beside({call(b): b}).contents(case, contents) == contents
    hidden = Beside().contents(case, contents).sections
    assert hidden["correspondence"]["statements"] == []
    assert hidden["mentions"]["items"] == mentions[:1]


def test_a_link_is_told_once_whichever_case_is_linked() -> None:
    a, b = opened("amber-harbour"), opened("calm-river")
    a, b, _ = do(a, Link(b, "duplicate"), b)
    assert do(a, Link(b, "duplicate"), b)[2] == []
    assert do(b, Link(a, "duplicate"), a)[2] == []
    b, a, events = do(b, Unlink(a, WHY), a)
    assert (a.links, b.links) == ((), ())
    # The words stand with the report of the case that a person unlinked.
    assert [fact.reason_id for fact in facts_of(events) if isinstance(fact, CaseUnlinked)] == ["w-1", None]
    assert do(a, Unlink(b, WHY), b)[2] == []
    assert do(b, Unlink(a, WHY), a)[2] == []


def test_another_relation_takes_the_place_of_the_first() -> None:
    a, b = opened("amber-harbour"), opened("calm-river")
    a, b, _ = do(a, Link(b, "related", Words("why")), b)
    b, a, events = do(b, Link(a, "retaliation"), a)
    assert [(f.relation, f.previous_relation) for f in facts_of(events) if isinstance(f, CaseLinked)] == [
        ("retaliation", "related")
    ] * 2
    assert (a.links, b.links) == ((LinkOf(call(b), "retaliation"),), (LinkOf(call(a), "retaliation"),))


def test_a_case_is_linked_to_many_and_unlinked_from_one() -> None:
    a, b, c = opened("amber-harbour"), opened("calm-river"), opened("quiet-meadow")
    a, b, _ = do(a, Link(b, "related"), b)
    a, c, _ = do(a, Link(c, "follows"), c)
    a, b, _ = do(a, Unlink(b, WHY), b)
    assert a.links == (LinkOf(call(c), "follows"),)
    assert (b.links, c.links) == ((), (LinkOf(call(a), "follows"),))


def test_a_case_has_nothing_to_do_with_itself() -> None:
    a = opened("amber-harbour")
    with pytest.raises(FieldsRefused, match="/other: same_case"):
        decide(a, Link(a, "related"), POLICY, AT)


def test_a_closed_case_can_be_linked_and_stays_closed() -> None:
    a, b = replace(opened("amber-harbour"), state=CaseState.CLOSED), opened("calm-river")
    after, other, _ = do(a, Link(b, "follows"), b)
    assert (after.state, other.state) == (CaseState.CLOSED, CaseState.TRIAGED)
