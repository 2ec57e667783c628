"""By what the queue narrows open cases: who has them, what they wait for, where they belong. Pure.

A store keeps the facets of a case beside it, under one index. A case that has ended has none.
"""

from collections.abc import Iterator

from services.triage.case.case import ENDED, RESPONDENT, Case
from shared.events import CaseState, CaseUnwatched, CaseWatched

UNASSIGNED = "unassigned"
"""Nobody has it."""
WAITING = "waiting"
"""It waits for others: for the reporter, for another body, or until a pause is over."""
ANSWERED = "answered"
"""The reporter or a respondent has written since a person last did something with it."""
_WAITS = frozenset({CaseState.AWAITING_INFORMATION, CaseState.REFERRED})
_NO_WORK = frozenset({CaseWatched.name, CaseUnwatched.name})


def facets_of(case: Case) -> list[str]:
    """The facets of a case."""
    return [] if case.state in ENDED else list(_facets(case))


def assigned_to(person: str) -> str:
    """The facet of the cases that this person (a reference) has."""
    return f"assignee:{person}"


def in_community(community: str) -> str:
    """The facet of the cases of this community."""
    return f"community:{community}"


def in_category(category: str) -> str:
    """The facet of the cases of this category."""
    return f"category:{category}"


def _facets(case: Case) -> Iterator[str]:
    yield assigned_to(case.assignee) if case.assignee else UNASSIGNED
    if case.state in _WAITS or case.pause is not None:
        yield WAITING
    if _is_answered(case):
        yield ANSWERED
    yield in_community(case.community)
    yield in_category(case.category)


def _is_answered(case: Case) -> bool:
    steps = (step for step in reversed(case.history) if step.role != "service" and step.fact not in _NO_WORK)
    last = next(steps, None)
    return last is not None and last.role in ("reporter", RESPONDENT)
