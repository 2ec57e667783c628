"""The case after an event, and after many: its state, its history, and what the event's chapter changes. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from services.triage.case import evolve as chapters
from services.triage.case.case import Case
from services.triage.case.evolve import deadlines, measures
from services.triage.case.evolve.changes import Change, Fields
from services.triage.case.values import Step
from shared.copies import copier, maker
from shared.events import CaseFact, CaseOpened, CaseState, Event, MeasureImported


def _changes() -> Iterator[tuple[type[CaseFact], Change]]:
    for chapter in iter_modules(chapters.__path__):
        if chapter.name != "fold":
            module = import_module(f"{chapters.__name__}.{chapter.name}")
            yield from getattr(module, "CHANGES", {}).items()


CHANGES: Mapping[type[CaseFact], Change] = MappingProxyType(dict(_changes()))
"""What each fact changes of a case, beside its state and history; a fact that is not here changes nothing else."""

_copy, _make, _make_step = copier(Case), maker(Case), maker(Step)
_STATES = {state.value: state for state in CaseState}  # in a tenth of the time that CaseState(…) takes
_FIRST = frozenset({CaseOpened, MeasureImported})
"""The facts with which a case begins."""


def evolve(case: Case | None, event: Event) -> Case:
    """The case after `event`. Raises TypeError for an event that does not follow on `case`."""
    return _fold((event,), case)


def fold(events: Iterable[Event], case: Case | None = None) -> Case | None:
    """The case that `events` (in order) make of `case`. Raises as `evolve`."""
    told = tuple(events)
    return _fold(told, case) if told else case


def _fold(events: Iterable[Event], case: Case | None) -> Case:
    # One copy of the case for all events: nobody has seen it yet, so each event may write into it.
    made = _copy(case) if case else None
    for event in events:
        if made is None:
            made = _begun(event)
            continue
        for name, value in _after(made, event).items():
            object.__setattr__(made, name, value)
    assert made is not None  # noqa: S101  # there is an event
    return made


def _begun(event: Event) -> Case:
    fact = event.fact
    if isinstance(fact, MeasureImported):
        return measures.imported(event, fact, _step(event, fact))
    if not isinstance(fact, CaseOpened):
        raise TypeError(f"a case begins with case.opened or measure.imported, not with {fact.name}")
    return _make(
        id=event.case_id,
        report_id=fact.report_id,
        code_name=fact.code_name,
        community=fact.community,
        category=fact.category,
        flags=fact.flags,
        setting=fact.setting,
        language=fact.language,
        privacy=fact.privacy,
        contactable=fact.contactable,
        received_at=fact.received_at,
        parties=fact.parties,
        parties_apart=fact.parties_apart,
        subjects=fact.subjects,
        reachable=fact.reachable,
        state=CaseState(fact.state),
        history=(_step(event, fact),),
    )


def _after(case: Case, event: Event) -> Fields:
    """The fields of a case that an event changes, as they are after it."""
    fact = event.fact
    if not isinstance(fact, CaseFact) or type(fact) in _FIRST or event.case_seq != case.seq + 1:
        raise TypeError(f"{fact.name} {event.case_seq} does not follow on event {case.seq} of the case")
    step, change = _step(event, fact), CHANGES.get(type(fact))
    fields: Fields = {"state": step.state, "history": (*case.history, step)}
    if change:
        fields |= change(case, fact, event)
    snooze = fields.get("snooze", case.snooze)
    if snooze and snooze.person != fields.get("assignee", case.assignee):
        # A snooze ends where the case leaves its person, however it does; it does not come back with the case.
        fields["snooze"] = None
    if not fields.get("deadlines_told", case.deadlines_told):
        fields["deadlines"] = deadlines.met_by_step(fields.get("deadlines", case.deadlines), fact, event.time)
    return fields


def _step(event: Event, fact: CaseFact) -> Step:
    # What asks a model for an attribute that it does not have waits for the exception.
    told = vars(fact)
    return _make_step(
        seq=event.case_seq,
        fact=fact.name,
        at=event.time,
        actor=event.actor.ref,
        role=event.actor.role,
        cause=event.cause,
        previous=_STATES[fact.previous] if fact.previous else None,
        state=_STATES[fact.state],
        detail=getattr(fact, fact.shows) if fact.shows else None,
        other_case=told.get("other_case"),
        reason_id=told.get("reason_id") if "other_case" in told else None,
    )
