"""Scorecards as a part of audit: their projection follows the record, and two doors lead to them."""

from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.audit.paths import HOME
from services.audit.scorecard.doors import AUDITORS, PATH, Scorecards, Shelf, public_door
from services.audit.scorecard.pages import make_scorecard_pages
from services.audit.scorecard.projection import Projection, SealedRecord
from services.audit.scorecard.queries import Cards
from services.audit.scorecard.routes import make_scorecard_routes
from services.audit.scorecard.shown import DigestTeller
from services.audit.scorecard.store import MongoRows
from services.audit.settings import AuditSettings
from shared.aggregates import OUTBOX_INDEX, Aggregates
from shared.parts import Part
from shared.policy import Policy
from shared.policy.baseline import catalogue_versions
from shared.web.gate import Callers, Gate, does
from shared.web.pages import Pages

REST = 1.0
"""Seconds of rest for each second of work, so that a long way to catch up leaves the record its time."""


def build(
    settings: AuditSettings,
    record: SealedRecord,
    rows: MongoRows,
    shown: Aggregates,
    policy: Policy,
    gate: Gate,
    pages: Pages,
) -> Part:
    """Follows the seals, with a look every second at least, and answers for the scorecards that come of it.

    `shown`: what was told of scorecards that the public can see.
    """
    origin = settings.log_origin
    projection = Projection(record, rows, origin, rest=REST, every=min(settings.seal_seconds, 1.0))
    cards = Cards(rows, record, origin, policy, catalogue_versions(settings.policy_dir))
    telling = [] if settings.scorecard == "off" else [DigestTeller(cards, shown).run]
    return Part(
        make_scorecard_routers(settings, cards, policy, gate, pages),
        indexes=[(shown.collection, [OUTBOX_INDEX])],
        prepare=[rows.prepare],
        tasks=[projection.run, cards.run, *telling],
    )


def make_scorecard_routers(
    settings: AuditSettings, scorecards: Scorecards, policy: Policy, gate: Gate, pages: Pages
) -> list[APIRouter]:
    """The doors to the scorecards: that of auditors, and the public one. Where that is shut, it leads to the other."""
    is_shut = settings.scorecard == "off"
    doors = [AUDITORS] if is_shut else [public_door(values=settings.scorecard == "values"), AUDITORS]
    # Each door has a shelf of its own, so that strangers take no turn of auditors.
    shelves = [
        (door, Shelf(scorecards, policy, settings.audit_url, settings.public_url, settings.desk_url)) for door in doors
    ]
    # For each door the routes come first: the page of a community has a shorter path, which fits theirs, too.
    routers = [
        make(shelf, door, gate, pages)
        for door, shelf in shelves
        for make in (make_scorecard_routes, make_scorecard_pages)
    ]
    return [*routers, _make_shut_door(gate)] if is_shut else routers


def _make_shut_door(gate: Gate) -> APIRouter:
    router = gate.router(Callers.PROGRAMS, include_in_schema=False)

    @router.get(PATH, **does("scorecard.read"))
    @router.get(f"{PATH}.{{end}}", **does("scorecard.read"))
    @router.get(f"{PATH}/{{rest:path}}", **does("scorecard.read"))
    async def lead(request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{HOME}{quote(request.url.path)}{query}", 303, {"Cache-Control": "no-store"})

    return router
