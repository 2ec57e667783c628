"""A form that came back, because something in it was wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.problems import Problem

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class SentForm(Generic[ValueT]):
    """The form of this `name` as it was sent, so that the page loses nothing that was typed."""

    name: str
    values: Mapping[str, ValueT] = field(default_factory=dict)
    problem: Problem | None = None
