"""What became of a submission, over HTTP: for the integrator that made it."""

from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Request, Response

from services.intake.answers import Outcome
from services.intake.fields import PRIVATE
from services.intake.outcomes.actions import Outcomes
from services.intake.outcomes.store import StoredRefusal
from services.intake.stored import StoredReport
from shared.access.authorization import demand
from shared.access.principal import Resource
from shared.problems import NotFound
from shared.times import now, rfc3339
from shared.web.bodies import gives, json_response
from shared.web.gate import Callers, Gate, does, principal_of

PATH = "/v1/submissions/"


def make_outcome_router(outcomes: Outcomes, gate: Gate) -> APIRouter:
    """The route."""
    router = gate.router(Callers.PROGRAMS)

    # An id may hold slashes. The server decodes them, so the id is read from the address as it came.
    @router.get(PATH + "{source}/{id:path}", responses=gives(Outcome), **does("submission.read"))
    async def read_outcome(request: Request, source: str, id: str) -> Response:  # noqa: A002  # as the contract says
        """What became of what a source handed in: over Kafka by the `source` and `id` of its event, percent-encoded;
        over HTTP by the Idempotency-Key."""
        who = principal_of(request)
        # A program of another source is refused before anything is said of the address.
        demand(who, "submission.read", Resource(source=source), now())
        source, name = _named_in(request)
        # The server decodes slashes before it divides an address, so this source may be another one.
        demand(who, "submission.read", Resource(source=source.partition("/")[0]), now())
        found = await outcomes.find(source, name, who.ref)
        if found is None:
            raise NotFound
        return json_response(_outcome(source, name, found), headers=PRIVATE)

    # An id of signs alone is lost at the end of an address.
    @router.get(PATH + "{source}", include_in_schema=False, **does("submission.read"))
    async def read_outcome_of_signs(request: Request, source: str) -> Response:
        return await read_outcome(request, source, "")

    return router


def _named_in(request: Request) -> tuple[str, str]:
    """The source and the id in the address. Raises NotFound for an address that names none."""
    _, _, *parts = bytes(request.scope["raw_path"]).partition(b"?")[0].strip(b"/").split(b"/")
    try:
        source, name = (unquote_to_bytes(part).decode() for part in parts)
    except ValueError:
        raise NotFound from None
    return source, name


def _outcome(source: str, name: str, found: StoredReport | StoredRefusal) -> Outcome:
    if isinstance(found, StoredRefusal):
        return {
            "source": source,
            "id": name,
            "outcome": "refused",
            "at": rfc3339(found.at),
            "code": found.code,
            "detail": found.detail,
            "errors": [{"pointer": pointer, "code": code} for pointer, code in found.errors],
        }
    return {
        "source": source,
        "id": name,
        "outcome": "accepted",
        "at": rfc3339(found.received_at),
        "report_id": found.id,
        "remarks": [remark.document() for remark in found.remarks],
    }
