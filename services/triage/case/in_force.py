"""Where the measures of a case hold now, and which of them ends first: by this a store finds them. Pure."""

from datetime import datetime
from typing import Any, NamedTuple

from services.triage.case.case import NEVER, Case

ANYWHERE = "*"
"""The key of every measure."""


class InForcePlace(NamedTuple):
    """The place of a case in the register: by when the first of its measures ends (UTC-aware), then by id."""

    until: datetime
    case_id: str


def of_community(community: str) -> str:
    """The key of the measures of a community's cases."""
    return f"community {community}"


def of_body(body: str | None) -> str:
    """The key of the measures of a handling body's cases."""
    return f"body {body or ''}"


def of_scope(scope: str) -> str:
    """The key of the measures of a scope, such as `everywhere`."""
    return f"scope {scope}"


def keys_of(case: Case) -> list[str]:
    """The keys of the measures that stand; none where none stands."""
    standing = [measure for measure in case.measures if measure.stands]
    if not standing:
        return []
    scopes = {of_scope(measure.scope) for measure in standing}
    communities = {of_community(measure.extent.project or case.community) for measure in standing}
    return [ANYWHERE, *sorted(communities), of_body(case.body), *sorted(scopes)]


def place_of(case: Case) -> InForcePlace | None:
    """The place of a case in the register; None where no measure stands."""
    ends = [measure.until or NEVER for measure in case.measures if measure.stands]
    return InForcePlace(min(ends), case.id) if ends else None


def fields_of(case: Case) -> dict[str, Any]:
    """By what a store finds the case: the keys of its measures that stand, and when the first of them ends."""
    place = place_of(case)
    return {"in_force": keys_of(case), "in_force_until": place.until if place else None}
