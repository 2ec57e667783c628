"""The appeals of a case, as the record tells them: whether other people decided them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from services.audit.scorecard.rows import Step
from shared.events import (
    INACTION,
    TAKES_PART,
    AppealDecided,
    AppealLodged,
    CaseAssigned,
)


def appeals_in(own: Sequence[Step]) -> Mapping[str, bool | None]:
    """By the id of each appeal, whether a person decided it who had no part in the case before; None while it waits.

    `own`: the steps of the case, in order. A part is to propose a decision, vote on one or make one, or to take or
    review an emergency measure. Where the appeal is against inaction, the people who were given the case before it have
    a part as well.
    """
    appeals: dict[str, bool | None] = {}
    part: dict[str, frozenset[str]] = {}
    for place, step in enumerate(own):
        appeal = step.said.get("appeal_id")
        if step.name == AppealLodged.name and appeal:
            appeals[appeal] = None
            given = _given(own[:place]) if step.said["appeal_ground"] == INACTION else frozenset()
            part[appeal] = given.union(one.actor for one in own[:place] if one.name in TAKES_PART)
        elif step.name == AppealDecided.name and appeal:
            appeals[appeal] = step.actor not in part.get(appeal, frozenset())
    return appeals


def _given(before: Iterable[Step]) -> frozenset[str]:
    assigned = (step.said.get("assignee") for step in before if step.name == CaseAssigned.name)
    return frozenset(person for person in assigned if person)
