"""What the facts of other cases change. Pure."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from datetime import datetime

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.evolve.handling import deadline_of
from services.triage.case.evolve.referral import without
from services.triage.case.evolve.sorting import in_lane
from services.triage.case.values import MERGED, Brought, Deadline, Link, Move
from shared.events import (
    CaseAbsorbed,
    CaseDetached,
    CaseFollowed,
    CaseLinked,
    CaseMerged,
    CaseUnlinked,
    CaseUnmerged,
    ClocksFollowed,
    Event,
    OutcomeFollowed,
)

_THERE = {"took_part": "took_part_there", "had_it": "had_there", "refusers": "refused_there"}
"""By a list of those that another case brings along, the list of the case that they are in."""


def _linked(case: Case, fact: CaseLinked, _event: Event) -> Fields:
    return {
        "links": (*_others(case, fact.other_case), Link(fact.other_case, fact.relation, fact.note_id)),
        "earlier_categories": tuple(dict.fromkeys((*case.earlier_categories, *fact.categories))),
        "earlier_flags": tuple(dict.fromkeys((*case.earlier_flags, *fact.flags))),
    }


def _unlinked(case: Case, fact: CaseUnlinked, _event: Event) -> Fields:
    return {"links": _others(case, fact.other_case)}


def _others(case: Case, other_case: str) -> tuple[Link, ...]:
    return tuple(link for link in case.links if link.other != other_case)


def _merged(case: Case, fact: CaseMerged, _event: Event) -> Fields:
    return {"merged_into": fact.other_case, "merged_from": case.state, "merge_note_id": fact.note_id}


def _unmerged(case: Case, fact: CaseUnmerged, _event: Event) -> Fields:
    alone: Fields = {"merged_into": None, "merged_from": None, "merge_note_id": None, "outcome_there": None}
    alone |= {"clocks_there": (), "told_there": 0}
    return alone | _people_there(case, fact)


def _people_there(case: Case, fact: CaseAbsorbed | CaseUnmerged) -> Fields:
    return {
        "took_part_there": tuple(dict.fromkeys((*case.took_part_there, *fact.took_part))),
        "had_there": tuple(dict.fromkeys((*case.had_there, *fact.had_it))),
    }


def _followed(case: Case, fact: CaseFollowed, event: Event) -> Fields:
    referrals = without(case.referrals, fact.body, event.time)
    has_it = {"body": fact.body, "own_body": fact.own_body, "assignee": None, "unattended": False}
    return {"referrals": referrals, **has_it}


def _decided_there(_case: Case, fact: OutcomeFollowed, _event: Event) -> Fields:
    return {"outcome_there": fact.outcome}


def _clocks_there(_case: Case, fact: ClocksFollowed, _event: Event) -> Fields:
    return {"clocks_there": tuple(Deadline(**one.model_dump()) for one in fact.deadlines), "told_there": fact.told}


def _absorbed(case: Case, fact: CaseAbsorbed, event: Event) -> Fields:
    told = {d.name: deadline_of(d) for d in fact.deadlines}
    known = {d.name for d in case.deadlines}
    others = (one for one in case.brought if one.other != fact.other_case)
    lasting = {name: set(getattr(case, there)) - _in(case.brought, name) for name, there in _THERE.items()}
    return {
        "absorbed": (*case.absorbed, fact.other_case),
        "brought": (*others, _brought(fact.other_case, fact, lasting)),
        "assignee": fact.assignee,
        "refused_there": tuple(dict.fromkeys((*case.refused_there, *fact.refusers))),
        "deadlines": (
            *(_earlier(d, told.get(d.name), event.time) for d in case.deadlines),
            *(d for d in told.values() if d.name not in known),
        ),
        **in_lane(case, fact.lane, event.actor),
        **_people_there(case, fact),
    }


def _earlier(deadline: Deadline, told: Deadline | None, at: datetime) -> Deadline:
    if told is None:
        return deadline
    moved = (Move(MERGED, at, deadline.due_at, told.due_at),) if told.due_at != deadline.due_at else ()
    return replace(
        deadline,
        due_at=told.due_at,
        warn_at=told.warn_at,
        escalate_at=told.escalate_at,
        moves=(*deadline.moves, *moved),
    )


def _brought(other: str, told: CaseAbsorbed | Brought, lasting: Mapping[str, Set[str]]) -> Brought:
    """The people that a case brings along, but for those who count for a reason that stays when it leaves."""
    alone = {name: tuple(one for one in getattr(told, name) if one not in lasting[name]) for name in _THERE}
    return Brought(other, **alone)


def _in(brought: Iterable[Brought], name: str) -> frozenset[str]:
    return frozenset(person for one in brought for person in getattr(one, name))


def _detached(case: Case, fact: CaseDetached, _event: Event) -> Fields:
    left = [one for one in case.brought if one.other == fact.other_case]
    others = [one for one in case.brought if one.other != fact.other_case]
    came = {name: _in(left, name) for name in _THERE}
    stay = {name: came[name] if fact.stayed is None else came[name].intersection(fact.stayed) for name in _THERE}
    # An older triage that merged a case behind this one has not kept which people came with it.
    before = case.absorbed.index(fact.other_case) if fact.other_case in case.absorbed else 0
    behind = set(case.absorbed[before:]) - {one.other for one in case.brought}
    going = {name: set() if behind else came[name] - stay[name] - _in(others, name) for name in _THERE}
    counting = {
        there: tuple(one for one in getattr(case, there) if one not in going[name]) for name, there in _THERE.items()
    }
    absorbed = tuple(other for other in case.absorbed if other != fact.other_case)
    return {"absorbed": absorbed, "brought": tuple(_brought(one.other, one, stay) for one in others), **counting}


CHANGES = {
    CaseLinked: _linked,
    CaseUnlinked: _unlinked,
    CaseMerged: _merged,
    CaseUnmerged: _unmerged,
    CaseFollowed: _followed,
    OutcomeFollowed: _decided_there,
    ClocksFollowed: _clocks_there,
    CaseAbsorbed: _absorbed,
    CaseDetached: _detached,
}
