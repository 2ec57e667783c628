"""By what the queue narrows cases: who has them, what they wait for, where they belong. Pure.

A store keeps the facets of a case beside it, under one index. A merged case has none. A closed one has some only while
a person has to see to something in it, such as what was written after its end.
"""

from collections.abc import Iterator

from services.triage.case.afterwards import is_answered, waits_for_people
from services.triage.case.case import Case
from shared.events import CaseState

UNASSIGNED = "unassigned"
"""Nobody has it."""
WAITING = "waiting"
"""It waits for others: for the reporter, for another body, or until a pause is over."""
ANSWERED = "answered"
"""The reporter or a respondent has written since a person last did something with it."""
_WAITS = frozenset({CaseState.AWAITING_INFORMATION, CaseState.REFERRED})
WITH_FACETS = tuple(state for state in CaseState if state is not CaseState.MERGED)
"""The states in which a case may have facets."""


def facets_of(case: Case) -> list[str]:
    """The facets of a case."""
    is_over = case.state is CaseState.MERGED or (case.state is CaseState.CLOSED and not waits_for_people(case))
    return [] if is_over else list(_facets(case))


def assigned_to(person: str) -> str:
    """The facet of the cases that this person (a reference) has."""
    return f"assignee:{person}"


def followed_by(person: str) -> str:
    """The facet of the cases that this person (a reference) follows."""
    return f"watched_by:{person}"


def in_community(community: str) -> str:
    """The facet of the cases of this community."""
    return f"community:{community}"


def in_category(category: str) -> str:
    """The facet of the cases of this category."""
    return f"category:{category}"


def _facets(case: Case) -> Iterator[str]:
    if case.assignee:
        yield assigned_to(case.assignee)
    elif case.state is not CaseState.CLOSED:
        # Nobody can take what is closed.
        yield UNASSIGNED
    if case.state in _WAITS or case.pause is not None:
        yield WAITING
    if is_answered(case):
        yield ANSWERED
    yield in_community(case.community)
    yield in_category(case.category)
    yield from map(followed_by, case.watchers)
