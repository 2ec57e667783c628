"""Who has had a part in a case: they neither judge what was done in it nor read who has a conflict. Pure."""

from services.triage.case.case import Case
from shared.events import TAKES_PART, CaseAssigned


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


def asks_for(case: Case, person: str, survivor: Case | None = None) -> frozenset[str]:
    """The ids of what parties asked for, of which this person (a reference) reads the words.

    The words may be about any of the people of the case. So they are for those who can answer, who had no part in it,
    and once one of them has answered, for that one alone. `survivor`: the case of which this one is a part.
    """
    may_answer = not any(person in had_part(one) for one in (case, survivor) if one)
    return frozenset(ask.id for ask in case.recusal_asks if (may_answer if ask.answer is None else ask.by == person))
