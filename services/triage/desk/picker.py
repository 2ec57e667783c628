"""The people that a form of a case offers to choose from, by code name, so that nobody types a reference."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request

from services.triage.actions import Desk
from services.triage.case.attendance import People, able
from services.triage.case.case import Case
from services.triage.case.commands.command import ReferenceField
from services.triage.case.forms import Form
from services.triage.desk.names import CaseNames
from services.triage.desk.queue import Count, Load, Queue
from shared.access.principal import Leave, Principal, has_ended, serves
from shared.i18n.messages import write_day
from shared.input.languages import reads

LEAVE_TOLD = timedelta(days=30)
"""How long before a leave begins it is told."""


async def picks_of(
    desk: Desk,
    queue: Queue,
    names: CaseNames,
    request: Request,
    reader: Principal,
    case: Case,
    forms: Iterable[Form],
    at: datetime,
) -> dict[str, list[tuple[str, Any]]]:
    """The people that each field of these forms can mean, by the name of the field. Raises Unavailable."""
    fields = (field for form in forms for field in form.fields)
    wanted = {field.name: field.gets_case for field in fields if isinstance(field, ReferenceField)}
    if not wanted:
        return {}
    people = await desk.people_of(case)
    found = {
        name: able(case, people, desk.policy, at) if gets_case else _serving(case, people, at, reader)
        for name, gets_case in wanted.items()
    }
    handlers = {person.ref for name, group in found.items() if wanted[name] for person in group}
    loads = await queue.loads(reader, handlers)
    return {
        name: picks(names, request, reader, group, loads if wanted[name] else {}, at, case.language)
        for name, group in found.items()
    }


def picks(
    names: CaseNames,
    request: Request,
    reader: Principal,
    people: Iterable[Principal],
    loads: Mapping[str, Load],
    at: datetime,
    language: str = "",
) -> list[tuple[str, Any]]:
    """These people as the options of a choice: who reads the `language`, if one is given, comes first, and then who has
    the fewest open cases (`loads`, by reference).

    Each with load, where `loads` has it, languages, trainings, and a leave that begins soon. `at` is UTC-aware.
    """

    def told(person: Principal) -> str:
        name = names.said(request, "desk-you") if person.ref == reader.ref else names.name(person.ref)
        trained = sorted(t.module for t in person.trainings if not has_ended(t.expires_at, at))
        said = [_loaded(names, request, name, loads[person.ref]) if person.ref in loads else name]
        said += [names.said(request, "desk-pick-reads", names.languages(person.languages))] if person.languages else []
        said += [names.said(request, "desk-pick-trained", ", ".join(trained))] if trained else []
        said += [_away(names, request, person, at)]
        return " · ".join(part for part in said if part)

    def place(person: Principal) -> tuple[bool, Count, str]:
        return not reads(person.languages, language), loads.get(person.ref, Load()).open, names.name(person.ref)

    ordered = sorted(people, key=place)
    return [(person.ref, told(person)) for person in ordered]


def _loaded(names: CaseNames, request: Request, name: str, load: Load) -> str:
    key = "desk-pick-many" if load.open.more else "desk-pick"
    return names.said(request, key, name, load.open.number)


def next_leave(person: Principal, at: datetime) -> Leave | None:
    """The leave of a person that runs at a time (UTC-aware), or the next one."""
    leaves = (leave for leave in person.leaves if not has_ended(leave.ends_at, at))
    return min(leaves, key=lambda leave: leave.begins_at, default=None)


def _away(names: CaseNames, request: Request, person: Principal, at: datetime) -> str:
    leave = next_leave(person, at)
    if leave is None or leave.begins_at - at > LEAVE_TOLD:
        return ""
    if leave.begins_at <= at:
        return names.said(request, "desk-pick-away")
    return names.said(request, "desk-pick-away-from", write_day(names.language(request), leave.begins_at))


def _serving(case: Case, people: People, at: datetime, reader: Principal) -> list[Principal]:
    """Everybody in the bodies that have to do with the case, whether they can see it or not, but the reader."""
    asked = case.asked.to_body if case.asked else None
    bodies = [body for body in dict.fromkeys((*case.bodies, case.own_body, asked)) if body]
    found = {p.ref: p for body in bodies for p in people.staff.get(body, ()) if serves(p, body, at)}
    return [person for ref, person in found.items() if ref != reader.ref]
