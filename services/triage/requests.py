"""Requests of commands on a case, and what each comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.triage.case.case import Case
from services.triage.case_answers import show_step
from services.triage.others import Beside
from shared.events import CaseState
from shared.policy import Triage
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command as it was sent. `seen`: the version of the case that the sender saw; `cause`: its id, for retries."""

    command: str
    values: Mapping[str, object]
    seen: int
    cause: str


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a request came to: the same for every repetition of it, but for the `way`.

    `way`: what the policy would do with the case now; only of a command that `sorts`.
    """

    case_id: str
    code_name: str
    command: str
    state: CaseState
    version: int
    way: Triage | None = field(default=None, compare=False)


class VersionConflict(Problem):
    """The case is no longer what the sender saw; `steps` are those since then."""

    def __init__(self, case: Case, seen: int, beside: Beside) -> None:
        super().__init__(412, "case-changed", "The case has changed since you looked at it.")
        self.case = case
        self.steps = tuple(step for step in beside.steps(case.history) if step.seq > seen)

    def document(self, request_id: str) -> dict[str, object]:
        """The problem, with the version to use next and the steps since the version that was seen."""
        steps = [show_step(step) for step in self.steps]
        return {**super().document(request_id), "version": self.case.seq, "changes": steps}
