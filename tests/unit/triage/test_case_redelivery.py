"""Messages and requests come again, also while they are carried out for the first time: the case is the same."""

from collections.abc import Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.triage.case.case import Case
from services.triage.case.commands.importing import ImportMeasure
from services.triage.case.forms import FORMS
from services.triage.stored import CaseChange, StoredCase
from shared.events import CaseState, Event
from shared.problems import Problem
from tests.support.case_walks import (
    AT,
    IMPORTER,
    PEOPLE,
    REPORT,
    TOLD,
    Walk,
    arriving,
    brought_in,
    draw_command,
    fulfil,
    named_apart,
    tell,
)
from tests.support.examples import up_to
from tests.support.triage_rig import MemoryCases, answered, appealed, reported

ANN, BEN = PEOPLE["person:a1a1a1a1a1a1a1a1"], PEOPLE["person:b1b1b1b1b1b1b1b1"]
Work = Coroutine[Any, Any, Any]


class Turn:
    """To await it lets others go on first."""

    def __await__(self) -> Generator[None]:
        yield


class TakingTurns(MemoryCases):
    """Cases in memory, where others may come before each reading and each writing."""

    async def load(self, case_ids: Iterable[str]) -> dict[str, StoredCase]:
        await Turn()
        return await super().load(case_ids)

    async def save(self, changes: Sequence[CaseChange]) -> set[str]:
        await Turn()
        return await super().save(changes)

    async def save_together(self, changes: Sequence[CaseChange]) -> bool:
        await Turn()
        return await super().save_together(changes)


@dataclass(frozen=True, slots=True)
class Again:
    """During one step the message of this or an earlier one comes again; `turns`: who goes on next."""

    during: int
    message: int
    turns: tuple[int, ...]


def repeat(life: Walk, again: Sequence[Again]) -> Walk:
    """A life once more, one step after the other, with these repetitions."""
    walk = Walk(cases=TakingTurns(), report=life.report)
    for step, came in enumerate(life.came):
        messages = [one for one in life.came[: step + 1] if one.is_message]
        copies = [one for one in again if one.during % len(life.came) == step and messages]
        works = [came, *(messages[one.message % len(messages)] for one in copies)]
        run([one.work(walk) for one in works], [turn for one in copies for turn in one.turns])
    return walk


def run(works: Sequence[Work], turns: Sequence[int]) -> None:
    """Carry all of it out, one part after the other, in the order that `turns` gives, and then as it stands."""
    going, next_turns = list(works), list(turns)
    while going:
        work = going[next_turns.pop(0) % len(going) if next_turns else 0]
        try:
            work.send(None)
        except StopIteration:
            going.remove(work)
        except Problem as problem:
            # To a person who is recused meanwhile, or has lost a role, a repetition says that nothing is there.
            if work is works[0] or problem.status not in (401, 403, 404):
                raise
            going.remove(work)


def left_by(walk: Walk, life: Walk) -> Mapping[str, object]:
    """What a walk leaves: the cases, the events of each in their order, and the words in the vault.

    The steps that triage takes by itself have ids by chance, so only those are compared that follow from a message.
    """
    messages = {tried.request.cause for tried in life.tried} | {event.id for event in life.told}

    def told(event: Event) -> tuple[object, ...]:
        follows = event.cause in messages
        return event.fact, event.actor, event.time, event.case_seq, (event.cause, event.id) if follows else None

    def stands(case: Case) -> Case:
        steps = (replace(s, cause=s.cause if s.cause in messages else "") for s in case.history)
        return replace(case, history=tuple(steps))

    stored = walk.cases.stored
    return {
        "cases": {i: (stands(one.case), one.applied & messages, one.requests) for i, one in stored.items()},
        "events": {i: [told(event) for event in walk.cases.events if event.case_id == i] for i in stored},
        "words": walk.vault.statements,
    }


def one_life() -> Walk:
    """A case from its report to its appeal; some messages come together."""
    walk = Walk()

    def by(who: Any, command: str, /, **values: object) -> None:
        assert walk.send(walk.signed_in(who), command, values).status == 200

    walk.take(reported(REPORT, AT))
    by(ANN, "assign")
    by(ANN, "start")
    by(ANN, "ask", question="When was that?")
    question = walk.case.questions[0].id
    walk.take(answered(REPORT, question, "a1"))
    walk.take(answered(REPORT, question, "a2"), answered(REPORT, question, "a1"))
    by(ANN, "propose_decision", outcome="warning", why="It went on.")
    by(BEN, "second")
    by(ANN, "decide", outcome="warning", reason="It went on.")
    by(BEN, "recuse", ground="other")
    walk.take(answered(REPORT, question, "a3"))
    by(ANN, "agree", what="They say sorry.", who="reported", by_when="2999-12-24")
    by(ANN, "follow_up", consent="yes")
    walk.take(appealed(REPORT, "p1"), appealed(REPORT, "p2"))
    return walk


ONCE = one_life()
repetitions = st.lists(
    st.builds(
        Again,
        during=st.integers(0, 99),
        message=st.integers(0, 99),
        turns=st.lists(st.integers(0, 5), max_size=6).map(tuple),
    ),
    max_size=12,
)


def test_the_life_without_repetitions_reaches_its_end() -> None:
    assert ONCE.case.state is CaseState.APPEALED
    # Of two appeals that come at once, one is lodged.
    assert [[one.id for one in of] for of in (ONCE.case.appeals, ONCE.case.refused_appeals)] == [["p1"], ["p2"]]
    assert (len(ONCE.case.questions[0].answers), len(ONCE.case.agreements), len(ONCE.case.check_ins)) == (3, 1, 3)


@given(again=repetitions)
@up_to(60)
def test_any_interleaving_of_repetitions_gives_the_same_case(again: list[Again]) -> None:
    assert left_by(repeat(ONCE, again), ONCE) == left_by(ONCE, ONCE)


STEPS = 6
"""So many steps a life goes on behind the command that it is about."""


@given(
    wish=st.sampled_from([*FORMS, *TOLD, ImportMeasure.name]),
    report=arriving,
    names=named_apart,
    again=repetitions,
    data=st.data(),
)
@up_to(60, searching=3_000)
def test_any_interleaving_gives_the_same_cases_whatever_people_and_parties_did(
    wish: str, report: Mapping[str, object], names: Sequence[str] | None, again: list[Again], data: st.DataObject
) -> None:
    life = Walk()
    life.open(names=names, **report)
    if wish == ImportMeasure.name:
        life.bring_in(IMPORTER, data.draw(brought_in), names or ())
    for _ in fulfil(life, wish, data):
        pass
    for _ in range(STEPS):
        match data.draw(st.integers(0, 5)):
            case 0:
                tell(life, data.draw(st.sampled_from([*TOLD])), data)
            case 1:
                life.wait(timedelta(hours=data.draw(st.sampled_from([1, 25, 8 * 24]))))
            case _:
                draw_command(life, data)
    assert left_by(repeat(life, again), life) == left_by(life, life)
