"""The search for new names as a part of intake."""

from services.intake.mentions import Mentions
from services.intake.searching.actions import NameSearch
from services.intake.searching.store import MongoSearches
from services.intake.store import ReportStore
from services.intake.stored import Store
from shared.access.roster import Roster
from shared.parts import Part
from shared.runtime import Runtime


def build(runtime: Runtime, reports: ReportStore, store: Store, mentions: Mentions, roster: Roster) -> Part:
    """Looks for new names of the `roster` in earlier reports. `store` lets writes pass once erasures are replayed."""
    searches = MongoSearches(runtime.database["searches"])
    return Part(tasks=[NameSearch(reports, store, searches, roster, mentions).run])
