"""What the facts of sorting change: what a case is, and its lane. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.evolve.handling import deadline_of
from shared.events import CategoryConfirmed, Event, FlagsSet, LaneLowered, LaneRaised


def _confirmed(case: Case, fact: CategoryConfirmed, _event: Event) -> Fields:
    before = (case.category,) if case.category != fact.category else ()
    earlier = tuple(dict.fromkeys((*case.earlier_categories, *before)))
    return {"category": fact.category, "category_confirmed": True, "earlier_categories": earlier}


def _flags_set(case: Case, fact: FlagsSet, _event: Event) -> Fields:
    taken = (flag for flag in case.flags if flag not in fact.flags)
    return {"flags": fact.flags, "earlier_flags": tuple(dict.fromkeys((*case.earlier_flags, *taken)))}


def _lane_raised(case: Case, fact: LaneRaised, _event: Event) -> Fields:
    added = (deadline_of(deadline) for deadline in fact.deadlines)
    return {"lane": fact.lane, "deadlines": (*case.deadlines, *added)}


def _lane_lowered(_case: Case, fact: LaneLowered, _event: Event) -> Fields:
    return {"lane": fact.lane}


CHANGES = {
    CategoryConfirmed: _confirmed,
    FlagsSet: _flags_set,
    LaneRaised: _lane_raised,
    LaneLowered: _lane_lowered,
}
