"""What each change of an entry takes, as forms and programs give it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from services.triage.roster.changes import (
    Enrol,
    GiveNames,
    GiveRole,
    NoteAgreement,
    NoteLanguages,
    NoteLeave,
    NoteTraining,
    SignOut,
    TakeName,
    TakeRole,
)

InputKind = Literal["choice", "choices", "codes", "tags", "lines", "from", "until", "yes"]


@dataclass(frozen=True, slots=True)
class Input:
    """One value of a change.

    A `choice` is one option, `choices` are several of a few, `codes` several of many, `tags` several languages, `lines`
    several texts; `from` and `until` are times.
    """

    name: str
    kind: InputKind
    required: bool = False


INPUTS: Mapping[str, tuple[Input, ...]] = {
    GiveRole.name: (
        Input("role", "choice", required=True),
        Input("bodies", "choices"),
        Input("communities", "codes"),
        Input("scopes", "choices"),
        Input("expires_at", "until"),
        Input("names", "lines"),
    ),
    Enrol.name: (
        Input("names", "lines"),
        Input("bodies", "choices"),
        Input("communities", "codes"),
        Input("modules", "choices"),
        Input("languages", "tags"),
        Input("agreement_until", "until"),
        Input("expires_at", "until"),
    ),
    GiveNames.name: (Input("names", "lines", required=True),),
    TakeName.name: (Input("name_id", "choice", required=True),),
    TakeRole.name: (Input("role", "choice", required=True), Input("body", "choice")),
    NoteTraining.name: (
        Input("module", "choice", required=True),
        Input("completed_at", "from"),
        Input("expires_at", "until"),
    ),
    NoteAgreement.name: (Input("until", "until", required=True), Input("ended", "yes")),
    NoteLanguages.name: (Input("languages", "tags"),),
    NoteLeave.name: (Input("begins_at", "from"), Input("ends_at", "until"), Input("ended", "yes")),
    SignOut.name: (),
}
