"""What the roster answers to programs, for the OpenAPI document of triage."""

from collections.abc import Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from services.triage.answers import ChangeOffered


class GrantShown(TypedDict):
    """A role of a person, what it reaches, and until when."""

    role: str
    bodies: Sequence[str]
    communities: Sequence[str]
    scopes: Sequence[str]
    expires_at: str | None


class TrainingShown(TypedDict):
    """A training module that a person has completed."""

    module: str
    completed_at: str
    expires_at: str | None


class LeaveShown(TypedDict):
    """A time in which a person may do nothing."""

    begins_at: str
    ends_at: str | None


class NameShown(TypedDict):
    """How Hearth knows a name of a person. One that waits has no `holds_from`."""

    id: str
    source: str
    noted_at: str
    holds_from: str | None
    unwanted: bool


class PersonShown(TypedDict):
    """An entry on the roster, without the keys of the person's own names. `name`: the code name that pages show."""

    person: str
    name: str
    version: int
    grants: list[GrantShown]
    trainings: list[TrainingShown]
    confidential_until: str | None
    leaves: list[LeaveShown]
    languages: Sequence[str]
    signed_out_at: str | None
    user_name_known: bool
    names_confirmed: bool
    names: list[NameShown]
    next_end: str | None
    actions: NotRequired[list[ChangeOffered]]


class PersonList(TypedDict):
    """A page of the roster, and the cursor of the next page."""

    items: list[PersonShown]
    next: str | None


class KeysOfName(TypedDict):
    """The keys of one name, and how far the name shows who the person is."""

    keys: Sequence[str]
    trust: str


class SignInNoted(TypedDict):
    """The person of a sign-in, the keys of the person's names, and those that the roster holds."""

    person: str
    names: list[KeysOfName]
    held: Sequence[str]
