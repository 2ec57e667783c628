"""Intake over HTTP, for programs: reports, the reporter's mailbox, and the vault for the other services."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict

import orjson
from fastapi import APIRouter, Request, Response

from services.intake.actions import Submissions
from services.intake.mailbox.actions import Mailbox
from services.intake.mailbox.routes import Answer, FollowUp, try_receipt
from services.intake.paths import FOLLOW_UP
from services.intake.report.pseudonym import pseudonyms_for
from services.intake.report.submission import Submission
from services.intake.vault.reads import Read, VaultReader
from services.intake.vault.routes import _BAD_STATEMENT_ID, _IDENTIFIER, Names, Statement, VaultRead
from shared.access.authorization import Refused, demand
from shared.access.conditions import Reason, Refusal
from shared.access.principal import Principal, Resource, Role
from shared.problems import Problem
from shared.times import now
from shared.web.bodies import json_response, parse_body, takes
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import read_idempotency_key
from shared.web.throttle import Throttle


def make_router(
    submissions: Submissions,
    mailbox: Mailbox,
    reading: VaultReader,
    gate: Gate,
    pseudonym_key: bytes,
    receipts: Throttle | None = None,
    names_of: Callable[[str], Awaitable[Collection[str]]] | None = None,
) -> APIRouter:
    """The routes. Those of the vault open only to services, with a token made for intake and for this purpose.

    `receipts` slows the guessing of receipts, here and on the pages; `names_of` gives a person's reference and the
    pseudonyms of their own names: they cannot have a report read that shuts them out, whichever service asks for it.
    """
    router = gate.router(Callers.PROGRAMS)
    throttle = receipts or Throttle("receipt")

    @router.post("/v1/reports", status_code=202, **does("report.submit", takes(Submission)))
    async def submit(request: Request) -> Response:
        """Hand in a report. The answer comes when it is stored durably, and holds the only key to it, the receipt."""
        key = read_idempotency_key(request)
        submission, who = parse_body(Submission, await request.body()), principal_of(request)
        source = source_of(request, who, submission.community)
        accepted = await submissions.submit(submission, channel="http", idempotency_key=key, source=source)
        body = {"report_id": accepted.report_id, "receipt": accepted.receipt, "status_url": FOLLOW_UP}
        return Response(orjson.dumps(body), 202, headers=_PRIVATE, media_type="application/json")

    @router.post("/v1/follow-up", **does("report.follow_up", takes(FollowUp)))
    async def follow_up(request: Request) -> Response:
        """What a reporter may know of the case. The receipt stands in the body, so that no log ever holds it."""
        body = parse_body(FollowUp, await request.body())
        view = await try_receipt(throttle, request, lambda: mailbox.follow_up(body.receipt))
        return json_response(asdict(view), headers=_PRIVATE)

    @router.post("/v1/follow-up/answers", status_code=202, **does("report.follow_up", takes(Answer)))
    async def answer(request: Request) -> Response:
        """A reporter's answer to a question."""
        body = parse_body(Answer, await request.body())
        await try_receipt(
            throttle, request, lambda: mailbox.answer(body.receipt, body.question_id, body.text)
        )  # fmt: skip
        return json_response({"question_id": body.question_id}, 202, headers=_PRIVATE)

    @router.post("/v1/vault/read", **does("vault.read", takes(VaultRead)))
    async def read(request: Request) -> Response:
        """Sections of reports, for another service. Each read is on record before the answer is given."""
        who = principal_of(request)
        body = parse_body(VaultRead, await request.body())
        if body.purpose not in who.purposes:
            raise Refused("vault.read", Refusal(Reason.PURPOSE))
        reads = [Read(item.report_id, item.sections) for item in body.reads]
        names = await names_of(who.behalf.ref) if names_of and who.behalf else ()
        items = await reading.read(reads, purpose=body.purpose, actor=who.actor(Role.SERVICE), names=names)
        return json_response({"items": items}, headers=_PRIVATE)

    @router.put(
        "/v1/vault/reports/{report_id}/statements/{statement_id}",
        status_code=204,
        **does("vault.correspond", takes(Statement)),
    )
    async def keep_statement(request: Request, report_id: str, statement_id: str) -> Response:
        """A handler's words to the reporter; repeating it changes nothing."""
        if not _IDENTIFIER.fullmatch(statement_id):
            raise Problem(422, "invalid-fields", "Some fields are not valid.", errors=[_BAD_STATEMENT_ID])
        body = parse_body(Statement, await request.body())
        await mailbox.keep_statement(report_id, statement_id, body.kind, body.text)
        return Response(status_code=204)

    @router.post("/v1/vault/pseudonyms", **does("vault.pseudonyms", takes(Names)))
    async def pseudonyms(request: Request) -> Response:
        """The pseudonyms under which somebody who signs in may stand in reports. Each call is on record beforehand."""
        who = principal_of(request)
        body = parse_body(Names, await request.body())
        found = pseudonyms_for(pseudonym_key, body.names, body.addresses)
        count, purpose = len(body.names) + len(body.addresses), " ".join(who.purposes)
        await reading.note_names(count, purpose=purpose, actor=who.actor(Role.SERVICE))
        return json_response({"pseudonyms": found}, headers=_PRIVATE)

    return router


_PRIVATE = {"Cache-Control": "no-store"}


def source_of(request: Request, who: Principal, community: str) -> str | None:
    """In whose name a program reports: what Hearth-Source says, or the only source of its token; None for anyone else.

    Raises Refused for a source or community that the token is not for.
    """
    sources = [source for grant in who.grants for source in grant.sources]
    source = request.headers.get("hearth-source") or (sources[0] if len(sources) == 1 else None)
    if source is None and not sources:
        return None
    demand(who, "report.submit_for", Resource(source=source, community=community), now())
    return source
