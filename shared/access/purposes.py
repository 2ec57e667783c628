"""For what one service may call another: one table, a row for each purpose."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a call is for: the action that it asks for, and the services that may call so."""

    name: str
    action: str
    callers: tuple[str, ...]


PURPOSES: Mapping[str, Purpose] = {
    purpose.name: purpose
    for purpose in (
        Purpose("review", "vault.read", ("triage",)),
        Purpose("notify", "vault.read", ("notification",)),
        Purpose("correspond", "vault.correspond", ("triage",)),
        Purpose("sign_in", "vault.pseudonyms", ("triage",)),
        Purpose("enrol", "vault.bind_names", ("triage",)),
        Purpose("note_names", "roster.note_names", ("notification", "audit")),
    )
}
CALLERS: tuple[str, ...] = tuple(dict.fromkeys(caller for row in PURPOSES.values() for caller in row.callers))
"""The services that call others, each with keys of its own."""


def is_for(purpose: str, action: str) -> bool:
    """Whether a call for this purpose may ask for the action."""
    row = PURPOSES.get(purpose)
    return row is not None and row.action == action


def may_call(service: str, purpose: str) -> bool:
    """Whether calls of this service may be for this purpose."""
    row = PURPOSES.get(purpose)
    return row is not None and service in row.callers
