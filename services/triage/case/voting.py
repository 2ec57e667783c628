"""What a proposed decision has, and what it still needs. Pure.

Votes count while the person who gave them may handle the case: not once the person is recused, or gone from the body.
While only one person says that another one is recused, or only words of handlers name the other one, the objection of
that other one counts, and so does that of a person on leave.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.triage.case.attendance import People, but_for_leaves, but_for_waiting, served_by, voters
from services.triage.case.case import Case
from services.triage.case.hearing import need_of
from services.triage.case.measures import rules_of
from services.triage.case.reach import reach_faults
from services.triage.case.values import Proposal
from shared.policy import Outcome, Policy

ENOUGH = 2
"""So many people have to be in favour where one person alone does not suffice."""
Need = Literal["outcome", "second", "majority", "quorum", "reporter", "answer", "date", "reach"]
_OF_REPORTER: frozenset[Need] = frozenset({"reporter", "answer"})
"""What no vote brings, and time does."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The people (references) with votes that count, how many may vote, and what the proposal still needs.

    `outcome`: the policy has it no longer. `second`: another person in favour. `majority`: two thirds of the votes.
    `quorum`: more votes. `reporter`: the reporter is asked. `answer`: the reporter answers, or the time
    for it passes. `date`: another proposal, because its last day has passed. `reach`: in favour, a person
    of a body that may order it there.
    """

    in_favour: tuple[str, ...]
    against: tuple[str, ...]
    voters: int
    needs: tuple[Need, ...]


def count_votes(case: Case, proposal: Proposal, people: People, policy: Policy, now: datetime) -> Tally:
    """What the proposal of a case has at `now` (UTC-aware). `people`: who could handle the case."""
    may_agree, may_vote = voters(case, people, policy, now), may_object(case, people, policy, now)
    return _tally(case, proposal, _given(proposal), may_agree, may_vote, people, policy, now)


def _given(proposal: Proposal) -> dict[str, bool]:
    """Who (a reference) has voted, and whether in favour."""
    return {proposal.by: True, **{vote.by: vote.in_favour for vote in proposal.votes}}


def _tally(
    case: Case,
    proposal: Proposal,
    votes: Mapping[str, bool],
    may_agree: Set[str],
    may_vote: Set[str],
    people: People,
    policy: Policy,
    now: datetime,
) -> Tally:
    in_favour = tuple(by for by, agrees in votes.items() if agrees and by in may_agree)
    against = tuple(by for by, agrees in votes.items() if not agrees and by in may_vote)
    needs: list[Need] = []
    if proposal.outcome not in policy.outcomes:
        needs.append("outcome")
    else:
        rules = rules_of(case, proposal.outcome, policy)
        needs += _votes_needed(rules, len(in_favour), len(against), len(may_vote))
        if need := need_of(case, proposal.outcome, policy, now):
            needs.append(need)
    if proposal.until is not None and proposal.until <= now:
        needs.append("date")
    agreeing = {body for by in in_favour for body in served_by(case, by, people, now)}
    if any(reach_faults(case, agreeing, proposal.scope or "", proposal.extent.project, policy)):
        needs.append("reach")
    return Tally(in_favour, against, len(may_vote), tuple(needs))


def may_object(case: Case, people: People, policy: Policy, now: datetime) -> frozenset[str]:
    """Who may vote, and who may do so but for a recusal that nobody has confirmed yet, or words of handlers that name
    the person, or objects and is on leave.

    So nobody takes an objection away alone, by a recusal, a note or a leave.
    """
    objecting = case.objectors
    there = but_for_leaves(people, objecting) if objecting else people
    return voters(but_for_waiting(case), there.unnoted(), policy, now)


def _votes_needed(rules: Sequence[Outcome], in_favour: int, against: int, may_vote: int) -> list[Need]:
    needs: list[Need] = []
    if in_favour < ENOUGH and any(rule.needs != "alone" for rule in rules):
        needs.append("second")
    if any(rule.needs == "two_thirds" for rule in rules):
        votes = in_favour + against
        if 3 * in_favour < 2 * votes:
            needs.append("majority")
        if 100 * votes < max(rule.quorum for rule in rules) * may_vote:
            needs.append("quorum")
    return needs


def stands_against(case: Case, person: str | None, people: People, policy: Policy, now: datetime) -> bool:
    """Whether the proposal of a case stands in the way of what this person (a reference) proposes or decides now.

    It stands while no more people are against it than in favour, and while it has what it needs by the votes as given,
    or can get it from those who have not voted and can: what this person alone says of them does not count, nor do
    words of handlers that name them. The person counts as against it, also the one who made it: what others agree with,
    nobody puts aside alone, nor by proposing the same outcome again, with which the votes in favour begin anew. Who
    agreed objects openly first.
    """
    proposal = case.proposal
    if proposal is None:
        return False
    may_vote, given = may_object(case, people, policy, now), _given(proposal)
    votes = {**given, **({person: False} if person else {})}
    tally = _tally(case, proposal, votes, may_vote, may_vote, people, policy, now)
    if not tally.in_favour or len(tally.against) > len(tally.in_favour):
        return False
    others = voters(but_for_waiting(case, person) if person else case, people.unnoted(), policy, now)
    as_given = _tally(case, proposal, given, others, may_vote, people, policy, now)
    at_best = _tally(case, proposal, dict.fromkeys(others, True) | votes, may_vote, may_vote, people, policy, now)
    return any(_OF_REPORTER.issuperset(one.needs) for one in (as_given, at_best))
