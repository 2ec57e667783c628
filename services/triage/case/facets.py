"""By what the queue narrows cases: who has them, what they wait for, where they belong. Pure.

A merged case has no facets. A closed one has some only while a person has to see to something in it, such as what was
written after its end. Beside a case, a store keeps the queues in which it stands, under one index: for each body that
works on it or is asked to, one for its state and one for each facet.
"""

from collections.abc import Iterable, Iterator, Sequence

from services.triage.case.afterwards import is_answered, waits_for_people
from services.triage.case.case import ENDED, Case
from shared.events import CaseState

UNASSIGNED = "unassigned"
"""Nobody has it."""
WAITING = "waiting"
"""It waits for others: for the reporter, for another body, or until a pause is over."""
ANSWERED = "answered"
"""The reporter or a respondent has written since a person last did something with it."""
OPEN = "open"
"""It is in one of OPEN_STATES."""
OPEN_STATES = tuple(state for state in CaseState if state not in ENDED)
_WAITS = frozenset({CaseState.AWAITING_INFORMATION, CaseState.REFERRED})
WITH_FACETS = tuple(state for state in CaseState if state is not CaseState.MERGED)
"""The states in which a case may have facets."""


def facets_of(case: Case) -> list[str]:
    """The facets of a case."""
    is_over = case.state is CaseState.MERGED or (case.state is CaseState.CLOSED and not waits_for_people(case))
    return [] if is_over else list(_facets(case))


def queues_of(case: Case) -> list[str]:
    """The queues in which a case stands."""
    facets, places = facets_of(case), [in_community(case.community), in_category(case.category)]
    always = [in_state(case.state), *([] if case.state in ENDED else [OPEN])]
    always += map(once_closed, places) if case.state is CaseState.CLOSED else []
    # To the body that is asked, it is a case that nobody has, whatever it is to the body that has it.
    asked = queues([case.asked.to_body], [*always, UNASSIGNED, *places]) if case.asked else []
    return list(dict.fromkeys([*queues(case.bodies, [*always, *facets]), *asked]))


def queues(bodies: Iterable[str], facets: Sequence[str]) -> list[str]:
    """The queues of these bodies for these facets, and for what else is said of a case here."""
    return [f"{body}/{facet}" for body in bodies for facet in facets]


def in_state(state: CaseState) -> str:
    """What has a case in this state."""
    return f"state:{state.value}"


def once_closed(place: str) -> str:
    """What has a closed case of this place, in_community or in_category."""
    return f"closed:{place}"


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
