"""What the page of a case shows of similar cases."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fastapi import Request

from services.triage.case.case import Case
from services.triage.desk.names import CaseNames
from services.triage.others import Beside
from services.triage.patterns.actions import Similar
from shared.policy import Policy

_RELATIONS: Mapping[str, str] = MappingProxyType({"same_person": "same_people"})
"""As what a case is linked at once, by the weightiest reason; anything else is related."""


def similar_of(
    names: CaseNames, request: Request, policy: Policy, case: Case, beside: Beside, found: Similar, *, may_link: bool
) -> dict[str, Any] | None:
    """Each similar case with its reasons in words, and how it can be linked at once; None where there is nothing."""
    if not found.cases and found.elsewhere is None:
        return None
    linked = {other.id for _, other in beside.links(case)}
    rows = [
        {
            "code_name": other.code_name,
            "community": names.community(other.community),
            "state": names.state(request, other.state),
            "at": other.received_at,
            "reasons": [names.code(request, "similar", reason) for reason in reasons],
            "linked": other.id in linked,
            "link_as": _RELATIONS.get(reasons[0], "related") if may_link and other.id not in linked else None,
        }
        for other, reasons in found.cases
    ]
    ask = names.body(request, policy.patterns.elsewhere_ask)
    elsewhere = names.said(request, "desk-similar-elsewhere", found.elsewhere, ask) if found.elsewhere else None
    return {"cases": rows, "more": found.more, "elsewhere": elsewhere}
