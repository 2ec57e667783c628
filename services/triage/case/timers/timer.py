"""What every timer has: when it is next due for a case, and the facts that it causes then. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.triage.case.attendance import People
from services.triage.case.case import Case
from shared.events import CaseFact
from shared.policy import Policy


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that has come for a case. `now` is UTC-aware; `people`: those who could handle the case then."""

    now: datetime
    policy: Policy
    people: People


@dataclass(frozen=True, slots=True)
class Timer:
    """One kind of thing that happens by itself.

    `next_at`: when it is next due for a case (UTC-aware), None for never. `facts`: what follows when that time has
    come; after these facts `next_at` must be a later time, or None. `when_merged`: it also comes due on a merged case.
    """

    next_at: Callable[[Case], datetime | None]
    facts: Callable[[Case, Moment], list[CaseFact]]
    when_merged: bool = False
