"""The names of a person who signs in, as keys, and the proof by which intake finds them out. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.field_words import PRINTABLE, of_form


class Trust(StrEnum):
    """How far a name shows who a person is."""

    ACCOUNT = "account"
    """The user name. The provider gives it to one account only."""
    PROVED = "proved"
    """An address that the provider has verified."""
    TYPED = "typed"
    """The person can type whatever they like: a nickname, a real name, an address that nobody has verified."""


ProviderToken = Annotated[str, of_form(PRINTABLE, min_length=1, max_length=16_384)]
"""A token of a sign-in provider. Those of Keycloak have about two thousand characters."""


class Proof(BaseModel):
    """What only the provider can issue, at a sign-in: by it, intake asks the provider itself who signed in.

    The services hand it on as it is, in JSON.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    access_token: ProviderToken = Field(repr=False)
    id_token: ProviderToken | None = Field(None, repr=False)


@dataclass(frozen=True, slots=True)
class NameKeys:
    """The keys under which one name of a person may stand in reports."""

    keys: tuple[str, ...]
    trust: Trust


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names of a person who has just signed in, as keys. `ticket` shows intake for a while that they did.

    `held`: the keys that the roster held of the person when it had noted the sign-in. A replica may learn them later.
    """

    person: str
    names: tuple[NameKeys, ...]
    ticket: str | None = field(default=None, repr=False)
    held: tuple[str, ...] = ()

    # Counted once, because every request of a session asks for both.
    holding: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The keys that hide reports now: of names that the person cannot choose freely, and what the roster held."""
    has_user_name: bool = field(init=False, repr=False, compare=False)
    """Whether the provider told a user name. Without one, the person handles nothing."""

    def __post_init__(self) -> None:
        told = (key for name in self.names if name.trust is not Trust.TYPED for key in name.keys)
        object.__setattr__(self, "holding", tuple(dict.fromkeys((*told, *self.held))))
        has = any(name.trust is Trust.ACCOUNT and name.keys for name in self.names)
        object.__setattr__(self, "has_user_name", has)
