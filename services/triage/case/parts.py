"""Who has had a part in a case: they neither judge what was done in it nor read who has a conflict. Pure."""

from collections.abc import Iterator

from services.triage.case.case import Case
from shared.events import (
    TAKES_PART,
    CaseAbsorbed,
    CaseAssigned,
    CaseDecided,
    CaseDetached,
    CaseMerged,
    CasePassedOn,
    CaseReleased,
    CaseUnmerged,
    DeadlineBreached,
    HandlerApart,
    HandlerLeft,
    ReferralAccepted,
)

_PARTING = frozenset(fact.name for fact in (CaseMerged, CaseUnmerged, CaseAbsorbed, CaseDetached))
_LEAVING = frozenset(fact.name for fact in (CaseReleased, HandlerLeft, HandlerApart, CasePassedOn, ReferralAccepted))
"""After these nobody has the case. A recusal takes it from a person as well, and is no way out of a part in it."""


def took_part(case: Case) -> frozenset[str]:
    """The people (references) who took part in a decision, or took or reviewed a measure, here or in a case merged with
    this one.
    """
    deciding = {step.actor for step in case.history if step.fact in TAKES_PART}
    return frozenset({*deciding, *(measure.by for measure in case.measures), *case.took_part_there})


def had_part(case: Case) -> frozenset[str]:
    """The people (references) who had this case at any time, and those who `took_part`."""
    given = {step.detail for step in case.history if step.fact == CaseAssigned.name and step.detail}
    return took_part(case) | given.union(case.had_there)


def worked_on(case: Case, since: int) -> frozenset[str]:
    """The actors of the steps of a case after the one of this number. To merge cases, or to part them, is no work."""
    parting = {step.cause for step in case.history if step.fact in _PARTING}
    return frozenset(step.actor for step in case.history if step.seq > since and step.cause not in parting)


def parts_since(survivor: Case, since: int, worked: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The people (references) who took part in a case, and who had it, for one that was part of it after this step.

    `worked`: who did something in either of both then. Everybody who voted on a decision of that time took part in it.
    Who was given the case then had both; so had who had it before, where that person still had it when a clock was
    missed.
    """
    steps = [step for step in survivor.history if step.seq > since]
    before = max((s.seq for s in survivor.history if s.fact == CaseDecided.name and s.seq <= since), default=0)
    facts = {step.fact for step in steps}
    decided = survivor.history if CaseDecided.name in facts else ()
    voted = {step.actor for step in decided if step.seq > before and step.fact in TAKES_PART}
    given = {step.detail for step in steps if step.fact == CaseAssigned.name and step.detail}
    part = took_part(survivor) & (worked | voted)
    return part, (had_part(survivor) & worked.union(given, _late(survivor, since))) - part


def _late(case: Case, since: int) -> Iterator[str]:
    """Who had the case each time that a clock was missed after this step."""
    holder = None
    for step in case.history:
        if step.fact == CaseAssigned.name:
            holder = step.detail
        elif step.fact in _LEAVING:
            holder = None
        elif step.fact == DeadlineBreached.name and step.seq > since and holder:
            yield holder


def asks_for(case: Case, person: str, survivor: Case | None = None) -> frozenset[str]:
    """The ids of what parties asked for, of which this person (a reference) reads the words.

    The words may be about any of the people of the case. So they are for those who can answer, who had no part in it,
    and once one of them has answered, for that one alone. `survivor`: the case of which this one is a part.
    """
    may_answer = not any(person in had_part(one) for one in (case, survivor) if one)
    return frozenset(ask.id for ask in case.recusal_asks if (may_answer if ask.answer is None else ask.by == person))
