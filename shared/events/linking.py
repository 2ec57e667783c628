"""Facts that triage writes to `cases`: a case has to do with another one. Both cases tell it, in one write.

`other_case` is a reference that holds within the case: only triage can tell which other case it is. Triage does not
show such a fact to a person who may not see the other case.
"""

from typing import ClassVar

from shared.events.cases import CaseFact


class CaseLinked(CaseFact):
    """The case has to do with `other_case`, by a `relation` that is said of both alike; the state stays.

    It takes the place of `previous_relation`. The vault has the handler's words under `note_id`, with the report of the
    case that the handler linked; the other case has no such id.
    """

    name: ClassVar[str] = "case.linked"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "relation"

    other_case: str
    relation: str
    previous_relation: str | None = None
    note_id: str | None = None


class CaseUnlinked(CaseFact):
    """What the case had to do with `other_case`, by this `relation`, was taken back; the state stays."""

    name: ClassVar[str] = "case.unlinked"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "relation"

    other_case: str
    relation: str
