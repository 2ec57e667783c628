"""The vault over HTTP, for the other services."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Protocol

from fastapi import APIRouter, Request, Response
from pydantic import Field, StringConstraints

from services.intake.answers import GivenKeys, MeasureKept, MeasuresKept, OwnKeys, ReportsRead, SoughtKeys
from services.intake.fields import PRIVATE, Body, Identifier, Name
from services.intake.mentions import Naming
from services.intake.vault.names import NameKeySource
from services.intake.vault.reads import Read, Readable, VaultReader
from shared.access.authorization import Refused
from shared.access.conditions import Reason, Refusal
from shared.access.principal import Principal, Role
from shared.access.purposes import PURPOSES
from shared.events import Actor
from shared.field_words import PERSON_REFERENCE, PURPOSE, of_form
from shared.input.texts import TypedText
from shared.own_names import Proof
from shared.problems import FieldError, FieldsWrong, Problem
from shared.web.bodies import gives, json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does, principal_of

_TOKEN = re.compile(r"[0-9a-f]{32}")
_NO_TOKEN = FieldError("/token", "invalid_id", "32 hexadecimal digits.")
NamesOf = Callable[[str], Awaitable[Collection[str]]]
"""A person's reference and the pseudonyms of their own names."""


class Imports(Protocol):
    """What keeps the people of measures from before Hearth (services.intake.imports.ImportedPeople)."""

    async def keep(self, measures: Sequence[tuple[str, str, str, str]]) -> list[MeasureKept]: ...


class Hinting(Protocol):
    """What makes a report of a hint (services.intake.hints.Hints)."""

    async def take(self, community: str, flag: str, key: str, words: str) -> None: ...


