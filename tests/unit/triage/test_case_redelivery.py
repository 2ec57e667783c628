"""Messages and requests come again, also while they are carried out for the first time: the case is the same."""

from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.triage.requests import CommandRequest
from services.triage.stored import CaseChange, StoredCase
from shared.access.authorization import Refused
from shared.events import CaseState
from tests.support.case_walks import AT, CASE, PEOPLE, REPORT, Walk
from tests.support.examples import up_to
from tests.support.triage_rig import MemoryCases, answered, appealed, reported

ANN, BEN = PEOPLE["person:a1a1a1a1a1a1a1a1"], PEOPLE["person:b1b1b1b1b1b1b1b1"]
Work = Coroutine[Any, Any, Any]
Start = Callable[[], Work]


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


@dataclass(frozen=True, slots=True)
class Again:
    """During one step the message of this or an earlier one comes again; `turns`: who goes on next."""

    during: int
    message: int
    turns: tuple[int, ...]


def life_with(again: Sequence[Again]) -> Walk:
    """A case from its report to its follow-up, one message after the other, with these repetitions."""
    walk = Walk(cases=TakingTurns())
    started: list[Start] = []

    def by_kafka(*events: Any) -> None:
        do(lambda: walk.intake.take(events))

    def by(who: Any, command: str, /, **values: object) -> None:
        request = CommandRequest(command, values, walk.case.seq, f"request {len(started)}")
        do(lambda: walk.desk.carry_out(walk.signed_in(who), CASE, request))

    def do(start: Start) -> None:
        started.append(start)
        step = len(started) - 1
        copies = [one for one in again if one.during % (step + 1) == step]
        works = [start(), *(started[one.message % len(started)]() for one in copies)]
        run(works, [turn for one in copies for turn in one.turns])

    by_kafka(reported(REPORT, AT))
    by(ANN, "assign")
    by(ANN, "start")
    by(ANN, "ask", question="When was that?")
    question = walk.case.questions[0].id
    by_kafka(answered(REPORT, question, "a1"))
    by_kafka(answered(REPORT, question, "a2"), answered(REPORT, question, "a1"))
    by(ANN, "propose_decision", outcome="warning", why="It went on.")
    by(BEN, "second")
    by(ANN, "decide", outcome="warning", reason="It went on.")
    by(BEN, "recuse", ground="other")
    by_kafka(answered(REPORT, question, "a3"))
    by(ANN, "agree", what="They say sorry.", who="reported", by_when="2999-12-24")
    by(ANN, "follow_up", consent="yes")
    by_kafka(appealed(REPORT, "p1"), appealed(REPORT, "p2"))
    return walk


def run(works: Sequence[Work], turns: Sequence[int]) -> None:
    """Carry all of it out, one part after the other, in the order that `turns` gives, and then as it stands."""
    going, next_turns = list(works), list(turns)
    while going:
        work = going[next_turns.pop(0) % len(going) if next_turns else 0]
        try:
            work.send(None)
        except (StopIteration, Refused):
            # To a person who is recused meanwhile, a repetition says that nothing is there.
            going.remove(work)


ONCE = life_with([])
repetitions = st.builds(
    Again,
    during=st.integers(0, 13),
    message=st.integers(0, 13),
    turns=st.lists(st.integers(0, 5), max_size=6).map(tuple),
)


def test_the_life_without_repetitions_reaches_its_end() -> None:
    assert ONCE.case.state is CaseState.APPEALED
    # Of two appeals that come at once, one is lodged.
    assert [[one.id for one in of] for of in (ONCE.case.appeals, ONCE.case.refused_appeals)] == [["p1"], ["p2"]]
    assert (len(ONCE.case.questions[0].answers), len(ONCE.case.agreements), len(ONCE.case.check_ins)) == (3, 1, 3)


@given(again=st.lists(repetitions, max_size=12))
@up_to(60)
def test_any_interleaving_of_repetitions_gives_the_same_case(again: list[Again]) -> None:
    walk = life_with(again)
    assert walk.case == ONCE.case
    assert [event.id for event in walk.events] == [event.id for event in ONCE.events]
    assert [event.fact for event in walk.events] == [event.fact for event in ONCE.events]
    assert walk.vault.statements == ONCE.vault.statements
