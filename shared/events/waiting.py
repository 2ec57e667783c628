"""Facts that triage writes to `cases`: a case waits, for others or for a day."""

from typing import ClassVar

from pydantic import AwareDatetime

from shared.events.cases import CaseFact


class CasePaused(CaseFact):
    """The pausable clocks of the case stand still until a time, for a reason that the policy knows. The state stays."""

    name: ClassVar[str] = "case.paused"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "pause"

    previous_pause: str | None
    previous_until: AwareDatetime | None
    pause: str
    until: AwareDatetime


class CaseResumed(CaseFact):
    """A pause is over, because its time came or a person ended it. The state stays."""

    name: ClassVar[str] = "case.resumed"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "pause"

    pause: str
    until: AwareDatetime


class CaseSnoozed(CaseFact):
    """The assignee wants to see the case again at a time, or, without `until`, once an answer comes. The state stays.

    All of its clocks go on.
    """

    name: ClassVar[str] = "case.snoozed"
    unseen: ClassVar[bool] = True

    person: str
    previous_until: AwareDatetime | None
    until: AwareDatetime | None


class CaseWoken(CaseFact):
    """The case stands in its place in the queue of the assignee again. The state stays."""

    name: ClassVar[str] = "case.woken"
    unseen: ClassVar[bool] = True

    person: str
    until: AwareDatetime | None
