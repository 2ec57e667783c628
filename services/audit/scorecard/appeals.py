"""The appeals of a case, as the record tells them: whether other people decided them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from services.audit.scorecard.rows import Step
from shared.events import (
    INACTION,
    AppealDecided,
    AppealLodged,
    CaseAssigned,
    CaseDecided,
    DecisionProposed,
    DecisionSeconded,
)

_DECIDING = frozenset(fact.name for fact in (DecisionProposed, DecisionSeconded, CaseDecided, AppealDecided))


def appeals_in(own: Sequence[Step]) -> Mapping[str, bool | None]:
    """By the id of each appeal, whether a person decided it who had no part in the case before; None while it waits.

    `own`: the steps of the case, in order. A part is to propose, second or make a decision. Where the appeal is against
    inaction, the people who were given the case before it have a part as well.
    """
    appeals: dict[str, bool | None] = {}
    part: dict[str, frozenset[str]] = {}
    deciders: set[str] = set()
    for place, step in enumerate(own):
        appeal = step.said.get("appeal_id")
        if step.name == AppealLodged.name and appeal:
            appeals[appeal] = None
            part[appeal] = _given(own[:place]) if step.said["appeal_ground"] == INACTION else frozenset()
        elif step.name == AppealDecided.name and appeal:
            appeals[appeal] = step.actor not in deciders | part.get(appeal, frozenset())
        if step.name in _DECIDING:
            deciders.add(step.actor)
    return appeals


def _given(before: Iterable[Step]) -> frozenset[str]:
    assigned = (step.said.get("assignee") for step in before if step.name == CaseAssigned.name)
    return frozenset(person for person in assigned if person)
