"""The states of a case, the commands on it, and the table of which leads where. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from shared.events import ReportReceived


class State(StrEnum):
    """Every state a case can have; those without a row in TRANSITIONS are read, and not yet entered from here."""

    RECEIVED = "received"
    TRIAGED = "triaged"
    ASSIGNED = "assigned"
    INVESTIGATING = "investigating"
    AWAITING_INFORMATION = "awaiting_information"
    DECIDED = "decided"
    FOLLOWING_UP = "following_up"
    CLOSED = "closed"
    REFERRED = "referred"
    MERGED = "merged"
    APPEALED = "appealed"
    REOPENED = "reopened"


ENDED = frozenset({State.CLOSED, State.MERGED})
"""States in which nothing is owed on a case."""


@dataclass(frozen=True, slots=True)
class Open:
    """A report becomes a case, and policy passes it to a handling body at once."""

    name: ClassVar[str] = "open"
    code_name: str
    report: ReportReceived


@dataclass(frozen=True, slots=True)
class Assign:
    """A responder takes the case, or is given it."""

    name: ClassVar[str] = "assign"
    assignee: str


@dataclass(frozen=True, slots=True)
class Start:
    """Begin to look into the case, or go on without waiting for an answer any longer."""

    name: ClassVar[str] = "start"


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the reporter something; the words are in the vault under `question_id`."""

    name: ClassVar[str] = "ask"
    question_id: str


@dataclass(frozen=True, slots=True)
class ReceiveAnswer:
    """The reporter answered. An answer is never refused, however late it comes."""

    name: ClassVar[str] = "receive_answer"
    question_id: str
    answer_id: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Decide on an outcome of the policy; the reasons are in the vault under `reason_id`."""

    name: ClassVar[str] = "decide"
    outcome: str
    reason_id: str


@dataclass(frozen=True, slots=True)
class Recuse:
    """Have somebody (a reference) do nothing more with the case, on a ground of GROUNDS."""

    name: ClassVar[str] = "recuse"
    person: str
    ground: str


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing more is owed on the case."""

    name: ClassVar[str] = "close"


Command = Open | Assign | Start | Ask | ReceiveAnswer | Decide | Recuse | Close

GROUNDS = ("involved", "related", "same_employer", "prior_knowledge", "other")
"""Why somebody is recused (the conflicts that handling bodies' manuals name)."""

TRANSITIONS: Mapping[str, Mapping[State | None, State]] = {
    # Opening passes through `received`: the two facts are one write, so that no case is ever without an owner.
    Open.name: {None: State.TRIAGED},
    Assign.name: {
        State.TRIAGED: State.ASSIGNED,
        State.ASSIGNED: State.ASSIGNED,
        State.INVESTIGATING: State.INVESTIGATING,
        State.AWAITING_INFORMATION: State.AWAITING_INFORMATION,
        State.DECIDED: State.DECIDED,
    },
    Start.name: {State.ASSIGNED: State.INVESTIGATING, State.AWAITING_INFORMATION: State.INVESTIGATING},
    Ask.name: {State.INVESTIGATING: State.AWAITING_INFORMATION},
    ReceiveAnswer.name: {
        State.AWAITING_INFORMATION: State.INVESTIGATING,
        State.INVESTIGATING: State.INVESTIGATING,
        State.DECIDED: State.DECIDED,
        State.CLOSED: State.CLOSED,
    },
    Decide.name: {State.INVESTIGATING: State.DECIDED},
    # A conflict may be seen at any time; only what is merged away needs none.
    Recuse.name: {state: state for state in State if state not in (State.RECEIVED, State.MERGED)},
    Close.name: {State.DECIDED: State.CLOSED},
}
"""Which command leads from which state to which; None stands for a case that is not there yet."""


class Refusal(Exception):
    """The core says no, and why. Holds only words of this code base and ids."""


class NotPermitted(Refusal):
    """The command is not in the table for this state; `permitted` are those that are."""

    def __init__(self, command: str, state: State | None) -> None:
        self.command = command
        self.state = state
        self.permitted = permitted_in(state)
        instead = ", ".join(self.permitted) or "nothing"
        super().__init__(f"{command} is not permitted in state {state or 'none'}; permitted: {instead}")


class UnknownOutcome(Refusal):
    """The policy has no such outcome."""


class CannotHave(Refusal):
    """A case cannot be given to this person: they are recused from it, or may not handle it."""


class UnknownQuestion(Refusal):
    """An answer to a question that this case never asked."""


def permitted_in(state: State | None) -> tuple[str, ...]:
    """The names of the commands that the table permits in a state, in the order of a case's life."""
    return tuple(name for name, ways in TRANSITIONS.items() if state in ways)
