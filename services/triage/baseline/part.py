"""The baseline as a part of triage."""

from collections.abc import Sequence

from services.triage.baseline.actions import BaselineDesk, People, RegistryEditor
from services.triage.baseline.beginning import list_first_projects
from services.triage.baseline.links import PageReader, look_at_nothing
from services.triage.baseline.pages import make_baseline_pages
from services.triage.baseline.routes import make_baseline_router
from services.triage.baseline.scorecards import Scorecards
from services.triage.baseline.store import REGISTRY_INDEXES
from services.triage.baseline.stored import RegistryStore
from services.triage.baseline.watch import LinkWatch, TimeWatch
from services.triage.settings import TriageSettings
from shared.bounded_clock import BoundedClock
from shared.mongo import Collection
from shared.parts import Part
from shared.policy import Policy
from shared.policy.baseline import Catalogue
from shared.sign_in.drafts import FormDrafts
from shared.web.gate import Gate
from shared.web.pages import Pages

WHILE_A_PERSON_WAITS = 4.0
"""Seconds that a look takes at most while a coordinator attests. If it finds nothing in time, a later look does."""


def build(
    store: RegistryStore,
    collection: Collection,
    policy: Policy,
    versions: Sequence[Catalogue],
    people: People,
    gate: Gate,
    settings: TriageSettings,
    pages: Pages,
    scorecards: Scorecards,
    drafts: FormDrafts,
    clock: BoundedClock,
) -> Part:
    """Shows what communities attest, over HTTP and on pages, changes it, and looks after it.

    `collection`: where the store keeps it. `drafts`: what was typed and had to wait.
    `clock`: by which attestations end.
    """
    editor = RegistryEditor(store, clock.or_own)
    agent = f"Hearth (looks at links of attestations; {settings.desk_url})"
    reader = PageReader(agent)
    look = PageReader(agent, seconds=WHILE_A_PERSON_WAITS).look if settings.baseline_links else look_at_nothing
    desk = BaselineDesk(editor, policy, versions, people, look, clock.or_own)
    links = LinkWatch(editor, reader, lambda: desk.catalogue, every=settings.watch_seconds)
    times = TimeWatch(editor, every=settings.watch_seconds, clock=clock)
    desk.follow(links.wake)

    async def begin() -> None:
        await list_first_projects(editor, desk.catalogue.responsibilities)

    return Part(
        [
            make_baseline_router(desk, gate),
            make_baseline_pages(desk, scorecards, settings.audit_url, gate, pages, drafts),
        ],
        indexes=[(collection, REGISTRY_INDEXES)],
        prepare=[begin],
        tasks=[clock.behind(times.run), *([links.run] if settings.baseline_links else [])],
    )
