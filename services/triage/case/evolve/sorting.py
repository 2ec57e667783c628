"""What the facts of sorting change: what a case is, and its lane. Pure."""

from services.triage.case.case import URGENT_LANES, Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.evolve.handling import deadline_of
from shared.events import Actor, CategoryConfirmed, Event, FlagsSet, LaneLowered, LaneRaised


def _confirmed(case: Case, fact: CategoryConfirmed, _event: Event) -> Fields:
    before = (case.category,) if case.category != fact.category else ()
    earlier = tuple(dict.fromkeys((*case.earlier_categories, *before)))
    return {"category": fact.category, "category_confirmed": True, "earlier_categories": earlier}


def _flags_set(case: Case, fact: FlagsSet, _event: Event) -> Fields:
    taken = (flag for flag in case.flags if flag not in fact.flags)
    return {"flags": fact.flags, "earlier_flags": tuple(dict.fromkeys((*case.earlier_flags, *taken)))}


def _lane_raised(case: Case, fact: LaneRaised, event: Event) -> Fields:
    added = (deadline_of(deadline) for deadline in fact.deadlines)
    return {"deadlines": (*case.deadlines, *added), **in_lane(case, fact.lane, event.actor)}


def _lane_lowered(case: Case, fact: LaneLowered, event: Event) -> Fields:
    return in_lane(case, fact.lane, event.actor)


def in_lane(case: Case, lane: str, by: Actor) -> Fields:
    """The lane into which `by` puts the case, and what it was in before."""
    hurried_by = by.ref if not case.is_urgent else case.hurried_by
    before = (case.lane,) if case.lane and case.lane != lane else ()
    return {
        "lane": lane,
        "earlier_lanes": tuple(dict.fromkeys((*case.earlier_lanes, *before))),
        "hurried_by": hurried_by if lane in URGENT_LANES else None,
    }


CHANGES = {
    CategoryConfirmed: _confirmed,
    FlagsSet: _flags_set,
    LaneRaised: _lane_raised,
    LaneLowered: _lane_lowered,
}
