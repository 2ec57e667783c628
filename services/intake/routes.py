"""Intake over HTTP, for programs: reports."""

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from services.intake.actions import Submissions
from services.intake.answers import ReportTaken
from services.intake.fields import PRIVATE
from services.intake.paths import FOLLOW_UP
from services.intake.sources import read as read_source
from services.intake.sources.api import from_nobody
from services.intake.sources.arrival import Context, Raw
from services.intake.sources.contract import EXAMPLES, submission_schema
from shared.access.authorization import Refused, allow
from shared.access.conditions import Reason, Refusal
from shared.access.principal import NOBODY, Principal, Resource
from shared.policy import Policy
from shared.telemetry import current_traceparent
from shared.times import now
from shared.web.bodies import gives, takes_schema
from shared.web.gate import Callers, Gate, does, principal_of
from shared.web.idempotency import IDEMPOTENCY_KEY, read_idempotency_key

HEARTH_SOURCE: Mapping[str, Any] = {
    "name": "Hearth-Source",
    "in": "header",
    "schema": {"type": "string", "maxLength": 64},
    "description": "The source that a program reports for. A token with several sources needs it.",
}
"""What the OpenAPI document says of the header."""
_REPORT = takes_schema(submission_schema(), *EXAMPLES.values())


def make_router(submissions: Submissions, policy: Policy, gate: Gate) -> APIRouter:
    """The route by which programs hand reports in."""
    router = gate.router(Callers.PROGRAMS)

    @router.post(
        "/v1/reports",
        status_code=202,
        responses=gives(ReportTaken, 202),
        **does("report.submit", {**_REPORT, "parameters": [HEARTH_SOURCE, IDEMPOTENCY_KEY]}),
    )
    async def submit(request: Request) -> Response:
        """Take a report. The answer comes when it is stored durably, and holds the only key to it: the receipt."""
        read_idempotency_key(request)
        raw = Raw("http", request.headers, await request.body())
        (arrival,) = read_source(raw, Context(policy, now(), current_traceparent())).arrivals
        who = principal_of(request)
        if who is NOBODY:
            arrival = from_nobody(arrival)
        source = source_of(request, who, arrival.submission.community)
        accepted = await submissions.submit(arrival, source, None if who is NOBODY else who.ref)
        body: ReportTaken = {
            "report_id": accepted.report_id,
            "receipt": accepted.receipt,
            "status_url": FOLLOW_UP,
        }
        if arrival.remarks:
            body["remarks"] = [remark.document() for remark in arrival.remarks]
        return Response(orjson.dumps(body), 202, headers=PRIVATE, media_type="application/json")

    return router


def source_of(request: Request, who: Principal, community: str) -> str | None:
    """The source a program reports for: what Hearth-Source says, or the only source of its token; None for all others.

    Raises Refused for a source or community that the token is not for.
    """
    sources = [source for grant in who.grants for source in grant.sources]
    source = request.headers.get("hearth-source") or (sources[0] if len(sources) == 1 else None)
    if source is None and not sources:
        return None
    match allow(who, "report.submit_for", Resource(source=source, community=community), now()):
        case Refusal(Reason.COMMUNITY) as refusal:
            own = sorted({name for grant in who.grants if source in grant.sources for name in grant.communities})
            raise Refused("report.submit_for", refusal, f"It reports for: {', '.join(own)}.")
        case Refusal(Reason.SOURCE) as refusal:
            raise Refused("report.submit_for", refusal, f"Hearth-Source takes: {', '.join(sorted(set(sources)))}.")
        case Refusal() as refusal:
            raise Refused("report.submit_for", refusal)
    return source
