"""Facts that triage writes to `cases`: a person puts a case back, and people follow a case."""

from typing import ClassVar

from shared.events.cases import CaseFact


class CaseReleased(CaseFact):
    """Nobody has the case any more, and its handling body has it to give; the reasons stay in the vault."""

    name: ClassVar[str] = "case.released"
    shows: ClassVar[str | None] = "previous_assignee"

    previous_assignee: str
    reason_id: str


class HandlerLeft(CaseFact):
    """The person who had the case serves none of its handling bodies any more; nobody has it."""

    name: ClassVar[str] = "case.handler_left"
    shows: ClassVar[str | None] = "previous_assignee"

    previous_assignee: str


class HandlerApart(CaseFact):
    """The person who had the case took part in what is appealed, so nobody has it: others decide on the appeal."""

    name: ClassVar[str] = "case.handler_apart"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "previous_assignee"

    previous_assignee: str


class CaseWatched(CaseFact):
    """A person (a reference) follows the case; the state stays."""

    name: ClassVar[str] = "case.watched"
    unseen: ClassVar[bool] = True

    person: str


class CaseUnwatched(CaseFact):
    """A person (a reference) does not follow the case any more; the state stays."""

    name: ClassVar[str] = "case.unwatched"
    unseen: ClassVar[bool] = True

    person: str