PolicyCode = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""A code of the policy, which triage has checked."""


class ReadItem(Body):
    """One report to read from."""

    report_id: Identifier
    sections: Annotated[tuple[Readable, ...], Field(min_length=1, max_length=6)]


class VaultRead(Body):
    """POST /v1/vault/read."""

    purpose: Annotated[str, of_form(PURPOSE)]
    reads: Annotated[tuple[ReadItem, ...], Field(max_length=500)]


class NamedPerson(Body):
    """PUT /v1/vault/reports/{report_id}/named/{token}."""

    person: Annotated[str, of_form(PERSON_REFERENCE)]


class MeasureBefore(Body):
    """A measure from before Hearth, by a key of its own: the person it is about, and what its body wrote of it."""

    community: PolicyCode
    key: Annotated[str, TypedText(100, one_line=False)]
    name: Name
    words: Annotated[str, TypedText(1000, one_line=False)]


class MeasuresBefore(Body):
    """POST /v1/vault/measures."""

    measures: Annotated[tuple[MeasureBefore, ...], Field(min_length=1, max_length=500)]


class Hint(Body):
    """POST /v1/vault/hints."""

    community: PolicyCode
    flag: PolicyCode
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    words: Annotated[str, StringConstraints(min_length=1, max_length=5000)]


class GivenNames(Body):
    """POST /v1/vault/given-names."""

    ticket: Annotated[str, StringConstraints(max_length=400)]
    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]


class SoughtName(Body):
    """POST /v1/vault/sought-names."""

    name: Name


def make_vault_router(
    reader: VaultReader,
    naming: Naming,
    imports: Imports,
    hints: Hinting,
    gate: Gate,
    keys: NameKeySource,
    names_of: NamesOf,
) -> APIRouter:
    """The routes. They open only to services, with a token made for intake and for this purpose.

    A service may ask on behalf of a person. A report that names this person, by `names_of`, looks unknown to it.
    """
    router = gate.router(Callers.PROGRAMS)

    @contextmanager
    def recorded(action: str, who: Principal) -> Iterator[None]:
        # A service that sends what proves nothing may have been broken into.
        try:
            yield
        except Problem as problem:
            gate.keep_fault(action, problem.code.replace("-", "_"), who)
            raise

    @router.post("/v1/vault/read", responses=gives(ReportsRead), **does("vault.read", takes(VaultRead)))
    async def read(request: Request) -> Response:
        """Hand sections of reports to another service, as far as the purpose of the call needs them.

        Intake records each read before it answers.
        """
        who = principal_of(request)
        body = parse_body(VaultRead, await request.body())
        purpose = PURPOSES.get(body.purpose)
        asked = {section for item in body.reads for section in item.sections}
        if purpose is None or body.purpose not in who.purposes or not asked <= purpose.sections.keys():
            raise Refused("vault.read", Refusal(Reason.PURPOSE))
        reads = [Read(item.report_id, item.sections) for item in body.reads]
        names = await names_of(who.behalf.ref) if who.behalf else ()
        items = await reader.read(reads, purpose=purpose, actor=who.actor(Role.SERVICE), names=names)
        return json_response({"items": items}, headers=PRIVATE)

    @router.put(
        "/v1/vault/reports/{report_id}/named/{token}", status_code=204, **does("vault.name", takes(NamedPerson))
    )
    async def name(request: Request, report_id: str, token: str) -> Response:
        """Keep for which person a token of the case stands. The request may be repeated.

        The person is shut out of everything about the report while the case has the token among its recusals.
        """
        if not _TOKEN.fullmatch(token):
            raise FieldsWrong([_NO_TOKEN])
        body = parse_body(NamedPerson, await request.body())
        await naming.name(report_id, token, body.person, principal_of(request).actor(Role.SERVICE))
        return Response(status_code=204)

    @router.post("/v1/vault/measures", responses=gives(MeasuresKept), **does("vault.import", takes(MeasuresBefore)))
    async def keep_measures(request: Request) -> Response:
        """Keep the people of measures from before Hearth. The request may be repeated: each measure is kept once."""
        body = parse_body(MeasuresBefore, await request.body())
        kept = await imports.keep([(one.community, one.key, one.name, one.words) for one in body.measures])
        return json_response({"items": kept}, headers=PRIVATE)

    @router.post("/v1/vault/hints", status_code=204, **does("vault.hint", takes(Hint)))
    async def take_hint(request: Request) -> Response:
        """Make a report of what triage counted in several cases. The request may be repeated: a key makes one."""
        body = parse_body(Hint, await request.body())
        await hints.take(body.community, body.flag, body.key, body.words)
        return Response(status_code=204)

    @router.post("/v1/vault/pseudonyms", responses=gives(OwnKeys), **does("vault.pseudonyms", takes(Proof)))
    async def pseudonyms(request: Request) -> Response:
        """The person of a sign-in that happened just now, and the keys of the names that the provider tells.

        No other name can be asked about. Each call is recorded first.
        """
        who = principal_of(request)
        proof = parse_body(Proof, await request.body())
        with recorded("vault.pseudonyms", who):
            own = await keys.prove(proof)
        await reader.note_names(len(own.names), purpose=" ".join(who.purposes), actor=who.actor(Role.SERVICE))
        names = [{"keys": name.keys, "trust": name.trust.value} for name in own.names]
        return json_response({"person": own.person, "names": names, "ticket": own.ticket}, headers=PRIVATE)

    @router.post("/v1/vault/given-names", responses=gives(GivenKeys), **does("vault.bind_names", takes(GivenNames)))
    async def given_names(request: Request) -> Response:
        """The keys of names that a coordinator gives to a person, by the ticket of the coordinator's own sign-in.

        Each call is recorded first, as the coordinator's.
        """
        who = principal_of(request)
        body = parse_body(GivenNames, await request.body())
        with recorded("vault.bind_names", who):
            person, found = await keys.bind(body.ticket, body.names)
        actor = Actor(person, Role.COORDINATOR.value)
        await reader.note_names(len(found), purpose=" ".join(who.purposes), actor=actor)
        return json_response({"names": found}, headers=PRIVATE)

    @router.post("/v1/vault/sought-names", responses=gives(SoughtKeys), **does("vault.match_name", takes(SoughtName)))
    async def seek_name(request: Request) -> Response:
        """The keys under which reports name a person for whom a responder looks.

        Each call is recorded first, as the responder's, without the name.
        """
        who = principal_of(request)
        body = parse_body(SoughtName, await request.body())
        actor = who.actor(Role.SERVICE)
        with recorded("vault.match_name", who):
            found = await keys.seek(actor.ref, body.name)
        await reader.note_names(1, purpose=" ".join(who.purposes), actor=actor)
        return json_response({"keys": found}, headers=PRIVATE)

    return router
