"""A form that came back, because something in it was wrong, or because its person had to sign in first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shared.problems import Problem
from shared.sign_in.drafts import ENTRY, Draft
from shared.times import parse_rfc3339

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class SentForm(Generic[ValueT]):
    """The form of this `name` as it was sent, so that the page loses nothing that was typed.

    Without a problem it comes back after a sign-in, and has not been carried out.
    """

    name: str
    values: Mapping[str, ValueT] = field(default_factory=dict)
    problem: Problem | None = None


def waits_in(draft: Draft) -> dict[str, Any]:
    """What a page says of a draft: the `name` of its form, its `path`, and when it was kept (UTC-aware), if known.

    `entry`: which one of several forms it is. `id`: what tells the drafts of a page apart.
    """
    at = parse_rfc3339(draft.at) if draft.at else None
    name = draft.path.rpartition("/")[2]
    tag = f"{name}-{draft.entry}" if draft.entry else name
    return {"name": name, "path": draft.path, "at": at, "entry": draft.entry, "id": tag}


THEN = "then"
"""The name of a button that gives another command as well."""
REPLY = "reply"
"""The name of a button that puts words of the playbook into the form, and sends nothing."""
_BESIDE = frozenset({THEN, REPLY, ENTRY})


def then_of(fields: Mapping[str, Sequence[str]]) -> str:
    """The command that is to follow behind the form's own; empty where none is."""
    return fields.get(THEN, [""])[-1]


def parts_of(fields: Mapping[str, Sequence[str]]) -> tuple[dict[str, Sequence[str]], str, str]:
    """The values of a form, the version that its sender saw, and its key; empty where they are missing.

    Which button sent it is none of its values (see `then_of`).
    """
    form = {name: value for name, value in fields.items() if name not in _BESIDE}
    return form, form.pop("version", [""])[-1], form.pop("key", [""])[-1]
