"""Whether the reporter has heard what is proposed, and until when an answer is awaited. Pure."""

from datetime import datetime
from typing import Literal

from services.triage.case.case import Case
from services.triage.case.measures import rules_of
from services.triage.case.values import Question
from shared.events import DecisionProposed, InformationRequested
from shared.policy import Hearing, Policy

_ASKED, _PROPOSED = InformationRequested.name, DecisionProposed.name

Bar = Literal["own_note", "own_lane"]
ProposalStep = Literal["hear", "await-hearing", "decide-proposed", "await-decision", "vote"]


def hearing_of(case: Case, outcome: str, policy: Policy) -> Hearing | None:
    """How the policy wants the reporter to hear of this outcome first; None where nobody has to ask.

    A reporter who cannot be reached is not asked, and so stops no case. What the case was before a person corrected it
    counts as well: else one person alone would pass the reporter over.
    """
    if not case.reachable:
        return None
    categories, flags = (case.category, *case.earlier_categories), frozenset((*case.flags, *case.earlier_flags))
    lanes = (case.lane or "standard", *case.earlier_lanes)
    found = (policy.hearing(outcome, category, flags, lane) for category in categories for lane in lanes)
    return next((row for row in found if row is not None), None)


def hears_reporter(case: Case, outcome: str, policy: Policy) -> bool:
    """Whether the policy wants the reporter to hear of this outcome first."""
    return hearing_of(case, outcome, policy) is not None


def put_to_reporter(case: Case) -> Question | None:
    """The question by which what is proposed was put to the reporter: the first one since the proposal."""
    asked = case.since(_ASKED, _PROPOSED) if case.proposal else 0
    return case.questions[-asked] if asked else None


def awaited_until(case: Case) -> datetime | None:
    """Until when (UTC-aware) the reporter can answer to what is proposed; None where nothing is awaited.

    What is urgent waits for nobody.
    """
    question = put_to_reporter(case)
    return None if question is None or question.answers or case.is_urgent else question.answer_by


def need_of(case: Case, outcome: str, policy: Policy, now: datetime) -> Literal["reporter", "answer"] | None:
    """What the proposal of this outcome still needs of the reporter at `now` (UTC-aware): to be asked, or to answer."""
    hearing = hearing_of(case, outcome, policy)
    if hearing is None:
        return None
    if put_to_reporter(case) is None:
        return "reporter"
    until = awaited_until(case) if hearing.within else None
    return "answer" if until is not None and now < until else None


def bar_of(case: Case, outcome: str, person: str, policy: Policy, now: datetime) -> Bar | None:
    """Why this person (a reference) does not decide on this outcome at `now` (UTC-aware), while there is time to
    answer.

    `own_note`: the person alone says that the reporter has answered: another one reads it and decides. `own_lane`: only
    because the person made the case urgent, nobody waits for the answer: another one decides that there is no time.
    """
    hearing, asked = hearing_of(case, outcome, policy), put_to_reporter(case)
    hurries = case.is_urgent and person == case.hurried_by
    if hearing is None or not hearing.within or asked is None or (case.is_urgent and not hurries):
        return None
    # The question itself says until when, but in a lane that is urgent.
    until = asked.asked_at + hearing.within if hurries else asked.answer_by
    if until is None or now >= until:
        return None
    if person == asked.noted_alone_by:
        return "own_note"
    return "own_lane" if hurries and not asked.answers else None


def step_of_proposal(
    case: Case, policy: Policy, now: datetime, *, ready: bool = False, reader: str = ""
) -> ProposalStep:
    """What is next with the proposal of a case at `now` (UTC-aware): the reporter hears it first, if at all.

    `ready`: it has the votes that it needs. `reader` (a reference): what this person cannot do, others do.
    """
    assert case.proposal is not None  # noqa: S101  # asked for only where there is one
    need, rules = need_of(case, case.proposal.outcome, policy, now), rules_of(case, case.proposal.outcome, policy)
    if need is not None:
        return "hear" if need == "reporter" else "await-hearing"
    if not ready and {rule.needs for rule in rules} != {"alone"}:
        return "vote"
    is_barred = bool(reader) and bar_of(case, case.proposal.outcome, reader, policy, now) is not None
    return "await-decision" if is_barred else "decide-proposed"
