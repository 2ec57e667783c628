"""What the facts of other cases change. Pure."""

from services.triage.case.case import Case
from services.triage.case.evolve.changes import Fields
from services.triage.case.values import Link
from shared.events import CaseLinked, CaseUnlinked, Event


def _linked(case: Case, fact: CaseLinked, _event: Event) -> Fields:
    return {"links": (*_others(case, fact.other_case), Link(fact.other_case, fact.relation, fact.note_id))}


def _unlinked(case: Case, fact: CaseUnlinked, _event: Event) -> Fields:
    return {"links": _others(case, fact.other_case)}


def _others(case: Case, other_case: str) -> tuple[Link, ...]:
    return tuple(link for link in case.links if link.other != other_case)


CHANGES = {CaseLinked: _linked, CaseUnlinked: _unlinked}
