"""Facts that triage writes to `cases`: handlers keep notes for themselves and for each other."""

from typing import ClassVar

from shared.events.cases import CaseFact


class CaseNoted(CaseFact):
    """A handler wrote a note; its words stay in the vault under `note_id`. The state stays.

    `visibility`: whether the author reads it (`mine`), the people of `body`, which had the case then (`body`), or the
    people of every handling body that gets the case (`shared`). No reporter ever does.
    """

    name: ClassVar[str] = "case.noted"
    unseen: ClassVar[bool] = True
    shows: ClassVar[str | None] = "visibility"

    note_id: str
    visibility: str
    body: str
