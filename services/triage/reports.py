"""What triage does with what intake tells: cases are opened, answered and made to forget."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.triage.actions import CaseStore, Change, Stored, carry_out
from services.triage.case.case import Case
from services.triage.case.code_names import code_name_of
from services.triage.case.commands.opening import Open, ReceiveAnswer
from services.triage.case.commands.table import Command
from services.triage.case.evolve import fold
from services.triage.case.lifecycle import NotPermitted, UnknownQuestion
from shared import metrics
from shared.events import Event, ReportAnswered, ReportErased, ReportReceived
from shared.ids import case_id_of
from shared.policy import Policy
from shared.problems import Malformed, Unavailable

ROUNDS = 12
"""How often a write may lose a race before the batch is put back, to be delivered again."""
NAMES_AHEAD = 6


@dataclass(slots=True)
class _Work:
    """One case while the messages of a batch are folded into it."""

    stored: Stored | None
    case: Case | None = None
    events: list[Event] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)

    def knows(self, cause: str) -> bool:
        return cause in self.causes or (self.stored is not None and cause in self.stored.applied)


class ReportFollower:
    """Takes what intake reports: one load and one save a batch, however many messages."""

    def __init__(self, cases: CaseStore, policy: Policy) -> None:
        self._cases = cases
        self._policy = policy

    async def take(self, events: Sequence[Event]) -> None:
        """Open a case for each report and hand each answer to its case; what was done before is passed over.

        Raises Malformed for an answer that fits no case (`unknown_case`) or no question of it (`unknown_question`).
        """
        todo = list(events)
        attempts: dict[str, int] = {}
        for _ in range(ROUNDS):
            lost = await self._take_once(todo, attempts)
            if not lost:
                return
            todo = [e for e in todo if _case_id(e) in lost]
        raise Unavailable("cases: written by others all the time")

    async def _take_once(self, events: Sequence[Event], attempts: dict[str, int]) -> set[str]:
        stored = await self._cases.load({_case_id(event) for event in events})
        names = await self._names_for({i: n for i, n in attempts.items() if i not in stored})
        works: dict[str, _Work] = {}
        for event in events:
            case_id = _case_id(event)
            work = works.get(case_id)
            if work is None:
                found = stored.get(case_id)
                work = works[case_id] = _Work(found, found.case if found else None)
            if not work.knows(event.id):
                self._fold(work, event, names.get(case_id) or code_name_of(case_id))
        changes = [Change(w.case, w.stored, w.events, w.causes) for w in works.values() if w.case and w.causes]
        lost = await self._cases.save(changes)
        for change in changes:
            if change.case.id in lost:
                attempts[change.case.id] = attempts.get(change.case.id, 0) + 1
            elif change.stored is None:
                metrics.CASES.labels(change.case.lane).inc()
        return lost

    async def _names_for(self, attempts: Mapping[str, int]) -> dict[str, str]:
        """A code name nobody has, for each new case that could not be written under the one before."""
        if not attempts:
            return {}
        ahead = {i: [code_name_of(i, n + k) for k in range(NAMES_AHEAD)] for i, n in attempts.items()}
        taken = await self._cases.taken([name for names in ahead.values() for name in names])
        chosen: dict[str, str] = {}
        for case_id, names in ahead.items():
            chosen[case_id] = next((name for name in names if name not in taken), names[-1])
            taken.add(chosen[case_id])
        return chosen

    def _fold(self, work: _Work, event: Event, code_name: str) -> None:
        match event.fact:
            case ReportReceived() as report:
                if work.case is not None:
                    return
                command: Command = Open(code_name, report)
            case ReportAnswered() as answer:
                if work.case is None:
                    raise Malformed("unknown_case", "an answer to a case that was never opened")
                command = ReceiveAnswer(answer.question_id, answer.answer_id)
            case other:
                raise Malformed("unexpected_type", f"{other.name} is not for triage")
        try:
            events = carry_out(
                work.case, command, self._policy, _case_id(event), event.actor, event.id, event.trace
            )  # fmt: skip
        except (UnknownQuestion, NotPermitted):
            # Only a case that has asked nothing yet is in a state that takes no answers.
            raise Malformed("unknown_question", "an answer to a question that was never asked") from None
        work.case = fold(events, work.case)
        work.events += events
        work.causes.append(event.id)


class DigestEraser:
    """Takes what intake erased: of the words that passed through here, not even a digest stays."""

    def __init__(self, cases: CaseStore) -> None:
        self._cases = cases

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that may have something to forget."""
        return await self._cases.remembering(case_ids)

    async def take(self, events: Sequence[Event]) -> None:
        """Forget what a case keeps of its report's words. A case that is not opened yet has nothing to forget."""
        await self.forget(events)

    async def forget(self, events: Sequence[Event]) -> int:
        """As take(); returns how many cases had not yet done so. What was done before is passed over."""
        todo = {_case_id(event): event for event in events}
        done = 0
        for _ in range(ROUNDS):
            stored = await self._cases.load(todo)
            changes = [
                Change(found.case, found, (), [todo[case_id].id], forget=True)
                for case_id, found in stored.items()
                if todo[case_id].id not in found.applied
            ]
            lost = await self._cases.save(changes)
            done += len(changes) - len(lost)
            if not lost:
                return done
            todo = {case_id: todo[case_id] for case_id in lost}
        raise Unavailable("cases: written by others all the time")


def _case_id(event: Event) -> str:
    fact = event.fact
    if isinstance(fact, ReportReceived | ReportAnswered | ReportErased):
        return case_id_of(fact.report_id)
    return event.case_id
