"""The desk as a part of triage."""

from collections.abc import Collection, Mapping

from services.triage.actions import Desk
from services.triage.desk.draft_pages import make_draft_router
from services.triage.desk.live import Live
from services.triage.desk.live_pages import make_live_router
from services.triage.desk.live_queue import make_live_queue_router
from services.triage.desk.lookers import LOOKER_INDEXES
from services.triage.desk.names import CaseNames
from services.triage.desk.pages import make_page_router
from services.triage.desk.queue import Queue
from services.triage.desk.queue_pages import make_queue_router
from services.triage.desk.saved_views import SavedViews
from services.triage.desk.search import Search
from services.triage.desk.ticks import Ticks
from services.triage.desk.view_routes import make_view_router
from services.triage.desk.views import HERE
from shared.mongo import Collection as Documents
from shared.parts import Part
from shared.people_names import PeopleNames
from shared.sign_in.drafts import FormDrafts
from shared.web.gate import Gate
from shared.web.pages import Pages, make_asset_router


def build(
    desk: Desk,
    queue: Queue,
    search: Search,
    gate: Gate,
    pages: Pages,
    people: PeopleNames,
    drafts: FormDrafts,
    live: Live,
    looking: Documents,
    views: SavedViews,
    ticks: Ticks,
    given_back: Mapping[str, Collection[str]],
) -> Part:
    """The pages of the queue and of cases, and what they load. `given_back`: see `make_draft_router`."""
    names = CaseNames(pages, desk.policy, people)
    routers = [
        make_live_router(desk, live, gate, names),
        make_live_queue_router(desk, queue, live, gate, names),
        make_draft_router(desk, gate, drafts, given_back),
        make_queue_router(desk, queue, search, gate, pages, people, views),
        make_view_router(views, queue, desk.policy, gate),
        make_page_router(desk, queue, gate, pages, names, drafts, ticks, live),
        make_asset_router(gate, HERE / "static"),
    ]
    return Part(routers, indexes=[(looking, LOOKER_INDEXES)], stops=[live.stop])
