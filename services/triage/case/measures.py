"""The ends of measures that a person causes, as facts, and what a decision needs that ends some. Pure."""

from collections.abc import Sequence

from services.triage.case.case import Case
from services.triage.case.values import Measure
from shared.events import CaseState, MeasureEnded
from shared.policy import Outcome, Policy


def ended(measure: Measure, state: CaseState, end: str, reason_id: str) -> MeasureEnded:
    """That a person ended it before its time. `state`: that of the case."""
    return MeasureEnded(
        previous=state,
        state=state,
        measure_id=measure.id,
        outcome=measure.kind,
        end=end,
        previous_until=measure.last_day,
        reason_id=reason_id,
    )


def ended_by_decision(case: Case, state: CaseState, reason_id: str) -> list[MeasureEnded]:
    """That a decision on the case takes the place of all measures that stand."""
    return [ended(measure, state, "decided", reason_id) for measure in case.measures if measure.stands]


def takes_two(measure: Measure, policy: Policy) -> bool:
    """Whether to end it before its time takes two people, as it took two that it holds.

    Else one person, who may have objected to it, would lift it alone. What a person took in an emergency, one person
    ends while nobody has confirmed it.
    """
    return not measure.is_alone and _rule(measure.kind, policy).needs != "alone"


def rules_of(case: Case, outcome: str, policy: Policy) -> list[Outcome]:
    """What the policy asks for before such a decision: for its outcome, and for each measure that it ends (takes_two).

    A measure that the policy knows no longer counts as the outcome for which it asks most.
    """
    held = (_rule(one.kind, policy).code for one in case.measures if one.stands and takes_two(one, policy))
    return [policy.outcomes[code] for code in dict.fromkeys((outcome, *held)) if code in policy.outcomes]


def _rule(kind: str, policy: Policy) -> Outcome:
    rules = policy.outcomes.values()
    strictest = max(rules, key=lambda rule: (rule.needs == "two_thirds", rule.needs == "four_eyes", rule.quorum))
    return policy.outcomes.get(kind, strictest)


def ended_by_appeal(case: Case, state: CaseState, reason_id: str) -> list[MeasureEnded]:
    """That the decision is overturned, and with it what it imposed. What was done in an emergency since then stands."""
    decided = (measure for measure in case.measures if measure.stands and not measure.emergency)
    return [ended(measure, state, "overturned", reason_id) for measure in decided]


def meant_by(case: Case, chosen: Sequence[str]) -> tuple[str, ...]:
    """The respondents (tokens of the case) under a new measure: those chosen, or the only one there is now.

    Who becomes a respondent later is not meant. Of several, nobody is meant who was not chosen, nor where the case goes
    on for other reports as well, which may name more people: then only the handlers know.
    """
    only = set(case.respondents) if not case.absorbed else ()
    return tuple(chosen) or (tuple(only) if len(only) == 1 else ())
