"""The baseline as a part of triage."""

from collections.abc import Sequence

from services.triage.baseline.actions import BaselineDesk, People, RegistryEditor
from services.triage.baseline.routes import make_baseline_router
from services.triage.baseline.store import REGISTRY_INDEXES
from services.triage.baseline.stored import RegistryStore
from shared.mongo import Collection
from shared.parts import Part
from shared.policy import Policy
from shared.policy.baseline import Catalogue
from shared.web.gate import Gate


def build(
    store: RegistryStore,
    collection: Collection,
    policy: Policy,
    versions: Sequence[Catalogue],
    people: People,
    gate: Gate,
) -> Part:
    """Shows what communities attest, and changes it, over HTTP. `collection`: where the store keeps it."""
    desk = BaselineDesk(RegistryEditor(store), policy, versions, people)
    return Part([make_baseline_router(desk, gate)], indexes=[(collection, REGISTRY_INDEXES)])
