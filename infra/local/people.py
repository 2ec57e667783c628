"""People for a local system. They are put on the roster and given tokens, as operators do by `hearth roster` and
`token`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from infra.commands.people.editor import OPERATOR, run_with_editor
from services.triage.roster.actions import RosterEditor
from shared.access.principal import MODULES, SCOPES, Role
from shared.access.roster_store import MongoRoster
from shared.connections import MongoAccess
from shared.events import GrantHeld, TrainingHeld
from shared.own_names import NameKeys, OwnNames, Trust
from shared.times import now

LIFE = timedelta(days=1)
ACCOUNT_ROLES: Mapping[str, Role] = {
    "demo-responder": Role.RESPONDER,
    "demo-coordinator": Role.COORDINATOR,
    "demo-auditor": Role.AUDITOR,
    "demo-operator": Role.OPERATOR,
    "demo-reported": Role.RESPONDER,
}
"""The roles of the accounts of infra.local.sign_in_provider, by subject. An account that is left out is on no
roster.
"""
_OF_BODIES = (Role.RESPONDER, Role.COORDINATOR)


def person_of(name: str) -> str:
    """The reference of a person of demos and tests who has no account at any provider."""
    return f"person:{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def enrol_and_issue(
    uri: str, prefix: str, access: MongoAccess, person: str, role: Role, bodies: tuple[str, ...]
) -> str:
    """Put a person on the roster in this role, with all that the role needs, and give them a token for a day."""

    async def work(editor: RosterEditor, _: MongoRoster) -> str:
        at = now()
        await enrol(editor, person, role, bodies, at)
        await give_name(editor, person)
        return (await editor.issue("pat", expires_at=at + LIFE, by=OPERATOR, person=person)).token

    # In a thread, because some callers have a running loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run_with_editor, uri, prefix, access, work).result()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A person to put on the roster: the role, and the keys of the user name. `agreed`: with an agreement."""

    role: Role
    keys: tuple[str, ...]
    agreed: bool = True


def enrol_accounts(
    uri: str, prefix: str, access: MongoAccess, people: Mapping[str, Enrolled], bodies: tuple[str, ...]
) -> None:
    """Put people on the roster, each (by reference) in a role, with all that the role needs for a day.

    One who has not agreed to keep cases confidential lacks that.
    """

    async def work(editor: RosterEditor, _: MongoRoster) -> None:
        at = now()
        for person, one in people.items():
            await enrol(editor, person, one.role, bodies if one.role in _OF_BODIES else (), at, [one.keys], one.agreed)

    run_with_editor(uri, prefix, access, work)


async def give_name(editor: RosterEditor, person: str) -> None:
    """As if a person without an account had signed in once, under a user name that stands in no report."""
    key = hashlib.sha256(person.encode()).hexdigest()[:32]
    await editor.note_names(OwnNames(person, (NameKeys((key,), Trust.ACCOUNT),)), OPERATOR)


async def enrol(
    editor: RosterEditor,
    person: str,
    role: Role,
    bodies: tuple[str, ...],
    at: datetime,
    names: Sequence[tuple[str, ...]] = (),
    agreed: bool = True,
) -> None:
    """Everything that a person needs to act in this role from now on, or all but the agreement."""
    scopes = SCOPES if role is Role.AUDITOR else ()
    await editor.grant(person, GrantHeld(role=role.value, bodies=bodies, scopes=scopes), OPERATOR, names)
    if agreed:
        await editor.note_agreement(person, at + LIFE, OPERATOR)
    for module in MODULES if role is Role.RESPONDER else ():
        await editor.note_training(person, TrainingHeld(module=module, completed_at=at - LIFE), OPERATOR)
