"""The API of the roster, for programs of coordinators: a bearer token of a person, JSON in and out."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.triage.answers import ChangeOffered, FieldTaken
from services.triage.roster.actions import SignIns
from services.triage.roster.answers import KeysOfName, PersonList, PersonShown, SignInNoted
from services.triage.roster.changes import CHANGES, ends_of
from services.triage.roster.checklist import RosterFilter
from services.triage.roster.desk import EVERYBODY, EntryPlace, Offer, RosterDesk
from services.triage.roster.entry import StoredEntry
from services.triage.roster.inputs import INPUTS
from services.triage.roster.names import is_confirmed
from shared.ids import PERSON
from shared.own_names import Proof, Trust
from shared.people_names import PeopleNames
from shared.problems import NotFound
from shared.times import now, rfc3339
from shared.web.bodies import gives, json_response, parse_body, parse_change, takes
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import cause_of, read_idempotency_key, seen_of, takes_change
from shared.web.paging import Cursors
from shared.web.queries import Whole

_PRIVATE = {"Cache-Control": "no-store"}
_CHANGE = takes_change(CHANGES.values(), required=False)
"""What the OpenAPI document says about a change; the entry itself says what each takes."""
ENTRY_CURSORS = Cursors(EntryPlace)


def make_roster_router(desk: RosterDesk, gate: Gate, people: PeopleNames) -> APIRouter:
    """The routes below /v1/roster."""
    router = gate.router(Callers.PROGRAMS, prefix="/v1/roster")

    @router.get("", responses=gives(PersonList), **does("roster.read"))
    async def list_people(
        request: Request, cursor: str | None = None, limit: Annotated[Whole, Query(ge=1, le=200)] = 50
    ) -> Response:
        """The people on the roster, sorted by what of theirs ends next."""
        entries, after = await people_of(desk, request, cursor, limit)
        items = [_shown(kept, people) for kept in entries]
        return json_response({"items": items, "next": after}, headers=_PRIVATE)

    @router.get("/{person}", responses=gives(PersonShown), **does("roster.read"))
    async def show_person(request: Request, person: str) -> Response:
        """One entry, and the changes permitted now with what they take. ETag is its version."""
        who = principal_of(request)
        kept = await desk.find(who, reference_of(person))
        if not kept.version:
            raise NotFound
        actions = [show_offer(offer) for offer in await desk.offers(who, kept)]
        body: PersonShown = {**_shown(kept, people), "actions": actions}
        return json_response(body, headers={**_PRIVATE, "ETag": f'"{kept.version}"'})

    @router.post("/{person}/{change}", responses=gives(PersonShown), **does("roster.read", _CHANGE))
    async def make_change(request: Request, person: str, change: str) -> Response:
        """grant, revoke, training, agreement, languages, leave or sign_out. For a new person, If-Match is `"0"`."""
        who, ref = principal_of(request), reference_of(person)
        kind = CHANGES.get(change)
        if kind is None:
            raise NotFound
        seen = seen_of(request)
        cause = cause_of(who, ref, read_idempotency_key(request))
        wanted = await parse_change(kind, await request.body() or b"{}", partial(desk.all_faults, who, ref, kind))
        kept = await desk.carry_out(who, ref, wanted, seen, cause)
        return json_response(_shown(kept, people), headers={**_PRIVATE, "ETag": f'"{kept.version}"'})

    return router


def make_sign_ins_router(sign_ins: SignIns, gate: Gate) -> APIRouter:
    """The route by which the other services have the names of people who sign in noted."""
    router = gate.router(Callers.PROGRAMS)

    @router.post("/v1/sign-ins", responses=gives(SignInNoted), **does("roster.note_names", takes(Proof)))
    async def note_names(request: Request) -> Response:
        """The person of a sign-in at another service that happened just now, and the person's names, as keys.

        The roster has noted the names before the answer, and says which it holds. Typed names that wait are left out.
        """
        own = await sign_ins.take(parse_body(Proof, await request.body()))
        names: list[KeysOfName] = [
            {"keys": n.keys, "trust": n.trust.value} for n in own.names if n.trust is not Trust.TYPED
        ]
        body: SignInNoted = {"person": own.person, "names": names, "held": own.held}
        return json_response(body, headers=_PRIVATE)

    return router


def reference_of(person: str) -> str:
    """The reference in an address. Raises Problem 404 for anything else."""
    if not PERSON.fullmatch(person):
        raise NotFound
    return person


async def people_of(
    desk: RosterDesk, request: Request, cursor: str | None, limit: int, wanted: RosterFilter = EVERYBODY
) -> tuple[Sequence[StoredEntry], str | None]:
    """One page of the roster, and the cursor of the next. Raises Problem 422 for a cursor of another list."""
    found = await desk.page(principal_of(request), ENTRY_CURSORS.read(cursor), limit + 1, wanted)
    return ENTRY_CURSORS.cut(found, limit, desk.place)


def show_offer(offer: Offer) -> ChangeOffered:
    """A change as the API shows it."""
    fields: list[FieldTaken] = []
    for taken in INPUTS[offer.change.name]:
        shown: FieldTaken = {"name": taken.name, "kind": taken.kind, "required": taken.required}
        if taken.name in offer.options:
            shown["options"] = list(offer.options[taken.name])
        fields.append(shown)
    return {"change": offer.change.name, "fields": fields}


def _shown(kept: StoredEntry, people: PeopleNames) -> PersonShown:
    # Without the keys of the person's names: a reader could look for them in reports.
    entry, at = kept.entry, now()
    return {
        "person": entry.person,
        "name": people.of(entry.person),
        "version": kept.version,
        "grants": [
            {
                "role": grant.role,
                "bodies": grant.bodies,
                "communities": grant.communities,
                "scopes": grant.scopes,
                "expires_at": _time(grant.expires_at),
            }
            for grant in entry.grants
        ],
        "trainings": [
            {
                "module": training.module,
                "completed_at": rfc3339(training.completed_at),
                "expires_at": _time(training.expires_at),
            }
            for training in entry.trainings
        ],
        "confidential_until": _time(entry.confidential_until),
        "leaves": [{"begins_at": rfc3339(leave.begins_at), "ends_at": _time(leave.ends_at)} for leave in entry.leaves],
        "languages": entry.languages,
        "signed_out_at": _time(entry.signed_out_at),
        "user_name_known": entry.named,
        "names_confirmed": is_confirmed(kept.names),
        "names": [
            {
                "id": name.id,
                "source": name.source.value,
                "noted_at": rfc3339(name.noted_at),
                "holds_from": _time(name.holds_from),
                "unwanted": name.is_asked(at),
            }
            for name in kept.names
        ],
        "next_end": _time(next(iter(ends_of(entry, at)), None)),
    }


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
