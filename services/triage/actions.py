"""What triage does: open cases, take answers, and carry out the commands of responders. Load, decide, save."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from services.triage.case.case import Case
from services.triage.case.commands.opening import Open
from services.triage.case.commands.table import USES_POLICY, Command, decide
from shared.access.principal import Reach
from shared.events import Actor, Draft, Event, stamp
from shared.policy import Policy
from shared.times import now

SOURCE = "hearth/triage"
TRIAGE = Actor("service:triage", "service")


@dataclass(frozen=True, slots=True)
class Stored:
    """A case as the store holds it. `applied`: causes already carried out; `base`: what the store builds a write on."""

    case: Case
    applied: frozenset[str]
    requests: Mapping[str, str]
    base: Any


@dataclass(frozen=True, slots=True)
class Change:
    """A case after a change, and the events that made it so. `stored` None: a new case.

    `forget`: the digests of what was ordered before go, because whoever has the key could try words against them.
    """

    case: Case
    stored: Stored | None
    events: Sequence[Event]
    causes: Sequence[str]
    requests: Mapping[str, str] = field(default_factory=dict)
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which cases of a queue: within any of `reaches`, in these states (empty: all), after this place, at most `limit`.

    Never those from which `person`, or somebody with one of these `pseudonyms`, is shut out.
    """

    reaches: tuple[Reach, ...]
    person: str
    pseudonyms: frozenset[str] = frozenset()
    states: tuple[str, ...] = ()
    after: tuple[int, datetime, str] | None = None
    limit: int = 50


class CaseStore(Protocol):
    """Where cases are kept; MongoDB in earnest, a dictionary in tests, proved by the same suite."""

    async def load(self, case_ids: Iterable[str]) -> dict[str, Stored]: ...

    async def find_by_code_name(self, code_name: str) -> Stored | None: ...

    async def taken(self, code_names: Iterable[str]) -> set[str]: ...

    async def remembering(self, case_ids: Iterable[str]) -> set[str]:
        """Those of the cases that keep a digest of what was ordered."""
        ...

    async def save(self, changes: Sequence[Change]) -> set[str]:
        """Write what is still based on the newest version; returns the ids of the others, written by somebody else
        meanwhile or (new cases) with a code name that another case has."""
        ...

    async def queue(self, query: Query) -> list[Case]:
        """Emergencies first, then by the next promise to keep."""
        ...


def carry_out(
    case: Case | None,
    command: Command,
    policy: Policy,
    case_id: str,
    actor: Actor,
    cause: str,
    trace: str | None,
) -> list[Event]:
    """The stamped events of a command, now. Opening is triage's own act; everything else is the actor's."""
    at = now()
    who = TRIAGE if isinstance(command, Open) else actor
    drafts = [
        Draft(fact, who, at, cause, policy.version if isinstance(fact, USES_POLICY) else None)
        for fact in decide(case, command, policy, at)
    ]
    return stamp(
        drafts,
        source=SOURCE,
        subject=f"case/{case_id}",
        case_id=case_id,
        last_seq=case.seq if case else 0,
        trace=trace,
    )
