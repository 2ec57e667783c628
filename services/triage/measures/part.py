"""The register of measures as a part of triage."""

from collections.abc import Awaitable, Callable

from services.triage.desk.names import CaseNames
from services.triage.measures.import_pages import make_import_pages
from services.triage.measures.import_routes import make_import_router
from services.triage.measures.imports import MeasureImport
from services.triage.measures.pages import make_measure_pages
from services.triage.measures.register import MeasureRegister
from services.triage.measures.routes import make_measures_router
from services.triage.measures.store import IN_FORCE_INDEXES
from shared.mongo import Collection
from shared.parts import Part
from shared.people_names import PeopleNames
from shared.sign_in.drafts import FormDrafts
from shared.web.gate import Gate
from shared.web.pages import Pages


def build(
    register: MeasureRegister,
    imports: MeasureImport,
    gate: Gate,
    pages: Pages,
    people: PeopleNames,
    cases: Collection,
    place_measures: Callable[[], Awaitable[None]],
    drafts: FormDrafts,
) -> Part:
    """Shows what is in force, over HTTP and on pages, and takes in what was in force before.

    `place_measures`: gives cases from before the register their place in it. `drafts`: what was typed and had to wait.
    """
    names = CaseNames(pages, register.policy, people)
    # Before the pages of single measures, of which the address takes any word.
    routers = [
        make_import_router(imports, gate),
        make_import_pages(imports, gate, pages, names, drafts),
        make_measures_router(register, gate),
        make_measure_pages(register, gate, pages, names),
    ]
    return Part(
        routers,
        indexes=[(cases, IN_FORCE_INDEXES)],
        prepare=[place_measures],
    )
