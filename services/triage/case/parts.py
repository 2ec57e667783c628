"""Who has had a part in a case, and so does not judge what was done in it. Pure."""

from services.triage.case.case import Case
from shared.events import TAKES_PART, CaseAssigned


def had_part(case: Case) -> frozenset[str]:
    """The people (references) who had this case at any time, took part in a decision, or took or reviewed a measure."""
    given = {step.detail for step in case.history if step.fact == CaseAssigned.name and step.detail}
    took_part = {step.actor for step in case.history if step.fact in TAKES_PART}
    return frozenset({*given, *took_part, *(measure.by for measure in case.measures)})
