"""A case is assigned, looked into, recused from and closed."""

from dataclasses import dataclass
from typing import ClassVar

GROUNDS = ("involved", "related", "same_employer", "prior_knowledge", "other")
"""Why somebody is recused (the conflicts that handling bodies' manuals name)."""


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
class Recuse:
    """Have somebody (a reference) do nothing more with the case, on a ground of GROUNDS."""

    name: ClassVar[str] = "recuse"
    person: str
    ground: str


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing more is owed on the case."""

    name: ClassVar[str] = "close"
