"""The vault over HTTP, for the other services."""

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from services.intake.fields import PRIVATE, Body, Identifier, Name
from services.intake.report.pseudonym import pseudonyms_for
from services.intake.vault.reads import Read, Readable, VaultReader
from shared.access.authorization import Refused
from shared.access.conditions import Reason, Refusal
from shared.access.principal import Role
from shared.web.bodies import json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does, principal_of

NamesOf = Callable[[str], Awaitable[Collection[str]]]
"""A person's reference and the pseudonyms of their own names."""


class ReadItem(Body):
    """One report to read from."""

    report_id: Identifier
    sections: Annotated[tuple[Readable, ...], Field(min_length=1, max_length=4)]


class VaultRead(Body):
    """POST /v1/vault/read."""

    purpose: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
    reads: Annotated[tuple[ReadItem, ...], Field(max_length=500)]


class Names(Body):
    """POST /v1/vault/pseudonyms."""

    names: Annotated[tuple[Name, ...], Field(max_length=20)]
    addresses: Annotated[tuple[Name, ...], Field(max_length=20)]


def make_vault_router(reader: VaultReader, gate: Gate, pseudonym_key: bytes, names_of: NamesOf) -> APIRouter:
    """The routes. They open only to services, with a token made for intake and for this purpose.

    A service may ask on behalf of a person. A report that names this person, by `names_of`, looks unknown to it.
    """
    router = gate.router(Callers.PROGRAMS)

    @router.post("/v1/vault/read", **does("vault.read", takes(VaultRead)))
    async def read(request: Request) -> Response:
        """Hand sections of reports to another service. Intake records each read before it answers."""
        who = principal_of(request)
        body = parse_body(VaultRead, await request.body())
        if body.purpose not in who.purposes:
            raise Refused("vault.read", Refusal(Reason.PURPOSE))
        reads = [Read(item.report_id, item.sections) for item in body.reads]
        names = await names_of(who.behalf.ref) if who.behalf else ()
        items = await reader.read(reads, purpose=body.purpose, actor=who.actor(Role.SERVICE), names=names)
        return json_response({"items": items}, headers=PRIVATE)

    @router.post("/v1/vault/pseudonyms", **does("vault.pseudonyms", takes(Names)))
    async def pseudonyms(request: Request) -> Response:
        """The pseudonyms under which a person who signs in may stand in reports. Each call is recorded first."""
        who = principal_of(request)
        body = parse_body(Names, await request.body())
        found = pseudonyms_for(pseudonym_key, body.names, body.addresses)
        count, purpose = len(body.names) + len(body.addresses), " ".join(who.purposes)
        await reader.note_names(count, purpose=purpose, actor=who.actor(Role.SERVICE))
        return json_response({"pseudonyms": found}, headers=PRIVATE)

    return router
