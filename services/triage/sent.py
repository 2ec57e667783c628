"""A form that came back, because something in it was wrong, or because its person had to sign in first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.problems import Problem

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class SentForm(Generic[ValueT]):
    """The form of this `name` as it was sent, so that the page loses nothing that was typed.

    Without a problem it comes back after a sign-in, and has not been carried out.
    """

    name: str
    values: Mapping[str, ValueT] = field(default_factory=dict)
    problem: Problem | None = None


def parts_of(fields: Mapping[str, Sequence[str]]) -> tuple[dict[str, Sequence[str]], str, str]:
    """The values of a form, the version that its sender saw, and its key; empty where they are missing."""
    form = dict(fields)
    return form, form.pop("version", [""])[-1], form.pop("key", [""])[-1]
