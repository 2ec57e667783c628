"""What became of submissions, as a part of intake."""

from services.intake.outcomes.actions import Outcomes
from services.intake.outcomes.routes import make_outcome_router
from services.intake.outcomes.store import REFUSALS_INDEX, MongoRefusals
from services.intake.stored import Store
from shared.parts import Part
from shared.runtime import Runtime
from shared.web.gate import Gate


def build(runtime: Runtime, reports: Store, pepper: bytes, gate: Gate) -> tuple[Part, Outcomes]:
    """The part, and what the consumer of the inboxes tells by it."""
    refusals = MongoRefusals(runtime.database["refused_submissions"])
    outcomes = Outcomes(runtime.publisher, refusals, reports, pepper, runtime.settings.public_url)
    indexes = ((refusals.collection, (REFUSALS_INDEX,)),)
    return Part([make_outcome_router(outcomes, gate)], indexes=indexes), outcomes
