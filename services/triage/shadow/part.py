"""The policy and its previews as a part of triage."""

from services.triage.desk.names import CaseNames
from services.triage.shadow.pages import make_policy_pages
from services.triage.shadow.preview import Previews
from services.triage.shadow.store import SHADOW_INDEXES
from shared.mongo import Collection
from shared.parts import Part
from shared.web.gate import Gate
from shared.web.pages import Pages


def build(previews: Previews, cases: Collection, gate: Gate, pages: Pages, names: CaseNames) -> Part:
    """Shows the policy in force, and tries a changed one. `cases`: the collection of the cases."""
    return Part([make_policy_pages(previews, gate, pages, names)], indexes=[(cases, SHADOW_INDEXES)])
